//! A missing or broken dependency causes a 503 with a safe body, and the functions recover without a restart.

use std::time::Duration;

use payments::frame::function::Function;
use serde_json::json;

use crate::support::proxy::{Cut, Proxy};
use crate::support::requests::{action, book, payment, send_raw, show, validate};
use crate::support::runtime_api::InvocationError;
use crate::support::stack::{Options, Stack};

#[tokio::test]
async fn a_missing_parameter_causes_a_503_until_it_is_set() {
    let stack = Stack::start(Options { environments: 1, ..Options::default() }).await;
    let validated = validate(&stack.validation, &payment("m-1", 100)).await.unwrap();
    let session_id = validated.body["session_id"].as_str().unwrap();
    for name in ["storage/sessions-table", "database/writer-endpoint"] {
        stack.unset(name).await;
    }
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let answer = validate(&stack.validation, &payment("m-1", 100)).await.unwrap();
    assert_eq!((answer.status, &answer.body["code"]), (503, &json!("configuration_unavailable")));
    assert_eq!(send_raw(&stack.validation, "GET", "/health", None, None, None).await.unwrap().status, 503);
    assert_eq!(book(&stack.processing, "m-1", session_id, "key-1").await.unwrap().status, 503);
    let health = stack.processing.invoke(&action("health")).await.unwrap_err();
    assert!(
        matches!(health, InvocationError::Reported { kind, message } if kind == "configuration_unavailable" && message.contains("writer-endpoint"))
    );

    stack.set("storage/sessions-table", "sessions").await;
    stack.set("database/writer-endpoint", "another.name.test").await;
    tokio::time::sleep(Duration::from_millis(1100)).await;
    // The server's certificate has another name, which is verified even though the address is configured.
    let answer = book(&stack.processing, "m-1", session_id, "key-1").await.unwrap();
    assert_eq!((answer.status, &answer.body["code"]), (503, &json!("database_unavailable")));
    assert!(stack.logs().contains("not valid for name"), "{}", stack.logs());
    stack.set("database/writer-endpoint", "writer.payments.test").await;
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!(book(&stack.processing, "m-1", session_id, "key-1").await.unwrap().status, 201);
    for function in Function::ALL {
        let health = stack.pool(function).invoke(&action("health")).await.unwrap();
        assert_eq!((&health["status"], &health["function"]), (&json!("ok"), &json!(function.name())));
    }
}

#[tokio::test]
async fn an_unknown_event_fails_without_a_panic() {
    let stack = Stack::start(Options { environments: 1, migrated: false, ..Options::default() }).await;
    for event in [
        json!(null),
        json!({}),
        json!([]),
        json!("x"),
        json!({"httpMethod": 7}),
        json!({"payinfra": {"action": "drop"}}),
        json!({"httpMethod": "GET", "path": null}),
    ] {
        for function in Function::ALL {
            assert!(
                matches!(stack.pool(function).invoke(&event).await, Err(InvocationError::Reported { .. })),
                "{event}"
            );
        }
    }
    assert!(!stack.logs().contains("panic"));
}

#[tokio::test]
async fn a_configuration_is_kept_while_parameter_store_is_unavailable() {
    let mut stack = Stack::start(Options { environments: 1, ..Options::default() }).await;
    let validated = validate(&stack.validation, &payment("m-1", 100)).await.unwrap();
    let session_id = validated.body["session_id"].as_str().unwrap();
    let booked = book(&stack.processing, "m-1", session_id, "key-1").await.unwrap();
    let id = booked.body["id"].as_str().unwrap();
    stack.ministack.kill();
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!(show(&stack.processing, id).await.unwrap().status, 200);
    let answer = validate(&stack.validation, &payment("m-1", 100)).await.unwrap();
    assert_eq!((answer.status, &answer.body["code"]), (503, &json!("sessions_unavailable")));
    // A new environment has no cached configuration.
    stack.processing.kill_all();
    tokio::time::sleep(Duration::from_millis(200)).await;
    let answer = show(&stack.processing, id).await.unwrap();
    assert_eq!((answer.status, &answer.body["code"]), (503, &json!("configuration_unavailable")));
}

/// Parameter Store is the narrowest of the services (docs/aws-behaviour.md, "Parameter Store: parameters"): all
/// environments share 40 calls a second.
#[tokio::test]
async fn a_configuration_is_read_with_one_call_and_one_for_the_webhooks() {
    let stack = Stack::start(Options { environments: 1, ..Options::default() }).await;
    for (function, calls) in
        [(Function::PaymentValidation, 1), (Function::TransactionProcessing, 1), (Function::Notifications, 2)]
    {
        let proxy = Proxy::to(stack.ministack.url.trim_start_matches("http://"), &Cut::never()).await;
        let url = format!("http://{}", proxy.address);
        let age = ("PAYMENTS_CONFIGURATION_MAX_AGE_SECONDS", Some("60"));
        let pool = stack.pool_with(function, &[("AWS_ENDPOINT_URL", Some(&url)), age]);
        for _ in 0..3 {
            pool.invoke(&action("health")).await.unwrap();
        }
        let read = proxy.sent().iter().map(|sent| sent.matches("x-amz-target: AmazonSSM.").count()).sum::<usize>();
        assert_eq!(read, calls, "{}", function.name());
    }
}
