//! What every part of a run needs: the cloud, the clock, the journal, and where events go.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use payinfra_state::{Address, Entry, Journal};
use tokio::time::Instant;

use crate::backoff::{Retries, phrase};
use crate::observe::Observer;
use crate::{Cx, Error, Event, Events, Failure, Graph, Kind, Shutdown};

/// The cloud that a run works on, and how patient to be with it.
pub struct Base<C> {
    /// The clients.
    pub cloud: Arc<C>,
    /// How long things take to show.
    pub timing: Timing,
}

impl<C> Clone for Base<C> {
    fn clone(&self) -> Self {
        Self { cloud: Arc::clone(&self.cloud), timing: self.timing }
    }
}

/// How long a cloud takes to show what was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// How long a fresh object may stay invisible to a search by its marks.
    pub visibility: Duration,
    /// How long a change may take to read back.
    pub settle: Duration,
    /// The shortest and the longest time between two looks at a pending object.
    pub ticks: (Duration, Duration),
}

impl Timing {
    /// For AWS: EC2's tag filters lag by seconds, bucket configuration by up to half a minute.
    pub const AWS: Self = Self {
        visibility: Duration::from_secs(60),
        settle: Duration::from_secs(60),
        ticks: (Duration::from_secs(1), Duration::from_secs(10)),
    };
    /// For an emulator, which shows at once what it was told.
    pub const AT_ONCE: Self = Self {
        visibility: Duration::ZERO,
        settle: Duration::from_millis(200),
        ticks: (Duration::from_millis(50), Duration::from_millis(200)),
    };
}

/// One run's shared parts.
pub(crate) struct Run<'a, C> {
    pub(crate) graph: &'a Graph<C>,
    pub(crate) journal: &'a Journal,
    pub(crate) base: &'a Base<C>,
    pub(crate) events: Events<'a>,
    pub(crate) stop: &'a Shutdown,
    pub(crate) observer: Observer<C>,
    pub(crate) start: Instant,
    /// The name of the state, which makes one stack's retries differ from another's.
    pub(crate) lineage: String,
}

/// Why a step of a run ended early.
#[derive(Debug)]
pub(crate) enum Halt {
    /// It cannot go on.
    Failed(Failure),
    /// It was asked to stop; what is done is recorded.
    Stopped,
}

impl<T: Into<Failure>> From<T> for Halt {
    fn from(failure: T) -> Self {
        Halt::Failed(failure.into())
    }
}

impl<C: Send + Sync + 'static> Run<'_, C> {
    pub(crate) fn cx<'b>(&'b self, address: &'b Address, token: &'b str) -> Cx<'b, C> {
        Cx { cloud: &self.base.cloud, address, token }
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

    pub(crate) async fn record(&self, entry: Entry) -> Result<(), Failure> {
        Ok(self.journal.append(entry).await?)
    }

    /// Refuses to start a call once a stop is asked for.
    pub(crate) fn check_stop(&self) -> Result<(), Halt> {
        if self.stop.requested() { Err(Halt::Stopped) } else { Ok(()) }
    }

    /// Sleeps, unless a stop is asked for.
    pub(crate) async fn pause(&self, delay: Duration) -> Result<(), Halt> {
        tokio::select! {
            biased;
            () = self.stop.wait() => Err(Halt::Stopped),
            () = tokio::time::sleep(delay) => Ok(()),
        }
    }

    /// Repeats a call that may be repeated, as long as its errors' classes say that waiting helps.
    pub(crate) async fn repeat<T, F>(
        &self,
        address: &Address,
        patience: Duration,
        mut call: impl FnMut() -> F,
    ) -> Result<T, Halt>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let mut retries = self.retries(address, patience);
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

    /// Looks at one object until the look itself succeeds.
    pub(crate) async fn observe(
        &self,
        kind: &Arc<dyn Kind<C>>,
        address: &Address,
        id: &str,
    ) -> Result<Option<crate::LiveValue>, Halt> {
        self.repeat(address, Duration::from_secs(120), || self.observer.observe(kind, id)).await
    }

    pub(crate) fn retries(&self, address: &Address, patience: Duration) -> Retries {
        Retries::new(patience, (&self.lineage, address))
    }

    /// The time until the next look at a pending object: a twentieth of what it usually takes, within bounds.
    ///
    /// Looks are due at whole multiples of that since the start of the run, so that all objects of one kind are looked
    /// at together, in one call.
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
