//! The functions call exactly what `permissions.json` declares. The deployment's tests compare its policies with the
//! same file.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

use payments::frame::function::Function;
use serde_json::json;

use crate::support::proxy::{Cut, Proxy};
use crate::support::requests::{action, book, message, payment, refund, schedule, show, validate};
use crate::support::stack::{Options, Stack};

/// Returns the IAM actions of all requests that were sent, and the number of requests.
fn actions(sent: &[String]) -> (BTreeSet<String>, usize) {
    let (mut actions, mut read) = (BTreeSet::new(), 0);
    let mut add = |action: String| {
        read += 1;
        // IAM has no such action: the permission to publish includes batches.
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
    assert_eq!(read, signed, "a request has an unknown form");
    (actions, signed)
}

#[tokio::test]
async fn the_functions_make_exactly_the_declared_calls() {
    let stack = Stack::start(Options { migrated: false, ..Options::default() }).await;
    let cut = Cut::never();
    let mut proxies = BTreeMap::new();
    for function in Function::ALL {
        proxies.insert(function.name(), Proxy::to(stack.ministack.url.trim_start_matches("http://"), &cut).await);
    }
    let database = Proxy::to(&format!("127.0.0.1:{}", stack.postgres.port), &cut).await;
    let pool = |function: Function| {
        let url = format!("http://{}", proxies[function.name()].address);
        stack.pool_with(
            function,
            &[
                ("AWS_ENDPOINT_URL", Some(&url)),
                ("PAYMENTS_DATABASE_ADDRESS", Some(&database.address)),
                ("PAYMENTS_DATABASE_MASTER_USER", None),
            ],
        )
    };
    let arn = stack.create_secret(r#"{"username": "postgres", "password": "x"}"#).await;
    stack.set("database/master-secret-arn", &arn).await;
    let [validation, processing, notifications] = Function::ALL.map(pool);

    for name in ["migrate", "migrations", "health", "ledger-balance"] {
        processing.invoke(&action(name)).await.unwrap();
    }
    let session = validate(&validation, &payment("m-hook", 1000)).await.unwrap();
    let session_id = session.body["session_id"].as_str().unwrap();
    let booked = book(&processing, "m-hook", session_id, "key-1").await.unwrap();
    let second = validate(&validation, &payment("m-hook", 1000)).await.unwrap();
    // The session is marked, the booking is rejected, and the session is released.
    let other = book(&processing, "m-hook", second.body["session_id"].as_str().unwrap(), "key-1").await.unwrap();
    assert_eq!((booked.status, other.status), (201, 422));
    let id = booked.body["id"].as_str().unwrap();
    // The event is left to the sweep.
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
    for (function, proxy) in &proxies {
        let (mut called, requests) = actions(&proxy.sent());
        assert!(requests > 1, "{function} made no calls");
        if *function == "transaction-processing" && !database.sent().is_empty() {
            called.insert("rds-db:connect".to_owned());
        }
        assert_eq!(called, declared[*function], "{function}");
    }
}
