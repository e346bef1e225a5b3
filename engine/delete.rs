//! The life of a delete: intent, call, and looking until the object is gone.

use std::sync::Arc;

use payinfra_state::{Address, Entry, Phase};
use tokio::time::Instant;

use crate::backoff::phrase;
use crate::create::waits_for;
use crate::run::{Halt, Run, millis_since};
use crate::survey::is_ours;
use crate::{Change, Failure, Kind, LiveValue, Progress, Status};

impl<C: Send + Sync + 'static> Run<'_, C> {
    /// Deletes the object of a change and returns once it is gone.
    pub(crate) async fn delete(&self, change: &Change, kind: &Arc<dyn Kind<C>>) -> Result<(), Halt> {
        let address = &change.address;
        let Some(planned) = &change.live else { return Ok(()) };
        let (start, pace) = (Instant::now(), kind.pace());
        // A second object with one resource's marks is deleted under a name of its own.
        let marked = planned.address.as_ref().unwrap_or(address);
        // An object whose creation was not finished may show in one list and not yet in another.
        let young = self.is_unfinished(address);
        let believed = |asked: bool| asked || !young || start.elapsed() >= self.base.timing.visibility;
        let mut live = match self.present(change, kind, planned).await? {
            Some(LiveValue { status: Status::Dormant, .. }) => return self.gone(change, None).await,
            None if believed(false) => return self.gone(change, None).await,
            None => planned.clone(),
            Some(live) => live,
        };
        let entry = Entry::Deleting { address: address.clone(), id: live.id.clone(), at: self.now() };
        self.record(entry).await?;
        let mut retries = self.retries(address, pace.patience);
        let mut asked = (live.status == Status::Deleting).then(Instant::now);
        let mut refused = None;
        let mut resting = true;
        loop {
            self.check_stop()?;
            // What was accepted and rests all the same is asked for again: the deletion was lost, or the object came
            // back (a log group under a late writer).
            let settled = asked.is_some_and(|at| at.elapsed() >= self.base.timing.settle);
            if settled && resting && !is_ours(kind.identity(), marked, &live) {
                break;
            }
            if (asked.is_none() || settled) && resting {
                let cx = self.cx(address, "");
                refused = None;
                match kind.delete(&cx, &live).await {
                    Ok(Progress::Going) => asked = Some(Instant::now()),
                    Ok(Progress::More) => {}
                    Err(error) => {
                        // Absent means gone, which the next look will tell, or too fresh for this call.
                        let class = waits_for(error.class);
                        let Some(delay) = retries.delay(class) else { return Err(error.into()) };
                        tracing::debug!(%address, %error, "delete refused");
                        refused = Some(error);
                        self.waiting(address, phrase(class));
                        self.pause(delay).await?;
                    }
                }
            }
            match self.observe(kind, address, &live.id).await? {
                Some(LiveValue { status: Status::Dormant, .. }) => break,
                None if believed(asked.is_some()) => break,
                None => {}
                Some(seen) => live = seen,
            }
            // The next of several steps is asked for once the object rests.
            resting = !matches!(live.status, Status::Pending(_) | Status::Deleting);
            if start.elapsed() > pace.patience {
                return Err(match refused {
                    Some(error) => error.into(),
                    None => {
                        let seconds = start.elapsed().as_secs();
                        let state = if resting { "there" } else { "being deleted" }.to_owned();
                        Failure::TimedOut { address: address.clone(), state, seconds }.into()
                    }
                });
            }
            if asked.is_some() || !resting {
                self.waiting(address, "it to be gone");
                self.pause(self.until_next_look(pace.delete)).await?;
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
            other => Ok(other),
        }
    }

    /// Whether the resource's creation was begun and never seen to its end.
    pub(crate) fn is_unfinished(&self, address: &Address) -> bool {
        self.journal.read(|stack| {
            let phase = stack.records.get(address).map(|record| record.phase);
            matches!(phase, Some(Phase::Creating | Phase::Acquired))
        })
    }

    async fn gone(&self, change: &Change, took_ms: Option<u64>) -> Result<(), Halt> {
        self.record(Entry::Gone { address: change.address.clone(), took_ms }).await?;
        Ok(())
    }
}
