//! What the objects contain, and their names.

use std::collections::BTreeMap;

use jiff::Timestamp;
use payinfra_state::{
    Entry, Error, FORMAT, Holder, Stack, decode_envelope, decode_object, encode_envelope, encode_object,
};
use serde::{Deserialize, Serialize};

/// The lease's name below the stack's prefix.
pub const LEASE: &str = "lease.json";
/// The snapshot's name below the stack's prefix.
pub const SNAPSHOT: &str = "snapshot.json";
/// The prefix of all journal objects.
pub const JOURNAL: &str = "journal/";

/// Who may write, and since when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeaseRecord {
    /// The fencing token: one more with each run that takes the lease.
    pub fence: u64,
    /// The random name of the run.
    pub run: String,
    /// Who runs it.
    pub holder: Holder,
    /// How long the lease lasts without a renewal, in seconds.
    pub length_seconds: u64,
    /// When it was last renewed, by the holder's clock; for people.
    pub renewed_at: Timestamp,
    /// Counts the renewals, so that no two records are the same bytes.
    pub beat: u64,
    /// Whether the holder has released it.
    pub released: bool,
}

/// Writes a lease.
pub fn write_lease(lease: &LeaseRecord) -> Vec<u8> {
    encode_envelope(lease)
}

/// Reads a lease.
///
/// # Errors
/// [`Error::Damaged`] or [`Error::Newer`].
pub fn read_lease(name: &str, bytes: &[u8]) -> Result<LeaseRecord, Error> {
    decode_envelope(name, bytes)
}

/// The first line of a journal object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    format: u32,
    /// Its place in the log, as in its name.
    pub sequence: u64,
    /// The fencing token of the run that wrote it.
    pub fence: u64,
    /// The run that wrote it.
    pub run: String,
    /// When, by the writer's clock.
    pub at: Timestamp,
}

impl Head {
    /// The head of an object that is about to be written.
    pub fn new(sequence: u64, fence: u64, run: &str) -> Self {
        Self { format: FORMAT, sequence, fence, run: run.to_owned(), at: Timestamp::now() }
    }
}

/// Writes a journal object; one without entries is the fence marker of a run that took over.
pub fn write_entries(head: &Head, entries: &[Entry]) -> Vec<u8> {
    encode_object(head, entries)
}

/// Reads a journal object.
///
/// # Errors
/// [`Error::Damaged`] or [`Error::Newer`].
pub fn read_entries(name: &str, bytes: &[u8]) -> Result<(Head, Vec<Entry>), Error> {
    decode_object(name, bytes)
}

/// A state up to a place in the log.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    /// The last sequence that it includes.
    pub covers: u64,
    /// The fencing token of the run that wrote it.
    pub fence: u64,
    /// The run that wrote it.
    pub run: String,
    /// The fence markers of runs that took over, and when they did: they stay in the log for a while.
    #[serde(rename = "marks")]
    pub markers: BTreeMap<u64, Timestamp>,
    /// The state.
    pub stack: Stack,
}

/// Writes a snapshot.
pub fn write_snapshot(snapshot: &Snapshot) -> Vec<u8> {
    encode_envelope(snapshot)
}

/// Reads a snapshot.
///
/// # Errors
/// [`Error::Damaged`] or [`Error::Newer`].
pub fn read_snapshot(name: &str, bytes: &[u8]) -> Result<Snapshot, Error> {
    decode_envelope(name, bytes)
}

/// The name of the journal object at a place in the log; names sort as numbers do.
pub fn journal_name(sequence: u64) -> String {
    format!("{JOURNAL}{sequence:020}.jsonl")
}

/// The place in the log that a name stands for; nothing for an object that was set aside.
pub fn sequence_of(name: &str) -> Option<u64> {
    let digits = name.strip_prefix(JOURNAL)?.strip_suffix(".jsonl")?;
    (digits.len() == 20).then(|| digits.parse().ok()).flatten()
}
