//! The state in S3: a log of objects that fences a paused run off, and a lease that says who may write.
//!
//! Below `s3://bucket/prefix/<suffix>/` lie `lease.json`, `snapshot.json` and `journal/<sequence>.jsonl`. Every append
//! is one object of the next sequence, made only if there is none (`If-None-Match: *`). Whoever takes over puts an
//! object of its own at the next sequence first, so the append of a predecessor that was only paused collides, and
//! nothing it meant to announce can be believed. The lease only decides who may take over, and when.

mod backend;
mod bucket;
mod lease;
mod location;
mod moment;
mod preflight;
mod records;
mod store;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use payinfra_engine::Shutdown;
use payinfra_state::{Error as StateError, Holder};
use payinfra_steps::Cloud;

pub use backend::RemoteBackend;
pub use lease::{Lease, Terms};
pub use location::Location;
pub use preflight::check_bucket;
pub use records::LeaseRecord;
pub use store::{Store, Trouble};

use bucket::Bucket;

/// Why a state in S3 cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A call was refused or not answered.
    #[error(transparent)]
    Call(#[from] Trouble),
    /// The state is held by another run, or cannot be read.
    #[error(transparent)]
    State(#[from] StateError),
}

/// The objects of a stack's state, through the cloud's own S3 client.
pub fn store(cloud: &Cloud, location: Location) -> Store {
    let bucket = Bucket::new(cloud.s3.clone(), location.bucket().to_owned(), cloud.account().to_owned());
    Store::new(Arc::new(bucket), location)
}

/// Takes the lease and gives what reads and writes the state under it.
///
/// # Errors
/// [`StateError::Locked`] where another run holds it longer than `terms.wait`; a refused call.
pub async fn open(
    store: Store,
    terms: Terms,
    stop: &Shutdown,
    notice: &(dyn Fn(&str) + Sync),
) -> Result<(RemoteBackend, Lease), Failure> {
    let lease = Lease::acquire(store.clone(), terms, stop.clone(), notice).await?;
    Ok((RemoteBackend::new(store, lease.clone()), lease))
}

/// What the lease says, and how long ago it was renewed by the server's clock; nothing where no run ever came here.
///
/// # Errors
/// A refused call, or a lease that a newer payinfra wrote.
pub async fn look(store: &Store) -> Result<Option<(LeaseRecord, Option<Duration>)>, Failure> {
    let Some(object) = store.get(records::LEASE).await? else { return Ok(None) };
    Ok(Some((lease::read_or_unknown(store, &object)?, object.age)))
}

/// Fences the holder off, whoever it is, and leaves the state free.
///
/// # Errors
/// A refused call.
pub async fn unlock(store: Store, holder: Holder, length: Duration, suffix: &str) -> Result<(), Failure> {
    let lease = Lease::seize(store.clone(), holder, length).await?;
    let fenced = RemoteBackend::new(store, lease.clone()).fence_off(suffix).await;
    lease.release().await?;
    Ok(fenced?)
}
