//! The state in S3: a log of objects that fences off a paused run, and a lease that decides who may write.
//!
//! Below `s3://bucket/prefix/<suffix>/` are `lease.json`, `snapshot.json` and `journal/<sequence>.jsonl`. Every append
//! is one object of the next sequence, created only if there is none (`If-None-Match: *`). A run that takes over first
//! puts a fence marker at the next sequence, so the next append of a predecessor that was only paused fails, and so does
//! the call that it would have announced. The lease only decides who may take over, and when.

mod backend;
mod bucket;
mod error;
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
use payinfra_state::Holder;
use payinfra_steps::Cloud;

pub use backend::RemoteBackend;
pub use error::RemoteStateError;
pub use lease::{Lease, Terms};
pub use location::Location;
pub use preflight::check_bucket;
pub use records::LeaseRecord;
pub use store::Store;

use bucket::Bucket;

/// The objects of a stack's state, through the cloud's own S3 client.
pub fn store(cloud: &Cloud, location: Location) -> Store {
    let bucket = Bucket::new(cloud.s3.clone(), location.bucket().to_owned(), cloud.account().to_owned());
    Store::new(Arc::new(bucket), location)
}

/// Takes the lease and returns what reads and writes the state under it.
///
/// # Errors
/// [`payinfra_state::Error::Locked`] where another run holds it longer than `terms.wait`; a refused call.
pub async fn open(
    store: Store,
    terms: Terms,
    stop: &Shutdown,
    notice: &(dyn Fn(&str) + Sync),
) -> Result<(RemoteBackend, Lease), RemoteStateError> {
    let lease = Lease::acquire(store.clone(), terms, stop.clone(), notice).await?;
    Ok((RemoteBackend::new(store, lease.clone()), lease))
}

/// The lease, and how long ago it was renewed by the server's clock; nothing if there never was a run.
///
/// # Errors
/// A refused call, or a lease that a newer payinfra wrote.
pub async fn look(store: &Store) -> Result<Option<(LeaseRecord, Option<Duration>)>, RemoteStateError> {
    let Some(object) = store.get(records::LEASE).await? else { return Ok(None) };
    Ok(Some((lease::read_or_unknown(store, &object)?, object.age)))
}

/// Fences off the holder, whoever it is, and leaves the state free.
///
/// # Errors
/// A refused call.
pub async fn unlock(store: Store, holder: Holder, length: Duration, suffix: &str) -> Result<(), RemoteStateError> {
    let lease = Lease::seize(store.clone(), holder, length).await?;
    let fenced = RemoteBackend::new(store, lease.clone()).fence_off(suffix).await;
    lease.release().await?;
    Ok(fenced?)
}
