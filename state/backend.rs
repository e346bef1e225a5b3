//! Where the bytes of the state live: a folder, a bucket, or memory in tests.

use std::future::Future;
use std::pin::Pin;

use crate::{Entry, Error, Stack};

/// A future that may be sent between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What a backend found.
pub struct Loaded {
    /// The state, snapshot and journal folded together; `None` where there is none yet.
    pub stack: Option<Stack>,
    /// What a person should be told: a damaged file set aside, an older snapshot.
    pub warnings: Vec<String>,
}

/// Stores a stack's state; its owner holds the lock.
pub trait Backend: Send {
    /// Reads the state.
    fn load<'a>(&'a mut self, suffix: &'a str) -> BoxFuture<'a, Result<Loaded, Error>>;

    /// Makes the entries durable, all or a prefix of them, in order; on `Ok` all are.
    fn append<'a>(&'a mut self, stack: &'a Stack, entries: &'a [Entry]) -> BoxFuture<'a, Result<(), Error>>;

    /// Replaces snapshot and journal by this state; a kill in between leaves the old or the new one.
    fn replace<'a>(&'a mut self, stack: &'a Stack) -> BoxFuture<'a, Result<(), Error>>;

    /// Removes the state of a stack that is gone.
    fn remove(&mut self) -> BoxFuture<'_, Result<(), Error>>;

    /// Gives the lock back, where holding it costs others time.
    fn release(&mut self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async { Ok(()) })
    }
}
