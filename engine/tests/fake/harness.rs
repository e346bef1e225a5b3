//! Runs the engine against the fake cloud, kills it, and inspects what is left.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use payinfra_engine::{
    Address, ApplyError, Base, Event, Graph, Outcome, Plan, Purpose, Shutdown, Summary, Timing, execute, plan,
    plan_destroy,
};
use payinfra_state::{Backend, Journal, Phase, Stack};
use tokio::time::Instant;

use crate::fake::cloud::{Cloud, Delays};
use crate::fake::disk::{Disk, Kill, Mirrored};
use crate::fake::stacks::{FakeResource, graph};
use crate::fake::summary;

/// How a run ended.
#[derive(Debug)]
pub enum End {
    Killed,
    /// There was no plan.
    Refused(ApplyError),
    Ran(Box<Plan>, Outcome),
}

impl End {
    pub fn is_complete(&self) -> bool {
        matches!(self, End::Ran(_, Outcome::Completed(_)))
    }
}

pub struct Harness {
    pub cloud: Arc<Cloud>,
    pub disk: Disk,
    pub kill: Arc<Kill>,
    pub base: Base<Cloud>,
    pub stop: Mutex<Shutdown>,
    /// Where the state is kept in real files instead of the fake disk.
    pub folder: Option<PathBuf>,
    /// Whether deletions may come in any order that the cloud accepts.
    pub lenient: bool,
    /// The warnings from loading the state.
    pub warnings: Mutex<Vec<String>>,
    pub events: Mutex<Vec<(Instant, Event)>>,
}

/// A run that takes longer than this is stuck.
const FOREVER: Duration = Duration::from_secs(7 * 24 * 3600);

impl Harness {
    pub fn new(seed: u64, delays: Delays) -> Self {
        let kill = Arc::new(Kill::default());
        let disk = Disk::new(Arc::clone(&kill));
        let cloud = Arc::new(Cloud::new(seed, delays, disk.clone()));
        let base = Base { cloud: Arc::clone(&cloud), timing: Timing::AWS };
        Self {
            cloud,
            disk,
            kill,
            base,
            stop: Mutex::default(),
            folder: None,
            lenient: false,
            warnings: Mutex::default(),
            events: Mutex::default(),
        }
    }

    pub async fn up(&self, resources: &[FakeResource]) -> End {
        self.run(&graph(resources), Purpose::Up).await
    }

    pub async fn destroy(&self, resources: &[FakeResource]) -> End {
        self.run(&graph(resources), Purpose::Destroy).await
    }

    pub async fn run(&self, graph: &Graph<Cloud>, purpose: Purpose) -> End {
        self.cloud.world.lock().unwrap().strict = purpose == Purpose::Destroy && !self.lenient;
        let stop = Shutdown::default();
        *self.stop.lock().unwrap() = stop.clone();
        let run = async {
            let journal = self.journal().await;
            let plan = match self.plan_with(graph, &journal, purpose).await {
                Ok(plan) => plan,
                Err(failure) => return End::Refused(failure),
            };
            let events = |event| self.events.lock().unwrap().push((Instant::now(), event));
            let outcome = execute(&plan, graph, &journal, &self.base, &events, &stop).await;
            if matches!(outcome, Outcome::Completed(_)) {
                journal.compact().await.unwrap();
            }
            End::Ran(Box::new(plan), outcome)
        };
        tokio::select! {
            biased;
            () = self.kill.hit.notified() => End::Killed,
            end = tokio::time::timeout(FOREVER, run) => end.expect("the run is stuck"),
        }
    }

    async fn journal(&self) -> Journal {
        let backend: Box<dyn Backend> = match &self.folder {
            Some(folder) => Box::new(Mirrored::open(folder, self.disk.clone())),
            None => Box::new(self.disk.clone()),
        };
        let (journal, warnings) = Journal::open(backend, "test").await.unwrap();
        *self.warnings.lock().unwrap() = warnings;
        journal
    }

    async fn plan_with(&self, graph: &Graph<Cloud>, journal: &Journal, purpose: Purpose) -> Result<Plan, ApplyError> {
        match purpose {
            Purpose::Up => plan(graph, journal, &self.base, &|_| {}).await,
            Purpose::Destroy => plan_destroy(graph, journal, &self.base, &|_| {}).await,
        }
    }

    /// Plans without executing.
    pub async fn plan(&self, resources: &[FakeResource]) -> Result<Plan, ApplyError> {
        let journal = self.journal().await;
        self.plan_with(&graph(resources), &journal, Purpose::Up).await
    }

    pub fn state(&self) -> Stack {
        self.disk.files.lock().unwrap().durable.clone()
    }

    pub fn events(&self) -> Vec<Event> {
        self.events.lock().unwrap().iter().map(|(_, event)| event.clone()).collect()
    }

    /// How long ago the first resource failed.
    pub fn since_first_failure(&self) -> Option<Duration> {
        let events = self.events.lock().unwrap();
        events.iter().find(|(_, event)| matches!(event, Event::Failed { .. })).map(|(at, _)| at.elapsed())
    }

    /// Compares the cloud with the state on disk.
    pub fn findings(&self) -> Findings {
        let mut world = self.cloud.world.lock().unwrap();
        world.settle();
        let state = self.state();
        let known: BTreeSet<&String> = state
            .records
            .values()
            .filter(|record| record.phase == Phase::Ready)
            .filter_map(|record| record.id.as_ref())
            .collect();
        let there: BTreeSet<&String> = world.living().map(|object| &object.id).collect();
        let doubles = world.violations.iter().filter(|text| text.starts_with("a second object"));
        Findings {
            orphans: there.difference(&known).map(|id| (*id).clone()).collect(),
            phantoms: state
                .records
                .iter()
                .filter(|(_, record)| record.id.as_ref().is_none_or(|id| !there.contains(id)))
                .map(|(address, record)| format!("{address} ({:?})", record.phase))
                .collect(),
            duplicates: doubles.cloned().collect(),
            others: world.violations.iter().filter(|text| !text.starts_with("a second object")).cloned().collect(),
        }
    }

    /// Checks that the stack is as configured, that a plan is empty, and that another run changes nothing.
    pub async fn settled(&self, resources: &[FakeResource]) -> Findings {
        let mut findings = self.findings();
        match self.plan(resources).await {
            Ok(plan) if plan.is_empty() => {}
            Ok(plan) => {
                let acts = plan.acting().map(|change| format!("{} {:?}", change.address, change.action));
                findings.others.push(format!("the plan is not empty: {}", acts.collect::<Vec<_>>().join(", ")));
            }
            Err(failure) => findings.others.push(format!("there is no plan: {failure}")),
        }
        let (calls, written) = (self.cloud.mutating_calls(), self.disk.files.lock().unwrap().written);
        let end = self.up(resources).await;
        if !end.is_complete() {
            findings.others.push(format!("another run did not complete: {end:?}"));
        }
        if self.cloud.mutating_calls() != calls || self.disk.files.lock().unwrap().written != written {
            findings.others.push("another run was not idle".to_owned());
        }
        if self.cloud.world.lock().unwrap().living().count() != resources.len() {
            findings.others.push("the stack is not complete".to_owned());
        }
        findings
    }
}

/// The differences between cloud and state.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Findings {
    /// In the cloud and not in the state.
    pub orphans: Vec<String>,
    /// In the state and not in the cloud.
    pub phantoms: Vec<String>,
    /// More than one object for one resource.
    pub duplicates: Vec<String>,
    /// Anything else.
    pub others: Vec<String>,
}

impl Findings {
    pub fn is_clean(&self) -> bool {
        *self == Self::default()
    }
}

/// The summary of a run that must have completed.
pub fn completed(end: End) -> Summary {
    match end {
        End::Ran(_, Outcome::Completed(summary)) => summary,
        other => panic!("it did not complete: {other:?}"),
    }
}

/// The summary and the failures of a run that must have failed.
pub fn failed(end: End) -> (Summary, Vec<(Address, ApplyError)>) {
    match end {
        End::Ran(_, Outcome::Failed(summary, failures)) => (summary, failures),
        other => panic!("it did not fail: {other:?}"),
    }
}

/// Asserts that [`Harness::settled`] finds nothing.
pub async fn demand_settled(harness: &Harness, resources: &[FakeResource]) {
    let findings = harness.settled(resources).await;
    assert!(findings.is_clean(), "{findings:#?}");
}

pub fn address(text: &str) -> Address {
    text.parse().unwrap()
}

/// Runs a test in virtual time.
pub fn in_virtual_time<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(test)
}

/// Destroys the stack and asserts that nothing is left of it.
pub async fn demand_destroyed(harness: &Harness, resources: &[FakeResource]) -> Summary {
    let summary = completed(harness.destroy(resources).await);
    assert_eq!(harness.findings(), Findings::default());
    assert_eq!(harness.cloud.world.lock().unwrap().living().count(), 0);
    summary
}

/// Adds a passed scenario to the summary, under the number of its promise.
pub fn count_scenario(item: u8) {
    summary::line(item, "1 scenarios in virtual time");
}
