//! The record of one invocation: a single JSON line that serves as both log and metrics.
//!
//! The line uses CloudWatch's embedded metric format, so publishing metrics needs no API call.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use std::io::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};

use crate::rules::cards;

/// The CloudWatch namespace of the metrics.
pub const NAMESPACE: &str = "Payments";

/// The severity of a line, and the threshold from which lines are written in full. Metrics are written at every level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Every step of an invocation.
    Debug,
    /// A success.
    Info,
    /// A rejected request.
    Warn,
    /// A failure.
    Error,
}

impl Level {
    /// Parses the name of a level.
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

/// The source and the verbosity of the log lines.
#[derive(Clone, Debug)]
pub struct Logger {
    /// The function's full name, as in Lambda's own metrics, which distinguishes two stacks in one account.
    pub function: String,
    /// The threshold below which a line is reduced to its metrics.
    pub level: Level,
}

/// What an invocation spent time on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// A round trip to the database, including the commit.
    Database,
    /// Opening a connection to the database, and pauses before retries.
    Connect,
    /// A call to an AWS service.
    Service,
    /// A call to a merchant's webhook.
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
/// The maximum number of steps in a line. A sweep has more than belong in one.
const MAX_STEPS: usize = 100;
/// The embedded metric format allows at most 100 values per metric.
const MAX_VALUES: usize = 100;

/// Collects the fields and timings of one invocation.
#[derive(Debug)]
pub struct Observation {
    logger: Logger,
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
    /// Each step's part, start, and duration; recorded only if they are written.
    steps: Vec<Value>,
}

impl Observation {
    /// Starts the record of an invocation that must end within `remaining`.
    pub fn start(logger: &Logger, request_id: &str, remaining: Duration) -> Self {
        let started = Instant::now();
        let record = Record {
            level: Level::Info,
            fields: Map::new(),
            spent: [Duration::ZERO; PARTS],
            database: Vec::new(),
            steps: Vec::new(),
        };
        let deadline = started + remaining;
        let observation = Self { logger: logger.clone(), started, deadline, record: Mutex::new(record) };
        observation.field("request_id", request_id);
        observation
    }

    /// Sets the severity of this invocation's line, which is [`Level::Info`] by default.
    pub fn set_level(&self, level: Level) {
        self.record().level = level;
    }

    /// Adds a text field to the line. A text that may contain a card number is masked, whatever the field.
    pub fn field(&self, name: &str, text: &str) {
        let text = if cards::found_in(text) { "[redacted]" } else { text };
        self.record().fields.insert(name.to_owned(), text.into());
    }

    /// Adds a numeric field to the line.
    pub fn number(&self, name: &str, value: u64) {
        self.record().fields.insert(name.to_owned(), value.into());
    }

    /// Returns the time that is left for the invocation.
    pub fn remaining(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Awaits a future and attributes its time to a part.
    pub async fn time<T>(&self, part: Part, work: impl Future<Output = T>) -> T {
        let begun = Instant::now();
        let result = work.await;
        let took = begun.elapsed();
        let mut record = self.record();
        record.spent[part as usize] += took;
        if part == Part::Database && record.database.len() < MAX_VALUES {
            record.database.push(milliseconds(took));
        }
        if self.logger.level == Level::Debug && record.steps.len() < MAX_STEPS {
            let after = milliseconds(begun.duration_since(self.started));
            record.steps.push(json!({"part": part.name(), "after": after, "took": milliseconds(took)}));
        }
        result
    }

    /// Writes the line with its outcome, a short code.
    pub fn finish(self, outcome: &str) {
        write_line(&self.line(outcome, SystemTime::now()));
    }

    fn line(&self, outcome: &str, now: SystemTime) -> Value {
        let took = self.started.elapsed();
        let record = self.record();
        let spent: Duration = record.spent.iter().sum();
        let timestamp = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let mut line = Map::new();
        if record.level >= self.logger.level {
            line.clone_from(&record.fields);
            line.insert("level".into(), record.level.name().into());
            line.insert("OwnTime".into(), milliseconds(took.saturating_sub(spent)).into());
            let parts =
                [("ConnectTime", Part::Connect), ("ServiceTime", Part::Service), ("WebhookTime", Part::Webhook)];
            for (name, part) in parts.into_iter().filter(|(_, part)| !record.spent[*part as usize].is_zero()) {
                line.insert(name.into(), milliseconds(record.spent[part as usize]).into());
            }
            if self.logger.level == Level::Debug {
                line.insert("steps".into(), record.steps.clone().into());
            }
        }
        line.insert("Function".into(), self.logger.function.as_str().into());
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

    /// A panic while the lock is held leaves an incomplete line at worst, so poisoning is ignored.
    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes one line of JSON to standard output, where Lambda collects logs. A failure is ignored, because a payment must
/// not fail over its log line.
pub fn write_line(line: &Value) {
    let mut text = line.to_string();
    text.push('\n');
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}

/// Rounds to microseconds, which keeps the line short.
fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn logger(level: Level) -> Logger {
        Logger { function: "lambda-transaction-processing-prod".to_owned(), level }
    }

    #[tokio::test]
    async fn the_line_follows_the_embedded_metric_format() {
        for level in [Level::Debug, Level::Info, Level::Warn, Level::Error] {
            let observation = Observation::start(&logger(level), "r-1", Duration::from_secs(1));
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
    async fn the_level_determines_what_is_logged_besides_the_metrics() {
        let line = async |configured: Level, actual: Level| {
            let observation = Observation::start(&logger(configured), "r-1", Duration::from_secs(1));
            observation.time(Part::Database, std::future::ready(())).await;
            observation.set_level(actual);
            observation.line("x", SystemTime::now())
        };
        for (configured, actual, is_logged, has_steps) in [
            (Level::Debug, Level::Info, true, true),
            (Level::Info, Level::Info, true, false),
            (Level::Warn, Level::Info, false, false),
            (Level::Warn, Level::Warn, true, false),
            (Level::Error, Level::Warn, false, false),
            (Level::Error, Level::Error, true, false),
        ] {
            let line = line(configured, actual).await;
            assert_eq!(line["request_id"].is_string(), is_logged, "{line}");
            assert_eq!(line["level"].as_str(), is_logged.then_some(actual.name()), "{line}");
            assert_eq!(line["steps"].is_array(), has_steps, "{line}");
            assert_eq!((&line["Requests"], line["DatabaseResponseTime"].is_array()), (&json!(1), true), "{line}");
        }
        assert_eq!(Level::from_name("warn"), Some(Level::Warn));
        assert_eq!(Level::from_name("trace"), None);
    }

    #[test]
    fn a_possible_card_number_is_masked() {
        let observation = Observation::start(&logger(Level::Info), "r-1", Duration::from_secs(1));
        observation.field("token", "card 4111 1111 1111 1111");
        assert_eq!(observation.line("x", SystemTime::now())["token"], "[redacted]");
    }
}
