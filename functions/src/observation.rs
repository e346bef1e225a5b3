//! What is written about one invocation: one JSON line, which is log and metrics at once.
//!
//! The line carries CloudWatch's embedded metric format, so the metrics cost no call.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use std::{
    io::Write,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use serde_json::{Map, Value, json};

use crate::{cards, routes::Function};

/// The metrics' namespace in CloudWatch.
pub const NAMESPACE: &str = "Payments";

/// Where the time of an invocation went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// A round trip to the database, its commit included.
    Database,
    /// Opening a connection to the database, and pauses before trying it again.
    Connect,
    /// Any AWS service.
    Service,
    /// A merchant's webhook.
    Webhook,
}

const PARTS: usize = 4;

/// Collects what is to be said about one invocation.
#[derive(Debug)]
pub struct Observation {
    function: Function,
    started: Instant,
    deadline: Instant,
    record: Mutex<Record>,
}

#[derive(Debug, Default)]
struct Record {
    fields: Map<String, Value>,
    spent: [Duration; PARTS],
    database: Vec<f64>,
}

impl Observation {
    /// Starts one; the invocation must be over after `remaining`.
    pub fn start(function: Function, request_id: &str, remaining: Duration) -> Self {
        let started = Instant::now();
        let observation = Self { function, started, deadline: started + remaining, record: Mutex::default() };
        observation.note("level", "info");
        observation.note("request_id", request_id);
        observation
    }

    /// Adds a text to the line. What could be a card number is masked, whatever it is.
    pub fn note(&self, field: &str, text: &str) {
        let text = if cards::found_in(text) { "[redacted]" } else { text };
        self.record().fields.insert(field.to_owned(), text.into());
    }

    /// Adds a number to the line.
    pub fn count(&self, field: &str, number: u64) {
        self.record().fields.insert(field.to_owned(), number.into());
    }

    /// Gives the time until the invocation must be over.
    pub fn remaining(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Awaits something and counts its time to a part.
    pub async fn time<T>(&self, part: Part, work: impl Future<Output = T>) -> T {
        let begun = Instant::now();
        let result = work.await;
        let took = begun.elapsed();
        let mut record = self.record();
        record.spent[part as usize] += took;
        // The embedded metric format takes at most 100 values of one metric.
        if part == Part::Database && record.database.len() < 100 {
            record.database.push(milliseconds(took));
        }
        result
    }

    /// Writes the line with the outcome, a short code.
    pub fn finish(self, outcome: &str) {
        write_line(&self.line(outcome, SystemTime::now()));
    }

    fn line(&self, outcome: &str, now: SystemTime) -> Value {
        let took = self.started.elapsed();
        let record = self.record();
        let spent: Duration = record.spent.iter().sum();
        let timestamp = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let mut line = record.fields.clone();
        line.insert("Function".into(), self.function.name().into());
        line.insert("Outcome".into(), outcome.into());
        line.insert("Latency".into(), milliseconds(took).into());
        line.insert("OwnTime".into(), milliseconds(took.saturating_sub(spent)).into());
        line.insert("Requests".into(), 1.into());
        for (name, part) in
            [("ConnectTime", Part::Connect), ("ServiceTime", Part::Service), ("WebhookTime", Part::Webhook)]
        {
            if !record.spent[part as usize].is_zero() {
                line.insert(name.into(), milliseconds(record.spent[part as usize]).into());
            }
        }
        let mut metrics = vec![json!({"Name": "Latency", "Unit": "Milliseconds"})];
        if !record.database.is_empty() {
            line.insert("DatabaseResponseTime".into(), record.database.clone().into());
            metrics.push(json!({"Name": "DatabaseResponseTime", "Unit": "Milliseconds"}));
        }
        line.insert(
            "_aws".into(),
            json!({
                "Timestamp": u64::try_from(timestamp).unwrap_or_default(),
                "CloudWatchMetrics": [
                    {"Namespace": NAMESPACE, "Dimensions": [["Function"]], "Metrics": metrics},
                    {"Namespace": NAMESPACE, "Dimensions": [["Function", "Outcome"]],
                     "Metrics": [{"Name": "Requests", "Unit": "Count"}]},
                ],
            }),
        );
        Value::Object(line)
    }

    /// A panic elsewhere leaves at worst a half-told line.
    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes one line of JSON to standard output, where Lambda collects logs. A log that cannot be written
/// is no reason to refuse a payment.
pub fn write_line(line: &Value) {
    let mut text = line.to_string();
    text.push('\n');
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}

/// Microsecond precision is enough and keeps the line short.
fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn the_line_follows_the_embedded_metric_format() {
        let observation = Observation::start(Function::TransactionProcessing, "r-1", Duration::from_secs(1));
        observation.time(Part::Database, std::future::ready(())).await;
        observation.note("token", "card 4111 1111 1111 1111");
        let line = observation.line("booked", SystemTime::now());
        for directive in line["_aws"]["CloudWatchMetrics"].as_array().unwrap() {
            assert_eq!(directive["Namespace"], "Payments");
            for name in directive["Dimensions"][0].as_array().unwrap() {
                assert!(line[name.as_str().unwrap()].is_string());
            }
            for metric in directive["Metrics"].as_array().unwrap() {
                assert!(!line[metric["Name"].as_str().unwrap()].is_null());
            }
        }
        assert!(line["_aws"]["Timestamp"].as_u64().unwrap() > 1_700_000_000_000);
        assert_eq!(line["token"], "[redacted]");
    }
}
