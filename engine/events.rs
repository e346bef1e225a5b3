//! What happens in a run, as data; renderers decide what people see.

use std::time::Duration;

use payinfra_state::Address;
use serde::Serialize;

use crate::Action;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The cloud is being read.
    Reading,
    /// A call for a resource is about to be made.
    Started {
        /// The resource.
        address: Address,
        /// What is being done.
        action: Action,
        /// How long it usually takes.
        usually: Duration,
    },
    /// The object exists; what uses its id goes on.
    Acquired {
        /// The resource.
        address: Address,
        /// The cloud's name for it.
        id: String,
    },
    /// Something is waited out.
    Waiting {
        /// The resource.
        address: Address,
        /// For what, as a phrase after "waiting for".
        what: String,
    },
    /// The resource is as the plan wants it.
    Finished {
        /// The resource.
        address: Address,
        /// What was done.
        action: Action,
        /// How long it took.
        took: Duration,
    },
    /// The resource is not as the plan wants it.
    Failed {
        /// The resource.
        address: Address,
        /// Why.
        error: String,
    },
    /// Nothing was done because of another resource.
    Skipped {
        /// The resource.
        address: Address,
        /// The other one.
        because: Address,
    },
}

/// Where events go.
pub type Events<'a> = &'a (dyn Fn(Event) + Sync);
