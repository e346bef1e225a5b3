//! The journal and the snapshot as objects.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use payinfra_state::{Backend, BoxFuture, Entry, Error, Loaded, Stack};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::bucket::Condition;
use super::lease::Lease;
use super::records::{
    Head, JOURNAL, SNAPSHOT, Snapshot, journal_name, read_entries, read_snapshot, sequence_of, write_entries,
    write_snapshot,
};
use super::store::{Put, Store};

/// How long the fence marker of a run that took over stays in the log. A paused predecessor must find it when it wakes
/// up; its own clocks stop it long before, so this only has to outlast what they could miss: a laptop that slept over
/// the weekend with a clock that was set back.
const MARKER_LIFETIME: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How many objects are read at a time.
const READERS: usize = 16;
/// How often the log is read again because a predecessor compacted it meanwhile.
const READINGS: usize = 5;

/// A state in S3, written under a lease.
pub struct RemoteBackend {
    store: Store,
    lease: Lease,
    suffix: String,
    /// The version of the snapshot that was read or written last.
    snapshot: Option<String>,
    /// The last sequence in use.
    last: u64,
    /// The sequences of the objects that exist.
    present: BTreeSet<u64>,
    /// The fence markers of runs that took over, and when.
    markers: BTreeMap<u64, Timestamp>,
}

/// A journal object as it was read.
enum Read {
    Entries(Head, Vec<Entry>),
    Damaged(String),
    Gone,
}

impl RemoteBackend {
    /// Reads and writes under this lease; nothing is read yet.
    pub fn new(store: Store, lease: Lease) -> Self {
        let (present, markers) = (BTreeSet::new(), BTreeMap::new());
        Self { store, lease, suffix: String::new(), snapshot: None, last: 0, present, markers }
    }

    /// Reads the state and appends this run's fence marker, so that no predecessor can append any more.
    ///
    /// # Errors
    /// As [`Backend::load`].
    pub async fn fence_off(mut self, suffix: &str) -> Result<(), Error> {
        self.read(suffix).await.map(drop)
    }

    async fn read(&mut self, suffix: &str) -> Result<Loaded, Error> {
        suffix.clone_into(&mut self.suffix);
        let mut fenced = false;
        let mut readings = 0;
        loop {
            readings += 1;
            let mut warnings = Vec::new();
            let snapshot = self.read_snapshot(&mut warnings).await?;
            let covers = snapshot.as_ref().map_or(0, |snapshot| snapshot.covers);
            let names = self.store.list(JOURNAL).await?;
            self.present = names.iter().filter_map(|name| sequence_of(name)).collect();
            self.last = self.last.max(covers).max(self.present.last().copied().unwrap_or(0));
            if !std::mem::replace(&mut fenced, true) {
                self.put_marker().await?;
            }
            let newer: Vec<u64> = self.present.range(covers + 1..).copied().collect();
            let whole = newer.iter().copied().eq(covers + 1..=self.last);
            let objects = self.read_objects(&newer).await?;
            let gone = objects.values().any(|read| matches!(read, Read::Gone));
            // A predecessor that was stopped while it compacted the log may still delete what its snapshot covers.
            if (gone || !whole) && readings < READINGS {
                continue;
            }
            if !whole {
                let place = self.store.name(JOURNAL);
                warnings.push(format!("{place}: objects are missing; what they recorded is looked up in the cloud"));
            }
            self.markers = snapshot.as_ref().map(|snapshot| snapshot.markers.clone()).unwrap_or_default();
            let mut stack = snapshot.map(|snapshot| snapshot.stack);
            for (sequence, read) in objects {
                match read {
                    Read::Entries(head, entries) if entries.is_empty() => drop(self.markers.insert(sequence, head.at)),
                    Read::Entries(_, entries) => {
                        let stack = stack.get_or_insert_with(|| Stack::new(suffix));
                        entries.iter().for_each(|entry| stack.apply(entry));
                    }
                    Read::Damaged(warning) => warnings.push(warning),
                    Read::Gone => {}
                }
            }
            return Ok(Loaded { stack, warnings });
        }
    }

    /// Reads the snapshot; a damaged one is set aside, because it can be rebuilt from the cloud.
    async fn read_snapshot(&mut self, warnings: &mut Vec<String>) -> Result<Option<Snapshot>, Error> {
        let found = self.store.get(SNAPSHOT).await?;
        self.snapshot = found.as_ref().map(|object| object.etag.clone());
        let Some(object) = found else { return Ok(None) };
        match read_snapshot(&self.store.name(SNAPSHOT), &object.bytes) {
            Ok(snapshot) => Ok(Some(snapshot)),
            Err(error @ Error::Damaged { .. }) => {
                warnings.push(self.store.set_aside(SNAPSHOT, &object.bytes, &error).await?);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Puts this run's fence marker at the next sequence; a predecessor may still win a place or two.
    async fn put_marker(&mut self) -> Result<(), Error> {
        loop {
            self.lease.check()?;
            let head = Head::new(self.last + 1, self.lease.fence(), self.lease.run());
            let bytes = write_entries(&head, &[]);
            let name = journal_name(head.sequence);
            let put = self.store.put(&name, &bytes, Condition::Absent, &|| self.lease.holds()).await?;
            self.last = head.sequence;
            self.present.insert(head.sequence);
            if matches!(put, Put::Written(_)) {
                return Ok(());
            }
        }
    }

    /// Reads journal objects, several at a time.
    async fn read_objects(&self, sequences: &[u64]) -> Result<BTreeMap<u64, Read>, Error> {
        let readers = Arc::new(Semaphore::new(READERS));
        let mut tasks = JoinSet::new();
        for sequence in sequences.iter().copied() {
            let (store, readers) = (self.store.clone(), Arc::clone(&readers));
            tasks.spawn(async move {
                let _reader = readers.acquire_owned().await;
                Ok::<_, Error>((sequence, read_object(&store, sequence).await?))
            });
        }
        let mut objects = BTreeMap::new();
        while let Some(read) = tasks.join_next().await {
            let (sequence, read) = read.expect("reading does not panic")?;
            objects.insert(sequence, read);
        }
        Ok(objects)
    }

    async fn write(&mut self, entries: &[Entry]) -> Result<(), Error> {
        self.lease.check()?;
        let head = Head::new(self.last + 1, self.lease.fence(), self.lease.run());
        let bytes = write_entries(&head, entries);
        let name = journal_name(head.sequence);
        match self.store.put(&name, &bytes, Condition::Absent, &|| self.lease.holds()).await {
            Ok(Put::Written(_)) => {
                self.last = head.sequence;
                self.present.insert(head.sequence);
                // If this run was paused meanwhile, a successor may already have read past these entries.
                self.lease.check()
            }
            Ok(Put::Taken(_)) => Err(self.lease.lose("another run has taken over")),
            Err(error) => self.lease.check().and(Err(error.into())),
        }
    }

    /// Writes the snapshot, then removes what it covers from the log.
    async fn compact(&mut self, stack: &Stack) -> Result<(), Error> {
        let now = Timestamp::now();
        self.markers.retain(|_, at| now.duration_since(*at) < MARKER_LIFETIME);
        let snapshot = Snapshot {
            covers: self.last,
            fence: self.lease.fence(),
            run: self.lease.run().to_owned(),
            markers: self.markers.clone(),
            stack: stack.clone(),
        };
        let bytes = write_snapshot(&snapshot);
        loop {
            self.lease.check()?;
            let condition = self.snapshot.as_deref().map_or(Condition::Absent, Condition::Unchanged);
            match self.store.put(SNAPSHOT, &bytes, condition, &|| self.lease.holds()).await? {
                Put::Written(etag) => {
                    self.snapshot = Some(etag);
                    break;
                }
                // A predecessor's last snapshot, which was still in flight, covers less than ours.
                Put::Taken(found) => match self.lease.confirm().await {
                    Ok(true) => self.snapshot = found.map(|object| object.etag),
                    Ok(false) => return Err(self.lease.lose("another run has taken over")),
                    Err(error) => return Err(error.into()),
                },
            }
        }
        // The last object stays, so that the numbering continues even if the snapshot is lost.
        let surplus: Vec<u64> = self
            .present
            .range(..snapshot.covers)
            .copied()
            .filter(|sequence| !self.markers.contains_key(sequence))
            .collect();
        if surplus.is_empty() {
            return Ok(());
        }
        let names: Vec<String> = surplus.iter().map(|sequence| journal_name(*sequence)).collect();
        match self.store.delete(&names).await {
            Ok(()) => self.present.retain(|sequence| surplus.binary_search(sequence).is_err()),
            // The snapshot covers them, and the next run tries again.
            Err(error) => tracing::debug!(%error, "compacted objects are left"),
        }
        Ok(())
    }
}

async fn read_object(store: &Store, sequence: u64) -> Result<Read, Error> {
    let name = journal_name(sequence);
    let Some(object) = store.get(&name).await? else { return Ok(Read::Gone) };
    match read_entries(&store.name(&name), &object.bytes) {
        Ok((head, entries)) => Ok(Read::Entries(head, entries)),
        Err(error @ Error::Damaged { .. }) => Ok(Read::Damaged(store.set_aside(&name, &object.bytes, &error).await?)),
        Err(error) => Err(error),
    }
}

impl Backend for RemoteBackend {
    fn load<'a>(&'a mut self, suffix: &'a str) -> BoxFuture<'a, Result<Loaded, Error>> {
        Box::pin(self.read(suffix))
    }

    fn append<'a>(&'a mut self, _: &'a Stack, entries: &'a [Entry]) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(self.write(entries))
    }

    fn replace<'a>(&'a mut self, stack: &'a Stack) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(self.compact(stack))
    }

    /// Leaves an empty snapshot, the lease and the fence markers: they keep a paused run out.
    fn remove(&mut self) -> BoxFuture<'_, Result<(), Error>> {
        let empty = Stack::new(&self.suffix);
        Box::pin(async move { self.compact(&empty).await })
    }

    fn release(&mut self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async { Ok(self.lease.release().await?) })
    }
}
