//! What the functions call is what `permissions.json` says, to which the deployment's policies are held.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

use serde_json::json;

use crate::support::requests::{action, book, message, payment, refund, schedule, show, validate};
use crate::support::stack::{Options, Stack};
use crate::support::wire::{Cut, Wire};

/// Reads the IAM actions of all requests that were sent, and counts the requests.
fn actions(sent: &[String]) -> (BTreeSet<String>, usize) {
    let (mut actions, mut read) = (BTreeSet::new(), 0);
    let mut add = |action: String| {
        read += 1;
        // There is no action of this name: the permission to publish covers the batch.
        actions.insert(action.replace("sns:PublishBatch", "sns:Publish"));
    };
    for text in sent {
        for rest in text.split("x-amz-target: ").skip(1) {
            let (service, operation) = rest.split_once("\r\n").unwrap().0.split_once('.').unwrap();
            let service = match service {
                "AmazonSSM" => "ssm",
                "DynamoDB_20120810" => "dynamodb",
                "AmazonSQS" => "sqs",
                other => other,
            };
            add(format!("{service}:{operation}"));
        }
        for rest in text.split("Action=").skip(1) {
            add(format!("sns:{}", rest.split('&').next().unwrap()));
        }
        (0..text.matches("PUT /archive/").count()).for_each(|_| add("s3:PutObject".to_owned()));
    }
    let signed = sent.iter().map(|text| text.matches("authorization: AWS4-HMAC-SHA256").count()).sum::<usize>();
    assert_eq!(read, signed, "a request is of no known form");
    (actions, signed)
}

#[tokio::test]
async fn the_functions_call_what_is_declared_and_nothing_else() {
    let stack = Stack::start(Options { migrated: false, ..Options::default() }).await;
    let cut = Cut::never();
    let mut wires = BTreeMap::new();
    for function in ["payment-validation", "transaction-processing", "notifications"] {
        wires.insert(function, Wire::to(stack.ministack.url.trim_start_matches("http://"), &cut).await);
    }
    let database = Wire::to(&format!("127.0.0.1:{}", stack.postgres.port), &cut).await;
    let pool = |function: &str, master: Option<&str>| {
        let url = format!("http://{}", wires[function].address);
        stack.other(
            function,
            &[
                ("AWS_ENDPOINT_URL", Some(&url)),
                ("PAYMENTS_DATABASE_ADDRESS", Some(&database.address)),
                ("PAYMENTS_DATABASE_MASTER_USER", master),
            ],
        )
    };
    let arn = stack.keep_secret(r#"{"username": "postgres", "password": "x"}"#).await;
    stack.set("database/master-secret-arn", &arn).await;
    let (validation, processing, notifications) =
        (pool("payment-validation", None), pool("transaction-processing", None), pool("notifications", None));

    for name in ["migrate", "migrations", "health", "ledger-balance"] {
        processing.invoke(&action(name)).await.unwrap();
    }
    let session = validate(&validation, &payment("m-hook", 1000)).await.unwrap();
    let session_id = session.body["session_id"].as_str().unwrap();
    let booked = book(&processing, "m-hook", session_id, "key-1").await.unwrap();
    let second = validate(&validation, &payment("m-hook", 1000)).await.unwrap();
    // Marked, refused and released.
    let other = book(&processing, "m-hook", second.body["session_id"].as_str().unwrap(), "key-1").await.unwrap();
    assert_eq!((booked.status, other.status), (201, 422));
    let id = booked.body["id"].as_str().unwrap();
    // Left to the sweep.
    stack.set("topics/payment-events-arn", "arn:aws:sns:us-east-1:123456789012:absent").await;
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    assert_eq!(refund(&processing, id, 1, "key-2").await.unwrap().status, 201);
    assert_eq!(show(&processing, id).await.unwrap().status, 200);
    stack.set("topics/payment-events-arn", &stack.topic).await;
    tokio::time::sleep(std::time::Duration::from_secs(6)).await;
    assert_eq!(processing.invoke(&schedule()).await.unwrap()["published"], 1);
    let event = json!({"id": format!("evt_{}", "a".repeat(32)), "created_at": "2026-11-22T10:00:00.000000Z",
                       "data": {"merchant_id": "m-hook"}});
    for status in [500, 302] {
        stack.merchant.status.store(status, Ordering::Relaxed);
        let _ = notifications.invoke(&message(&event.to_string())).await;
    }

    let declared: BTreeMap<String, BTreeSet<String>> =
        serde_json::from_str(include_str!("../../permissions.json")).unwrap();
    for (function, wire) in &wires {
        let (mut called, requests) = actions(&wire.sent());
        assert!(requests > 1, "{function} called nothing");
        if *function == "transaction-processing" && !database.sent().is_empty() {
            called.insert("rds-db:connect".to_owned());
        }
        assert_eq!(called, declared[*function], "{function}");
    }
}
