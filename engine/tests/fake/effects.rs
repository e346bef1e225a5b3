//! What the calls do to the fake cloud's objects, and what it refuses.

use std::collections::BTreeMap;

use payinfra_engine::{Address, Class, Error, Idempotency, Progress, Status};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;
use tokio::time::Instant;

use crate::fake::cloud::Delays;
use crate::fake::kinds::{Behaviour, behaviour, seconds};

#[derive(Debug, Clone)]
pub struct Object {
    pub id: String,
    pub kind: &'static str,
    /// The address in its ownership tags.
    pub address: Option<Address>,
    /// Whether the stack created it; its tags can be removed by hand.
    pub ours: bool,
    pub spec: Value,
    /// The old spec that reads still show, and until when.
    pub stale: Option<(Value, Instant)>,
    pub tags_at: Instant,
    pub ids_at: Instant,
    pub calls_at: Instant,
    /// When others can first refer to it.
    pub usable_at: Instant,
    pub ready_at: Instant,
    pub gone_at: Option<Instant>,
    pub pending_deletion: bool,
    pub failed: Option<String>,
    pub steps: u32,
    /// When its interfaces are released after it has left its network.
    pub released_at: Instant,
}

impl Object {
    pub fn status(&self) -> Status {
        let now = Instant::now();
        match (&self.failed, self.gone_at) {
            (_, Some(_)) => Status::Deleting,
            _ if self.pending_deletion => Status::PendingDeletion,
            _ if self.ready_at > now => Status::Pending("creating".to_owned()),
            (Some(reason), _) => Status::Failed(reason.clone()),
            _ => Status::Ready,
        }
    }

    pub fn look(&self) -> (Option<Address>, String, Value, Status) {
        let spec = match &self.stale {
            Some((spec, until)) if *until > Instant::now() => spec,
            _ => &self.spec,
        };
        (self.address.clone(), self.id.clone(), spec.clone(), self.status())
    }

    fn refers_to(&self, id: &str) -> bool {
        references(&self.spec).any(|reference| reference == id)
    }

    fn leaves(&self) -> bool {
        self.pending_deletion || self.gone_at.is_some()
    }
}

pub fn references(spec: &Value) -> impl Iterator<Item = &str> {
    ["on", "uses"].into_iter().flat_map(|name| spec[name].as_array().into_iter().flatten()).filter_map(Value::as_str)
}

pub struct World {
    pub objects: BTreeMap<String, Object>,
    pub violations: Vec<String>,
    pub delays: Delays,
    /// Kinds whose next objects fail, and how many of them do.
    pub failing: BTreeMap<&'static str, u32>,
    /// Whether an object that must outlive what refers to it is checked to do so.
    pub strict: bool,
    /// How long function interfaces stay in use, in seconds, if not for the table's value.
    pub lingers: Option<u64>,
    /// Until when somebody writes to buckets, and every how many seconds.
    pub writers: Option<(Instant, u64)>,
    /// Names that somebody creates again as soon as they are gone, and how many times.
    pub resurrected: BTreeMap<String, (Option<Address>, u32)>,
    tokens: BTreeMap<String, (String, Value)>,
    lingering: Vec<(String, Instant)>,
    buckets: BTreeMap<&'static str, (f64, Instant)>,
    emptied: BTreeMap<String, Instant>,
    rng: StdRng,
    next: u32,
}

impl World {
    pub fn new(seed: u64, delays: Delays) -> Self {
        Self {
            objects: BTreeMap::new(),
            violations: Vec::new(),
            delays,
            failing: BTreeMap::new(),
            strict: false,
            lingers: None,
            writers: None,
            resurrected: BTreeMap::new(),
            tokens: BTreeMap::new(),
            lingering: Vec::new(),
            buckets: BTreeMap::new(),
            emptied: BTreeMap::new(),
            rng: StdRng::seed_from_u64(seed ^ 0x5eed),
            next: 0,
        }
    }

    fn in_up_to(&mut self, most: f64) -> Instant {
        Instant::now() + std::time::Duration::from_secs_f64(self.rng.random::<f64>() * most)
    }

    /// Applies what is due by now.
    pub fn settle(&mut self) {
        let now = Instant::now();
        let gone: Vec<String> = self
            .objects
            .values()
            .filter(|object| object.gone_at.is_some_and(|at| at <= now))
            .map(|object| object.id.clone())
            .collect();
        for id in gone {
            let object = self.objects.remove(&id).unwrap();
            let until = object.gone_at.unwrap() + seconds(behaviour(object.kind).lingers);
            self.lingering.extend(references(&object.spec).map(|reference| (reference.to_owned(), until)));
            if let Some((tag, times)) = self.resurrected.get_mut(&id)
                && *times > 0
            {
                *times -= 1;
                let tag = tag.clone();
                self.put(&id, object.kind, tag, object.spec.clone());
            }
        }
    }

    /// Creates an object by hand.
    pub fn put(&mut self, id: &str, kind: &'static str, address: Option<Address>, spec: Value) {
        let now = Instant::now();
        let object = Object {
            id: id.to_owned(),
            kind,
            ours: address.is_some(),
            address,
            spec,
            stale: None,
            tags_at: now,
            ids_at: now,
            calls_at: now,
            usable_at: now,
            ready_at: now,
            gone_at: None,
            pending_deletion: false,
            failed: None,
            steps: 0,
            released_at: now,
        };
        self.objects.insert(id.to_owned(), object);
    }

    pub fn take_from_bucket(&mut self, behaviour: &Behaviour) -> bool {
        let Some((size, refill)) = behaviour.rate else { return true };
        let now = Instant::now();
        let (tokens, at) = self.buckets.entry(behaviour.kind).or_insert((size, now));
        *tokens = (*tokens + now.duration_since(*at).as_secs_f64() * refill).min(size);
        *at = now;
        if *tokens < 1.0 {
            return false;
        }
        *tokens -= 1.0;
        true
    }

    fn check_references(&self, operation: &'static str, spec: &Value) -> Result<(), Error> {
        let now = Instant::now();
        for id in references(spec) {
            match self.objects.get(id) {
                Some(object) if object.calls_at > now => {
                    return Err(Error::new(Class::Absent, operation, format!("{id} does not exist")));
                }
                Some(object) if object.usable_at > now => {
                    return Err(Error::new(Class::NotYet, operation, format!("{id} cannot be assumed")));
                }
                Some(object) if !object.leaves() => {}
                _ => return Err(Error::new(Class::Invalid, operation, format!("{id} does not exist"))),
            }
        }
        Ok(())
    }

    pub fn create(&mut self, address: &Address, token: &str, spec: &Value) -> Result<String, Error> {
        let refuse = |class, text: &str| Err(Error::new(class, "create", text));
        let behaviour = behaviour(address.kind());
        if behaviour.idempotency == Idempotency::Token
            && let Some((id, before)) = self.tokens.get(token)
        {
            return if before == spec { Ok(id.clone()) } else { refuse(Class::Invalid, "idempotency mismatch") };
        }
        let id = match behaviour.idempotency {
            Idempotency::Name => address.to_string(),
            _ => format!("{}-{:04}", behaviour.kind, self.next),
        };
        if self.objects.contains_key(&id) {
            return refuse(Class::Exists, "the name is taken");
        }
        self.check_references("create", spec)?;
        let double = |object: &&Object| object.address.as_ref() == Some(address) && !object.leaves();
        if let Some(other) = self.objects.values().find(double) {
            self.violations.push(format!("a second object for {address}: {} beside {id}", other.id));
        }
        self.next += 1;
        self.tokens.insert(token.to_owned(), (id.clone(), spec.clone()));
        let mut spec = spec.clone();
        spec["nested"] = Value::Null;
        self.put(&id, behaviour.kind, Some(address.clone()), spec);
        let now = Instant::now();
        let Delays { tags, ids, calls, .. } = self.delays;
        let (tags_at, ids_at, calls_at) = (self.in_up_to(tags), self.in_up_to(ids), self.in_up_to(calls));
        let fails = self.failing.get_mut(behaviour.kind).filter(|left| **left > 0).map(|left| *left -= 1).is_some();
        let object = self.objects.get_mut(&id).unwrap();
        (object.tags_at, object.ids_at, object.calls_at) = (tags_at, ids_at, calls_at);
        object.usable_at = now + seconds(behaviour.propagates);
        object.ready_at = now + seconds(behaviour.create);
        object.failed = fails.then(|| "it could not be created".to_owned());
        Ok(id)
    }

    pub fn update(&mut self, id: &str, spec: &Value, changed: &[String]) -> Result<(), Error> {
        let refuse = |class, text: &str| Err(Error::new(class, "update", text));
        let stale_until = self.in_up_to(self.delays.settle);
        self.check_references("update", spec)?;
        let now = Instant::now();
        let Some(object) = self.objects.get_mut(id).filter(|object| object.calls_at <= now) else {
            return refuse(Class::Absent, "it does not exist");
        };
        if object.gone_at.is_some() {
            return refuse(Class::Invalid, "it is being deleted");
        }
        if object.ready_at > now {
            return refuse(Class::InUse, "another change is under way");
        }
        if let Some(fixed) = changed.iter().find(|name| ["fixed", "on"].contains(&name.as_str())) {
            self.violations.push(format!("{fixed} of {id} is changed in place"));
        }
        if !object.ours {
            self.violations.push(format!("{id} of somebody else is changed"));
        }
        object.stale = Some((object.spec.clone(), stale_until));
        object.pending_deletion = false;
        for name in changed {
            object.spec[name.as_str()] = spec[name.as_str()].clone();
        }
        object.ready_at = now + seconds(behaviour(object.kind).update);
        Ok(())
    }

    pub fn delete(&mut self, id: &str) -> Result<Progress, Error> {
        let refuse = |class, text: &str| Err(Error::new(class, "delete", text));
        let now = Instant::now();
        let users =
            || self.objects.values().filter(|other| other.id != id && !other.pending_deletion && other.refers_to(id));
        let held = users().any(|other| behaviour(other.kind).holds);
        let used =
            users().next().is_some() || self.lingering.iter().any(|(reference, until)| reference == id && *until > now);
        let lingers = self.lingers;
        let Some(object) = self.objects.get_mut(id).filter(|object| object.calls_at <= now) else {
            return refuse(Class::Absent, "it does not exist");
        };
        if !object.ours {
            self.violations.push(format!("{id} of somebody else is deleted"));
        }
        if object.leaves() {
            return Ok(Progress::Going);
        }
        let behaviour = behaviour(object.kind);
        if behaviour.busy && object.ready_at > now {
            return refuse(Class::InUse, "it is not in a state for this");
        }
        if used && behaviour.refuses {
            return refuse(Class::InUse, "something refers to it");
        }
        if held && behaviour.kept && self.strict {
            self.violations.push(format!("{id} is deleted before what refers to it"));
        }
        if object.kind == "bucket" {
            let since = self.emptied.get(id).copied();
            let refilled = match (self.writers, since) {
                (_, None) => true,
                (Some((until, every)), Some(since)) => since < until && now >= since + seconds(every),
                (None, Some(_)) => false,
            };
            if refilled {
                self.emptied.insert(id.to_owned(), now);
                return Ok(Progress::More);
            }
        } else if object.steps + 1 < behaviour.steps {
            object.steps += 1;
            object.ready_at = now + seconds(behaviour.step);
            if behaviour.releases > 0 {
                object.released_at = object.ready_at + seconds(lingers.unwrap_or(behaviour.releases));
            }
            return Ok(Progress::More);
        } else if object.released_at > now {
            return refuse(Class::InUse, "its interfaces are not released yet");
        }
        if behaviour.pending_deletion {
            object.pending_deletion = true;
        } else {
            object.gone_at = Some(now + seconds(behaviour.delete));
        }
        Ok(Progress::Going)
    }

    /// The existing objects that the stack created.
    pub fn living(&self) -> impl Iterator<Item = &Object> {
        self.objects.values().filter(|object| object.ours && !object.leaves())
    }
}
