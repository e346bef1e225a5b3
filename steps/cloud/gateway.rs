//! Fewer calls to API Gateway: reads that several kinds share, and turns for changes.

use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_apigateway::types::{DomainName, Resource as PathResource, RestApi};
use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use payinfra_aws::Tags;
use payinfra_engine::Error;

/// Keeps the calls of a whole API within API Gateway's ten a second for the account (docs/aws-behaviour.md, "Rates").
#[derive(Debug, Default)]
pub struct Gateway {
    turns: tokio::sync::Mutex<()>,
    pub(crate) apis: Joined<(), Vec<RestApi>>,
    pub(crate) resources: Joined<String, Vec<PathResource>>,
    pub(crate) domains: Joined<(), Vec<DomainName>>,
    pub(crate) certificates: Joined<(), Vec<(String, Tags)>>,
}

impl Gateway {
    /// Waits for the turn to change something, which lasts as long as the guard.
    ///
    /// Two changes at once answer `ConflictException`, the same code as a name that is taken
    /// (docs/aws-behaviour.md, "API Gateway: changes").
    pub(crate) async fn turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.turns.lock().await
    }
}

/// Reads that are sent once for everybody who asks before the call goes out; whoever comes later gets a new read.
#[derive(Debug)]
pub(crate) struct Joined<K, T> {
    open: Arc<Mutex<HashMap<K, SharedAnswer<T>>>>,
}

pub(crate) type Answer<T> = Result<Arc<T>, Error>;

type SharedAnswer<T> = Shared<BoxFuture<'static, Answer<T>>>;

impl<K, T> Default for Joined<K, T> {
    fn default() -> Self {
        Self { open: Arc::default() }
    }
}

impl<K, T> Joined<K, T>
where
    K: Clone + Eq + Hash + Send + 'static,
    T: Send + Sync + 'static,
{
    pub(crate) async fn read<F>(&self, key: K, call: impl FnOnce() -> F + Send + 'static) -> Answer<T>
    where
        F: Future<Output = Result<T, Error>> + Send,
    {
        let joined = {
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            let (slot, shared) = (key.clone(), Arc::clone(&self.open));
            let send = async move {
                // One turn of the scheduler later everybody who reads now has joined.
                tokio::task::yield_now().await;
                shared.lock().unwrap_or_else(PoisonError::into_inner).remove(&slot);
                call().await.map(Arc::new)
            };
            open.entry(key).or_insert_with(|| send.boxed().shared()).clone()
        };
        joined.await
    }
}
