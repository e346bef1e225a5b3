//! The life of a delete: intent, call, and looking until the object is gone.

use std::sync::Arc;

use payinfra_state::{Address, Entry, Phase};
use tokio::time::Instant;

use crate::backoff::{Retries, phrase, waits_for};
use crate::removal::{Call, Going, Next, Removal};
use crate::run::{Run, StepError, millis_since};
use crate::{ApplyError, Change, Kind, LiveValue, Progress};

impl<C: Send + Sync + 'static> Run<'_, C> {
    /// Deletes the object of a change and returns once it is gone.
    pub(crate) async fn delete(&self, change: &Change, kind: &Arc<dyn Kind<C>>) -> Result<(), StepError> {
        let address = &change.address;
        let Some(planned) = &change.live else { return Ok(()) };
        let (start, durations) = (Instant::now(), kind.durations());
        let removal = Removal {
            address,
            tagged: planned.address.as_ref().unwrap_or(address),
            idempotency: kind.idempotency(),
            young: self.is_unfinished(address),
            visibility: self.base.timing.visibility,
            settle: self.base.timing.settle,
            timeout: durations.timeout,
        };
        let live = self.present(change, kind, planned).await?;
        if removal.is_gone(live.as_ref(), false, start.elapsed()) {
            return self.gone(change, None).await;
        }
        let live = live.unwrap_or_else(|| planned.clone());
        let entry = Entry::Deleting { address: address.clone(), id: live.id.clone(), at: self.now() };
        self.record(entry).await?;
        let mut retries = self.retries(address, durations.timeout);
        let mut going = Going::new(live, start.elapsed());
        loop {
            self.check_stop()?;
            let progress = match removal.call(&going, start.elapsed()) {
                Call::Due => self.ask(address, kind, &mut going, &mut retries, start).await?,
                Call::NotDue => None,
                Call::NotOurs => break,
            };
            if progress == Some(Progress::Gone) {
                break;
            }
            let seen = self.observe(kind, address, &going.live.id).await?;
            if removal.is_gone(seen.as_ref(), going.asked.is_some(), start.elapsed()) {
                break;
            }
            let unchanged = seen.as_ref().is_none_or(|seen| *seen == going.live);
            going.saw(seen);
            match removal.next(&going, start.elapsed()) {
                // A step that does not show yet must not be repeated as fast as the cloud answers.
                Next::Call if progress == Some(Progress::More) && unchanged => {
                    self.pause(self.base.timing.ticks.0).await?;
                }
                Next::Call => {}
                Next::Wait => {
                    self.waiting(address, "it to be gone");
                    self.pause(self.until_next_look(durations.delete)).await?;
                }
                Next::Fail(failure) => return Err(failure.into()),
            }
        }
        self.gone(change, Some(millis_since(start))).await
    }

    /// Makes one delete call and returns its progress; notes and waits out a refusal where waiting may help.
    async fn ask(
        &self,
        address: &Address,
        kind: &Arc<dyn Kind<C>>,
        going: &mut Going,
        retries: &mut Retries,
        start: Instant,
    ) -> Result<Option<Progress>, StepError> {
        going.refused = None;
        match kind.delete(&self.cx(address, ""), &going.live).await {
            Ok(progress) => {
                if progress == Progress::Going {
                    going.asked = Some(start.elapsed());
                }
                Ok(Some(progress))
            }
            Err(error) => {
                // Absent means that it is gone, as the next look will show, or that it is too fresh for this call.
                let class = waits_for(error.class);
                let Some(delay) = retries.delay(class) else { return Err(error.into()) };
                tracing::debug!(%address, %error, "delete refused");
                going.refused = Some(error);
                self.waiting(address, phrase(class));
                self.pause(delay).await?;
                Ok(None)
            }
        }
    }

    /// Looks again just before the deletion: the object may be gone, and it must still be ours.
    async fn present(
        &self,
        change: &Change,
        kind: &Arc<dyn Kind<C>>,
        planned: &LiveValue,
    ) -> Result<Option<LiveValue>, StepError> {
        let live = self.observe(kind, &change.address, &planned.id).await?;
        match live {
            Some(live) if live.address.is_some() && live.address != planned.address => {
                Err(ApplyError::PlanChanged { address: change.address.clone(), act: "deleted under another owner" }
                    .into())
            }
            other => Ok(other),
        }
    }

    /// Whether the resource's creation was started and never finished.
    pub(crate) fn is_unfinished(&self, address: &Address) -> bool {
        self.journal.read(|stack| {
            let phase = stack.records.get(address).map(|record| record.phase);
            matches!(phase, Some(Phase::Creating | Phase::Acquired))
        })
    }

    async fn gone(&self, change: &Change, took_ms: Option<u64>) -> Result<(), StepError> {
        self.record(Entry::Gone { address: change.address.clone(), took_ms }).await?;
        Ok(())
    }
}
