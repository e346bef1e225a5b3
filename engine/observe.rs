//! Reads objects in batches: all requests for one kind within a moment share one `list` call.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use payinfra_state::Address;

use crate::{Error, Kind, LiveValue, Select};

type Answer = Result<Arc<Vec<LiveValue>>, Error>;
type SharedAnswer = Shared<BoxFuture<'static, Answer>>;

/// How long a call waits for others that are due at the same time; short compared with a round trip to the cloud.
const GATHER: Duration = Duration::from_millis(5);

pub(crate) struct Observer<C> {
    cloud: Arc<C>,
    open: Arc<Mutex<HashMap<&'static str, Batch>>>,
}

/// A `list` call that has not been sent yet, and the ids that it will ask for.
struct Batch {
    ids: BTreeSet<String>,
    answer: SharedAnswer,
}

impl<C: Send + Sync + 'static> Observer<C> {
    pub(crate) fn new(cloud: Arc<C>) -> Self {
        Self { cloud, open: Arc::default() }
    }

    /// Looks at one object by id; `None` where the cloud does not show it.
    pub(crate) async fn observe(&self, kind: &Arc<dyn Kind<C>>, id: &str) -> Result<Option<LiveValue>, Error> {
        let answer = self.join(kind, id);
        let live = answer.await?;
        Ok(live.iter().find(|live| live.id == id).cloned())
    }

    /// Looks for one object by its ownership tags; a predecessor that is being deleted does not count.
    pub(crate) async fn find(&self, kind: &Arc<dyn Kind<C>>, address: &Address) -> Result<Vec<LiveValue>, Error> {
        let mut live = kind.list(&self.cloud, Select::Owned).await?;
        live.retain(|live| live.address.as_ref() == Some(address) && !live.status.is_leaving());
        Ok(live)
    }

    fn join(&self, kind: &Arc<dyn Kind<C>>, id: &str) -> SharedAnswer {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let batch = open
            .entry(kind.name())
            .or_insert_with(|| Batch { ids: BTreeSet::new(), answer: self.send_soon(Arc::clone(kind)) });
        batch.ids.insert(id.to_owned());
        batch.answer.clone()
    }

    /// Sends the call a moment later, so that it covers every request that is due now.
    fn send_soon(&self, kind: Arc<dyn Kind<C>>) -> SharedAnswer {
        let cloud = Arc::clone(&self.cloud);
        let open = Arc::clone(&self.open);
        async move {
            tokio::time::sleep(GATHER).await;
            let batch = open.lock().unwrap_or_else(PoisonError::into_inner).remove(kind.name());
            let ids: Vec<String> = batch.map(|batch| batch.ids.into_iter().collect()).unwrap_or_default();
            kind.list(&cloud, Select::Ids(&ids)).await.map(Arc::new)
        }
        .boxed()
        .shared()
    }
}
