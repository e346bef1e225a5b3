//! Random stacks, faults, kills, changes and meddling: whatever the schedule, the next runs converge.
//!
//! `PAYINFRA_PROPTEST_CASES` sets the number of cases, `PAYINFRA_PROPTEST_SEED` repeats a printed seed.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]
#![allow(clippy::print_stdout, reason = "the seed must be seen")]

mod fake;

use std::collections::BTreeSet;

use payinfra_engine::{Address, Identity, Need};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use serde_json::json;
use tokio::time::Instant;

use fake::cloud::{Delays, Odds};
use fake::kinds::{ALARM, MANNERS, seconds};
use fake::lab::{End, Lab, in_virtual_time};
use fake::stacks::Plant;
use fake::summary;

/// One thing that happens; numbers pick a resource, modulo how many there are.
#[derive(Debug, Clone)]
enum Step {
    Up(Option<u64>),
    Destroy(Option<u64>),
    /// The configuration changes.
    Resize(usize),
    Replace(usize),
    Nest(usize),
    Remove(usize),
    Add(Raw),
    /// Somebody meddles with the cloud.
    Modify(usize),
    DeleteByHand(usize),
    TakeMarks(usize),
    PutStranger(usize),
    /// The next object of the kind ends failed.
    Fail(usize),
    /// The credentials run out so many seconds from now, for the next run.
    Expire(u64),
    /// From now on interfaces stay in use for so many seconds.
    Linger(u64),
    /// For so many seconds from now on, somebody writes into the buckets.
    Write(u64),
    /// What has a name comes back so many times after its deletion.
    Resurrect(usize, u32),
    Wait(u64),
    LoseState,
}

/// A resource before its references are made to fit: kind, what it stands on, what it uses, which of those ready.
type Raw = (usize, u8, u8, u8, bool);

fn raw() -> impl Strategy<Value = Raw> {
    (0..MANNERS.len(), any::<u8>(), any::<u8>(), any::<u8>(), any::<bool>())
}

fn step() -> impl Strategy<Value = Step> {
    let point = proptest::option::weighted(0.7, 0..120_u64);
    prop_oneof![
        6 => point.clone().prop_map(Step::Up),
        2 => point.prop_map(Step::Destroy),
        1 => any::<usize>().prop_map(Step::Resize),
        1 => any::<usize>().prop_map(Step::Replace),
        1 => any::<usize>().prop_map(Step::Nest),
        1 => any::<usize>().prop_map(Step::Remove),
        1 => raw().prop_map(Step::Add),
        1 => any::<usize>().prop_map(Step::Modify),
        1 => any::<usize>().prop_map(Step::DeleteByHand),
        1 => any::<usize>().prop_map(Step::TakeMarks),
        1 => any::<usize>().prop_map(Step::PutStranger),
        1 => any::<usize>().prop_map(Step::Fail),
        1 => (0..300_u64).prop_map(Step::Expire),
        1 => (0..2700_u64).prop_map(Step::Linger),
        1 => (0..600_u64).prop_map(Step::Write),
        1 => (any::<usize>(), 1..3_u32).prop_map(|(number, times)| Step::Resurrect(number, times)),
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

fn grow(plants: &mut Vec<Plant>, (kind, on, uses, ready, nested): Raw) {
    let mut plant = Plant::new(kind, &format!("n{}", plants.len()));
    while plants.iter().any(|other| other.address() == plant.address()) {
        plant.name.push('x');
    }
    plant.nested = nested.then(|| "yes".to_owned());
    for (other, below) in plants.iter().enumerate().skip(plants.len().saturating_sub(8)) {
        let bit = 1 << (other % 8);
        // What no one waits for cannot be built upon: its deletion would be refused for ever.
        if below.kind == ALARM {
            continue;
        }
        let need = if ready & bit != 0 { Need::Ready } else { Need::Exists };
        if on & bit != 0 && on & (bit << 1) == 0 {
            plant.on.push((other, need));
        } else if uses & bit != 0 {
            plant.uses.push((other, need));
        }
    }
    plants.push(plant);
}

/// All that gets a new object when `node` does.
fn replaced_with(plants: &[Plant], node: usize) -> BTreeSet<usize> {
    let mut closure = BTreeSet::from([node]);
    for (index, plant) in plants.iter().enumerate() {
        if plant.on.iter().any(|(other, _)| closure.contains(other)) {
            closure.insert(index);
        }
    }
    closure
}

/// Whether a replacement of `node` can be done: what refuses to go while it is used must not be used by what stays,
/// because that would need the new object before the old one is gone.
fn is_replaceable(plants: &[Plant], node: usize) -> bool {
    let closure = replaced_with(plants, node);
    plants.iter().enumerate().filter(|(index, _)| !closure.contains(index)).all(|(_, stays)| {
        stays.uses.iter().all(|(other, _)| !closure.contains(other) || !MANNERS[plants[*other].kind].refuses)
    })
}

/// Removes a resource with all that stands on it; what uses it lets go.
fn remove(plants: &mut Vec<Plant>, node: usize) {
    let gone = replaced_with(plants, node);
    let kept: Vec<usize> = (0..plants.len()).filter(|index| !gone.contains(index)).collect();
    let place = |old: usize| kept.iter().position(|index| *index == old);
    *plants = kept
        .iter()
        .map(|index| {
            let mut plant = plants[*index].clone();
            plant.on = plant.on.iter().filter_map(|(old, need)| Some((place(*old)?, *need))).collect();
            plant.uses = plant.uses.iter().filter_map(|(old, need)| Some((place(*old)?, *need))).collect();
            plant
        })
        .collect();
}

struct Schedule {
    lab: Lab,
    plants: Vec<Plant>,
    /// Names that a stranger's object has; nothing of ours can have them.
    strangers: BTreeSet<String>,
    unmarked: bool,
}

impl Schedule {
    /// The id of a picked living object, with the position of its resource.
    fn pick(&self, number: usize) -> Option<(String, usize)> {
        let world = self.lab.cloud.world.lock().unwrap();
        let place = |address: &Address| self.plants.iter().position(|plant| plant.address() == *address);
        let living: Vec<_> =
            world.living().filter_map(|object| Some((object.id.clone(), place(object.address.as_ref()?)?))).collect();
        (!living.is_empty()).then(|| living[number % living.len()].clone())
    }

    async fn take(&mut self, step: &Step) {
        let node = |number: &usize| number % self.plants.len();
        match step {
            Step::Up(at) => {
                self.lab.kill.arm(*at);
                self.lab.up(&self.plants).await;
                self.calm();
            }
            Step::Destroy(at) => {
                self.lab.kill.arm(*at);
                self.lab.destroy(&self.plants).await;
                self.calm();
            }
            Step::Resize(number) => {
                let node = node(number);
                self.plants[node].size += 1;
            }
            Step::Replace(number) => {
                let node = node(number);
                if is_replaceable(&self.plants, node) {
                    self.plants[node].fixed += 1;
                }
            }
            Step::Nest(number) => {
                let node = node(number);
                let nested = self.plants[node].nested.take().is_none();
                self.plants[node].nested = nested.then(|| "yes".to_owned());
            }
            Step::Remove(number) => {
                let node = node(number);
                if replaced_with(&self.plants, node).len() < self.plants.len() {
                    remove(&mut self.plants, node);
                }
            }
            Step::Add(raw) => grow(&mut self.plants, *raw),
            Step::Modify(number) => {
                if let Some((id, _)) = self.pick(*number) {
                    let mut world = self.lab.cloud.world.lock().unwrap();
                    let object = world.objects.get_mut(&id).unwrap();
                    object.spec["size"] = json!(99);
                    // Nobody can know of a change that does not show yet.
                    object.stale = None;
                }
            }
            Step::DeleteByHand(number) => {
                if let Some((id, node)) = self.pick(*number)
                    && is_replaceable(&self.plants, node)
                {
                    self.lab.cloud.world.lock().unwrap().objects.remove(&id);
                }
            }
            Step::TakeMarks(number) => {
                if let Some((id, node)) = self.pick(*number)
                    && MANNERS[self.plants[node].kind].identity != Identity::Name
                    && self.lab.state().records.values().any(|record| record.id.as_ref() == Some(&id))
                {
                    self.unmarked = true;
                    self.lab.cloud.world.lock().unwrap().objects.get_mut(&id).unwrap().address = None;
                }
            }
            Step::PutStranger(number) => {
                let kind = MANNERS[number % MANNERS.len()].kind;
                let id = format!("{kind}.of-somebody-else");
                self.lab.cloud.world.lock().unwrap().put(&id, kind, None, blank());
                self.strangers.insert(id);
            }
            Step::Fail(number) => {
                let kind = number % MANNERS.len();
                let all_replaceable = (0..self.plants.len())
                    .filter(|node| self.plants[*node].kind == kind)
                    .all(|node| is_replaceable(&self.plants, node));
                if all_replaceable {
                    self.lab.cloud.world.lock().unwrap().failing.insert(MANNERS[kind].kind, 1);
                }
            }
            Step::Expire(after) => {
                *self.lab.cloud.expired_from.lock().unwrap() = Some(Instant::now() + seconds(*after));
            }
            Step::Linger(time) => self.lab.cloud.world.lock().unwrap().lingers = Some(*time),
            Step::Write(time) => {
                self.lab.cloud.world.lock().unwrap().writers = Some((Instant::now() + seconds(*time), 0));
            }
            Step::Resurrect(number, times) => {
                if let Some((id, node)) = self.pick(*number)
                    && MANNERS[self.plants[node].kind].kind == "logs"
                {
                    let mark = Some(self.plants[node].address());
                    self.lab.cloud.world.lock().unwrap().resurrected.insert(id, (mark, *times));
                }
            }
            Step::Wait(time) => tokio::time::sleep(seconds(*time)).await,
            Step::LoseState => {
                if !self.unmarked {
                    tokio::time::sleep(seconds(60)).await;
                    self.lab.disk.lose();
                    // What left the configuration is an orphan from here on: nobody knows what it used.
                    self.lab.lenient = true;
                }
            }
        }
    }

    fn calm(&self) {
        self.lab.kill.arm(None);
        *self.lab.cloud.expired_from.lock().unwrap() = None;
    }

    /// Without further trouble, three runs are enough: one may meet a failed object, one replaces it.
    async fn complete(&self, destroy: bool) -> Result<(), TestCaseError> {
        let mut ends = Vec::new();
        for _ in 0..3 {
            let end = if destroy { self.lab.destroy(&self.plants).await } else { self.lab.up(&self.plants).await };
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

async fn tell(seed: u64, raws: Vec<Raw>, odds: Odds, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let mut plants = Vec::new();
    raws.into_iter().for_each(|raw| grow(&mut plants, raw));
    let lab = Lab::new(seed, Delays::AWS);
    let mut schedule = Schedule { lab, plants, strangers: BTreeSet::new(), unmarked: false };
    *schedule.lab.cloud.odds.lock().unwrap() = odds;
    for step in &steps {
        schedule.take(step).await;
    }
    schedule.calm();
    *schedule.lab.cloud.odds.lock().unwrap() = Odds::default();
    schedule.lab.cloud.world.lock().unwrap().failing.clear();
    schedule.complete(false).await?;
    let findings = schedule.lab.settled(&schedule.plants).await;
    prop_assert!(findings.is_clean(), "after up: {findings:#?}");
    schedule.complete(true).await?;
    let findings = schedule.lab.findings();
    prop_assert!(findings.is_clean(), "after destroy: {findings:#?}");
    let world = schedule.lab.cloud.world.lock().unwrap();
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
    let result = runner.run(&schedules, |(seed, raws, odds, steps)| in_virtual_time(tell(seed, raws, odds, steps)));
    if let Err(error) = result {
        panic!("seed {seed}: {error}");
    }
    summary::line(3, &format!("{cases} random mixes, seed {seed}: 0 orphans, 0 duplicates, 0 phantoms"));
}
