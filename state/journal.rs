//! The journal as the engine uses it: append, then act.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{Backend, Entry, Error, Loaded, Stack};

/// The open journal of one stack.
///
/// Appends from many tasks are made durable together: the task that holds the backend writes everything pending, so a
/// wave of parallel creates costs one fsync (or one object write), not one each.
pub struct Journal {
    shared: Mutex<Shared>,
    backend: tokio::sync::Mutex<Writer>,
}

struct Shared {
    stack: Stack,
    pending: Vec<Entry>,
    announced: u64,
}

struct Writer {
    backend: Box<dyn Backend>,
    durable: u64,
    broken: Option<String>,
}

impl Journal {
    /// Opens the state of a stack, or starts an empty one; returns warnings for the user.
    ///
    /// # Errors
    /// The backend's error.
    pub async fn open(mut backend: Box<dyn Backend>, suffix: &str) -> Result<(Self, Vec<String>), Error> {
        let Loaded { stack, warnings } = backend.load(suffix).await?;
        let mut stack = stack.unwrap_or_else(|| Stack::new(suffix));
        stack.suffix = suffix.to_owned();
        let journal = Self {
            shared: Mutex::new(Shared { stack, pending: Vec::new(), announced: 0 }),
            backend: tokio::sync::Mutex::new(Writer { backend, durable: 0, broken: None }),
        };
        Ok((journal, warnings))
    }

    /// Makes one entry durable; when this returns `Ok`, a kill cannot lose it.
    ///
    /// # Errors
    /// The backend's error; from then on [`Error::Broken`] for every further append, so that nothing is done that
    /// could not be recorded.
    pub async fn append(&self, entry: Entry) -> Result<(), Error> {
        let ticket = {
            let mut shared = self.shared();
            shared.stack.apply(&entry);
            shared.pending.push(entry);
            shared.announced += 1;
            shared.announced
        };
        let mut writer = self.backend.lock().await;
        if let Some(reason) = &writer.broken {
            return Err(Error::Broken(reason.clone()));
        }
        if writer.durable >= ticket {
            return Ok(());
        }
        let (stack, batch, last) = {
            let mut shared = self.shared();
            let batch = std::mem::take(&mut shared.pending);
            let identity = Stack {
                lineage: shared.stack.lineage.clone(),
                serial: shared.stack.serial,
                suffix: shared.stack.suffix.clone(),
                ..Stack::default()
            };
            (identity, batch, shared.announced)
        };
        // If this future is dropped midway, the batch may be lost, with entries of other tasks, so nothing may follow.
        writer.broken = Some("an append was interrupted".to_owned());
        let done = writer.backend.append(&stack, &batch).await;
        writer.broken = done.as_ref().err().map(Error::with_reasons);
        if done.is_ok() {
            writer.durable = last;
        }
        done
    }

    /// Reads the state.
    pub fn read<T>(&self, look: impl FnOnce(&Stack) -> T) -> T {
        look(&self.shared().stack)
    }

    /// Records the account that the stack belongs to.
    pub fn set_account(&self, account: &str) {
        self.shared().stack.account = Some(account.to_owned());
    }

    /// Compacts the journal into a new snapshot.
    ///
    /// # Errors
    /// The backend's error. The old files or the new ones then still contain everything, and no further append is
    /// accepted.
    pub async fn compact(&self) -> Result<(), Error> {
        let mut writer = self.backend.lock().await;
        if let Some(reason) = &writer.broken {
            return Err(Error::Broken(reason.clone()));
        }
        let stack = {
            let mut shared = self.shared();
            shared.stack.serial += 1;
            shared.stack.clone()
        };
        // Midway, the new snapshot may exist beside the old journal, and entries added to that would not be read.
        writer.broken = Some("the snapshot was not finished".to_owned());
        let done = writer.backend.replace(&stack).await;
        writer.broken = done.as_ref().err().map(Error::with_reasons);
        done
    }

    /// Removes the state of a stack that is gone.
    ///
    /// # Errors
    /// The backend's error.
    pub async fn remove(&self) -> Result<(), Error> {
        self.backend.lock().await.backend.remove().await
    }

    /// Releases the lock.
    ///
    /// # Errors
    /// The backend's error; a lease then expires by itself.
    pub async fn release(&self) -> Result<(), Error> {
        self.backend.lock().await.backend.release().await
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
