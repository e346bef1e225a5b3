//! What survives a kill: an append-only journal, a snapshot that compacts it, and the lock around both.
//!
//! The rule that everything else rests on: an [`Entry`] that announces a call is durable *before* the call is made.
//! The state is a cache of the cloud, never the truth; losing it costs history and timings, not resources.

mod address;
mod backend;
mod entry;
mod error;
mod frame;
mod journal;
mod local;
mod lock;
mod memory;
mod record;

pub use address::{Address, InvalidAddress};
pub use backend::{Backend, BoxFuture, Loaded};
pub use entry::Entry;
pub use error::Error;
pub use frame::{
    decode_envelope, decode_journal, decode_object, decode_snapshot, encode_envelope, encode_journal, encode_object,
    encode_snapshot,
};
pub use journal::Journal;
pub use local::LocalBackend;
pub use lock::{Holder, StateLock};
pub use memory::MemoryBackend;
pub use record::{FORMAT, Phase, Record, Stack};
