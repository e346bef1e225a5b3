//! The lines of the journal.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Address;
use crate::record::known;

/// One fact of a run, durable before anything follows from it.
///
/// A change of this enum bumps [`crate::FORMAT`] and adds a file of the old format to `state/testdata/`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Entry {
    /// A create call is about to be made.
    Creating {
        /// The resource.
        address: Address,
        /// What it should become.
        spec: Value,
        /// The resources whose outputs it uses.
        deps: Vec<Address>,
        /// The idempotency key of this creation; every attempt at it sends the same one.
        token: String,
        /// When.
        at: Timestamp,
    },
    /// The create call was finally refused: there is nothing to look for.
    Abandoned {
        /// The resource.
        address: Address,
    },
    /// The object exists in the cloud.
    Acquired {
        /// The resource.
        address: Address,
        /// The cloud's name for it.
        id: String,
        /// What others may use of it, if the create call returned it.
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "known")]
        outputs: Option<Value>,
        /// When.
        at: Timestamp,
    },
    /// The object works and matches its spec.
    Ready {
        /// The resource.
        address: Address,
        /// The cloud's name for it.
        id: String,
        /// What was applied.
        spec: Value,
        /// What others may use of it.
        outputs: Value,
        /// The resources whose outputs it uses.
        deps: Vec<Address>,
        /// How long it took from the first call, in milliseconds; absent if nothing was done.
        took_ms: Option<u64>,
    },
    /// An update call is about to be made; updates are idempotent and can simply be repeated.
    Updating {
        /// The resource.
        address: Address,
        /// The attributes that change.
        attributes: Vec<String>,
        /// When.
        at: Timestamp,
    },
    /// A delete call is about to be made.
    Deleting {
        /// The resource.
        address: Address,
        /// The cloud's name for it.
        id: String,
        /// When.
        at: Timestamp,
    },
    /// The object is gone from the cloud.
    Gone {
        /// The resource.
        address: Address,
        /// How long the deletion took, in milliseconds; absent if it was already gone.
        took_ms: Option<u64>,
    },
}

impl Entry {
    /// The resource that the entry is about.
    pub fn address(&self) -> &Address {
        match self {
            Entry::Creating { address, .. }
            | Entry::Abandoned { address }
            | Entry::Acquired { address, .. }
            | Entry::Ready { address, .. }
            | Entry::Updating { address, .. }
            | Entry::Deleting { address, .. }
            | Entry::Gone { address, .. } => address,
        }
    }
}
