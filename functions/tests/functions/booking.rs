//! A session is booked exactly once, regardless of who requests it and how often.

use std::collections::HashSet;
use std::sync::Arc;

use futures::future::join_all;
use serde_json::json;

use crate::support::requests::{action, book, payment, send_raw, show, validate};
use crate::support::stack::{LIMIT, Options, Stack};

async fn session(stack: &Stack, amount: i64) -> String {
    let answer = validate(&stack.validation, &payment("m-1", amount)).await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body["session_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_payment_is_booked_once_and_its_answer_is_repeated() {
    let stack = Stack::start(Options::default()).await;
    let session_id = session(&stack, 1050).await;
    let first = book(&stack.processing, "m-1", &session_id, "key-1").await.unwrap();
    assert_eq!(first.status, 201, "{first:?}");
    assert_eq!(first.body["amount"], 1050);
    let again = book(&stack.processing, "m-1", &session_id, "key-1").await.unwrap();
    assert_eq!((again.status, &again.body), (201, &first.body));
    assert_eq!(again.headers["Idempotent-Replayed"], "true");
    assert!(first.headers["Payments-Event-Id"].as_str().unwrap().starts_with("evt_"), "{first:?}");
    assert!(again.headers.get("Payments-Event-Id").is_none(), "nothing was booked, so there is no event");

    let other_key = book(&stack.processing, "m-1", &session_id, "key-2").await.unwrap();
    assert_eq!((other_key.status, &other_key.body["code"]), (409, &json!("session_used")));

    // The same key is rejected with another session, which stays usable.
    let second = session(&stack, 700).await;
    let mismatch = book(&stack.processing, "m-1", &second, "key-1").await.unwrap();
    assert_eq!((mismatch.status, &mismatch.body["code"]), (422, &json!("other_request")));
    assert_eq!(book(&stack.processing, "m-1", &second, "key-3").await.unwrap().status, 201);

    let shown = show(&stack.processing, first.body["id"].as_str().unwrap()).await.unwrap();
    assert_eq!((shown.status, &shown.body["refunded"]), (200, &json!(0)));
    assert_eq!(show(&stack.processing, "txn_unknown").await.unwrap().status, 404);
    let balance = stack.processing.invoke(&action("ledger-balance")).await.unwrap();
    assert_eq!((&balance["sums"], &balance["payments"]), (&json!({"EUR": 0}), &json!(2)));
}

#[tokio::test]
async fn an_expired_or_foreign_session_books_nothing_but_answers_are_still_repeated() {
    let stack = Stack::start(Options::default()).await;
    let unknown = format!("ses_{}", "a".repeat(32));
    assert_eq!(book(&stack.processing, "m-1", &unknown, "key-1").await.unwrap().status, 410);
    let session_id = session(&stack, 500).await;
    let foreign = book(&stack.processing, "m-2", &session_id, "key-1").await.unwrap();
    assert_eq!((foreign.status, &foreign.body["reasons"][0]["field"]), (422, &json!("merchant_id")));
    let booked = book(&stack.processing, "m-1", &session_id, "key-1").await.unwrap();
    assert_eq!(booked.status, 201);

    let late = session(&stack, 500).await;
    for id in [&session_id, &late] {
        expire(&stack, id).await;
    }
    assert_eq!(book(&stack.processing, "m-1", &late, "key-2").await.unwrap().status, 410);
    let replayed = book(&stack.processing, "m-1", &session_id, "key-1").await.unwrap();
    assert_eq!((replayed.status, &replayed.body), (201, &booked.body));
    delete(&stack, &session_id).await;
    let replayed = book(&stack.processing, "m-1", &session_id, "key-1").await.unwrap();
    assert_eq!((replayed.status, &replayed.body), (201, &booked.body));
}

async fn expire(stack: &Stack, session_id: &str) {
    use aws_sdk_dynamodb::types::AttributeValue::{N, S};
    let update = stack.dynamodb().update_item().table_name("sessions").key("session_id", S(session_id.to_owned()));
    let update = update.update_expression("SET expires_at = :past");
    update.expression_attribute_values(":past", N("1".to_owned())).send().await.unwrap();
}

async fn delete(stack: &Stack, session_id: &str) {
    use aws_sdk_dynamodb::types::AttributeValue::S;
    let delete = stack.dynamodb().delete_item().table_name("sessions");
    delete.key("session_id", S(session_id.to_owned())).send().await.unwrap();
}

#[tokio::test]
async fn sixty_four_concurrent_clients_book_each_session_once() {
    let stack = Arc::new(Stack::start(Options { environments: 32, ..Options::default() }).await);
    let sessions = Arc::new([session(&stack, 300).await, session(&stack, 400).await]);
    // Two keys compete for each of the two sessions, and every key is used many times.
    let clients = (0..64).map(|client| {
        let (stack, sessions) = (Arc::clone(&stack), Arc::clone(&sessions));
        tokio::spawn(async move {
            let key = format!("key-{}", client % 4);
            let answer = book(&stack.processing, "m-1", &sessions[client % 2], &key).await.unwrap();
            (client % 2, key, answer)
        })
    });
    let answers: Vec<_> = join_all(clients).await.into_iter().map(Result::unwrap).collect();
    for session in 0..2 {
        let of_session: Vec<_> = answers.iter().filter(|(s, ..)| *s == session).collect();
        let booked: HashSet<_> =
            of_session.iter().filter(|(.., a)| a.status == 201).map(|(_, key, a)| (key, a.body.to_string())).collect();
        assert_eq!(booked.len(), 1, "one key and one answer: {booked:?}");
        let rejected = of_session.iter().filter(|(.., a)| a.status != 201);
        rejected.for_each(|(.., a)| assert_eq!(a.status, 409, "{a:?}"));
    }
    let balance = stack.processing.invoke(&action("ledger-balance")).await.unwrap();
    assert_eq!(balance["payments"], 2);
}

#[tokio::test]
async fn errors_are_reported_and_secrets_are_never_logged() {
    let stack = Stack::start(Options::default()).await;
    let invalid = json!({"merchant_id": "m 1", "amount": LIMIT + 1, "currency": "EURO", "source_token": "short"});
    let answer = validate(&stack.validation, &invalid).await.unwrap();
    assert_eq!((answer.status, answer.body["reasons"].as_array().unwrap().len()), (422, 5), "{answer:?}");

    let cards = ["4111111111111111", "5555 5555 5555 4444", "3782-822463-10005", "6011111111111117"];
    for card in cards {
        for field in ["merchant_id", "currency", "source_token", "reference", "extra", card] {
            let mut body = payment("m-1", 100);
            body[field] = format!("x{card}").into();
            let answer = validate(&stack.validation, &body).await.unwrap();
            assert_eq!((answer.status, &answer.body["code"]), (422, &json!("card_number")), "{body}");
            assert!(!answer.body.to_string().contains(card));
            let answer = book(&stack.processing, "m-1", card, card).await.unwrap();
            assert_eq!(answer.status, 422);
        }
        let key = book(&stack.processing, "m-1", &format!("ses_{}", "a".repeat(32)), card).await.unwrap();
        assert_eq!(key.status, 422);
        let path = "/payments/transactions/{id}";
        assert_eq!(send_raw(&stack.processing, "GET", path, Some(card), None, None).await.unwrap().status, 404);
        let broken = Some(card);
        let answer = send_raw(&stack.validation, "POST", "/payments/validate", None, None, broken).await.unwrap();
        assert_eq!(answer.status, 422);
    }
    let session_id = session(&stack, 100).await;
    assert_eq!(book(&stack.processing, "m-1", &session_id, "key-1").await.unwrap().status, 201);
    for (method, resource, expected) in [("PUT", "/health", 405), ("GET", "/nowhere", 404), ("GET", "/health", 200)] {
        let answer = send_raw(&stack.validation, method, resource, None, None, None).await.unwrap();
        assert_eq!(answer.status, expected);
    }

    let logs = stack.logs();
    assert!(logs.contains("booked") && logs.contains("card_number"));
    for secret in cards.iter().chain(&["tok_secret_source_token", "webhook-signing-key", "Order 7"]) {
        assert!(!logs.contains(secret), "{secret} is in the logs");
    }
    for line in logs.lines().filter(|line| line.contains("_aws")) {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["_aws"]["CloudWatchMetrics"][0]["Namespace"], "Payments");
        assert!(line["request_id"].as_str().unwrap().starts_with("request-"));
    }
}
