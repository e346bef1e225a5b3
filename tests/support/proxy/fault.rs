//! What can go wrong with a call, and for which.

use std::time::Duration;

use bytes::Bytes;
use hyper::{HeaderMap, StatusCode};

use super::Answer;
use super::garble::Garble;
use super::operation::{Protocol, Seen};
use super::record::Call;

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Refused before it reaches the emulator, with the service's own throttling code.
    Throttle,
    /// Refused with 500 before it reaches the emulator.
    InternalError,
    /// Refused with 503 before it reaches the emulator.
    Unavailable,
    /// Refused with this status and error code before it reaches the emulator.
    Refuse(u16, &'static str),
    /// The connection is reset before the emulator sees the call.
    Reset,
    /// The emulator acts, and the connection is reset instead of an answer.
    DropAnswer,
    /// The emulator gets the call twice; the second answer is passed on.
    Twice,
    /// The emulator gets the call this much later.
    Delay(Duration),
    /// The emulator acts at once, and the answer comes this much later.
    Stall(Duration),
    /// Half of the answer's body arrives, then the connection ends.
    Truncate,
    /// Another body arrives.
    Garble(Garble),
}

/// The three moments a caller can be killed at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Before the request reaches the emulator.
    BeforeForward,
    /// After the emulator acted, before the answer.
    AfterForward,
    /// After the answer is with the caller's kernel.
    AfterAnswer,
}

/// A fault and the calls it is for. Unless told otherwise it happens once, to the first call that fits.
#[derive(Debug, Clone)]
pub struct Rule {
    fault: Fault,
    operation: Option<String>,
    mutating: Option<usize>,
    first: usize,
    times: usize,
    seen: usize,
}

impl Rule {
    /// For calls of one operation, with (`ec2:CreateVpc`) or without its service.
    pub fn on(operation: impl Into<String>, fault: Fault) -> Self {
        Self { operation: Some(operation.into()), ..Self::on_any(fault) }
    }

    /// For the `number`-th mutating call, from 1.
    pub fn on_mutating(number: usize, fault: Fault) -> Self {
        Self { mutating: Some(number), ..Self::on_any(fault) }
    }

    /// For any call.
    pub fn on_any(fault: Fault) -> Self {
        Self { fault, operation: None, mutating: None, first: 1, times: 1, seen: 0 }
    }

    /// Begins with the `first`-th call that fits, from 1.
    pub fn from(self, first: usize) -> Self {
        Self { first, ..self }
    }

    /// Happens to so many calls in a row.
    pub fn times(self, times: usize) -> Self {
        Self { times, ..self }
    }

    /// Happens to every call that fits.
    pub fn always(self) -> Self {
        self.times(usize::MAX)
    }

    /// Counts a call that fits, and says what happens to it.
    pub fn apply(&mut self, call: &Call) -> Option<Fault> {
        let fits = self.operation.as_ref().is_none_or(|name| *name == call.operation || *name == call.name())
            && self.mutating.is_none_or(|number| call.mutating == Some(number));
        if !fits {
            return None;
        }
        self.seen += 1;
        (self.seen >= self.first && self.seen - self.first < self.times).then_some(self.fault)
    }
}

impl Fault {
    /// Status and error code, if the fault is a refusal; as the services' references list them under common errors.
    pub fn refusal(self, seen: &Seen) -> Option<(StatusCode, &'static str)> {
        let (status, code) = match (self, seen.protocol) {
            (Self::Refuse(status, code), _) => (status, code),
            (Self::Throttle, Protocol::Ec2) => (503, "RequestLimitExceeded"),
            (Self::Throttle, Protocol::S3) => (503, "SlowDown"),
            (Self::Throttle, Protocol::Query | Protocol::RestXml) => (400, "Throttling"),
            (Self::Throttle, Protocol::Json) => (400, "ThrottlingException"),
            (Self::Throttle, Protocol::RestJson) => (429, "TooManyRequestsException"),
            (Self::InternalError, Protocol::Ec2 | Protocol::S3) => (500, "InternalError"),
            (Self::InternalError, Protocol::Query | Protocol::RestXml) => (500, "InternalFailure"),
            (Self::InternalError, Protocol::Json) => (500, "InternalServerError"),
            (Self::InternalError, Protocol::RestJson) => (500, "ServiceException"),
            (Self::Unavailable, Protocol::Ec2) => (503, "Unavailable"),
            (Self::Unavailable, Protocol::RestJson) => (503, "ServiceUnavailableException"),
            (Self::Unavailable, _) => (503, "ServiceUnavailable"),
            _ => return None,
        };
        Some((StatusCode::from_u16(status).unwrap(), code))
    }
}

/// An error answer in the shape of the call's protocol.
pub fn refuse(seen: &Seen, status: StatusCode, code: &str) -> Answer {
    refuse_saying(seen, status, code, "refused by the test")
}

/// The same with a message.
pub fn refuse_saying(seen: &Seen, status: StatusCode, code: &str, message: &str) -> Answer {
    let id = "00000000-0000-4000-8000-000000000000";
    let error = format!("<Code>{code}</Code><Message>{message}</Message>");
    let (kind, body) = match seen.protocol {
        Protocol::Ec2 => {
            let body =
                format!("<Response><Errors><Error>{error}</Error></Errors><RequestID>{id}</RequestID></Response>");
            ("text/xml", body)
        }
        Protocol::Query | Protocol::RestXml => {
            let side = if status.is_server_error() { "Receiver" } else { "Sender" };
            let body = format!(
                "<ErrorResponse><Error><Type>{side}</Type>{error}</Error><RequestId>{id}</RequestId></ErrorResponse>"
            );
            ("text/xml", body)
        }
        Protocol::S3 => ("application/xml", format!("<Error>{error}<RequestId>{id}</RequestId></Error>")),
        Protocol::Json => ("application/x-amz-json-1.1", format!(r#"{{"__type":"{code}","message":"{message}"}}"#)),
        Protocol::RestJson => ("application/json", format!(r#"{{"Type":"User","message":"{message}"}}"#)),
    };
    let mut headers = HeaderMap::new();
    for (name, value) in [("content-type", kind), ("x-amzn-requestid", id), ("x-amzn-errortype", code)] {
        headers.insert(name, value.parse().unwrap());
    }
    if seen.service == "sqs" {
        // SQS still names its codes as it did before it spoke JSON.
        headers.insert("x-amzn-query-error", format!("{code};Sender").parse().unwrap());
    }
    Answer { status, headers, body: Bytes::from(body) }
}
