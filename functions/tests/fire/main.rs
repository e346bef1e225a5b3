//! Payments under fire: many clients send duplicate and reordered requests while processes are killed at any moment and
//! the database crashes and restarts. Nothing is lost, booked twice, or unbalanced.
//!
//! `PAYMENTS_FIRE_COUNT` is the number of payments (2000 by default), and `PAYMENTS_FUNCTION_BINARIES` is a directory
//! with another build of the functions. `scripts/fire` sets both.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

use std::collections::{BTreeMap, HashSet};
use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use support::pool::Pool;
use support::relay::Relay;
use support::requests::{Answer, action, book, payment, refund, schedule, validate};
use support::runtime_api::InvocationError;
use support::stack::{Options, Stack};

const CLIENTS: usize = 64;
/// The number of payments between two database crashes.
const PAYMENTS_PER_CRASH: u64 = 2000;
/// The minimum and the maximum number of database crashes.
const CRASHES: std::ops::RangeInclusive<u64> = 4..=50;

/// The answers that the clients received.
#[derive(Default)]
struct Answers {
    /// Booked payments: from the key to the transaction's ID and amount.
    payments: BTreeMap<String, (String, i64)>,
    /// Booked refunds: from the key to the transaction's ID and amount.
    refunds: BTreeMap<String, (String, i64)>,
    /// Answers that contradict an earlier answer.
    contradictions: Vec<String>,
    /// Requests that were never answered.
    unanswered: Vec<String>,
    /// The number of answers to bookings and refunds, of any kind.
    count: u64,
    /// The number of repeated answers, to requests that were sent more than once.
    repeated: u64,
}

/// The faults that were injected, and the time that booking took.
struct Faults {
    kills: [u64; 3],
    crashes: u64,
    booking_time: Duration,
}

/// Retries a request as a client would, until it is answered.
async fn retry<F: Future<Output = Result<Answer, InvocationError>>>(send: impl Fn() -> F) -> Option<Answer> {
    for attempt in 0..200 {
        match send().await {
            Ok(answer) if answer.status < 500 => return Some(answer),
            _ => tokio::time::sleep(Duration::from_millis(20 * (attempt + 1).min(20))).await,
        }
    }
    None
}

/// Makes one payment, from its validation to its refunds.
async fn pay(stack: &Stack, number: u64, answers: &Mutex<Answers>) {
    let (key, amount) = (format!("pay-{number}"), rand::random_range(1..100_000));
    let body = payment("m-hook", amount);
    let Some(validated) = retry(|| validate(&stack.validation, &body)).await else {
        return answers.lock().unwrap().unanswered.push(key);
    };
    assert_eq!(validated.status, 200, "{validated:?}");
    let session_id = validated.body["session_id"].as_str().unwrap();
    // Up to three concurrent requests with different delays, so that they arrive in any order.
    let once = async |delay: u64| {
        tokio::time::sleep(Duration::from_millis(delay)).await;
        let answer = retry(|| book(&stack.processing, "m-hook", session_id, &key)).await;
        record(answers, answer, &key, amount, false);
    };
    match number % 4 {
        0 => {
            tokio::join!(once(0), once(rand::random_range(0..30)), once(rand::random_range(0..300)));
        }
        1 => {
            tokio::join!(once(rand::random_range(0..30)), once(rand::random_range(0..30)));
        }
        _ => once(0).await,
    }
    let id = answers.lock().unwrap().payments.get(&key).map(|(id, _)| id.clone());
    if let (Some(id), 0) = (id, number % 10) {
        // Three refunds of two fifths each, of which two can succeed.
        let part = (amount * 2 / 5).max(1);
        let once = async |key: String| {
            let answer = retry(|| refund(&stack.processing, &id, part, &key)).await;
            record(answers, answer, &key, part, true);
        };
        let keys = [1, 2, 3].map(|refund| format!("refund-{number}-{refund}"));
        tokio::join!(once(keys[0].clone()), once(keys[1].clone()), once(keys[2].clone()), once(keys[0].clone()));
    }
}

fn record(answers: &Mutex<Answers>, answer: Option<Answer>, key: &str, amount: i64, refund: bool) {
    let mut answers = answers.lock().unwrap();
    let Some(answer) = answer else { return answers.unanswered.push(key.to_owned()) };
    answers.count += 1;
    match answer.status {
        201 => {
            let id = answer.body["id"].as_str().unwrap().to_owned();
            let booked = if refund { &mut answers.refunds } else { &mut answers.payments };
            let earlier = booked.insert(key.to_owned(), (id.clone(), amount));
            answers.repeated += u64::from(answer.headers["Idempotent-Replayed"] == "true");
            if earlier.is_some_and(|(earlier, _)| earlier != id) || answer.body["amount"] != amount {
                answers.contradictions.push(format!("{key}: {answer:?}"));
            }
        }
        409 if refund => {}
        _ => answers.contradictions.push(format!("{key}: {answer:?}")),
    }
}

/// The minimum number of answers between two kills. Without it, no process would live long enough to answer on a busy
/// machine.
const ANSWERS_PER_KILL: u64 = 4;

/// Kills processes until `stop` is set, and returns how many of each function.
async fn kill(pools: [Arc<Pool>; 3], answers: Arc<Mutex<Answers>>, stop: Arc<AtomicBool>) -> [u64; 3] {
    let (mut kills, mut last) = ([0; 3], 0);
    while !stop.load(Ordering::Relaxed) {
        tokio::time::sleep(Duration::from_millis(rand::random_range(20..160))).await;
        let count = answers.lock().unwrap().count;
        if count < last + ANSWERS_PER_KILL {
            continue;
        }
        last = count;
        let function = match rand::random_range(0..10) {
            0 => 0,
            1 => 2,
            _ => 1,
        };
        kills[function] += u64::from(pools[function].kill_one());
    }
    kills
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_booked_twice_or_unbalanced() {
    let count = std::env::var("PAYMENTS_FIRE_COUNT").ok().and_then(|count| count.parse().ok());
    let count: u64 = count.unwrap_or(2000);
    let binaries = std::env::var_os("PAYMENTS_FUNCTION_BINARIES").map(PathBuf::from);
    let options = Options {
        environments: 24,
        configuration_seconds: 30,
        notification_seconds: 3,
        binaries,
        ..Options::default()
    };
    let stack = Arc::new(Stack::start(options).await);
    let relay = Relay::start(stack.sqs(), stack.events_queue.clone(), Arc::clone(&stack.notifications));
    let (answers, next, stop) =
        (Arc::new(Mutex::new(Answers::default())), Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let started = Instant::now();

    let pools = [&stack.validation, &stack.processing, &stack.notifications].map(Arc::clone);
    let killer = tokio::spawn(kill(pools, Arc::clone(&answers), Arc::clone(&stop)));
    let sweeper = {
        let (stack, stop) = (Arc::clone(&stack), Arc::clone(&stop));
        tokio::spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                tokio::time::sleep(Duration::from_secs(2)).await;
                let _ = stack.processing.invoke(&schedule()).await;
            }
        })
    };
    let crashes = (count / PAYMENTS_PER_CRASH).clamp(*CRASHES.start(), *CRASHES.end());
    let restarter = {
        let (stack, next) = (Arc::clone(&stack), Arc::clone(&next));
        tokio::spawn(async move {
            for crash in 1..=crashes {
                while next.load(Ordering::Relaxed) < count * crash / (crashes + 1) {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                let stack = Arc::clone(&stack);
                tokio::task::spawn_blocking(move || stack.postgres.crash_and_restart()).await.unwrap();
            }
        })
    };
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (stack, answers, next) = (Arc::clone(&stack), Arc::clone(&answers), Arc::clone(&next));
            tokio::spawn(async move {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        return;
                    }
                    pay(&stack, number, &answers).await;
                }
            })
        })
        .collect();
    for client in clients {
        client.await.unwrap();
    }
    restarter.await.unwrap();
    stop.store(true, Ordering::Relaxed);
    let kills = killer.await.unwrap();
    sweeper.await.unwrap();
    let faults = Faults { kills, crashes, booking_time: started.elapsed() };
    settle(&stack, &relay).await;
    let answers = Arc::into_inner(answers).unwrap().into_inner().unwrap();
    check(&stack, &relay, &answers, &faults).await;
}

/// Adds up the ledger. On a busy machine, a large one may take more than one attempt.
async fn balance(stack: &Stack) -> Value {
    for _ in 0..20 {
        if let Ok(balance) = stack.processing.invoke(&action("ledger-balance")).await {
            return balance;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    panic!("the ledger cannot be added up");
}

/// Sweeps without further faults, and waits until every event has been published and delivered.
async fn settle(stack: &Stack, relay: &Relay) {
    let started = Instant::now();
    let mut last = (0, Instant::now());
    loop {
        let _ = stack.processing.invoke(&schedule()).await;
        let unpublished = balance(stack).await["unpublished"].as_u64().unwrap();
        // In this order, a message that moves from the queue to the relay counts twice for a moment, but never zero
        // times.
        let left = stack.waiting(&stack.events_queue).await + relay.in_flight.load(Ordering::SeqCst);
        let done = unpublished == 0 && left == 0;
        if left != last.0 {
            last = (left, Instant::now());
        }
        // Give up after a minute without progress.
        if done || last.1.elapsed() > Duration::from_secs(60) {
            print(&format!("settled in {:.1} s", started.elapsed().as_secs_f64()));
            return;
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
}

async fn check(stack: &Stack, relay: &Relay, answers: &Answers, faults: &Faults) {
    let client = stack.connect("postgres").await;
    let rows = client
        .query("select kind, idempotency_key, transaction_id, amount from payments.transactions", &[])
        .await
        .unwrap();
    let mut found: BTreeMap<(String, String), Vec<(String, i64)>> = BTreeMap::new();
    for row in &rows {
        found.entry((row.get(0), row.get(1))).or_default().push((row.get(2), row.get(3)));
    }
    let acknowledged = answers.payments.iter().map(|(key, booked)| ("payment", key, booked));
    let acknowledged = acknowledged.chain(answers.refunds.iter().map(|(key, booked)| ("refund", key, booked)));
    let lost = acknowledged
        .filter(|(kind, key, booked)| {
            let found = found.get(&((*kind).to_owned(), (*key).clone()));
            found.is_none_or(|found| !found.contains(booked))
        })
        .count()
        + answers.unanswered.len();
    let doubled = found.values().filter(|bookings| bookings.len() > 1).count();
    // Independently of keys, the merchant's balance is exactly what was acknowledged.
    let account =
        "select coalesce(sum(amount), 0)::bigint from payments.entries where account_id = 'merchant:m-hook:EUR'";
    let held: i64 = client.query_one(account, &[]).await.unwrap().get(0);
    let sum = |booked: &BTreeMap<String, (String, i64)>| booked.values().map(|(_, amount)| amount).sum::<i64>();
    let owed = sum(&answers.payments) - sum(&answers.refunds);

    let balance = balance(stack).await;
    let events: Vec<String> =
        client.query("select event_id from payments.outbox", &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
    let archived = stack.archived().await;
    let archived: HashSet<&str> =
        archived.iter().filter_map(|key| key.rsplit('/').next()?.strip_suffix(".json")).collect();
    let unarchived = events.iter().filter(|id| !archived.contains(id.as_str())).count();
    let deliveries = stack.merchant.received();
    let notified: HashSet<&str> = deliveries.iter().map(|delivery| delivery.event_id.as_str()).collect();
    let unnotified = events.iter().filter(|id| !notified.contains(id.as_str())).count();

    let [validation, processing, notifications] = faults.kills;
    report(&format!(
        "booked {} payments and {} refunds in {:.0} s by {CLIENTS} clients, {} repeated requests were answered alike; \
         killed {validation} payment-validation, {processing} transaction-processing, {notifications} notifications; \
         {} database crashes",
        answers.payments.len(),
        answers.refunds.len(),
        faults.booking_time.as_secs_f64(),
        answers.repeated,
        faults.crashes,
    ));
    report(&format!(
        "lost {lost}, doubled {doubled}, contradicted {}, unbalanced {}, over-refunded {}",
        answers.contradictions.len(),
        balance["unbalanced"],
        balance["overrefunded"]
    ));
    report(&format!(
        "events {}, archived {}, notifications {} ({} repeated by kills, same event id), dead letters {}",
        events.len(),
        archived.len(),
        notified.len(),
        deliveries.len() - notified.len(),
        relay.given_up.load(Ordering::SeqCst),
    ));
    assert_eq!((lost, doubled, unarchived, unnotified), (0, 0, 0, 0));
    assert_eq!(answers.contradictions, Vec::<String>::new());
    assert_eq!(
        (&balance["unbalanced"], &balance["overrefunded"], &balance["sums"]["EUR"]),
        (&Value::from(0), &Value::from(0), &Value::from(0))
    );
    assert_eq!((archived.len(), notified.len()), (events.len(), events.len()));
    assert_eq!(events.len(), answers.payments.len() + answers.refunds.len());
    assert_eq!(held, owed, "the merchant's account");
}

/// Prints a figure and adds it to the summary.
fn report(text: &str) {
    support::summary::line("fire", text);
    print(text);
}

/// Prints a figure even if the test passes.
fn print(text: &str) {
    let _ = writeln!(std::io::stderr(), "fire: {text}");
}
