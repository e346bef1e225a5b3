//! Turns to change the policy of a function.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OwnedMutexGuard;

/// One lock for each function.
///
/// Calls of `AddPermission` and `RemovePermission` on one function must not overlap: they are refused with the code of
/// a taken statement, or their statements are lost without an error (docs/aws-behaviour.md, "Lambda: resource
/// policies").
#[derive(Debug, Default)]
pub struct Turns(Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>);

impl Turns {
    /// Waits for the turn to change the policy of a function, which lasts as long as the guard.
    pub(crate) async fn turn(&self, function: &str) -> OwnedMutexGuard<()> {
        let lock = {
            let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(locks.entry(function.to_owned()).or_default())
        };
        lock.lock_owned().await
    }
}
