//! Carries out a plan: each resource as soon as what it needs is there, each deletion as soon as nothing blocks it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use futures::future::{BoxFuture, FutureExt};
use futures::stream::FuturesUnordered;
use payinfra_state::{Address, Journal};
use serde::Serialize;
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::converge::Age;
use crate::diff::changed_attributes;
use crate::graph::Node;
use crate::observe::Observer;
use crate::order::{Order, deletes};
use crate::records::{is_recorded, ready_entry, refresh};
use crate::refresh::owned;
use crate::run::{Run, StepError, millis_since};
use crate::unknown::is_unknown;
use crate::{
    Action, ApplyError, Base, Change, Class, Event, Events, Graph, LiveValue, Need, Plan, Purpose, Shutdown, Status,
};

/// What a run has done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// How many resources were created.
    pub created: usize,
    /// How many were changed in place.
    pub updated: usize,
    /// How many were deleted, including those to be replaced.
    pub deleted: usize,
    /// How many needed no change.
    pub unchanged: usize,
    /// How many were skipped because of others.
    pub skipped: usize,
    /// How many failed.
    pub failed: usize,
    /// How long it took.
    pub took: Duration,
}

/// How a run ended.
#[derive(Debug)]
pub enum Outcome {
    /// Everything is as planned.
    Completed(Summary),
    /// Something failed; what was done is recorded, and another run continues from there.
    Failed(Summary, Vec<(Address, ApplyError)>),
    /// It was asked to stop; what was done is recorded, and another run continues from there.
    Interrupted(Summary),
    /// What the plan found could not be recorded; nothing was changed.
    NotRecorded(Summary, ApplyError),
}

/// Carries out a plan.
///
/// A resource that fails does not stop its siblings; what depends on it is skipped. Once `stop` is requested, calls in
/// flight finish and are recorded, and no new one starts.
pub async fn execute<C: Send + Sync + 'static>(
    plan: &Plan,
    graph: &Graph<C>,
    journal: &Journal,
    base: &Base<C>,
    events: Events<'_>,
    stop: &Shutdown,
) -> Outcome {
    let start = Instant::now();
    let observer = Observer::new(Arc::clone(&base.cloud));
    let lineage = journal.read(|stack| stack.lineage.clone());
    let executor = Executor {
        run: Run { graph, journal, base, events, stop, observer, start, lineage },
        plan,
        order: Order::new(graph, plan),
        cells: graph.nodes().iter().map(|_| Cell::default()).collect(),
        gone: plan
            .changes
            .iter()
            .filter(|change| deletes(change))
            .map(|change| (&change.address, Cell::default()))
            .collect(),
        tally: Mutex::default(),
    };
    if let Err(failure) = refresh(plan, graph, journal).await {
        return Outcome::NotRecorded(Summary { took: start.elapsed(), ..Summary::default() }, failure);
    }
    let mut tasks: FuturesUnordered<BoxFuture<'_, ()>> = FuturesUnordered::new();
    if plan.purpose == Purpose::Up {
        for node in executor.by_remaining_path() {
            tasks.push(executor.bring_up(node).boxed());
        }
    }
    for change in plan.changes.iter().filter(|change| deletes(change)) {
        tasks.push(executor.tear_down(change).boxed());
    }
    while tasks.next().await.is_some() {}
    drop(tasks);
    let Tally { mut summary, failures, interrupted } =
        executor.tally.into_inner().unwrap_or_else(PoisonError::into_inner);
    summary.took = start.elapsed();
    if !failures.is_empty() {
        Outcome::Failed(summary, failures)
    } else if interrupted {
        Outcome::Interrupted(summary)
    } else {
        Outcome::Completed(summary)
    }
}

/// Lists everything that carries the stack's ownership tags, from the cloud alone.
///
/// # Errors
/// As [`crate::plan()`].
pub async fn inventory<C: Send + Sync + 'static>(
    graph: &Graph<C>,
    base: &Base<C>,
) -> Result<Vec<(Address, LiveValue)>, ApplyError> {
    let left = owned(graph.kinds(), base).await?.into_iter().filter(|live| live.status != Status::PendingDeletion);
    let mut left: Vec<_> = left.filter_map(|live| Some((live.address.clone()?, live))).collect();
    left.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(left)
}

/// How far something has progressed, for those who wait for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reached {
    Nothing,
    Exists,
    Done,
    Never,
}

struct Cell {
    reached: watch::Sender<Reached>,
    outputs: Mutex<Option<Value>>,
}

impl Default for Cell {
    fn default() -> Self {
        Self { reached: watch::Sender::new(Reached::Nothing), outputs: Mutex::default() }
    }
}

impl Cell {
    fn exists(&self, outputs: Value) {
        *self.outputs.lock().unwrap_or_else(PoisonError::into_inner) = Some(outputs);
        self.reached.send_if_modified(|reached| {
            let first = *reached == Reached::Nothing;
            if first {
                *reached = Reached::Exists;
            }
            first
        });
    }

    fn end(&self, reached: Reached) {
        self.reached.send_replace(reached);
    }

    /// Waits until it exists or is done; `false` if it never will be.
    async fn wait(&self, need: Need) -> bool {
        let mut reached = self.reached.subscribe();
        let end = reached.wait_for(|reached| match reached {
            Reached::Nothing => false,
            Reached::Exists => need == Need::Exists,
            Reached::Done | Reached::Never => true,
        });
        end.await.is_ok_and(|reached| *reached != Reached::Never)
    }

    fn outputs(&self) -> Option<Value> {
        self.outputs.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[derive(Default)]
struct Tally {
    summary: Summary,
    failures: Vec<(Address, ApplyError)>,
    interrupted: bool,
}

struct Executor<'a, C> {
    run: Run<'a, C>,
    plan: &'a Plan,
    order: Order<'a>,
    /// The progress of each node's creation or change, by its index.
    cells: Vec<Cell>,
    /// The progress of each deletion, by address.
    gone: BTreeMap<&'a Address, Cell>,
    tally: Mutex<Tally>,
}

impl<'a, C: Send + Sync + 'static> Executor<'a, C> {
    /// The nodes, ordered by the longest work that depends on them.
    fn by_remaining_path(&self) -> Vec<&'a Node<C>> {
        let nodes = self.run.graph.nodes();
        let mut remaining = vec![Duration::ZERO; nodes.len()];
        for node in nodes.iter().rev() {
            remaining[node.index] += node.kind.durations().create;
            for dep in node.edges.keys() {
                remaining[*dep] = remaining[*dep].max(remaining[node.index]);
            }
        }
        let mut order: Vec<&Node<C>> = nodes.iter().collect();
        order.sort_by_key(|node| std::cmp::Reverse(remaining[node.index]));
        order
    }

    async fn bring_up(&self, node: &'a Node<C>) {
        let address = &node.address;
        let cell = &self.cells[node.index];
        let change = self.plan.change(address);
        let action = change.map_or(Action::NoOp, |change| change.action);
        if let (Action::NoOp | Action::Update, Some(live)) = (action, change.and_then(|change| change.live.as_ref()))
            && live.status != Status::PendingDeletion
        {
            cell.exists(live.outputs.clone());
        }
        for (dep, need) in &node.edges {
            if !self.cells[*dep].wait(*need).await {
                return self.skip(address, &self.run.graph.node(*dep).address, cell);
            }
        }
        if let Some(own) = self.gone.get(address)
            && !own.wait(Need::Ready).await
        {
            return cell.end(Reached::Never);
        }
        match self.bring_up_now(node, change).await {
            Ok(None) => {
                self.count(|summary| summary.unchanged += 1);
                cell.end(Reached::Done);
            }
            Ok(Some((action, took))) => {
                self.count(|summary| match action {
                    Action::Update => summary.updated += 1,
                    _ => summary.created += 1,
                });
                self.run.emit(Event::Finished { address: address.clone(), action, took });
                cell.end(Reached::Done);
            }
            Err(halt) => self.halted(address, halt, cell),
        }
    }

    /// Does what the node needs; `None` if it needed nothing.
    async fn bring_up_now(
        &self,
        node: &Node<C>,
        change: Option<&Change>,
    ) -> Result<Option<(Action, Duration)>, StepError> {
        let run = &self.run;
        let address = &node.address;
        let spec = run.graph.spec(node, &|dep| self.cells[dep].outputs())?;
        assert!(!is_unknown(&spec), "{address} is about to be applied with outputs that are not known yet");
        let Some(change) = change else {
            return Err(ApplyError::PlanChanged { address: address.clone(), act: "made" }.into());
        };
        let start = Instant::now();
        let exists = |outputs: Value| self.cells[node.index].exists(outputs);
        let live = change.live.as_ref().filter(|_| change.action != Action::Replace);
        let action = if live.is_some() { Action::Update } else { Action::Create };
        if let Some(live) = live
            && live.status == Status::Ready
            && changed_attributes(&live.spec, &spec, |name| run.graph.compares(address.kind(), name)).is_empty()
            && run.unfinished_update(address).is_empty()
        {
            let recorded = run.journal.read(|stack| {
                let record = stack.records.get(address);
                is_recorded(run.graph, address, record, live) && record.is_some_and(|record| record.spec == spec)
            });
            if !recorded {
                run.record(ready_entry(run.graph, address, live, &spec, None)).await?;
            }
            return Ok(None);
        }
        run.check_stop()?;
        let usually = node.kind.durations().create;
        run.emit(Event::Started { address: address.clone(), action, usually });
        let done = match live {
            Some(live) => {
                let age = if run.is_unfinished(address) { Age::Young } else { Age::Old };
                run.converge(node, &live.id, &spec, age, Some(live.clone()), &exists).await?
            }
            None => {
                let acquired = run.create(node, &spec).await?;
                run.emit(Event::Acquired { address: address.clone(), id: acquired.id.clone() });
                acquired.outputs.into_iter().for_each(exists);
                run.converge(node, &acquired.id, &spec, acquired.age, None, &exists).await?
            }
        };
        let took = (action == Action::Create).then(|| millis_since(start));
        run.record(ready_entry(run.graph, address, &done, &spec, took)).await?;
        Ok(Some((action, start.elapsed())))
    }

    async fn tear_down(&self, change: &'a Change) {
        let cell = &self.gone[&change.address];
        for holder in self.order.holders(&change.address) {
            if !self.gone[holder].wait(Need::Ready).await {
                return self.skip(&change.address, holder, cell);
            }
        }
        for user in self.order.former_users(&change.address) {
            if !self.cells[*user].wait(Need::Ready).await {
                return self.skip(&change.address, &self.run.graph.node(*user).address, cell);
            }
        }
        let start = Instant::now();
        match self.tear_down_now(change).await {
            Ok(()) => {
                self.count(|summary| summary.deleted += 1);
                let (address, action) = (change.address.clone(), Action::Delete);
                self.run.emit(Event::Finished { address, action, took: start.elapsed() });
                cell.end(Reached::Done);
            }
            Err(halt) => self.halted(&change.address, halt, cell),
        }
    }

    async fn tear_down_now(&self, change: &Change) -> Result<(), StepError> {
        self.run.check_stop()?;
        let Some(kind) = self.run.graph.kinds().get(change.address.kind()) else { return Ok(()) };
        let (address, usually) = (change.address.clone(), kind.durations().delete);
        self.run.emit(Event::Started { address, action: Action::Delete, usually });
        self.run.delete(change, kind).await
    }

    fn skip(&self, address: &Address, because: &Address, cell: &Cell) {
        cell.end(Reached::Never);
        if self.run.stop.requested() {
            return;
        }
        self.count(|summary| summary.skipped += 1);
        self.run.emit(Event::Skipped { address: address.clone(), because: because.clone() });
    }

    fn halted(&self, address: &Address, halt: StepError, cell: &Cell) {
        cell.end(Reached::Never);
        let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        match halt {
            StepError::Stopped => tally.interrupted = true,
            StepError::Failed(failure) => {
                // Without credentials or a journal no further call can succeed or be recorded.
                if matches!(failure, ApplyError::State(_)) || failure.class() == Some(Class::Credentials) {
                    self.run.stop.request();
                }
                self.run.emit(Event::Failed { address: address.clone(), error: failure.to_string() });
                tally.summary.failed += 1;
                tally.failures.push((address.clone(), failure));
            }
        }
    }

    fn count(&self, add: impl FnOnce(&mut Summary)) {
        add(&mut self.tally.lock().unwrap_or_else(PoisonError::into_inner).summary);
    }
}
