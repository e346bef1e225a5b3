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
    /// The object exists; resources that use its id can start.
    Acquired {
        /// The resource.
        address: Address,
        /// The cloud's name for it.
        id: String,
    },
    /// The run is waiting.
    Waiting {
        /// The resource.
        address: Address,
        /// For what, as a phrase after "waiting for".
        what: String,
    },
    /// The resource is as planned.
    Finished {
        /// The resource.
        address: Address,
        /// What was done.
        action: Action,
        /// How long it took.
        took: Duration,
    },
    /// The resource is not as planned.
    Failed {
        /// The resource.
        address: Address,
        /// Why.
        error: String,
    },
    /// The resource was skipped because of another one.
    Skipped {
        /// The resource.
        address: Address,
        /// The other resource.
        because: Address,
    },
}

/// The receiver of events.
pub type Events<'a> = &'a (dyn Fn(Event) + Sync);
