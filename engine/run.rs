//! What every part of a run needs: the cloud, the clock, the journal, and where events go.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use payinfra_state::{Address, Entry, Journal};
use tokio::time::Instant;

use crate::backoff::{Retries, phrase};
use crate::observe::Observer;
use crate::{ApplyError, Base, Context, Error, Event, Events, Graph, Kind, LiveValue, Shutdown};

/// What the parts of one run share.
pub(crate) struct Run<'a, C> {
    pub(crate) graph: &'a Graph<C>,
    pub(crate) journal: &'a Journal,
    pub(crate) base: &'a Base<C>,
    pub(crate) events: Events<'a>,
    pub(crate) stop: &'a Shutdown,
    pub(crate) observer: Observer<C>,
    pub(crate) start: Instant,
    /// The lineage of the state, which makes one stack's retries differ from another's.
    pub(crate) lineage: String,
}

/// Why a step of a run ended early.
#[derive(Debug)]
pub(crate) enum StepError {
    /// It cannot continue.
    Failed(ApplyError),
    /// It was asked to stop; what was done is recorded.
    Stopped,
}

impl<T: Into<ApplyError>> From<T> for StepError {
    fn from(failure: T) -> Self {
        StepError::Failed(failure.into())
    }
}

impl<C: Send + Sync + 'static> Run<'_, C> {
    pub(crate) fn cx<'b>(&'b self, address: &'b Address, token: &'b str) -> Context<'b, C> {
        Context { cloud: &self.base.cloud, address, token }
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    pub(crate) fn emit(&self, event: Event) {
        (self.events)(event);
    }

    pub(crate) fn waiting(&self, address: &Address, what: impl Into<String>) {
        self.emit(Event::Waiting { address: address.clone(), what: what.into() });
    }

    pub(crate) async fn record(&self, entry: Entry) -> Result<(), ApplyError> {
        Ok(self.journal.append(entry).await?)
    }

    /// Refuses to start a call once a stop is requested.
    pub(crate) fn check_stop(&self) -> Result<(), StepError> {
        if self.stop.requested() { Err(StepError::Stopped) } else { Ok(()) }
    }

    /// Sleeps, unless a stop is requested.
    pub(crate) async fn pause(&self, delay: Duration) -> Result<(), StepError> {
        tokio::select! {
            biased;
            () = self.stop.wait() => Err(StepError::Stopped),
            () = tokio::time::sleep(delay) => Ok(()),
        }
    }

    /// Repeats a call that may be repeated, as long as its errors' classes say that waiting helps.
    pub(crate) async fn repeat<T, F>(
        &self,
        address: &Address,
        timeout: Duration,
        mut call: impl FnMut() -> F,
    ) -> Result<T, StepError>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let mut retries = self.retries(address, timeout);
        loop {
            self.check_stop()?;
            let error = match call().await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            let Some(delay) = retries.delay(error.class) else { return Err(error.into()) };
            tracing::debug!(%address, %error, ?delay, "trying again");
            self.waiting(address, phrase(error.class));
            self.pause(delay).await?;
        }
    }

    /// Reads one object, and repeats that until the call succeeds.
    pub(crate) async fn observe(
        &self,
        kind: &Arc<dyn Kind<C>>,
        address: &Address,
        id: &str,
    ) -> Result<Option<LiveValue>, StepError> {
        self.repeat(address, Duration::from_secs(120), || self.observer.observe(kind, id)).await
    }

    pub(crate) fn retries(&self, address: &Address, timeout: Duration) -> Retries {
        Retries::new(timeout, (&self.lineage, address))
    }

    /// The time until the next look at a pending object: a twentieth of what it usually takes, within bounds.
    ///
    /// Looks are due at whole multiples of that since the start of the run, so that one call covers all objects of a
    /// kind.
    pub(crate) fn until_next_look(&self, usually: Duration) -> Duration {
        let (shortest, longest) = self.base.timing.ticks;
        let tick = (usually / 20).clamp(shortest, longest);
        let into = self.start.elapsed().as_nanos() % tick.as_nanos().max(1);
        tick.saturating_sub(Duration::from_nanos(u64::try_from(into).unwrap_or(0)))
    }
}

/// Milliseconds since an instant.
pub(crate) fn millis_since(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX)
}
