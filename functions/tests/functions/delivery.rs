//! Events are published, archived, and delivered. An event that cannot be delivered goes to the dead-letter queue with
//! the reason.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use payments::rules::redaction::Secret;
use payments::stores::webhook;
use serde_json::{Value, json};

use crate::support::relay::Relay;
use crate::support::requests::{book, message, payment, schedule, validate};
use crate::support::stack::{Options, SIGNING_KEY, Stack};

async fn booked(stack: &Stack, merchant: &str, key: &str) -> Value {
    let validated = validate(&stack.validation, &payment(merchant, 100)).await.unwrap();
    let session_id = validated.body["session_id"].as_str().unwrap();
    let answer = book(&stack.processing, merchant, session_id, key).await.unwrap();
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.body
}

/// An event as the ledger would write it.
fn event(letter: char, merchant: &str) -> (String, String) {
    let id = format!("evt_{}", letter.to_string().repeat(32));
    let body = json!({"id": id, "type": "payment.booked", "created_at": "2026-11-22T10:00:00.000000Z",
                      "data": {"merchant_id": merchant, "amount": 100, "currency": "EUR"}});
    (id, body.to_string())
}

#[tokio::test]
async fn a_booking_is_archived_and_its_webhook_signed() {
    let stack = Stack::start(Options::default()).await;
    let relay = Relay::start(stack.sqs(), stack.events_queue.clone(), Arc::clone(&stack.notifications));
    let transaction = booked(&stack, "m-hook", "key-1").await;
    for _ in 0..100 {
        if !stack.merchant.received().is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let [delivery] = &stack.merchant.received()[..] else { panic!("not one delivery") };
    let (time, _) = delivery.signature.trim_start_matches("t=").split_once(',').unwrap();
    let key = Secret::new(SIGNING_KEY.to_owned());
    assert_eq!(delivery.signature, webhook::signature(&key, time.parse().unwrap(), &delivery.body));
    let sent: Value = serde_json::from_str(&delivery.body).unwrap();
    assert_eq!((&sent["data"], &sent["type"]), (&transaction, &json!("payment.booked")));
    assert_eq!(sent["id"], delivery.event_id);
    let archived = stack.archived().await;
    assert_eq!(archived.len(), 1);
    assert!(archived[0].ends_with(&format!("/{}.json", delivery.event_id)), "{archived:?}");
    let object = stack.s3().get_object().bucket("archive").key(&archived[0]).send().await.unwrap();
    assert_eq!(object.body.collect().await.unwrap().to_vec(), delivery.body.as_bytes());
    drop(relay);
}

#[tokio::test]
async fn concurrent_duplicates_are_delivered_once() {
    let stack = Arc::new(Stack::start(Options::default()).await);
    let (id, text) = event('a', "m-hook");
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let (stack, event) = (Arc::clone(&stack), message(&text));
            tokio::spawn(async move { stack.notifications.invoke(&event).await })
        })
        .collect();
    for task in tasks {
        // Lambda repeats an invocation that another attempt blocked, and the repetition finds the event delivered.
        if task.await.unwrap().is_err() {
            let repeated = stack.notifications.invoke(&message(&text)).await;
            assert!(repeated.is_err() || repeated.unwrap()["outcome"] == "duplicate");
        }
    }
    let again = stack.notifications.invoke(&message(&text)).await.unwrap();
    assert_eq!(again["outcome"], "duplicate");
    let delivered: Vec<_> = stack.merchant.received().iter().map(|d| d.event_id.clone()).collect();
    assert_eq!(delivered, [id]);
    assert_eq!(stack.archived().await.len(), 1);
}

#[tokio::test]
async fn a_dead_letter_contains_the_reason() {
    let stack = Stack::start(Options::default()).await;
    // A permanent failure is a dead letter at once.
    stack.merchant.status.store(302, Ordering::Relaxed);
    let (id, text) = event('b', "m-hook");
    let outcome = stack.notifications.invoke(&message(&text)).await.unwrap();
    assert_eq!(outcome["outcome"], "dead_letter");
    let [letter] = &stack.drain(&stack.dead_letters).await[..] else { panic!("not one letter") };
    assert_eq!((&letter["event_id"], &letter["attempts"]), (&json!(id), &json!(1)));
    assert_eq!(letter["reason"], "the webhook was answered with status 302");
    assert_eq!(letter["event"]["data"]["merchant_id"], "m-hook");
    assert_eq!(stack.merchant.received().len(), 1, "the redirect is not followed and there is no retry");

    // A transient failure is retried within each invocation, and it is a dead letter after the third.
    stack.merchant.status.store(500, Ordering::Relaxed);
    let (_, text) = event('c', "m-hook");
    for _ in 0..2 {
        let error = format!("{:?}", stack.notifications.invoke(&message(&text)).await.unwrap_err());
        assert!(error.contains("status 500"), "{error}");
        assert!(stack.drain(&stack.dead_letters).await.is_empty());
    }
    assert_eq!(stack.notifications.invoke(&message(&text)).await.unwrap()["outcome"], "dead_letter");
    let [letter] = &stack.drain(&stack.dead_letters).await[..] else { panic!("not one letter") };
    assert_eq!(
        (&letter["attempts"], &letter["reason"]),
        (&json!(3), &json!("the webhook was answered with status 500"))
    );
    assert!(stack.merchant.received().len() > 4, "there are retries within the invocations");

    // Both events are archived anyway, and sending one again by hand delivers it.
    assert_eq!(stack.archived().await.len(), 2);
    stack.merchant.status.store(200, Ordering::Relaxed);
    assert_eq!(stack.notifications.invoke(&message(&text)).await.unwrap()["outcome"], "delivered");

    let outcome = stack.notifications.invoke(&message("not an event")).await.unwrap();
    assert_eq!(outcome["outcome"], "dead_letter");
    let letters = stack.drain(&stack.dead_letters).await;
    assert_eq!(letters[0]["reason"], "the message is not an event of the ledger");
}

#[tokio::test]
async fn webhooks_into_the_private_network_are_rejected_with_a_reason() {
    let stack = Stack::start(Options::default()).await;
    let urls = [
        ("http://127.0.0.1/", "https"),
        ("https://127.0.0.2/", "not public"),
        ("https://169.254.169.254/latest/", "not public"),
        ("https://10.1.2.3/", "not public"),
        ("https://[::1]/", "not public"),
        ("https://[::ffff:10.0.0.1]/", "not public"),
        ("https://user:pass@127.0.0.1/", "credentials"),
    ];
    for (number, (url, _)) in urls.iter().enumerate() {
        stack.set(&format!("webhooks/m-{number}"), url).await;
    }
    tokio::time::sleep(Duration::from_millis(1100)).await;
    for (number, (url, reason)) in urls.iter().enumerate() {
        let letter = char::from(b'a' + u8::try_from(number).unwrap());
        let (_, text) = event(letter, &format!("m-{number}"));
        assert_eq!(stack.notifications.invoke(&message(&text)).await.unwrap()["outcome"], "dead_letter", "{url}");
        let letters = stack.drain(&stack.dead_letters).await;
        assert!(letters[0]["reason"].as_str().unwrap().contains(reason), "{url}: {letters:?}");
    }
    // Without the queue, the failed invocation carries the reason.
    stack.unset("queues/notifications-dlq-url").await;
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let error = format!("{:?}", stack.notifications.invoke(&message(&event('p', "m-1").1)).await.unwrap_err());
    assert!(error.contains("not public"), "{error}");
}

#[tokio::test]
async fn events_are_archived_while_notifications_are_switched_off() {
    let stack = Stack::start(Options::default()).await;
    stack.set("features/notifications-enabled", "false").await;
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let (_, text) = event('d', "m-hook");
    assert_eq!(stack.notifications.invoke(&message(&text)).await.unwrap()["outcome"], "archived");
    assert!(stack.merchant.received().is_empty());
    assert_eq!(stack.archived().await.len(), 1);
}

#[tokio::test]
async fn the_sweep_publishes_what_the_topic_did_not_accept() {
    let stack = Stack::start(Options::default()).await;
    stack.set("topics/payment-events-arn", "arn:aws:sns:us-east-1:123456789012:absent").await;
    tokio::time::sleep(Duration::from_millis(1100)).await;
    for number in 0..12 {
        booked(&stack, "m-1", &format!("key-{number}")).await;
    }
    assert!(stack.drain(&stack.events_queue).await.is_empty());
    stack.set("topics/payment-events-arn", &stack.topic).await;
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(stack.processing.invoke(&schedule()).await.unwrap()["published"], 12);
    assert_eq!(stack.processing.invoke(&schedule()).await.unwrap()["published"], 0);
    let ids: HashSet<String> = stack
        .drain(&stack.events_queue)
        .await
        .iter()
        .map(|envelope| serde_json::from_str::<Value>(envelope["Message"].as_str().unwrap()).unwrap()["id"].to_string())
        .collect();
    assert_eq!(ids.len(), 12);
}
