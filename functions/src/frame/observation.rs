//! What is written about one invocation: one JSON line, which is log and metrics at once.
//!
//! The line carries CloudWatch's embedded metric format, so the metrics cost no call.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use std::io::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};

use crate::rules::cards;

/// The metrics' namespace in CloudWatch.
pub const NAMESPACE: &str = "Payments";

/// How serious a line is, and from where on lines are told in full. The metrics go out at every level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Each step of an invocation.
    Debug,
    /// What was done.
    Info,
    /// What was refused.
    Warn,
    /// What failed.
    Error,
}

impl Level {
    /// Reads a level by its name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Debug, Self::Info, Self::Warn, Self::Error].into_iter().find(|level| level.name() == name)
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// Who writes, and how much.
#[derive(Clone, Debug)]
pub struct Scribe {
    /// The function's full name, as Lambda's own metrics have it: two stacks in one account stay apart.
    pub function: String,
    /// Less serious lines are cut down to their metrics.
    pub level: Level,
}

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

impl Part {
    const fn name(self) -> &'static str {
        match self {
            Self::Database => "database",
            Self::Connect => "connect",
            Self::Service => "service",
            Self::Webhook => "webhook",
        }
    }
}

const PARTS: usize = 4;
/// A sweep has more steps than a line of the log should hold.
const MOST_STEPS: usize = 100;

/// Collects what is to be said about one invocation.
#[derive(Debug)]
pub struct Observation {
    scribe: Scribe,
    started: Instant,
    deadline: Instant,
    record: Mutex<Record>,
}

#[derive(Debug)]
struct Record {
    level: Level,
    fields: Map<String, Value>,
    spent: [Duration; PARTS],
    database: Vec<f64>,
    /// Kept only where they are written: part, when it began, how long it took.
    steps: Vec<Value>,
}

impl Observation {
    /// Starts one; the invocation must be over after `remaining`.
    pub fn start(scribe: &Scribe, request_id: &str, remaining: Duration) -> Self {
        let started = Instant::now();
        let record = Record {
            level: Level::Info,
            fields: Map::new(),
            spent: [Duration::ZERO; PARTS],
            database: Vec::new(),
            steps: Vec::new(),
        };
        let deadline = started + remaining;
        let observation = Self { scribe: scribe.clone(), started, deadline, record: Mutex::new(record) };
        observation.note("request_id", request_id);
        observation
    }

    /// Says how serious this invocation turned out to be; [`Level::Info`] unless it is told.
    pub fn rate(&self, level: Level) {
        self.record().level = level;
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
        if self.scribe.level == Level::Debug && record.steps.len() < MOST_STEPS {
            let after = milliseconds(begun.duration_since(self.started));
            record.steps.push(json!({"part": part.name(), "after": after, "took": milliseconds(took)}));
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
        let mut line = Map::new();
        if record.level >= self.scribe.level {
            line.clone_from(&record.fields);
            line.insert("level".into(), record.level.name().into());
            line.insert("OwnTime".into(), milliseconds(took.saturating_sub(spent)).into());
            let parts =
                [("ConnectTime", Part::Connect), ("ServiceTime", Part::Service), ("WebhookTime", Part::Webhook)];
            for (name, part) in parts.into_iter().filter(|(_, part)| !record.spent[*part as usize].is_zero()) {
                line.insert(name.into(), milliseconds(record.spent[part as usize]).into());
            }
            if self.scribe.level == Level::Debug {
                line.insert("steps".into(), record.steps.clone().into());
            }
        }
        line.insert("Function".into(), self.scribe.function.as_str().into());
        line.insert("Outcome".into(), outcome.into());
        line.insert("Latency".into(), milliseconds(took).into());
        line.insert("Requests".into(), 1.into());
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
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn scribe(level: Level) -> Scribe {
        Scribe { function: "lambda-transaction-processing-prod".to_owned(), level }
    }

    #[tokio::test]
    async fn the_line_follows_the_embedded_metric_format() {
        for level in [Level::Debug, Level::Info, Level::Warn, Level::Error] {
            let observation = Observation::start(&scribe(level), "r-1", Duration::from_secs(1));
            observation.time(Part::Database, std::future::ready(())).await;
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
            assert_eq!(line["Function"], "lambda-transaction-processing-prod");
        }
    }

    #[tokio::test]
    async fn the_level_decides_what_is_told_besides_the_metrics() {
        let line = async |configured: Level, met: Level| {
            let observation = Observation::start(&scribe(configured), "r-1", Duration::from_secs(1));
            observation.time(Part::Database, std::future::ready(())).await;
            observation.rate(met);
            observation.line("x", SystemTime::now())
        };
        for (configured, met, told, steps) in [
            (Level::Debug, Level::Info, true, true),
            (Level::Info, Level::Info, true, false),
            (Level::Warn, Level::Info, false, false),
            (Level::Warn, Level::Warn, true, false),
            (Level::Error, Level::Warn, false, false),
            (Level::Error, Level::Error, true, false),
        ] {
            let line = line(configured, met).await;
            assert_eq!(line["request_id"].is_string(), told, "{line}");
            assert_eq!(line["level"].as_str(), told.then_some(met.name()), "{line}");
            assert_eq!(line["steps"].is_array(), steps, "{line}");
            assert_eq!((&line["Requests"], line["DatabaseResponseTime"].is_array()), (&json!(1), true), "{line}");
        }
        assert_eq!(Level::from_name("warn"), Some(Level::Warn));
        assert_eq!(Level::from_name("trace"), None);
    }

    #[test]
    fn what_could_be_a_card_number_is_masked() {
        let observation = Observation::start(&scribe(Level::Info), "r-1", Duration::from_secs(1));
        observation.note("token", "card 4111 1111 1111 1111");
        assert_eq!(observation.line("x", SystemTime::now())["token"], "[redacted]");
    }
}
