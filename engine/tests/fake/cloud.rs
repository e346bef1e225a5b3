//! The calls of the fake cloud: latency, faults, the moments at which a caller can die, and the rules of the journal.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use payinfra_engine::{Address, Class, Error, Idempotency, Progress, Select, Status};
use payinfra_state::Phase;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::fake::disk::{Disk, Kill};
use crate::fake::effects::{Object, World};
use crate::fake::kinds::behaviour;

/// What goes wrong with one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Refused before it had any effect.
    Refused(Class),
    /// Its effect takes place and the answer is lost or an error.
    LostAnswer(Class),
    /// It arrives twice; the caller gets the second answer.
    Twice,
}

/// How often calls go wrong, as probabilities.
#[derive(Debug, Clone, Copy, Default)]
pub struct Odds {
    pub throttled: f64,
    pub failed: f64,
    pub lost: f64,
    pub twice: f64,
}

/// The longest time, in seconds, for which a fresh object stays hidden.
#[derive(Debug, Clone, Copy)]
pub struct Delays {
    pub tags: f64,
    pub ids: f64,
    /// Calls that name it are refused as if it did not exist.
    pub calls: f64,
    /// A change is not readable yet.
    pub settle: f64,
}

impl Delays {
    pub const NONE: Self = Self { tags: 0.0, ids: 0.0, calls: 0.0, settle: 0.0 };
    pub const AWS: Self = Self { tags: 40.0, ids: 8.0, calls: 8.0, settle: 20.0 };
}

/// One call, as the cloud logs it.
#[derive(Debug, Clone)]
pub struct Call {
    pub operation: &'static str,
    pub kind: &'static str,
    pub name: String,
    pub token: String,
    pub at: Instant,
    pub answer: Option<Class>,
}

pub struct Cloud {
    pub world: Arc<Mutex<World>>,
    pub kill: Arc<Kill>,
    pub disk: Disk,
    pub rng: Mutex<StdRng>,
    pub odds: Mutex<Odds>,
    /// Faults for the next calls of an operation on an address.
    pub script: Mutex<BTreeMap<(&'static str, String), VecDeque<Fault>>>,
    /// The resources whose next creation is answered without an id.
    pub nameless: Mutex<BTreeSet<String>>,
    /// When the caller's credentials expire.
    pub expired_from: Mutex<Option<Instant>>,
    pub calls: Mutex<Vec<Call>>,
}

impl Cloud {
    pub fn new(seed: u64, delays: Delays, disk: Disk) -> Self {
        Self {
            world: Arc::new(Mutex::new(World::new(seed, delays))),
            kill: Arc::clone(&disk.kill),
            disk,
            rng: Mutex::new(StdRng::seed_from_u64(seed)),
            odds: Mutex::default(),
            script: Mutex::default(),
            nameless: Mutex::default(),
            expired_from: Mutex::default(),
            calls: Mutex::default(),
        }
    }

    /// Lets the next calls of `operation` on `name` (a `kind.name`) go wrong.
    pub fn will(&self, operation: &'static str, name: &str, faults: impl IntoIterator<Item = Fault>) {
        self.script.lock().unwrap().entry((operation, name.to_owned())).or_default().extend(faults);
    }

    /// The calls of an operation, in order.
    pub fn calls_of(&self, operation: &str) -> Vec<Call> {
        self.calls.lock().unwrap().iter().filter(|call| call.operation == operation).cloned().collect()
    }

    pub fn mutating_calls(&self) -> usize {
        self.calls.lock().unwrap().iter().filter(|call| call.operation != "list").count()
    }

    fn random_fault(&self, operation: &'static str, name: &str, idempotency: Idempotency) -> Option<Fault> {
        if self.expired_from.lock().unwrap().is_some_and(|from| Instant::now() >= from) {
            return Some(Fault::Refused(Class::Credentials));
        }
        if let Some(faults) = self.script.lock().unwrap().get_mut(&(operation, name.to_owned())) {
            return faults.pop_front();
        }
        let odds = *self.odds.lock().unwrap();
        let mut left: f64 = self.rng.lock().unwrap().random();
        let mut hit = |probability: f64| {
            left -= probability;
            left < 0.0
        };
        let class = if hit(odds.throttled) {
            return Some(Fault::Refused(Class::Throttled));
        } else if hit(odds.failed / 2.0) {
            return Some(Fault::Refused(Class::Transient));
        } else if hit(odds.failed / 2.0) {
            Class::Transient
        } else if hit(odds.lost / 2.0) {
            return Some(Fault::Refused(Class::NoAnswer));
        } else if hit(odds.lost / 2.0) {
            Class::NoAnswer
        } else if hit(odds.twice) && !(operation == "create" && idempotency == Idempotency::Tags) {
            return Some(Fault::Twice);
        } else {
            return None;
        };
        if operation == "list" { Some(Fault::Refused(class)) } else { Some(Fault::LostAnswer(class)) }
    }

    fn latency(&self, fault: Option<Fault>) -> (Duration, Duration) {
        let mut rng = self.rng.lock().unwrap();
        let mut some = || Duration::from_millis(rng.random_range(20..200));
        let there = some();
        let no_answer = matches!(fault, Some(Fault::LostAnswer(Class::NoAnswer) | Fault::Refused(Class::NoAnswer)));
        (there, if no_answer { Duration::from_secs(30) } else { some() })
    }

    fn log(&self, operation: &'static str, kind: &'static str, name: &str, token: &str) -> usize {
        let mut calls = self.calls.lock().unwrap();
        let (name, token) = (name.to_owned(), token.to_owned());
        calls.push(Call { operation, kind, name, token, at: Instant::now(), answer: None });
        calls.len() - 1
    }

    /// One mutating call: the request, its effect, and the answer; the caller can die between them.
    async fn call<T: Send + 'static>(
        &self,
        operation: &'static str,
        address: &Address,
        token: &str,
        effect: impl Fn(&mut World) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let behaviour = behaviour(address.kind());
        let number = self.log(operation, behaviour.kind, address.as_str(), token);
        let answer = self.carry(operation, address, effect).await;
        self.calls.lock().unwrap()[number].answer = answer.as_ref().err().map(|error| error.class);
        answer
    }

    async fn carry<T: Send + 'static>(
        &self,
        operation: &'static str,
        address: &Address,
        effect: impl Fn(&mut World) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let behaviour = behaviour(address.kind());
        let fault = self.random_fault(operation, address.as_str(), behaviour.idempotency);
        let (there, back) = self.latency(fault);
        self.kill.point(|| format!("before {operation} {address}")).await;
        if let Some(Fault::Refused(class)) = fault {
            sleep(there + back).await;
            return Err(Error::new(class, operation, "refused at random"));
        }
        let world = Arc::clone(&self.world);
        let arrive = async move {
            sleep(there).await;
            let mut world = world.lock().unwrap();
            world.settle();
            if !world.take_from_bucket(behaviour) {
                return Err(Error::new(Class::Throttled, operation, "rate exceeded"));
            }
            if fault == Some(Fault::Twice) {
                let _ = effect(&mut world);
                world.settle();
            }
            effect(&mut world)
        };
        // A request in flight may or may not arrive after its sender died.
        let outlives = self.rng.lock().unwrap().random();
        let answer = if outlives { tokio::spawn(arrive).await.unwrap() } else { arrive.await };
        self.kill.point(|| format!("after {operation} {address}")).await;
        sleep(back).await;
        match fault {
            Some(Fault::LostAnswer(class)) => Err(Error::new(class, operation, "the answer was lost")),
            _ => answer,
        }
    }

    pub async fn create(&self, address: &Address, token: &str, spec: Value) -> Result<String, Error> {
        self.demand(address, Phase::Creating, &format!("create with token {token}"), |record| {
            record.token.as_deref() == Some(token)
        });
        let (tags, key) = (address.clone(), token.to_owned());
        let id = self.call("create", address, token, move |world| world.create(&tags, &key, &spec)).await?;
        Ok(if self.nameless.lock().unwrap().remove(address.as_str()) { String::new() } else { id })
    }

    pub async fn update(&self, address: &Address, id: &str, spec: Value, changed: &[&str]) -> Result<(), Error> {
        self.demand(address, Phase::Acquired, &format!("update of {changed:?}"), |_| true);
        let (id, changed) = (id.to_owned(), changed.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        self.call("update", address, "", move |world| world.update(&id, &spec, &changed)).await
    }

    pub async fn delete(&self, address: &Address, id: &str) -> Result<Progress, Error> {
        self.demand(address, Phase::Deleting, &format!("delete of {id}"), |record| record.id.as_deref() == Some(id));
        let id = id.to_owned();
        self.call("delete", address, "", move |world| world.delete(&id)).await
    }

    pub async fn list(
        &self,
        kind: &'static str,
        select: Select<'_>,
    ) -> Result<Vec<(Option<Address>, String, Value, Status)>, Error> {
        let what = if select == Select::Owned { "owned" } else { "ids" };
        self.log("list", kind, what, "");
        let fault = self.random_fault("list", kind, Idempotency::Name);
        let (there, back) = self.latency(fault);
        sleep(there).await;
        let found = {
            let mut world = self.world.lock().unwrap();
            world.settle();
            let now = Instant::now();
            let shown = |object: &&Object| match select {
                Select::Owned => object.address.is_some() && object.tags_at <= now,
                Select::Ids(ids) => object.ids_at <= now && ids.contains(&object.id),
            };
            let of_kind = world.objects.values().filter(|object| object.kind == kind);
            of_kind.filter(shown).map(Object::look).collect()
        };
        sleep(back).await;
        match fault {
            Some(Fault::Refused(class)) => Err(Error::new(class, "list", "refused at random")),
            _ => Ok(found),
        }
    }

    /// Records a violation if the disk does not announce the call.
    fn demand(&self, address: &Address, phase: Phase, act: &str, fits: impl FnOnce(&payinfra_state::Record) -> bool) {
        let files = self.disk.files.lock().unwrap();
        let record = files.durable.records.get(address);
        if !record.is_some_and(|record| record.phase == phase && fits(record)) {
            let text = format!("{act} of {address} without an entry on disk; there is {record:?}");
            self.world.lock().unwrap().violations.push(text);
        }
    }
}
