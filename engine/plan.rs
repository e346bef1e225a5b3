//! The plan as data: renderers show it, and the executor follows it.

use payinfra_state::Address;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::LiveValue;

/// What a run does to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Nothing.
    NoOp,
    /// It is created.
    Create,
    /// It is changed in place.
    Update,
    /// It is deleted and created again.
    Replace,
    /// It is deleted.
    Delete,
}

/// Why a run does it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// It did not exist before.
    New,
    /// The configuration changed.
    Config,
    /// The functions' code changed.
    Code,
    /// The cloud's object was changed by somebody else.
    Drift,
    /// A resource that it uses changes.
    Dependency,
    /// It was deleted by somebody else.
    Missing,
    /// An earlier run did not finish it.
    Unfinished,
    /// It differs, and no record says what was applied last.
    Unrecorded,
    /// The cloud reports that it failed.
    Failed(String),
    /// It is being deleted and is needed again.
    Leaving,
    /// The configuration no longer has it.
    Removed,
    /// It carries the stack's ownership tags, and neither the configuration nor the state knows it.
    Orphan,
    /// The stack is being destroyed.
    Destroy,
}

/// One attribute that changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AttributeChange {
    /// Its name in the spec.
    pub name: String,
    /// What the cloud has; absent for a new resource.
    pub old: Option<Value>,
    /// What it should be; texts that are not known yet are shown as `(known after apply)`.
    pub new: Value,
    /// Why it changes.
    pub because: Reason,
    /// Whether this change forces the replacement of the resource.
    pub replaces: bool,
}

/// One resource of the plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// The resource.
    pub address: Address,
    /// What is done to it.
    pub action: Action,
    /// Why.
    pub because: Reason,
    /// The attributes that change.
    pub attributes: Vec<AttributeChange>,
    /// The object as it was read, if it exists.
    pub live: Option<LiveValue>,
    /// The resources that it uses or last used, for the order of deletions.
    pub deps: Vec<Address>,
}

/// What a plan is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// The stack as configured.
    Up,
    /// No stack.
    Destroy,
}

/// Everything that a run will change, and what it will leave as it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// What it is for.
    pub purpose: Purpose,
    /// All resources: those of the configuration in their order, then those to be deleted.
    pub changes: Vec<Change>,
}

impl Plan {
    /// The resources that will change.
    pub fn acting(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter().filter(|change| change.action != Action::NoOp)
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.acting().next().is_none()
    }

    /// How many resources get this action.
    pub fn count(&self, action: Action) -> usize {
        self.changes.iter().filter(|change| change.action == action).count()
    }

    /// Whether anything that exists will be deleted.
    pub fn destroys(&self) -> bool {
        self.count(Action::Delete) + self.count(Action::Replace) > 0
    }

    /// The change of one resource.
    pub fn change(&self, address: &Address) -> Option<&Change> {
        self.changes.iter().find(|change| change.address == *address)
    }
}
