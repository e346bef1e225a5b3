//! Payments survive when processes and the database die.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use payments::frame::function::Function;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use crate::support::requests::{action, book, payment, schedule, validate};
use crate::support::runtime_api::InvocationError;
use crate::support::stack::{Options, Stack};

async fn session(stack: &Stack) -> String {
    let answer = validate(&stack.validation, &payment("m-1", 100)).await.unwrap();
    answer.body["session_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_process_survives_a_database_restart() {
    let stack = Stack::start(Options { environments: 1, ..Options::default() }).await;
    for round in 0..3 {
        let session_id = session(&stack).await;
        let key = format!("key-{round}");
        assert_eq!(book(&stack.processing, "m-1", &session_id, &key).await.unwrap().status, 201);
        stack.postgres.crash_and_restart();
        assert_eq!(book(&stack.processing, "m-1", &session_id, &key).await.unwrap().status, 201);
    }
    let session_id = session(&stack).await;
    stack.postgres.stop();
    assert_eq!(book(&stack.processing, "m-1", &session_id, "key-9").await.unwrap().status, 503);
    stack.postgres.resume();
    assert_eq!(book(&stack.processing, "m-1", &session_id, "key-9").await.unwrap().status, 201);
    let balance = stack.processing.invoke(&action("ledger-balance")).await.unwrap();
    assert_eq!(balance["payments"], 4);
}

#[tokio::test]
async fn a_key_books_once_even_if_its_process_is_killed_at_any_moment() {
    let stack = Arc::new(Stack::start(Options::default()).await);
    for round in 0..60_u64 {
        let session_id = session(&stack).await;
        let key = format!("key-{round}");
        let killer = {
            let stack = Arc::clone(&stack);
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_micros(round * 400)).await;
                stack.processing.kill_all();
            })
        };
        let mut statuses = Vec::new();
        for _ in 0..3 {
            statuses.push(book(&stack.processing, "m-1", &session_id, &key).await.map(|answer| answer.status));
        }
        killer.await.unwrap();
        let after = book(&stack.processing, "m-1", &session_id, &key).await;
        let after = if after.is_ok() { after } else { book(&stack.processing, "m-1", &session_id, &key).await };
        assert_eq!(after.unwrap().status, 201);
        assert!(statuses.iter().all(|status| matches!(status, Ok(201) | Err(InvocationError::Died))), "{statuses:?}");
    }
    let balance = stack.processing.invoke(&action("ledger-balance")).await.unwrap();
    assert_eq!((balance["payments"].as_i64(), balance["unbalanced"].as_i64()), (Some(60), Some(0)));
}

/// Starts a proxy that forwards everything to the emulator except publishing, which it holds.
async fn hold_publishing(ministack: &str) -> (String, Arc<Notify>) {
    let upstream = ministack.trim_start_matches("http://").to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let held = Arc::new(Notify::new());
    let shared = Arc::clone(&held);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let (upstream, held) = (upstream.clone(), Arc::clone(&shared));
            tokio::spawn(async move {
                let server = TcpStream::connect(upstream).await.unwrap();
                let (mut from_client, mut to_client) = client.into_split();
                let (mut from_server, mut to_server) = server.into_split();
                tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
                let mut buffer = vec![0; 64 * 1024];
                while let Ok(count) = from_client.read(&mut buffer).await {
                    let chunk = &buffer[..count];
                    if chunk.windows(14).any(|window| window == b"Action=Publish") {
                        held.notify_one();
                        std::future::pending::<()>().await;
                    }
                    if count == 0 || to_server.write_all(chunk).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    (address, held)
}

#[tokio::test]
async fn an_event_lost_between_commit_and_publish_is_published_by_the_sweep() {
    let stack = Stack::start(Options::default()).await;
    let (proxy, held) = hold_publishing(&stack.ministack.url).await;
    let held_pool = stack.pool_with(Function::TransactionProcessing, &[("AWS_ENDPOINT_URL", Some(&proxy))]);
    let session_id = session(&stack).await;
    let booking = book(&held_pool, "m-1", &session_id, "key-1");
    let killing = async {
        // The booking is committed and about to be published.
        held.notified().await;
        held_pool.kill_all();
    };
    let (answer, ()) = tokio::join!(booking, killing);
    assert_eq!(answer.unwrap_err(), InvocationError::Died);
    assert!(stack.drain(&stack.events_queue).await.is_empty());
    let replayed = book(&stack.processing, "m-1", &session_id, "key-1").await.unwrap();
    assert_eq!(replayed.status, 201);
    assert_eq!(replayed.headers["Idempotent-Replayed"], "true");
    tokio::time::sleep(Duration::from_secs(6)).await;
    stack.processing.invoke(&schedule()).await.unwrap();
    let ids: HashSet<String> = stack
        .drain(&stack.events_queue)
        .await
        .iter()
        .map(|envelope| {
            serde_json::from_str::<Value>(envelope["Message"].as_str().unwrap()).unwrap()["data"]["id"].to_string()
        })
        .collect();
    assert_eq!(ids, HashSet::from([replayed.body["id"].to_string()]));
}
