//! An answer that rejects a request: the status, a body that is safe to show to the caller, and a cause for the log.

use std::error::Error;

use serde_json::{Value, json};

use crate::frame::causes::chain;
use crate::frame::response::Response;
use crate::rules::identifiers::RandomnessError;
use crate::rules::validation::{Reason, ValidationError};

/// A rejected request or event.
///
/// The rules know no HTTP, so their errors are converted here. A store implements `From` beside its own error.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Rejection {
    /// The HTTP status.
    pub status: u16,
    /// The machine-readable code; also the outcome in the metrics.
    pub code: &'static str,
    /// The human-readable message.
    pub message: &'static str,
    /// Everything that is wrong with the request's fields; empty if no field is at fault.
    pub reasons: Vec<Reason>,
    /// The cause for the log; never shown to the caller.
    pub cause: Option<String>,
    /// An additional response header: name and value.
    pub header: Option<(&'static str, &'static str)>,
}

impl Rejection {
    /// Creates a rejection without reasons.
    pub const fn new(status: u16, code: &'static str, message: &'static str) -> Self {
        Self { status, code, message, reasons: Vec::new(), cause: None, header: None }
    }

    /// Creates the rejection of invalid values (422).
    pub fn invalid(reasons: Vec<Reason>) -> Self {
        Self { reasons, ..Self::new(422, "invalid", "the values are invalid") }
    }

    /// Creates the rejection of a request that contains what may be a card number (422).
    pub const fn card_number() -> Self {
        Self::new(422, "card_number", "the request holds what looks like a card number; send a token instead")
    }

    /// Creates the rejection of an event that the function does not handle (400).
    pub const fn unknown_event() -> Self {
        Self::new(400, "unknown_event", "this function does not handle this event")
    }

    /// Creates the rejection for a failed dependency (503).
    pub fn unavailable(code: &'static str, cause: &dyn Error) -> Self {
        Self {
            cause: Some(chain(cause)),
            header: Some(("Retry-After", "1")),
            ..Self::new(503, code, "a part of the service is unavailable; retry the same request")
        }
    }

    /// Adds the cause for the log.
    #[must_use]
    pub fn with_cause(mut self, cause: String) -> Self {
        self.cause = Some(cause);
        self
    }

    /// Builds the HTTP response.
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

impl From<ValidationError> for Rejection {
    fn from(error: ValidationError) -> Self {
        match error {
            ValidationError::MissingKey => Self::new(400, "no_key", "the Idempotency-Key header is missing"),
            ValidationError::CardNumber => Self::card_number(),
            ValidationError::Values(reasons) => Self::invalid(reasons),
        }
    }
}

impl From<RandomnessError> for Rejection {
    fn from(error: RandomnessError) -> Self {
        Self::unavailable("randomness_unavailable", &error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_rule_has_its_status_and_code() {
        let reason = Reason { field: "amount", code: "missing", message: "is missing".to_owned() };
        for (error, status, code) in [
            (ValidationError::MissingKey, 400, "no_key"),
            (ValidationError::CardNumber, 422, "card_number"),
            (ValidationError::Values(vec![reason.clone()]), 422, "invalid"),
        ] {
            let rejection = Rejection::from(error.clone());
            assert_eq!((rejection.status, rejection.code), (status, code));
            let expected = if code == "invalid" { vec![reason.clone()] } else { Vec::new() };
            assert_eq!(rejection.reasons, expected, "{error}");
        }
    }
}
