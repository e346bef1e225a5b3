//! Random stacks, faults, kills, changes, and outside changes: whatever the schedule, the next runs converge.
//!
//! `PAYINFRA_PROPTEST_CASES` sets the number of cases; `PAYINFRA_PROPTEST_SEED` repeats a printed seed.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]
#![allow(clippy::print_stdout, reason = "the seed must be seen")]

mod fake;

use std::collections::BTreeSet;

use payinfra_engine::{Address, Idempotency, Need};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use serde_json::json;
use tokio::time::Instant;

use fake::cloud::{Delays, Odds};
use fake::harness::{End, Harness, in_virtual_time};
use fake::kinds::{ALARM, BEHAVIOURS, seconds};
use fake::stacks::FakeResource;
use fake::summary;

/// One event of a schedule; numbers pick a resource, modulo how many there are.
#[derive(Debug, Clone)]
enum Step {
    Up(Option<u64>),
    Destroy(Option<u64>),
    Configure(Edit),
    Meddle(Meddling),
    /// The credentials expire this many seconds from now, for the next run.
    Expire(u64),
    Wait(u64),
    LoseState,
}

/// A change of the configuration.
#[derive(Debug, Clone)]
enum Edit {
    Resize(usize),
    Replace(usize),
    Nest(usize),
    Remove(usize),
    Add(Raw),
}

/// What somebody else does to the cloud.
#[derive(Debug, Clone)]
enum Meddling {
    Modify(usize),
    Delete(usize),
    TakeTags(usize),
    PutObject(usize),
    /// The next object of the kind fails.
    Fail(usize),
    /// From now on, interfaces stay in use for this many seconds.
    Linger(u64),
    /// For this many seconds from now on, somebody writes into the buckets.
    Write(u64),
    /// A named object is created again this many times after its deletion.
    Resurrect(usize, u32),
}

/// A resource before its references are fitted: kind, what it is built on, what it uses, and which of those it needs
/// ready.
type Raw = (usize, u8, u8, u8, bool);

fn raw() -> impl Strategy<Value = Raw> {
    (0..BEHAVIOURS.len(), any::<u8>(), any::<u8>(), any::<u8>(), any::<bool>())
}

fn step() -> impl Strategy<Value = Step> {
    let point = proptest::option::weighted(0.7, 0..120_u64);
    prop_oneof![
        6 => point.clone().prop_map(Step::Up),
        2 => point.prop_map(Step::Destroy),
        1 => any::<usize>().prop_map(|number| Step::Configure(Edit::Resize(number))),
        1 => any::<usize>().prop_map(|number| Step::Configure(Edit::Replace(number))),
        1 => any::<usize>().prop_map(|number| Step::Configure(Edit::Nest(number))),
        1 => any::<usize>().prop_map(|number| Step::Configure(Edit::Remove(number))),
        1 => raw().prop_map(|raw| Step::Configure(Edit::Add(raw))),
        1 => any::<usize>().prop_map(|number| Step::Meddle(Meddling::Modify(number))),
        1 => any::<usize>().prop_map(|number| Step::Meddle(Meddling::Delete(number))),
        1 => any::<usize>().prop_map(|number| Step::Meddle(Meddling::TakeTags(number))),
        1 => any::<usize>().prop_map(|number| Step::Meddle(Meddling::PutObject(number))),
        1 => any::<usize>().prop_map(|number| Step::Meddle(Meddling::Fail(number))),
        1 => (0..300_u64).prop_map(Step::Expire),
        1 => (0..2700_u64).prop_map(|time| Step::Meddle(Meddling::Linger(time))),
        1 => (0..600_u64).prop_map(|time| Step::Meddle(Meddling::Write(time))),
        1 => (any::<usize>(), 1..3_u32).prop_map(|(number, times)| Step::Meddle(Meddling::Resurrect(number, times))),
        1 => (0..600_u64).prop_map(Step::Wait),
        1 => Just(Step::LoseState),
    ]
}

fn odds() -> impl Strategy<Value = Odds> {
    (0.0..0.1, 0.0..0.06, 0.0..0.06, 0.0..0.06).prop_map(|(throttled, failed, lost, twice)| Odds {
        throttled,
        failed,
        lost,
        twice,
    })
}

fn grow(resources: &mut Vec<FakeResource>, (kind, on, uses, ready, nested): Raw) {
    let mut resource = FakeResource::new(kind, &format!("n{}", resources.len()));
    while resources.iter().any(|other| other.address() == resource.address()) {
        resource.name.push('x');
    }
    resource.nested = nested.then(|| "yes".to_owned());
    for (other, below) in resources.iter().enumerate().skip(resources.len().saturating_sub(8)) {
        let bit = 1 << (other % 8);
        // Nothing can be built on what no deletion waits for: its deletion would be refused forever.
        if below.kind == ALARM {
            continue;
        }
        let need = if ready & bit != 0 { Need::Ready } else { Need::Exists };
        if on & bit != 0 && on & (bit << 1) == 0 {
            resource.on.push((other, need));
        } else if uses & bit != 0 {
            resource.uses.push((other, need));
        }
    }
    resources.push(resource);
}

/// Everything that gets a new object when `node` does.
fn replaced_with(resources: &[FakeResource], node: usize) -> BTreeSet<usize> {
    let mut closure = BTreeSet::from([node]);
    for (index, resource) in resources.iter().enumerate() {
        if resource.on.iter().any(|(other, _)| closure.contains(other)) {
            closure.insert(index);
        }
    }
    closure
}

/// Whether `node` can be replaced: what cannot be deleted while in use must not be used by what stays, because that
/// would need the new object before the old one is gone.
fn is_replaceable(resources: &[FakeResource], node: usize) -> bool {
    let closure = replaced_with(resources, node);
    resources.iter().enumerate().filter(|(index, _)| !closure.contains(index)).all(|(_, stays)| {
        stays.uses.iter().all(|(other, _)| !closure.contains(other) || !BEHAVIOURS[resources[*other].kind].refuses)
    })
}

/// Removes a resource with everything built on it; what uses it releases it.
fn remove(resources: &mut Vec<FakeResource>, node: usize) {
    let gone = replaced_with(resources, node);
    let kept: Vec<usize> = (0..resources.len()).filter(|index| !gone.contains(index)).collect();
    let place = |old: usize| kept.iter().position(|index| *index == old);
    *resources = kept
        .iter()
        .map(|index| {
            let mut resource = resources[*index].clone();
            resource.on = resource.on.iter().filter_map(|(old, need)| Some((place(*old)?, *need))).collect();
            resource.uses = resource.uses.iter().filter_map(|(old, need)| Some((place(*old)?, *need))).collect();
            resource
        })
        .collect();
}

struct Schedule {
    harness: Harness,
    resources: Vec<FakeResource>,
    /// Names of objects of somebody else; nothing of ours can have them.
    strangers: BTreeSet<String>,
    untagged: bool,
}

impl Schedule {
    /// The id of a picked living object, with the position of its resource.
    fn pick(&self, number: usize) -> Option<(String, usize)> {
        let world = self.harness.cloud.world.lock().unwrap();
        let place = |address: &Address| self.resources.iter().position(|resource| resource.address() == *address);
        let living: Vec<_> =
            world.living().filter_map(|object| Some((object.id.clone(), place(object.address.as_ref()?)?))).collect();
        (!living.is_empty()).then(|| living[number % living.len()].clone())
    }

    async fn take(&mut self, step: &Step) {
        match step {
            Step::Up(at) => {
                self.harness.kill.arm(*at);
                self.harness.up(&self.resources).await;
                self.calm();
            }
            Step::Destroy(at) => {
                self.harness.kill.arm(*at);
                self.harness.destroy(&self.resources).await;
                self.calm();
            }
            Step::Configure(edit) => self.configure(edit),
            Step::Meddle(meddling) => self.meddle(meddling),
            Step::Expire(after) => {
                *self.harness.cloud.expired_from.lock().unwrap() = Some(Instant::now() + seconds(*after));
            }
            Step::Wait(time) => tokio::time::sleep(seconds(*time)).await,
            Step::LoseState => {
                if !self.untagged {
                    tokio::time::sleep(seconds(60)).await;
                    self.harness.disk.lose();
                    // What left the configuration is an orphan from now on: nothing records what it used.
                    self.harness.lenient = true;
                }
            }
        }
    }

    fn configure(&mut self, edit: &Edit) {
        let node = |number: &usize| number % self.resources.len();
        match edit {
            Edit::Resize(number) => {
                let node = node(number);
                self.resources[node].size += 1;
            }
            Edit::Replace(number) => {
                let node = node(number);
                if is_replaceable(&self.resources, node) {
                    self.resources[node].fixed += 1;
                }
            }
            Edit::Nest(number) => {
                let node = node(number);
                let nested = self.resources[node].nested.take().is_none();
                self.resources[node].nested = nested.then(|| "yes".to_owned());
            }
            Edit::Remove(number) => {
                let node = node(number);
                if replaced_with(&self.resources, node).len() < self.resources.len() {
                    remove(&mut self.resources, node);
                }
            }
            Edit::Add(raw) => grow(&mut self.resources, *raw),
        }
    }

    fn meddle(&mut self, meddling: &Meddling) {
        match meddling {
            Meddling::Modify(number) => {
                if let Some((id, _)) = self.pick(*number) {
                    let mut world = self.harness.cloud.world.lock().unwrap();
                    let object = world.objects.get_mut(&id).unwrap();
                    object.spec["size"] = json!(99);
                    // Nobody can detect a change that does not show yet.
                    object.stale = None;
                }
            }
            Meddling::Delete(number) => {
                if let Some((id, node)) = self.pick(*number)
                    && is_replaceable(&self.resources, node)
                {
                    self.harness.cloud.world.lock().unwrap().objects.remove(&id);
                }
            }
            Meddling::TakeTags(number) => {
                if let Some((id, node)) = self.pick(*number)
                    && BEHAVIOURS[self.resources[node].kind].idempotency != Idempotency::Name
                    && self.harness.state().records.values().any(|record| record.id.as_ref() == Some(&id))
                {
                    self.untagged = true;
                    self.harness.cloud.world.lock().unwrap().objects.get_mut(&id).unwrap().address = None;
                }
            }
            Meddling::PutObject(number) => {
                let kind = BEHAVIOURS[number % BEHAVIOURS.len()].kind;
                let id = format!("{kind}.of-somebody-else");
                self.harness.cloud.world.lock().unwrap().put(&id, kind, None, blank());
                self.strangers.insert(id);
            }
            Meddling::Fail(number) => {
                let kind = number % BEHAVIOURS.len();
                let all_replaceable = (0..self.resources.len())
                    .filter(|node| self.resources[*node].kind == kind)
                    .all(|node| is_replaceable(&self.resources, node));
                if all_replaceable {
                    self.harness.cloud.world.lock().unwrap().failing.insert(BEHAVIOURS[kind].kind, 1);
                }
            }
            Meddling::Linger(time) => self.harness.cloud.world.lock().unwrap().lingers = Some(*time),
            Meddling::Write(time) => {
                self.harness.cloud.world.lock().unwrap().writers = Some((Instant::now() + seconds(*time), 0));
            }
            Meddling::Resurrect(number, times) => {
                if let Some((id, node)) = self.pick(*number)
                    && BEHAVIOURS[self.resources[node].kind].kind == "logs"
                {
                    let tag = Some(self.resources[node].address());
                    self.harness.cloud.world.lock().unwrap().resurrected.insert(id, (tag, *times));
                }
            }
        }
    }

    fn calm(&self) {
        self.harness.kill.arm(None);
        *self.harness.cloud.expired_from.lock().unwrap() = None;
    }

    /// Without further faults, three runs are enough: one may meet a failed object, and one replaces it.
    async fn complete(&self, destroy: bool) -> Result<(), TestCaseError> {
        let mut ends = Vec::new();
        for _ in 0..3 {
            let end = if destroy {
                self.harness.destroy(&self.resources).await
            } else {
                self.harness.up(&self.resources).await
            };
            if end.is_complete() {
                return Ok(());
            }
            ends.push(match end {
                End::Ran(_, outcome) => format!("{outcome:?}"),
                other => format!("{other:?}"),
            });
        }
        Err(TestCaseError::fail(format!("three runs did not complete: {ends:#?}")))
    }
}

fn blank() -> serde_json::Value {
    json!({ "size": 7, "fixed": 7, "nested": null, "on": [], "uses": [] })
}

async fn run_schedule(seed: u64, raws: Vec<Raw>, odds: Odds, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let mut resources = Vec::new();
    raws.into_iter().for_each(|raw| grow(&mut resources, raw));
    let harness = Harness::new(seed, Delays::AWS);
    let mut schedule = Schedule { harness, resources, strangers: BTreeSet::new(), untagged: false };
    *schedule.harness.cloud.odds.lock().unwrap() = odds;
    for step in &steps {
        schedule.take(step).await;
    }
    schedule.calm();
    *schedule.harness.cloud.odds.lock().unwrap() = Odds::default();
    schedule.harness.cloud.world.lock().unwrap().failing.clear();
    schedule.complete(false).await?;
    let findings = schedule.harness.settled(&schedule.resources).await;
    prop_assert!(findings.is_clean(), "after up: {findings:#?}");
    schedule.complete(true).await?;
    let findings = schedule.harness.findings();
    prop_assert!(findings.is_clean(), "after destroy: {findings:#?}");
    let world = schedule.harness.cloud.world.lock().unwrap();
    prop_assert_eq!(world.living().count(), 0);
    prop_assert!(schedule.strangers.iter().all(|id| world.objects.contains_key(id)), "a stranger's object is gone");
    Ok(())
}

#[test]
fn any_schedule_converges() {
    let cases = std::env::var("PAYINFRA_PROPTEST_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(120);
    let seed: u64 = std::env::var("PAYINFRA_PROPTEST_SEED")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or_else(|| rand::random::<u32>().into());
    println!("schedules: {cases} cases, seed {seed}");
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config { cases, max_shrink_time: 120_000, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let schedules =
        (any::<u64>(), proptest::collection::vec(raw(), 2..9), odds(), proptest::collection::vec(step(), 1..9));
    let result =
        runner.run(&schedules, |(seed, raws, odds, steps)| in_virtual_time(run_schedule(seed, raws, odds, steps)));
    if let Err(error) = result {
        panic!("seed {seed}: {error}");
    }
    summary::line(3, &format!("{cases} random mixes, seed {seed}: 0 orphans, 0 duplicates, 0 phantoms"));
}
