//! The links of the chain, and what can be found about one.

use payinfra_aws::CallError;
use payinfra_engine::Error;
use serde::Serialize;

/// One link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// `GET /health` answers.
    Health,
    /// Who does not say who they are is refused.
    Unauthenticated,
    /// A malformed request does not reach a function.
    BadRequest,
    /// A card number is refused.
    CardNumber,
    /// A payment is checked and gets a session.
    Validated,
    /// The session is booked.
    Booked,
    /// The booking is shown.
    ReadBack,
    /// The same request again books nothing.
    Replayed,
    /// The booking is refunded.
    Refunded,
    /// Its events are in the archive.
    Archived,
    /// Its webhooks arrive.
    Delivered,
    /// They carry the right signature.
    Signed,
    /// The ledger sums to zero.
    Balanced,
    /// An alarm that goes off is heard.
    Alarm,
}

impl Link {
    /// The name, which is also that of its section in `docs/verify.md`.
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

    /// What to look at first where it is broken, as a whole sentence.
    pub fn look_at(self) -> &'static str {
        match self {
            Self::Health => {
                "Look at the API's deployment and permissions (`payinfra diff`) and at payment-validation's log."
            }
            Self::Unauthenticated => {
                "Callers are let in without credentials: compare `api.auth` with `payinfra diff` now."
            }
            Self::BadRequest => "Look at the API's models and validators (`payinfra diff`).",
            Self::CardNumber => "Look at payment-validation's code and log: card numbers must not get in.",
            Self::Validated => "Look at payment-validation's log, its parameters and the session table.",
            Self::Booked => "Look at transaction-processing's log: the database, its proxy and the session table.",
            Self::ReadBack => "Look at transaction-processing's log and the database.",
            Self::Replayed => {
                "Look at transaction-processing's log; until it is mended, callers must not repeat requests."
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
                "Stop booking until it is explained: invoke transaction-processing with `ledger-balance`."
            }
            Self::Alarm => {
                "Look at the alarm's history in CloudWatch, the topic sns-alarms, its key and the queue sqs-alarms-heard."
            }
        }
    }
}

/// How a link was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It holds.
    Ok,
    /// It does not.
    Broken,
    /// It could not be tried, because of another.
    Skipped,
    /// It cannot be checked from here.
    NotChecked,
}

/// Why a link is not well.
#[derive(Debug, PartialEq, Eq)]
pub enum Finding {
    /// It does not hold.
    Broken(String),
    /// It cannot be checked from here, for this reason.
    NotChecked(String),
}

impl From<Error> for Finding {
    fn from(error: Error) -> Self {
        Self::Broken(error.to_string())
    }
}

impl From<CallError> for Finding {
    fn from(error: CallError) -> Self {
        Self::Broken(error.to_string())
    }
}

/// Breaks a link for a reason.
pub fn broken<T>(reason: impl Into<String>) -> Result<T, Finding> {
    Err(Finding::Broken(reason.into()))
}
