//! The state of a stack: what the journal's entries add up to.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::{Address, Entry};

/// The version of the files that this program writes; it reads this one and older ones.
pub const FORMAT: u32 = 1;

/// How far one resource has progressed, as far as this stack's runs know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// A create call was announced; whether the object exists is not known.
    Creating,
    /// The object exists; whether it is complete is not known.
    Acquired,
    /// The object was complete when last seen.
    Ready,
    /// A delete call was announced.
    Deleting,
}

/// What is known of one resource.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// How far it has progressed.
    pub phase: Phase,
    /// The cloud's name for it, once known.
    pub id: Option<String>,
    /// The spec that was last applied (or, while creating, is being applied).
    pub spec: Value,
    /// What others may use of it, once known; a `null` counts as known.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "known")]
    pub outputs: Option<Value>,
    /// The resources whose outputs it uses.
    pub deps: Vec<Address>,
    /// The idempotency key of its creation.
    pub token: Option<String>,
    /// When it entered its phase.
    pub since: Option<Timestamp>,
    /// The attributes that an update should have changed, until the change was seen.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub updating: BTreeSet<String>,
    /// How long its creation took, in milliseconds.
    pub took_ms: Option<u64>,
}

/// Reads a field that is present: it is known, even if it is `null`.
pub(crate) fn known<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// Everything that is known of one stack.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stack {
    /// A random name given at birth: two states of one lineage are copies of each other.
    pub lineage: String,
    /// Counts the snapshots of this lineage.
    pub serial: u64,
    /// The environment suffix.
    pub suffix: String,
    /// The account it belongs to, once known.
    pub account: Option<String>,
    /// The resources by address.
    pub records: BTreeMap<Address, Record>,
    /// How long deletions took, by kind, in milliseconds, latest last; at most ten are kept.
    pub deletions_ms: BTreeMap<String, Vec<u64>>,
}

impl Stack {
    /// Creates the empty state of a stack, with a new lineage.
    pub fn new(suffix: &str) -> Self {
        Self { lineage: format!("{:032x}", rand::random::<u128>()), suffix: suffix.to_owned(), ..Self::default() }
    }

    /// Applies one entry; entries may be replayed any number of times.
    ///
    /// No entry is refused, whatever the phase: a journal may follow a lost or an older snapshot, and the cloud decides
    /// what exists, not the record.
    pub fn apply(&mut self, entry: &Entry) {
        match entry {
            Entry::Creating { address, spec, deps, token, at } => {
                self.records.insert(
                    address.clone(),
                    Record {
                        phase: Phase::Creating,
                        id: None,
                        spec: spec.clone(),
                        outputs: None,
                        deps: deps.clone(),
                        token: Some(token.clone()),
                        since: Some(*at),
                        updating: BTreeSet::new(),
                        took_ms: None,
                    },
                );
            }
            Entry::Abandoned { address } => {
                self.records.remove(address);
            }
            Entry::Acquired { address, id, outputs, at } => {
                let record = self.record(address);
                record.phase = Phase::Acquired;
                record.id = Some(id.clone());
                record.outputs = outputs.clone();
                record.since = Some(*at);
            }
            Entry::Ready { address, id, spec, outputs, deps, took_ms } => {
                let record = self.record(address);
                record.phase = Phase::Ready;
                record.id = Some(id.clone());
                record.spec = spec.clone();
                record.outputs = Some(outputs.clone());
                record.deps = deps.clone();
                record.token = None;
                record.since = None;
                record.updating.clear();
                record.took_ms = took_ms.or(record.took_ms);
            }
            Entry::Updating { address, attributes, at } => {
                let record = self.record(address);
                record.updating.extend(attributes.iter().cloned());
                record.phase = Phase::Acquired;
                record.since = Some(*at);
            }
            Entry::Deleting { address, id, at } => {
                let record = self.record(address);
                record.phase = Phase::Deleting;
                record.id = Some(id.clone());
                record.since = Some(*at);
            }
            Entry::Gone { address, took_ms } => {
                self.records.remove(address);
                if let Some(took) = took_ms {
                    let history = self.deletions_ms.entry(address.kind().to_owned()).or_default();
                    history.push(*took);
                    let surplus = history.len().saturating_sub(10);
                    history.drain(..surplus);
                }
            }
        }
    }

    /// The record that an entry is about. An entry may refer to a resource that only a lost snapshot contained, so a
    /// missing record is created.
    fn record(&mut self, address: &Address) -> &mut Record {
        self.records.entry(address.clone()).or_insert_with(|| Record {
            phase: Phase::Acquired,
            id: None,
            spec: Value::Null,
            outputs: None,
            deps: Vec::new(),
            token: None,
            since: None,
            updating: BTreeSet::new(),
            took_ms: None,
        })
    }
}
