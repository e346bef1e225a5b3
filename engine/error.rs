//! Errors of the cloud, and how a run or a resource can fail.

use payinfra_state::{Address, Error as StateError};

/// What an error means. The cloud's crate decides it in one place, from error codes and never from messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// The object does not exist.
    Absent,
    /// The name is taken.
    Exists,
    /// Something it needs (a role, a fresh object) is not visible everywhere yet; waiting helps.
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
    /// A quota of the account is exhausted.
    Quota,
    /// The call is invalid and stays so.
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
    /// The service's id of the request, for its support team.
    pub request_id: Option<String>,
}

impl Error {
    /// Makes an error that has no service error code.
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
pub enum ApplyError {
    /// The cloud refused.
    #[error(transparent)]
    Call(#[from] Error),
    /// The state could not be read or written.
    #[error(transparent)]
    State(#[from] StateError),
    /// The name belongs to an object without this stack's ownership tags; it is neither adopted nor deleted.
    #[error("the name of {address} is taken by an object that does not carry this stack's ownership tags")]
    NotOurs {
        /// The resource that needs the name.
        address: Address,
        /// The refusal.
        source: Error,
    },
    /// Two objects carry the ownership tags of one resource.
    #[error("{address} exists more than once: {}", ids.join(", "))]
    Duplicate {
        /// The resource.
        address: Address,
        /// The objects.
        ids: Vec<String>,
    },
    /// The cloud accepts a change and does not keep it.
    #[error("{address}: changes to {} did not persist", attributes.join(", "))]
    NotKept {
        /// The resource.
        address: Address,
        /// The attributes whose values differ from what was written.
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
    /// The object did not become ready, or was not deleted, in time.
    #[error("{address} is still {state} after {seconds} s")]
    TimedOut {
        /// The resource.
        address: Address,
        /// The state in which it was last seen.
        state: String,
        /// How long the run waited.
        seconds: u64,
    },
    /// Continuing would need an action that the plan did not show.
    #[error("the plan is out of date: {address} would have to be {act}")]
    PlanChanged {
        /// The resource.
        address: Address,
        /// The action, as a past participle.
        act: &'static str,
    },
}

impl ApplyError {
    /// The class of the refused call that caused it, where there is one.
    pub fn class(&self) -> Option<Class> {
        match self {
            ApplyError::Call(error) | ApplyError::NotOurs { source: error, .. } => Some(error.class),
            _ => None,
        }
    }
}
