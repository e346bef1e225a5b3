//! What a cloud's refusal means for the engine.

use payinfra_state::{Address, Error as StateError};

/// What an error means; decided from codes in one place of the cloud's crate, never from texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// The object does not exist.
    Absent,
    /// The name is taken.
    Exists,
    /// Something it needs has not arrived everywhere yet (a role, a fresh object); waiting helps.
    NotYet,
    /// Something else still uses it, or another change of it is under way; waiting helps.
    InUse,
    /// Too many calls; the call had no effect.
    Throttled,
    /// No answer came: the call may have had its effect.
    NoAnswer,
    /// The service failed: the call may have had its effect.
    Transient,
    /// The caller may not do this.
    Denied,
    /// The caller's credentials are missing, wrong or have expired.
    Credentials,
    /// A quota of the account is used up.
    Quota,
    /// The call is wrong and stays wrong.
    Invalid,
}

/// A refused or failed call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{operation}: {message}{}", details(.code.as_deref(), .request_id.as_deref()))]
pub struct Error {
    /// What it means.
    pub class: Class,
    /// The operation, as the service's API names it.
    pub operation: &'static str,
    /// The service's error code.
    pub code: Option<String>,
    /// The service's message, for people only.
    pub message: String,
    /// The service's id of the request, for its support.
    pub request_id: Option<String>,
}

impl Error {
    /// Makes an error that has no code of a service behind it.
    pub fn new(class: Class, operation: &'static str, message: impl Into<String>) -> Self {
        Self { class, operation, code: None, message: message.into(), request_id: None }
    }
}

fn details(code: Option<&str>, request_id: Option<&str>) -> String {
    match (code, request_id) {
        (Some(code), Some(id)) => format!(" ({code}, request {id})"),
        (Some(code), None) => format!(" ({code})"),
        (None, Some(id)) => format!(" (request {id})"),
        (None, None) => String::new(),
    }
}

/// Why a run, or one resource of it, did not reach its goal.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The cloud refused.
    #[error(transparent)]
    Call(#[from] Error),
    /// The state could not be read or written.
    #[error(transparent)]
    State(#[from] StateError),
    /// A name is held by an object without this stack's marks; it is neither adopted nor deleted.
    #[error("the name of {address} is taken by an object that does not carry this stack's marks")]
    NotOurs {
        /// The resource that wants the name.
        address: Address,
        /// The refusal.
        source: Error,
    },
    /// Two objects carry the marks of one resource.
    #[error("{address} exists more than once: {}", ids.join(", "))]
    Duplicate {
        /// The resource.
        address: Address,
        /// The objects.
        ids: Vec<String>,
    },
    /// The cloud takes a change and does not keep it.
    #[error("the cloud does not keep {} of {address}", attributes.join(", "))]
    NotKept {
        /// The resource.
        address: Address,
        /// The attributes that read back different from what was written.
        attributes: Vec<String>,
    },
    /// The object ended in a state from which it does not recover.
    #[error("{address} failed: {reason}")]
    Failed {
        /// The resource.
        address: Address,
        /// What the cloud says.
        reason: String,
    },
    /// The object did not get ready, or go away, in time.
    #[error("{address} is still {state} after {seconds} s")]
    TimedOut {
        /// The resource.
        address: Address,
        /// What it was last seen as.
        state: String,
        /// How long was waited.
        seconds: u64,
    },
    /// Carrying on would need an act that the shown plan did not contain.
    #[error("{address} would have to be {act}, which the plan did not show")]
    PlanChanged {
        /// The resource.
        address: Address,
        /// The act, as a past participle.
        act: &'static str,
    },
}

impl Failure {
    /// The class of the refused call behind it, where there is one.
    pub fn class(&self) -> Option<Class> {
        match self {
            Failure::Call(error) | Failure::NotOurs { source: error, .. } => Some(error.class),
            _ => None,
        }
    }
}
