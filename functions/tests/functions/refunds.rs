//! Refunds never exceed the payment, and a feature flag switches them off.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use serde_json::json;

use crate::support::requests::{action, book, payment, refund, show, validate};
use crate::support::stack::{Options, Stack};

async fn booked(stack: &Stack, amount: i64, key: &str) -> String {
    let validated = validate(&stack.validation, &payment("m-1", amount)).await.unwrap();
    let session_id = validated.body["session_id"].as_str().unwrap();
    let answer = book(&stack.processing, "m-1", session_id, key).await.unwrap();
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.body["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn refunds_may_be_partial_and_are_idempotent_and_limited() {
    let stack = Stack::start(Options::default()).await;
    let id = booked(&stack, 1000, "pay-1").await;
    let first = refund(&stack.processing, &id, 600, "refund-1").await.unwrap();
    assert_eq!((first.status, &first.body["original_id"]), (201, &json!(id)));
    let again = refund(&stack.processing, &id, 600, "refund-1").await.unwrap();
    assert_eq!((again.status, &again.body), (201, &first.body));
    let other_body = refund(&stack.processing, &id, 1, "refund-1").await.unwrap();
    assert_eq!(other_body.status, 422);
    let payments_key = refund(&stack.processing, &id, 1, "pay-1").await.unwrap();
    assert_eq!((payments_key.status, &payments_key.body["code"]), (422, &json!("other_request")));
    let above = refund(&stack.processing, &id, 401, "refund-2").await.unwrap();
    assert_eq!((above.status, &above.body["code"]), (409, &json!("refund_exceeds")));
    assert_eq!(refund(&stack.processing, &id, 400, "refund-3").await.unwrap().status, 201);
    assert_eq!(show(&stack.processing, &id).await.unwrap().body["refunded"], 1000);
    let of_refund = first.body["id"].as_str().unwrap();
    assert_eq!(refund(&stack.processing, of_refund, 1, "refund-4").await.unwrap().status, 404);
    let balance = stack.processing.invoke(&action("ledger-balance")).await.unwrap();
    assert_eq!((&balance["sums"], &balance["unbalanced"]), (&json!({"EUR": 0}), &json!(0)));
}

#[tokio::test]
async fn sixty_four_concurrent_refunds_never_exceed_the_payment() {
    let stack = Arc::new(Stack::start(Options { environments: 32, ..Options::default() }).await);
    let id = Arc::new(booked(&stack, 1000, "pay-1").await);
    // 64 clients with 32 keys request 100 each, so ten keys can succeed.
    let clients = (0..64).map(|client| {
        let (stack, id) = (Arc::clone(&stack), Arc::clone(&id));
        tokio::spawn(
            async move { refund(&stack.processing, &id, 100, &format!("refund-{}", client % 32)).await.unwrap() },
        )
    });
    let answers: Vec<_> = join_all(clients).await.into_iter().map(Result::unwrap).collect();
    assert!(answers.iter().all(|answer| [201, 409].contains(&answer.status)), "{answers:?}");
    assert_eq!(show(&stack.processing, &id).await.unwrap().body["refunded"], 1000);
    let balance = stack.processing.invoke(&action("ledger-balance")).await.unwrap();
    assert_eq!((&balance["refunds"], &balance["overrefunded"]), (&json!(10), &json!(0)));
}

#[tokio::test]
async fn the_flag_switches_refunds_off_without_a_restart() {
    let stack = Stack::start(Options { environments: 1, ..Options::default() }).await;
    let id = booked(&stack, 1000, "pay-1").await;
    assert_eq!(refund(&stack.processing, &id, 10, "refund-1").await.unwrap().status, 201);
    stack.set("features/refunds-enabled", "false").await;
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let rejected = refund(&stack.processing, &id, 10, "refund-2").await.unwrap();
    assert_eq!((rejected.status, &rejected.body["code"]), (403, &json!("refunds_disabled")));
    stack.set("features/refunds-enabled", "true").await;
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!(refund(&stack.processing, &id, 10, "refund-2").await.unwrap().status, 201);
}
