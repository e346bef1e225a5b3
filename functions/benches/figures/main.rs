//! The functions' performance on this machine: start-up, latency, throughput, the functions' own time and the
//! database's, and memory. PostgreSQL is real and durable (a commit waits for the disk), and the AWS services are
//! stubs. Run it with `cargo bench -p payments --profile function`, and set `PAYMENTS_FUNCTION_BINARIES` to a directory
//! for another build.

#![allow(clippy::unwrap_used, reason = "a failed measurement must not go unnoticed")]

#[path = "../../tests/support/mod.rs"]
mod support;

mod stub;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use payments::frame::function::Function;
use serde_json::Value;
use support::certificates::Authority;
use support::pool::Pool;
use support::postgres::{HOST, Postgres};
use support::requests::{Answer, action, book, payment, show, validate};
use support::stack::built;

const SECONDS: u64 = 4;
const KINDS: [&str; 4] = ["validate", "book", "replay", "get"];

struct Functions {
    validation: Pool,
    processing: Pool,
    numbers: AtomicU64,
    booked: String,
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    // Test runners that start every target pass other arguments.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::new(directory.path());
    let postgres = Postgres::start(&authority, true);
    let url = stub::start(HOST).await;
    let variables: Vec<(String, String)> = [
        ("PAYMENTS_PARAMETER_PATH", "/payments/bench"),
        ("PAYMENTS_DATABASE_ADDRESS", &format!("127.0.0.1:{}", postgres.port)),
        ("PAYMENTS_DATABASE_CA_FILE", &authority.file.display().to_string()),
        ("PAYMENTS_DATABASE_MASTER_USER", "postgres"),
        ("AWS_ENDPOINT_URL", &url),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    let binaries = std::env::var_os("PAYMENTS_FUNCTION_BINARIES").map(PathBuf::from);
    let binary = |function: Function| {
        binaries.as_ref().map_or_else(|| built(function), |directory| directory.join(function.name()))
    };
    let [validation, processing, notifications] = Function::ALL.map(|function| {
        let logs = directory.path().join(function.name());
        Pool::new(&binary(function), variables.clone(), &logs, 64, Duration::from_secs(20))
    });
    processing.invoke(&action("migrate")).await.unwrap();

    print(&format!("Machine: {}, {} processors; {}", machine(), cpus(), date()));
    print("\n| function | size | init, median of 20 | resident after init |\n|---|---|---|---|");
    for (function, pool) in Function::ALL.into_iter().zip([&validation, &processing, &notifications]) {
        measure_start(function.name(), pool, &binary(function)).await;
    }

    let first = book(&processing, "m-1", &session_id(0), "first").await.unwrap();
    let booked = first.body["id"].as_str().unwrap().to_owned();
    let functions = Arc::new(Functions { validation, processing, numbers: AtomicU64::new(1), booked });
    print("\n| operation | clients | requests/s | p50 ms | p95 ms | p99 ms |\n|---|---|---|---|---|---|");
    let mut saturation = 0.0_f64;
    for clients in [1, 8, 64] {
        for kind in KINDS {
            let (rate, latencies) = closed(&functions, kind, clients).await;
            if kind == "book" {
                saturation = saturation.max(rate);
            }
            print(&row(kind, &clients.to_string(), rate, latencies));
        }
    }
    let (rate, latencies) = paced(&functions, saturation / 2.0).await;
    print(&row("book", "half of saturation", rate, latencies));

    print("\n| operation | own time p50 ms | own p99 | database p50 ms | database p99 |\n|---|---|---|---|---|");
    let logs = directory.path();
    for (outcome, function) in [
        ("validated", "payment-validation"),
        ("booked", "transaction-processing"),
        ("replayed", "transaction-processing"),
        ("shown", "transaction-processing"),
    ] {
        print(&inside(&logs.join(function), outcome));
    }
    let resident = |pool: &Pool| pool.pids().into_iter().map(|pid| memory(pid, "VmHWM:")).fold(0.0, f64::max);
    print(&format!(
        "\nLargest resident size: payment-validation {:.1} MB, transaction-processing {:.1} MB",
        resident(&functions.validation),
        resident(&functions.processing),
    ));
}

/// Measures the time from a process's start to its first poll for an event.
async fn measure_start(name: &str, pool: &Pool, binary: &Path) {
    let mut times = Vec::new();
    let mut resident = 0.0;
    for _ in 0..20 {
        let environment = pool.environment().await;
        times.push(environment.initialised().await);
        resident = memory(environment.pid, "VmRSS:");
        let _ = environment.killer().try_send(());
    }
    times.sort_unstable();
    let size = fs::metadata(binary).unwrap().len() as f64 / 1e6;
    print(&format!("| {name} | {size:.2} MB | {:.1} ms | {resident:.1} MB |", milliseconds(times[times.len() / 2])));
}

/// Measures clients that each send the next request when the last one is answered.
async fn closed(functions: &Arc<Functions>, kind: &'static str, clients: usize) -> (f64, Vec<Duration>) {
    // Every environment starts before the measurement.
    futures::future::join_all((0..clients).map(|_| request(functions, kind))).await;
    let latencies = Arc::new(Mutex::new(Vec::new()));
    let started = Instant::now();
    let tasks = (0..clients).map(|_| {
        let (functions, latencies) = (Arc::clone(functions), Arc::clone(&latencies));
        tokio::spawn(async move {
            while started.elapsed() < Duration::from_secs(SECONDS) {
                let begun = Instant::now();
                request(&functions, kind).await;
                latencies.lock().unwrap().push(begun.elapsed());
            }
        })
    });
    futures::future::join_all(tasks).await;
    let latencies = std::mem::take(&mut *latencies.lock().unwrap());
    (latencies.len() as f64 / started.elapsed().as_secs_f64(), latencies)
}

/// Measures requests that start at a fixed rate, whether or not earlier ones have been answered.
async fn paced(functions: &Arc<Functions>, rate: f64) -> (f64, Vec<Duration>) {
    let started = Instant::now();
    let count = (rate * SECONDS as f64) as u32;
    let tasks = (0..count).map(|number| {
        let functions = Arc::clone(functions);
        let due = started + Duration::from_secs_f64(f64::from(number) / rate);
        tokio::spawn(async move {
            tokio::time::sleep_until(due.into()).await;
            request(&functions, "book").await;
            due.elapsed()
        })
    });
    let latencies: Vec<Duration> = futures::future::join_all(tasks).await.into_iter().map(Result::unwrap).collect();
    (f64::from(count) / started.elapsed().as_secs_f64(), latencies)
}

async fn request(functions: &Functions, kind: &str) {
    let number = functions.numbers.fetch_add(1, Ordering::Relaxed);
    let answer: Answer = match kind {
        "validate" => validate(&functions.validation, &payment("m-1", 1050)).await,
        "book" => book(&functions.processing, "m-1", &session_id(number), &format!("k{number}")).await,
        "replay" => book(&functions.processing, "m-1", &session_id(0), "first").await,
        _ => show(&functions.processing, &functions.booked).await,
    }
    .unwrap();
    assert!(answer.status < 300, "{answer:?}");
}

/// Formats a number in the letters of a session ID.
fn session_id(number: u64) -> String {
    let letters = format!("{number:032x}");
    let letters = letters.chars().map(|c| char::from(b'a' + u8::try_from(c.to_digit(16).unwrap()).unwrap()));
    format!("ses_{}", letters.collect::<String>())
}

/// Reads the functions' own time and the database's from their log lines.
fn inside(logs: &Path, outcome: &str) -> String {
    let (mut own, mut database) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(logs).unwrap() {
        for line in fs::read_to_string(entry.unwrap().path()).unwrap().lines() {
            let line: Value = serde_json::from_str(line).unwrap_or_default();
            if line["Outcome"] == outcome {
                own.push(line["OwnTime"].as_f64().unwrap());
                let first = line["DatabaseResponseTime"].as_array().and_then(|times| times.first());
                database.push(first.and_then(Value::as_f64).unwrap_or_default());
            }
        }
    }
    let at = |values: &mut Vec<f64>, share: f64| {
        values.sort_by(f64::total_cmp);
        values[((values.len() - 1) as f64 * share) as usize]
    };
    format!(
        "| {outcome} | {:.3} | {:.3} | {:.3} | {:.3} |",
        at(&mut own, 0.5),
        at(&mut own, 0.99),
        at(&mut database, 0.5),
        at(&mut database, 0.99),
    )
}

fn row(kind: &str, clients: &str, rate: f64, mut latencies: Vec<Duration>) -> String {
    latencies.sort_unstable();
    let at = |share: f64| milliseconds(latencies[((latencies.len() - 1) as f64 * share) as usize]);
    format!("| {kind} | {clients} | {rate:.0} | {:.2} | {:.2} | {:.2} |", at(0.5), at(0.95), at(0.99))
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// Reads a field of `/proc/<pid>/status`, in megabytes.
fn memory(pid: u32, field: &str) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kilobytes| kilobytes.parse::<f64>().ok()).unwrap_or_default() / 1024.0
}

fn machine() -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find(|line| line.starts_with("model name")).and_then(|line| line.split(':').nth(1));
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{} ({})", host.trim(), model.unwrap_or("unknown processor").trim())
}

fn cpus() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn date() -> String {
    let output = std::process::Command::new("date").arg("+%F").output().unwrap();
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn print(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
