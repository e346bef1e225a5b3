//! The lease on a state in S3: who may write, for how long, and how other runs recognise that it has expired.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use payinfra_engine::Shutdown;
use payinfra_state::{Error as StateError, Holder};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::bucket::{Condition, Object};
use super::error::RemoteStateError;
use super::moment::Moment;
use super::records::{LEASE, LeaseRecord, read_lease, write_lease};
use super::store::{Put, Store};

/// How much longer than its length a lease must be unchanged by the server's clock, which shows whole seconds.
const ROUNDING: Duration = Duration::from_secs(2);
/// The shortest and the longest interval at which a waiting run looks at the lease.
const INTERVALS: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(2));

/// The terms of a lease.
#[derive(Debug, Clone)]
pub struct Terms {
    /// Who takes it.
    pub holder: Holder,
    /// How long it lasts without a renewal.
    pub length: Duration,
    /// How long to wait for the current holder.
    pub wait: Duration,
}

/// A lease that this run took; clones are the same. It is renewed in the background every third of its length.
#[derive(Clone)]
pub struct Lease(Arc<Inner>);

struct Inner {
    store: Store,
    /// What the record says at each renewal, except for the renewal itself.
    record: LeaseRecord,
    length: Duration,
    stop: Shutdown,
    /// The record as it is in the bucket; locked while it is being written.
    written: tokio::sync::Mutex<Written>,
    shared: Mutex<Shared>,
}

struct Written {
    etag: String,
    beat: u64,
}

struct Shared {
    /// When the last renewal that went through was sent.
    renewed: Moment,
    /// Why the lease is lost, once it is.
    lost: Option<String>,
    released: bool,
    renewal: Option<AbortHandle>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(renewal) = self.shared.get_mut().unwrap_or_else(PoisonError::into_inner).renewal.take() {
            renewal.abort();
        }
    }
}

/// The lease of another run, as it was read.
struct Foreign {
    record: Option<LeaseRecord>,
    length: Duration,
    /// Why there is no record.
    damage: Option<StateError>,
}

impl Lease {
    /// Takes the lease as soon as it is free or has expired, at the latest after `terms.wait`.
    ///
    /// A foreign lease has expired once it is unchanged for its length: on our own monotonic clock since we first saw it,
    /// or between the time of writing and the current time, both by the server's clock. No other machine's clock counts.
    ///
    /// # Errors
    /// [`StateError::Locked`] where another run holds it; [`StateError::Newer`] where a newer payinfra wrote it; a
    /// refused call.
    pub async fn acquire(
        store: Store,
        terms: Terms,
        stop: Shutdown,
        notice: &(dyn Fn(&str) + Sync),
    ) -> Result<Self, RemoteStateError> {
        let start = Instant::now();
        let mut seen: Option<(String, Instant)> = None;
        let mut reported = None;
        loop {
            let found = store.get(LEASE).await?;
            let foreign = found.as_ref().map(|object| read_foreign(&store, object)).transpose()?;
            let free = match (&found, &foreign) {
                (Some(object), Some(foreign)) => {
                    let since = match &seen {
                        Some((etag, since)) if *etag == object.etag => *since,
                        _ => seen.insert((object.etag.clone(), Instant::now())).1,
                    };
                    foreign.record.as_ref().is_some_and(|record| record.released)
                        || since.elapsed() >= foreign.length
                        || object.age.is_some_and(|age| age >= foreign.length + ROUNDING)
                }
                _ => true,
            };
            let last = foreign.as_ref().and_then(|foreign| foreign.record.clone());
            if free {
                if let (Some(object), Some(damage)) = (&found, foreign.as_ref().and_then(|f| f.damage.as_ref())) {
                    notice(&store.set_aside(LEASE, &object.bytes, damage).await?);
                }
                let fence = last.as_ref().map_or(0, |record| record.fence) + 1;
                if let Some(lease) = Self::put(&store, &terms, &stop, found.as_ref(), fence).await? {
                    return Ok(lease.keep_alive());
                }
                // Another run was faster. The loser looks again at a random time, so that it does not lose every time.
                tokio::time::sleep(INTERVALS.0.mul_f64(rand::random())).await;
                continue;
            }
            let holder = last.as_ref().map_or_else(unknown, |record| record.holder.clone());
            let left = terms.wait.saturating_sub(start.elapsed());
            if left.is_zero() {
                return Err(StateError::Locked(Box::new(holder)).into());
            }
            let run = last.map(|record| record.run);
            if reported.as_ref() != Some(&run) {
                notice(&format!("the state is locked by {holder}; waiting up to {} s more", left.as_secs().max(1)));
                reported = Some(run);
            }
            let length = foreign.map_or(terms.length, |foreign| foreign.length);
            tokio::time::sleep((length / 12).clamp(INTERVALS.0, INTERVALS.1).min(left)).await;
        }
    }

    /// Takes the lease from whoever holds it.
    ///
    /// # Errors
    /// As [`Lease::acquire`], except for [`StateError::Locked`].
    pub async fn seize(store: Store, holder: Holder, length: Duration) -> Result<Self, RemoteStateError> {
        let terms = Terms { holder, length, wait: Duration::ZERO };
        loop {
            let found = store.get(LEASE).await?;
            let foreign = found.as_ref().map(|object| read_foreign(&store, object)).transpose()?;
            let fence = foreign.and_then(|foreign| foreign.record).map_or(0, |record| record.fence) + 1;
            if let Some(lease) = Self::put(&store, &terms, &Shutdown::default(), found.as_ref(), fence).await? {
                return Ok(lease);
            }
            // A live holder renews its lease now and then.
            tokio::time::sleep(INTERVALS.0.mul_f64(rand::random())).await;
        }
    }

    /// Replaces what was found by a record of our own; returns nothing if that has changed meanwhile.
    async fn put(
        store: &Store,
        terms: &Terms,
        stop: &Shutdown,
        found: Option<&Object>,
        fence: u64,
    ) -> Result<Option<Self>, RemoteStateError> {
        let record = LeaseRecord {
            fence,
            run: format!("{:032x}", rand::random::<u128>()),
            holder: terms.holder.clone(),
            length_seconds: terms.length.as_secs(),
            renewed_at: Timestamp::now(),
            beat: 0,
            released: false,
        };
        let renewed = Moment::now();
        let condition = found.map_or(Condition::Absent, |object| Condition::Unchanged(&object.etag));
        let Put::Written(etag) = store.put(LEASE, &write_lease(&record), condition, &|| true).await? else {
            return Ok(None);
        };
        Ok(Some(Self(Arc::new(Inner {
            store: store.clone(),
            record,
            length: terms.length,
            stop: stop.clone(),
            written: tokio::sync::Mutex::new(Written { etag, beat: 0 }),
            shared: Mutex::new(Shared { renewed, lost: None, released: false, renewal: None }),
        }))))
    }

    /// The random name of this run.
    pub fn run(&self) -> &str {
        &self.0.record.run
    }

    /// The fencing token of this run.
    pub fn fence(&self) -> u64 {
        self.0.record.fence
    }

    /// Whether this run still holds the lease, as far as it can know without asking: not lost, not released, and
    /// renewed less than its length ago. Once it does not, the run is asked to stop.
    pub fn holds(&self) -> bool {
        self.0.holds()
    }

    /// Whether the lease was lost rather than released.
    pub fn is_lost(&self) -> bool {
        !self.0.shared().released && !self.holds()
    }

    /// Ends the lease: another run writes now.
    pub fn lose(&self, reason: impl Into<String>) -> StateError {
        StateError::LeaseLost(self.0.lose(reason.into()))
    }

    /// Fails if the lease is over.
    ///
    /// # Errors
    /// [`StateError::LeaseLost`].
    pub fn check(&self) -> Result<(), StateError> {
        if self.holds() { Ok(()) } else { Err(self.lose("it was released")) }
    }

    /// Why the lease is lost, and who holds it now.
    pub async fn why_lost(&self) -> StateError {
        let reason = self.0.lose("it was released".to_owned());
        let now = self.0.store.get(LEASE).await.ok().flatten();
        let now = now.and_then(|object| read_foreign(&self.0.store, &object).ok()?.record);
        StateError::LeaseLost(match now {
            Some(record) if record.run != self.run() && !record.released => {
                format!("{} holds it now", record.holder)
            }
            Some(record) if record.run != self.run() => format!("{} took it over and has ended", record.holder),
            _ => reason,
        })
    }

    /// Whether the record in the bucket still is this run's.
    ///
    /// # Errors
    /// A refused call, or a record that cannot be read.
    pub async fn confirm(&self) -> Result<bool, RemoteStateError> {
        let found = self.0.store.get(LEASE).await?;
        let record = found.map(|object| read_foreign(&self.0.store, &object)).transpose()?;
        Ok(record.and_then(|foreign| foreign.record).is_some_and(|record| record.run == self.run()))
    }

    /// Releases the lease; one that is lost is not touched.
    ///
    /// # Errors
    /// A refused call; the lease then expires.
    pub async fn release(&self) -> Result<(), RemoteStateError> {
        let mut written = self.0.written.lock().await;
        if !self.holds() {
            return Ok(());
        }
        if let Some(renewal) = self.0.shared().renewal.take() {
            renewal.abort();
        }
        self.0.write(&mut written, true).await?;
        self.0.shared().released = true;
        Ok(())
    }

    /// Starts renewing.
    fn keep_alive(self) -> Self {
        let inner = Arc::downgrade(&self.0);
        let interval = self.0.length / 3;
        let renewal = tokio::spawn(async move {
            loop {
                let Some(next) = inner.upgrade().map(|inner| inner.shared().renewed.instant() + interval) else {
                    return;
                };
                // A renewal that failed is tried again soon: a lease ends only after its length.
                tokio::time::sleep_until(next.max(Instant::now() + interval / 8)).await;
                let Some(inner) = inner.upgrade() else { return };
                let mut written = inner.written.lock().await;
                if !inner.holds() {
                    return;
                }
                if let Err(failure) = inner.write(&mut written, false).await {
                    tracing::debug!(%failure, "the lease was not renewed");
                }
            }
        });
        self.0.shared().renewal = Some(renewal.abort_handle());
        self
    }
}

impl Inner {
    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn holds(&self) -> bool {
        let shared = self.shared();
        if shared.lost.is_some() || shared.released {
            return false;
        }
        if shared.renewed.elapsed() < self.length {
            return true;
        }
        drop(shared);
        self.lose(format!("it was not renewed for {} s", self.length.as_secs()));
        false
    }

    /// Remembers the first reason, asks the run to stop, and returns the reason.
    fn lose(&self, reason: String) -> String {
        let reason = self.shared().lost.get_or_insert(reason).clone();
        self.stop.request();
        reason
    }

    /// Writes the record again; one of another run in its place ends the lease.
    async fn write(&self, written: &mut Written, released: bool) -> Result<(), RemoteStateError> {
        loop {
            let beat = written.beat + 1;
            let record = LeaseRecord { renewed_at: Timestamp::now(), beat, released, ..self.record.clone() };
            let sent = Moment::now();
            let condition = Condition::Unchanged(&written.etag);
            match self.store.put(LEASE, &write_lease(&record), condition, &|| self.holds()).await? {
                Put::Written(etag) => {
                    *written = Written { etag, beat };
                    self.shared().renewed = sent;
                    return Ok(());
                }
                // An earlier renewal, whose answer never came, was written after all.
                Put::Taken(Some(object)) if self.is_own(&object) => *written = Written { etag: object.etag, beat },
                Put::Taken(found) => {
                    let now = found.and_then(|object| read_foreign(&self.store, &object).ok()?.record);
                    let holder = now.map_or_else(|| "another run".to_owned(), |record| record.holder.to_string());
                    return Err(StateError::LeaseLost(self.lose(format!("{holder} took it over"))).into());
                }
            }
        }
    }

    fn is_own(&self, object: &Object) -> bool {
        let record = read_foreign(&self.store, object).ok().and_then(|foreign| foreign.record);
        record.is_some_and(|record| record.run == self.record.run)
    }
}

/// Reads a lease that may be damaged: its holder is then unknown, and it expires after the usual time.
fn read_foreign(store: &Store, object: &Object) -> Result<Foreign, StateError> {
    match read_lease(&store.name(LEASE), &object.bytes) {
        Ok(record) => {
            let length = Duration::from_secs(record.length_seconds);
            Ok(Foreign { record: Some(record), length, damage: None })
        }
        Err(error @ StateError::Damaged { .. }) => {
            Ok(Foreign { record: None, length: Duration::from_secs(60), damage: Some(error) })
        }
        Err(error) => Err(error),
    }
}

/// Reads a lease; a damaged one counts as that of an unknown holder.
///
/// # Errors
/// [`StateError::Newer`].
pub fn read_or_unknown(store: &Store, object: &Object) -> Result<LeaseRecord, StateError> {
    let Foreign { record, length, .. } = read_foreign(store, object)?;
    Ok(record.unwrap_or_else(|| LeaseRecord {
        fence: 0,
        run: String::new(),
        holder: unknown(),
        length_seconds: length.as_secs(),
        renewed_at: Timestamp::now(),
        beat: 0,
        released: false,
    }))
}

fn unknown() -> Holder {
    let unknown = || "unknown".to_owned();
    Holder { user: unknown(), host: unknown(), pid: 0, command: "(unreadable)".to_owned(), since: Timestamp::now() }
}
