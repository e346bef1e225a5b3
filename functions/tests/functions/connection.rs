//! The database connection: each environment has one, no state is kept in its session, and the functions answer in time
//! whatever the database does.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::requests::{book, payment, refund, show, validate};
use crate::support::stack::{Options, Stack};

async fn session(stack: &Stack) -> String {
    let answer = validate(&stack.validation, &payment("m-1", 100)).await.unwrap();
    answer.body["session_id"].as_str().unwrap().to_owned()
}

/// Returns the IDs of the server processes that serve the functions' connections.
async fn backends(owner: &tokio_postgres::Client) -> Vec<i32> {
    let sql = "select pid from pg_stat_activity where usename = 'payments_app'";
    owner.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn an_environment_keeps_one_connection_and_reopens_it_when_it_breaks() {
    let stack = Stack::start(Options { environments: 1, ..Options::default() }).await;
    let owner = stack.connect("postgres").await;
    let mut before = Vec::new();
    for round in 0..4 {
        let booked = book(&stack.processing, "m-1", &session(&stack).await, &format!("key-{round}")).await.unwrap();
        assert_eq!(booked.status, 201);
        let id = booked.body["id"].as_str().unwrap();
        assert_eq!(show(&stack.processing, id).await.unwrap().status, 200);
        let now = backends(&owner).await;
        assert_eq!(now.len(), 1, "one environment, one connection");
        match round {
            0 | 2 => before = now,
            _ => assert_eq!(now, before, "the same connection"),
        }
        if round == 1 {
            let sql = "select pg_terminate_backend(pid, 5000) from pg_stat_activity where usename = 'payments_app'";
            owner.query(sql, &[]).await.unwrap();
        }
    }
    assert_eq!(stack.processing.pids().len(), 1, "the same process");
}

#[tokio::test]
async fn no_statement_would_pin_a_proxy_connection() {
    let stack = Stack::start(Options { environments: 1, ..Options::default() }).await;
    let owner = stack.connect("postgres").await;
    for setting in ["log_statement = 'all'", "log_min_messages = 'log'"] {
        owner.batch_execute(&format!("alter system set {setting}")).await.unwrap();
    }
    owner.batch_execute("select pg_reload_conf()").await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let booked = book(&stack.processing, "m-1", &session(&stack).await, "key-1").await.unwrap();
    let id = booked.body["id"].as_str().unwrap().to_owned();
    assert_eq!(refund(&stack.processing, &id, 10, "key-2").await.unwrap().status, 201);
    assert_eq!(show(&stack.processing, &id).await.unwrap().status, 200);
    let log = stack.postgres.log();
    let statements: Vec<&str> = log.lines().filter(|line| line.contains("payments.")).collect();
    for function in ["payments.book(", "payments.refund(", "payments.show(", "payments.mark_published("] {
        assert!(statements.iter().any(|line| line.contains(function)), "{function} is not in the log:\n{log}");
    }
    // All statements are unnamed, and there are no session statements at all.
    assert!(statements.iter().all(|line| line.contains("execute <unnamed>: ")), "{statements:#?}");
    for word in ["statement: set", "statement: prepare", "statement: discard", "statement: listen", "temp table"] {
        assert!(!log.to_lowercase().contains(word), "{word} in\n{log}");
    }
}

#[tokio::test]
async fn a_stalled_database_is_reported_in_time() {
    let stack = Stack::start(Options { environments: 1, ..Options::default() }).await;
    let session_id = session(&stack).await;
    let mut owner = stack.connect("postgres").await;
    let lock = owner.transaction().await.unwrap();
    lock.batch_execute("lock table payments.transactions in access exclusive mode").await.unwrap();
    let started = Instant::now();
    let answer = book(&stack.processing, "m-1", &session_id, "key-1").await.unwrap();
    assert_eq!((answer.status, &answer.body["code"]), (503, &json!("database_unavailable")));
    assert!(started.elapsed() < Duration::from_secs(18), "{:?} of 20 s", started.elapsed());
    lock.rollback().await.unwrap();
    assert_eq!(book(&stack.processing, "m-1", &session_id, "key-1").await.unwrap().status, 201);
}

#[tokio::test]
async fn serialisation_failures_are_retried_a_limited_number_of_times() {
    let stack = Stack::start(Options { environments: 1, ..Options::default() }).await;
    let owner = stack.connect("postgres").await;
    // A rollback does not reset a sequence, so it counts the attempts.
    owner
        .batch_execute(
            "create sequence attempts; grant usage on sequence attempts to payments_app; \
             create table failing (until bigint); insert into failing values (3); \
             grant select on failing to payments_app; \
             create function fail() returns trigger language plpgsql as $$ begin \
                 if nextval('attempts') <= (select until from failing) then \
                     raise exception 'conflict' using errcode = '40001'; end if; return new; end $$; \
             create trigger fail before insert on payments.transactions for each row execute function fail();",
        )
        .await
        .unwrap();
    let (one, other) = (session(&stack).await, session(&stack).await);
    assert_eq!(book(&stack.processing, "m-1", &one, "key-1").await.unwrap().status, 201);
    let attempts = async || -> i64 { owner.query_one("select last_value from attempts", &[]).await.unwrap().get(0) };
    assert_eq!(attempts().await, 4);
    owner.batch_execute("update failing set until = 1000").await.unwrap();
    assert_eq!(book(&stack.processing, "m-1", &other, "key-2").await.unwrap().status, 503);
    assert_eq!(attempts().await, 10, "six attempts, and then an error");
    owner.batch_execute("update failing set until = 0").await.unwrap();
    assert_eq!(book(&stack.processing, "m-1", &other, "key-2").await.unwrap().status, 201);
}
