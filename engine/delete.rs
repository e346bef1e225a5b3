//! The life of a delete: intent, call, and looking until the object is gone.

use std::sync::Arc;

use payinfra_state::Entry;
use tokio::time::Instant;

use crate::backoff::{Retries, phrase};
use crate::run::{Halt, Run, millis_since};
use crate::{Change, Class, Failure, Kind, LiveValue, Progress, Status};

impl<C: Send + Sync + 'static> Run<'_, C> {
    /// Deletes the object of a change and returns once it is gone.
    pub(crate) async fn delete(&self, change: &Change, kind: &Arc<dyn Kind<C>>) -> Result<(), Halt> {
        let address = &change.address;
        let Some(planned) = &change.live else { return Ok(()) };
        let start = Instant::now();
        let Some(mut live) = self.present(change, kind, planned).await? else {
            return self.gone(change, None).await;
        };
        let entry = Entry::Deleting { address: address.clone(), id: live.id.clone(), at: self.now() };
        self.record(entry).await?;
        let pace = kind.pace();
        let mut retries = Retries::new(pace.patience);
        let mut asked = live.status == Status::Deleting;
        let mut resting = true;
        loop {
            self.check_stop()?;
            if !asked && resting {
                let cx = self.cx(address, "");
                match kind.delete(&cx, &live).await {
                    Ok(Progress::Going) => asked = true,
                    Ok(Progress::More) => {}
                    Err(error) if error.class == Class::Absent => asked = true,
                    Err(error) => {
                        let Some(delay) = retries.delay(error.class) else { return Err(error.into()) };
                        tracing::debug!(%address, %error, "delete refused");
                        self.waiting(address, phrase(error.class));
                        self.pause(delay).await?;
                    }
                }
            }
            live = match self.observe(kind, address, &live.id).await? {
                None | Some(LiveValue { status: Status::Dormant, .. }) => break,
                Some(live) => live,
            };
            // The next of several steps is asked for once the object rests.
            resting = !matches!(live.status, Status::Pending(_) | Status::Deleting);
            if start.elapsed() > pace.patience {
                let seconds = start.elapsed().as_secs();
                let state = if resting { "there" } else { "being deleted" }.to_owned();
                return Err(Failure::TimedOut { address: address.clone(), state, seconds }.into());
            }
            if asked || !resting {
                self.waiting(address, "it to be gone");
                self.pause(self.tick(pace.delete)).await?;
            }
        }
        self.gone(change, Some(millis_since(start))).await
    }

    /// Looks again just before the act: the object may be gone, and it must still be ours.
    async fn present(
        &self,
        change: &Change,
        kind: &Arc<dyn Kind<C>>,
        planned: &LiveValue,
    ) -> Result<Option<LiveValue>, Halt> {
        let live = self.observe(kind, &change.address, &planned.id).await?;
        match live {
            Some(live) if live.address.is_some() && live.address != planned.address => {
                Err(Failure::PlanChanged { address: change.address.clone(), act: "deleted under another owner" }.into())
            }
            Some(LiveValue { status: Status::Dormant, .. }) => Ok(None),
            other => Ok(other),
        }
    }

    async fn gone(&self, change: &Change, took_ms: Option<u64>) -> Result<(), Halt> {
        self.record(Entry::Gone { address: change.address.clone(), took_ms }).await?;
        Ok(())
    }
}
