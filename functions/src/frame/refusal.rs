//! Why a request is not done: the status, a safe body for the caller, and a cause for the log.

use serde_json::{Value, json};

use crate::frame::http::Response;
use crate::rules::identifiers::NoRandomness;
use crate::stores::configuration::ConfigurationError;
use crate::stores::database::DatabaseError;
use crate::stores::migrations::MigrationError;
use crate::stores::outbox::OutboxError;
use crate::stores::sessions::SessionError;

/// One thing wrong with one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The field of the body, or the header.
    pub field: &'static str,
    /// What programs decide by.
    pub code: &'static str,
    /// What people read; never repeats the value.
    pub message: String,
}

/// A request that is not done.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// What programs decide by; also the outcome in the metrics.
    pub code: &'static str,
    /// What people read.
    pub message: &'static str,
    /// Every single thing wrong, where fields are to blame.
    pub reasons: Vec<Reason>,
    /// What to log besides; never shown to the caller.
    pub cause: Option<String>,
    /// A header of the answer, name and value.
    pub header: Option<(&'static str, &'static str)>,
}

impl Refusal {
    /// Makes a refusal without reasons.
    pub const fn new(status: u16, code: &'static str, message: &'static str) -> Self {
        Self { status, code, message, reasons: Vec::new(), cause: None, header: None }
    }

    /// Makes the refusal of invalid values (422).
    pub fn invalid(reasons: Vec<Reason>) -> Self {
        let mut refusal = Self::new(422, "invalid", "the values are refused");
        refusal.reasons = reasons;
        refusal
    }

    /// Makes the refusal of a body that holds what could be a card number (422).
    pub const fn card_number() -> Self {
        Self::new(422, "card_number", "the request holds what looks like a card number; send a token instead")
    }

    /// Makes the answer when a part behind the function fails (503).
    pub fn unavailable(code: &'static str, cause: &dyn std::error::Error) -> Self {
        let mut refusal = Self::new(503, code, "a part of the service does not answer; send the same request again");
        refusal.cause = Some(chain(cause));
        refusal.header = Some(("Retry-After", "1"));
        refusal
    }

    /// Makes the HTTP answer.
    pub fn response(&self) -> Response {
        let mut body = json!({"message": self.message, "code": self.code});
        if !self.reasons.is_empty() {
            let reasons: Vec<Value> =
                self.reasons.iter().map(|r| json!({"field": r.field, "code": r.code, "message": r.message})).collect();
            body["reasons"] = reasons.into();
        }
        let response = Response::json(self.status, body.to_string());
        match self.header {
            Some((name, value)) => response.with_header(name, value),
            None => response,
        }
    }
}

impl From<ConfigurationError> for Refusal {
    fn from(error: ConfigurationError) -> Self {
        Self::unavailable("configuration_unavailable", &error)
    }
}

impl From<SessionError> for Refusal {
    fn from(error: SessionError) -> Self {
        Self::unavailable("sessions_unavailable", &error)
    }
}

impl From<NoRandomness> for Refusal {
    fn from(error: NoRandomness) -> Self {
        Self::unavailable("randomness_unavailable", &error)
    }
}

impl From<DatabaseError> for Refusal {
    /// A missing parameter is the configuration's failure, whoever met it.
    fn from(error: DatabaseError) -> Self {
        match error {
            DatabaseError::Configuration(error) => error.into(),
            error => Self::unavailable("database_unavailable", &error),
        }
    }
}

impl From<OutboxError> for Refusal {
    fn from(error: OutboxError) -> Self {
        match error {
            OutboxError::Configuration(error) => error.into(),
            OutboxError::Database(error) => error.into(),
            error @ OutboxError::Topic(_) => Self::unavailable("topic_unavailable", &error),
        }
    }
}

impl From<MigrationError> for Refusal {
    fn from(error: MigrationError) -> Self {
        let mut refusal = Self::new(500, "migration_failed", "the schema is not up to date");
        refusal.cause = Some(chain(&error));
        refusal
    }
}

/// Writes an error with everything below it.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut below = error.source();
    while let Some(cause) = below {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        below = cause.source();
    }
    text
}
