//! Where the state is stored: a folder, a bucket, or memory.

use std::future::Future;
use std::pin::Pin;

use crate::{Entry, Error, Stack};

/// A future that may be sent between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What a backend found.
pub struct Loaded {
    /// The state: the snapshot with the journal applied; `None` if there is none yet.
    pub stack: Option<Stack>,
    /// Warnings for the user: a damaged file set aside, an older snapshot.
    pub warnings: Vec<String>,
}

/// Stores a stack's state; its owner holds the lock.
pub trait Backend: Send {
    /// Reads the state.
    fn load<'a>(&'a mut self, suffix: &'a str) -> BoxFuture<'a, Result<Loaded, Error>>;

    /// Makes the entries durable, in order; after an error, a prefix of them may be.
    fn append<'a>(&'a mut self, stack: &'a Stack, entries: &'a [Entry]) -> BoxFuture<'a, Result<(), Error>>;

    /// Replaces snapshot and journal with this state; a kill in between leaves the old or the new one.
    fn replace<'a>(&'a mut self, stack: &'a Stack) -> BoxFuture<'a, Result<(), Error>>;

    /// Removes the state of a stack that is gone.
    fn remove(&mut self) -> BoxFuture<'_, Result<(), Error>>;

    /// Releases the lock, if others would have to wait for it to expire.
    fn release(&mut self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async { Ok(()) })
    }
}
