//! The checks, and how one can fail.

use payinfra_aws::CallError;
use payinfra_engine::Error;

/// One check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// `GET /health` answers.
    Health,
    /// A request without credentials is rejected.
    Unauthenticated,
    /// A malformed request does not reach a function.
    BadRequest,
    /// A card number is rejected.
    CardNumber,
    /// A payment is validated and gets a session.
    Validated,
    /// The session is booked.
    Booked,
    /// The booking can be read.
    ReadBack,
    /// The same request again books nothing.
    Replayed,
    /// The booking is refunded.
    Refunded,
    /// Its events are in the archive.
    Archived,
    /// Its webhooks arrive.
    Delivered,
    /// Their signatures are right.
    Signed,
    /// The ledger sums to zero.
    Balanced,
    /// The notification of an alarm arrives.
    Alarm,
}

impl Check {
    /// The name: the heading of its section in `docs/verify.md`, and part of the JSON contract.
    pub fn name(self) -> &'static str {
        match self {
            Self::Health => "health",
            Self::Unauthenticated => "strangers refused",
            Self::BadRequest => "bad request refused",
            Self::CardNumber => "card number refused",
            Self::Validated => "payment validated",
            Self::Booked => "payment booked",
            Self::ReadBack => "payment read back",
            Self::Replayed => "booking replayed",
            Self::Refunded => "payment refunded",
            Self::Archived => "events archived",
            Self::Delivered => "webhooks delivered",
            Self::Signed => "webhooks signed",
            Self::Balanced => "ledger balanced",
            Self::Alarm => "alarm heard",
        }
    }

    /// What to look at first if it fails, as a whole sentence.
    pub fn look_at(self) -> &'static str {
        match self {
            Self::Health => {
                "Look at the API's deployment and permissions (`payinfra diff`) and at payment-validation's log."
            }
            Self::Unauthenticated => {
                "Requests without credentials are accepted: compare `api.auth` with `payinfra diff` now."
            }
            Self::BadRequest => "Look at the API's models and validators (`payinfra diff`).",
            Self::CardNumber => "Look at payment-validation's code and log: card numbers must not be accepted.",
            Self::Validated => "Look at payment-validation's log, its parameters and the session table.",
            Self::Booked => "Look at transaction-processing's log: the database, its proxy and the session table.",
            Self::ReadBack => "Look at transaction-processing's log and the database.",
            Self::Replayed => {
                "Look at transaction-processing's log; until it is fixed, callers must not repeat requests."
            }
            Self::Refunded => {
                "Look at the flag features/refunds-enabled in Parameter Store and at transaction-processing's log."
            }
            Self::Archived => {
                "Follow the event: the topic sns-payment-events, its subscription, the log of notifications, the archive bucket."
            }
            Self::Delivered => {
                "Look at features/notifications-enabled, the merchant's address under webhooks/ and the dead-letter queue."
            }
            Self::Signed => "Look at secrets/webhook-signing-key and at the log of notifications.",
            Self::Balanced => {
                "Stop booking until this is explained: invoke transaction-processing with `ledger-balance`."
            }
            Self::Alarm => {
                "Look at the alarm's history in CloudWatch, the topic sns-alarms, its key and the queue sqs-alarms-heard."
            }
        }
    }
}

/// Why a check did not pass.
#[derive(Debug, PartialEq, Eq)]
pub enum CheckError {
    /// It failed.
    Broken(String),
    /// It is impossible from here, for this reason.
    NotChecked(String),
}

impl From<Error> for CheckError {
    fn from(error: Error) -> Self {
        Self::Broken(error.to_string())
    }
}

impl From<CallError> for CheckError {
    fn from(error: CallError) -> Self {
        Self::Broken(error.to_string())
    }
}

/// Fails a check for a reason.
pub fn broken<T>(reason: impl Into<String>) -> Result<T, CheckError> {
    Err(CheckError::Broken(reason.into()))
}
