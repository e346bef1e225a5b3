//! A process is killed between any two of its exchanges with the services: before a request arrives, after it has taken
//! effect but before the answer, and after the answer. Every point of every path is tested.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use payments::frame::function::Function;
use serde_json::Value;

use crate::support::pool::Pool;
use crate::support::proxy::{Cut, Proxy};
use crate::support::requests::{Answer, action, book, message, payment, refund, schedule, validate};
use crate::support::runtime_api::InvocationError;
use crate::support::stack::{Options, Stack};
use crate::support::summary;

/// A limit above the number of exchanges of any path.
const MAX_POINTS: u64 = 200;

/// Returns one environment of a function whose connections all go through proxies.
async fn proxied(stack: &Stack, function: Function, cut: &Arc<Cut>) -> Pool {
    let services = Proxy::to(stack.ministack.url.trim_start_matches("http://"), cut).await;
    let database = Proxy::to(&format!("127.0.0.1:{}", stack.postgres.port), cut).await;
    let services = format!("http://{}", services.address);
    stack.pool_with(
        function,
        &[("AWS_ENDPOINT_URL", Some(&services)), ("PAYMENTS_DATABASE_ADDRESS", Some(&database.address))],
    )
}

/// Runs work until its connections are cut, and then kills the process. Returns the result if the work finished before.
async fn interrupt<T>(pool: &Pool, cut: &Cut, work: impl Future<Output = Result<T, InvocationError>>) -> Option<T> {
    tokio::pin!(work);
    tokio::select! {
        done = &mut work => Some(done.unwrap()),
        () = cut.reached() => {
            pool.kill_all();
            assert!(matches!(work.await, Err(InvocationError::Died)));
            None
        }
    }
}

async fn session(stack: &Stack) -> String {
    let answer = validate(&stack.validation, &payment("m-1", 1000)).await.unwrap();
    answer.body["session_id"].as_str().unwrap().to_owned()
}

fn id(answer: &Answer) -> String {
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.body["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_interrupted_booking_or_refund_is_booked_once_and_its_event_is_published() {
    let stack = Stack::start(Options::default()).await;
    let mut booked = Vec::new();
    let mut points = [0, 0];
    for delivers in [false, true] {
        for at in 1..MAX_POINTS {
            let (cut, session, key) = (Cut::at(at, delivers), session(&stack).await, format!("pay-{delivers}-{at}"));
            let pool = proxied(&stack, Function::TransactionProcessing, &cut).await;
            let first = interrupt(&pool, &cut, book(&pool, "m-1", &session, &key)).await;
            let again = id(&book(&stack.processing, "m-1", &session, &key).await.unwrap());
            booked.push(again.clone());
            if let Some(first) = first {
                assert_eq!(id(&first), again);
                break;
            }
            points[0] += 1;
        }
        let original = booked.last().unwrap().clone();
        for at in 1..MAX_POINTS {
            let (cut, key) = (Cut::at(at, delivers), format!("refund-{delivers}-{at}"));
            let pool = proxied(&stack, Function::TransactionProcessing, &cut).await;
            let first = interrupt(&pool, &cut, refund(&pool, &original, 1, &key)).await;
            let again = id(&refund(&stack.processing, &original, 1, &key).await.unwrap());
            booked.push(again.clone());
            if let Some(first) = first {
                assert_eq!(id(&first), again);
                break;
            }
            points[1] += 1;
        }
    }
    assert!(points[0] > 20 && points[1] > 20, "no data passed through the proxies: {points:?}");
    let distinct: HashSet<&String> = booked.iter().collect();
    assert_eq!(distinct.len(), booked.len());
    let balance = stack.processing.invoke(&action("ledger-balance")).await.unwrap();
    let count = |field: &str| balance[field].as_u64().unwrap();
    assert_eq!((count("payments") + count("refunds"), count("unbalanced")), (booked.len() as u64, 0));
    tokio::time::sleep(Duration::from_secs(6)).await;
    stack.processing.invoke(&schedule()).await.unwrap();
    let published: HashSet<String> = stack
        .drain(&stack.events_queue)
        .await
        .iter()
        .map(|envelope| {
            let event: Value = serde_json::from_str(envelope["Message"].as_str().unwrap()).unwrap();
            event["data"]["id"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(published, booked.into_iter().collect());
    let [bookings, refunds] = points;
    summary::line(
        "kills between any two exchanges",
        &format!("{bookings} points of a booking, {refunds} of a refund; lost 0, doubled 0, unpublished 0"),
    );
}

#[tokio::test]
async fn an_interrupted_notification_is_archived_and_delivered() {
    let stack = Stack::start(Options { notification_seconds: 3, ..Options::default() }).await;
    let mut events = Vec::new();
    for delivers in [false, true] {
        for at in 1..MAX_POINTS {
            let number = events.len();
            let letters: String = format!("{number:032}").chars().map(|c| char::from(c as u8 - b'0' + b'a')).collect();
            let event = serde_json::json!({"id": format!("evt_{letters}"), "type": "payment.booked",
                "created_at": "2026-11-22T10:00:00.000000Z", "data": {"merchant_id": "m-hook"}});
            events.push(event.to_string());
            let cut = Cut::at(at, delivers);
            let pool = proxied(&stack, Function::Notifications, &cut).await;
            let event = message(&events[number]);
            if interrupt(&pool, &cut, pool.invoke(&event)).await.is_some() {
                break;
            }
        }
    }
    assert!(events.len() > 20, "no data passed through the proxies");
    // The claim of a killed attempt expires with its time.
    tokio::time::sleep(Duration::from_secs(5)).await;
    for event in &events {
        let outcome = stack.notifications.invoke(&message(event)).await.unwrap();
        assert!(["delivered", "duplicate"].contains(&outcome["outcome"].as_str().unwrap()), "{outcome}");
    }
    let received = stack.merchant.received();
    let distinct: HashSet<&str> = received.iter().map(|delivery| delivery.event_id.as_str()).collect();
    assert_eq!((distinct.len(), stack.archived().await.len()), (events.len(), events.len()));
    // An event is delivered twice only if the process died between the merchant's answer and marking it as delivered.
    assert!(received.len() <= events.len() + events.len() / 2, "{} of {}", received.len(), events.len());
    summary::line(
        "kills between any two exchanges",
        &format!(
            "{} points of a notification; lost 0, {} webhooks repeated with the same event id",
            events.len() - 2,
            received.len() - events.len()
        ),
    );
}
