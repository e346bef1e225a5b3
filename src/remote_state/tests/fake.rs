//! A bucket in memory, in virtual time, that loses, duplicates, refuses and delays calls on request.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use payinfra_engine::{Class, Error, Shutdown};
use payinfra_state::{Address, BoxFuture, Entry, Holder, Journal};
use tokio::time::Instant;

use crate::remote_state::bucket::{Condition, Object, Objects};
use crate::remote_state::{Lease, Location, RemoteStateError, Store, Terms, open};

/// What happens to one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It succeeds.
    None,
    /// It has its effect, but no answer comes.
    Lost,
    /// It has its effect twice, and the second answer is returned.
    Twice,
    /// It has no effect: the service is busy.
    Busy,
    /// It has its effect this much later, even if the caller no longer waits.
    Late(Duration),
    /// The caller dies before it: neither this call nor any later one of this runner has an effect or an answer.
    Killed,
}

struct Kept {
    bytes: Vec<u8>,
    etag: String,
    at: Instant,
}

#[derive(Default)]
struct Shelf {
    kept: BTreeMap<String, Kept>,
    writes: u64,
}

/// The service, which all runners share.
#[derive(Clone, Default)]
pub struct Service(Arc<Mutex<Shelf>>);

impl Service {
    pub fn keys(&self) -> Vec<String> {
        self.0.lock().unwrap().kept.keys().cloned().collect()
    }

    pub fn bytes(&self, key: &str) -> Vec<u8> {
        self.0.lock().unwrap().kept[key].bytes.clone()
    }

    pub fn overwrite(&self, key: &str, bytes: &[u8]) {
        self.0.lock().unwrap().write(key, bytes);
    }

    pub fn forget(&self, key: &str) {
        self.0.lock().unwrap().kept.remove(key).unwrap();
    }

    pub fn writes(&self) -> u64 {
        self.0.lock().unwrap().writes
    }

    fn put(&self, key: &str, bytes: &[u8], condition: Option<&str>) -> Option<String> {
        let mut shelf = self.0.lock().unwrap();
        let now = shelf.kept.get(key).map(|kept| kept.etag.as_str());
        (now == condition).then(|| shelf.write(key, bytes))
    }
}

impl Shelf {
    fn write(&mut self, key: &str, bytes: &[u8]) -> String {
        self.writes += 1;
        let etag = format!("\"{}\"", self.writes);
        let kept = Kept { bytes: bytes.to_vec(), etag: etag.clone(), at: Instant::now() };
        self.kept.insert(key.to_owned(), kept);
        etag
    }
}

/// One runner's client of the service.
#[derive(Clone)]
pub struct Runner {
    pub service: Service,
    /// The faults of its next writes, in order.
    faults: Arc<Mutex<VecDeque<Fault>>>,
    dead: Arc<Mutex<bool>>,
    /// How long each call takes.
    pub latency: Duration,
    /// Whether the service sends its time.
    pub server_time: bool,
}

impl Runner {
    pub fn new(service: &Service) -> Self {
        Self {
            service: service.clone(),
            faults: Arc::default(),
            dead: Arc::default(),
            latency: Duration::from_millis(5),
            server_time: true,
        }
    }

    /// Makes the `number`-th write from now (from 1) fail this way.
    pub fn fault(&self, number: usize, fault: Fault) {
        let mut faults = self.faults.lock().unwrap();
        let missing = number.saturating_sub(faults.len());
        faults.extend(std::iter::repeat_n(Fault::None, missing));
        faults[number - 1] = fault;
    }

    pub fn store(&self) -> Store {
        Store::new(Arc::new(self.clone()), location())
    }

    /// Takes the lease of 60 s and opens the journal.
    pub async fn open(&self, wait: u64) -> Result<Run, RemoteStateError> {
        let stop = Shutdown::default();
        let (backend, lease) = open(self.store(), terms(wait), &stop, &|_| {}).await?;
        let (journal, warnings) = Journal::open(Box::new(backend), "test").await?;
        Ok(Run { journal, lease, stop, warnings })
    }

    async fn call<T>(&self, fault: Fault, act: impl Fn() -> T + Send + Sync + 'static) -> Result<T, Error>
    where
        T: Send + 'static,
    {
        if fault == Fault::Killed {
            *self.dead.lock().unwrap() = true;
        }
        if *self.dead.lock().unwrap() {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(self.latency).await;
        match fault {
            Fault::Lost => {
                act();
                Err(Error::new(Class::NoAnswer, "PutObject", "the answer is lost"))
            }
            Fault::Busy => Err(Error::new(Class::Throttled, "PutObject", "slow down")),
            Fault::Twice => {
                act();
                Ok(act())
            }
            Fault::Late(by) => {
                let late = tokio::spawn(async move {
                    tokio::time::sleep(by).await;
                    act()
                });
                Ok(late.await.unwrap())
            }
            Fault::None | Fault::Killed => Ok(act()),
        }
    }
}

impl Objects for Runner {
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Object>, Error>> {
        let (service, key, server_time) = (self.service.clone(), key.to_owned(), self.server_time);
        Box::pin(self.call(Fault::None, move || {
            let shelf = service.0.lock().unwrap();
            shelf.kept.get(&key).map(|kept| Object {
                bytes: kept.bytes.clone(),
                etag: kept.etag.clone(),
                age: server_time.then(|| kept.at.elapsed()),
            })
        }))
    }

    fn put<'a>(
        &'a self,
        key: &'a str,
        bytes: &'a [u8],
        condition: Condition<'a>,
    ) -> BoxFuture<'a, Result<Option<String>, Error>> {
        let fault = self.faults.lock().unwrap().pop_front().unwrap_or(Fault::None);
        let (service, key, bytes) = (self.service.clone(), key.to_owned(), bytes.to_vec());
        let etag = match condition {
            Condition::Absent => None,
            Condition::Unchanged(etag) => Some(etag.to_owned()),
        };
        Box::pin(self.call(fault, move || service.put(&key, &bytes, etag.as_deref())))
    }

    fn list<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<Vec<String>, Error>> {
        let (service, prefix) = (self.service.clone(), prefix.to_owned());
        Box::pin(
            self.call(Fault::None, move || service.keys().into_iter().filter(|key| key.starts_with(&prefix)).collect()),
        )
    }

    fn delete<'a>(&'a self, keys: &'a [String]) -> BoxFuture<'a, Result<(), Error>> {
        let (service, keys) = (self.service.clone(), keys.to_vec());
        Box::pin(self.call(Fault::None, move || {
            keys.iter().for_each(|key| drop(service.0.lock().unwrap().kept.remove(key)));
        }))
    }
}

/// An open state.
pub struct Run {
    pub journal: Journal,
    pub lease: Lease,
    pub stop: Shutdown,
    pub warnings: Vec<String>,
}

impl Run {
    /// Records the intent for so many resources, one after the other.
    pub async fn announce(&self, numbers: std::ops::Range<u32>) -> Result<(), payinfra_state::Error> {
        for number in numbers {
            self.journal.append(acquired(number)).await?;
        }
        Ok(())
    }

    /// The numbers of the resources in the state.
    pub fn known(&self) -> Vec<u32> {
        self.journal.read(|stack| stack.records.keys().map(|address| address.name().parse().unwrap()).collect())
    }

    /// Ends the run in order.
    pub async fn end(self) {
        self.journal.compact().await.unwrap();
        self.journal.release().await.unwrap();
    }
}

pub fn acquired(number: u32) -> Entry {
    let address = Address::new("thing", &format!("{number:04}"));
    Entry::Acquired { address, id: format!("thing-{number}"), outputs: None, at: Timestamp::UNIX_EPOCH }
}

pub fn location() -> Location {
    Location::parse("s3://bucket/some/prefix", "test").unwrap()
}

pub fn holder(name: &str) -> Holder {
    Holder { user: name.to_owned(), ..Holder::this_process("up") }
}

pub fn terms(wait: u64) -> Terms {
    Terms { holder: holder("alice"), length: Duration::from_secs(60), wait: Duration::from_secs(wait) }
}
