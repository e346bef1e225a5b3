//! The plan: desired against live against last applied. It is data; renderers show it and the executor follows it.

use std::collections::BTreeMap;

use futures::future::try_join_all;
use payinfra_state::{Address, Entry, Journal, Phase, Record};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::diff::changed_attributes;
use crate::survey::{World, survey};
use crate::unknown::{is_unknown, shown};
use crate::{Base, Events, Failure, Graph, Kind, LiveValue, Status};

/// What is done to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Nothing.
    NoOp,
    /// It is made.
    Create,
    /// It is changed in place.
    Update,
    /// It is deleted and made anew.
    Replace,
    /// It is deleted.
    Delete,
}

/// Why something is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// It was not there before.
    New,
    /// The configuration changed.
    Config,
    /// The functions' code changed.
    Code,
    /// The cloud's object was changed by somebody else.
    Drift,
    /// A resource that it uses changes.
    Dependency,
    /// It was deleted by somebody else.
    Missing,
    /// An earlier run did not finish it.
    Unfinished,
    /// It differs, and no record says what was applied last.
    Unrecorded,
    /// The cloud says that it failed.
    Failed(String),
    /// It is on its way out and is needed again.
    Leaving,
    /// The configuration no longer has it.
    Removed,
    /// It carries the stack's marks and neither configuration nor state explains it.
    Orphan,
    /// The stack is being destroyed.
    Destroy,
}

/// One attribute that changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AttributeChange {
    /// Its name in the spec.
    pub name: String,
    /// What the cloud has; absent for a new resource.
    pub old: Option<Value>,
    /// What it shall be; texts that are not known yet are shown as `(known after apply)`.
    pub new: Value,
    /// Why it changes.
    pub because: Reason,
    /// Whether it is why the resource is replaced.
    pub replaces: bool,
}

/// One resource of the plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// The resource.
    pub address: Address,
    /// What is done to it.
    pub action: Action,
    /// Why.
    pub because: Reason,
    /// The attributes that change.
    pub attributes: Vec<AttributeChange>,
    /// The object as it was read, where there is one.
    pub live: Option<LiveValue>,
    /// The resources that it uses or used last, for the order of deletions.
    pub deps: Vec<Address>,
}

/// What a plan is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// The stack as configured.
    Up,
    /// No stack.
    Destroy,
}

/// Everything that a run will do, and what it will leave as it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// What it is for.
    pub purpose: Purpose,
    /// All resources: those of the configuration in their order, then those to be deleted.
    pub changes: Vec<Change>,
}

impl Plan {
    /// The resources to which something is done.
    pub fn acting(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter().filter(|change| change.action != Action::NoOp)
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.acting().next().is_none()
    }

    /// How many resources get this action.
    pub fn count(&self, action: Action) -> usize {
        self.changes.iter().filter(|change| change.action == action).count()
    }

    /// Whether anything that exists will be deleted.
    pub fn destroys(&self) -> bool {
        self.count(Action::Delete) + self.count(Action::Replace) > 0
    }

    /// The change of one resource.
    pub fn change(&self, address: &Address) -> Option<&Change> {
        self.changes.iter().find(|change| change.address == *address)
    }
}

/// Compares the configuration with the cloud; reads only.
///
/// # Errors
/// A refused call, or [`Failure::Duplicate`] where two objects carry one resource's marks.
pub async fn plan<C: Send + Sync + 'static>(
    graph: &Graph<C>,
    journal: &Journal,
    base: &Base<C>,
    events: Events<'_>,
) -> Result<Plan, Failure> {
    let mut world = survey(graph, journal, base, Purpose::Up, events).await?;
    let records = journal.read(|stack| stack.records.clone());
    let mut outputs: BTreeMap<usize, Value> = BTreeMap::new();
    let mut changes = Vec::new();
    for (node, address) in graph.addresses().iter().enumerate() {
        let live = world.remove(address);
        let desired = graph.spec(node, &|dep| outputs.get(&dep).cloned());
        let change = compare(graph, node, live, &desired, records.get(address));
        if matches!(change.action, Action::NoOp | Action::Update)
            && let Some(live) = &change.live
        {
            outputs.insert(node, live.outputs.clone());
        }
        changes.push(change);
    }
    changes.extend(world.into_iter().filter(|(_, live)| live.status != Status::Dormant).map(|(address, live)| {
        let because = if records.contains_key(&address) { Reason::Removed } else { Reason::Orphan };
        deletion(graph, &records, address, live, because)
    }));
    Ok(Plan { purpose: Purpose::Up, changes })
}

/// Lists what carries the stack's marks, for deletion; reads only.
///
/// # Errors
/// As [`plan`].
pub async fn plan_destroy<C: Send + Sync + 'static>(
    graph: &Graph<C>,
    journal: &Journal,
    base: &Base<C>,
    events: Events<'_>,
) -> Result<Plan, Failure> {
    let world: World = survey(graph, journal, base, Purpose::Destroy, events).await?;
    let records = journal.read(|stack| stack.records.clone());
    let doubles: Vec<(Address, Address)> = world
        .iter()
        .filter_map(|(address, live)| Some((live.address.clone()?, address.clone())))
        .filter(|(marked, address)| marked != address)
        .collect();
    let mut changes: Vec<Change> = world
        .into_iter()
        .filter(|(_, live)| live.status != Status::Dormant)
        .map(|(address, live)| {
            let explained = graph.node_of(&address).is_some() || records.contains_key(&address);
            let because = if explained { Reason::Destroy } else { Reason::Orphan };
            deletion(graph, &records, address, live, because)
        })
        .collect();
    // Who uses one of two with the same marks may use either.
    for change in &mut changes {
        let either =
            doubles.iter().filter(|(marked, _)| change.deps.contains(marked)).map(|(_, address)| address.clone());
        let either: Vec<Address> = either.collect();
        change.deps.extend(either);
    }
    Ok(Plan { purpose: Purpose::Destroy, changes })
}

/// Writes what the cloud showed into a state that did not know it, and strikes what it showed to be gone; changes
/// nothing in the cloud.
///
/// # Errors
/// [`Failure::State`] where the state cannot be written.
pub async fn remember<C: 'static>(plan: &Plan, graph: &Graph<C>, journal: &Journal) -> Result<(), Failure> {
    let records = journal.read(|stack| stack.records.clone());
    let found = plan.changes.iter().filter(|change| change.action == Action::NoOp).filter_map(|change| {
        let live = change.live.as_ref()?;
        let known = is_recorded(graph, &change.address, records.get(&change.address), live);
        (!known).then(|| ready_entry(graph, &change.address, live, &live.spec, None))
    });
    let by_address: BTreeMap<&Address, &Change> = plan.changes.iter().map(|change| (&change.address, change)).collect();
    let struck = records.iter().filter_map(|(address, record)| {
        let gone = match by_address.get(address) {
            Some(change) => change.live.is_none() && record.phase == Phase::Deleting,
            None => true,
        };
        gone.then(|| Entry::Gone { address: address.clone(), took_ms: None })
    });
    try_join_all(found.chain(struck).map(|entry| journal.append(entry))).await?;
    Ok(())
}

pub(crate) fn is_recorded<C: 'static>(
    graph: &Graph<C>,
    address: &Address,
    record: Option<&Record>,
    live: &LiveValue,
) -> bool {
    record.is_some_and(|record| {
        record.phase == Phase::Ready
            && record.id.as_ref() == Some(&live.id)
            && record.outputs.as_ref() == Some(&live.outputs)
            && record.deps == graph.deps(address)
    })
}

pub(crate) fn ready_entry<C: 'static>(
    graph: &Graph<C>,
    address: &Address,
    live: &LiveValue,
    spec: &Value,
    took_ms: Option<u64>,
) -> Entry {
    Entry::Ready {
        address: address.clone(),
        id: live.id.clone(),
        spec: spec.clone(),
        outputs: live.outputs.clone(),
        deps: graph.deps(address),
        took_ms,
    }
}

fn deletion<C: 'static>(
    graph: &Graph<C>,
    records: &BTreeMap<Address, Record>,
    address: Address,
    live: LiveValue,
    because: Reason,
) -> Change {
    let deps = deletion_deps(graph, &address, records.get(&address));
    Change { address, action: Action::Delete, because, attributes: Vec::new(), live: Some(live), deps }
}

/// What a live object may use: what was recorded, and what the configuration says now.
fn deletion_deps<C: 'static>(graph: &Graph<C>, address: &Address, record: Option<&Record>) -> Vec<Address> {
    let mut deps = graph.deps(address);
    if let Some(record) = record {
        let recorded = record.deps.iter().filter(|dep| !graph.deps(address).contains(dep));
        deps.extend(recorded.cloned());
    }
    deps
}

fn compare<C: 'static>(
    graph: &Graph<C>,
    node: usize,
    live: Option<LiveValue>,
    desired: &Value,
    record: Option<&Record>,
) -> Change {
    let address = graph.addresses()[node].clone();
    let kind = graph.nodes()[node].kind.as_ref();
    let attributes = |live: Option<&Value>| attribute_changes(graph, kind, live, desired, record);
    let (action, because, attributes) = match &live {
        None => {
            let known = record.is_some_and(|record| record.phase == Phase::Ready);
            (Action::Create, if known { Reason::Missing } else { Reason::New }, attributes(None))
        }
        Some(LiveValue { status: Status::Failed(reason), spec, .. }) => {
            (Action::Replace, Reason::Failed(reason.clone()), attributes(Some(spec)))
        }
        Some(LiveValue { status: Status::Deleting, spec, .. }) => {
            (Action::Replace, Reason::Leaving, attributes(Some(spec)))
        }
        Some(LiveValue { status: Status::Dormant, spec, .. }) => {
            let attributes = attributes(Some(spec));
            // What cannot be taken back as it should be stays on its way out, and another is made.
            let other = attributes.iter().any(|attribute| attribute.replaces);
            (if other { Action::Create } else { Action::Update }, Reason::Leaving, attributes)
        }
        Some(live) => {
            let attributes = attributes(Some(&live.spec));
            let action = if attributes.iter().any(|attribute| attribute.replaces) {
                Action::Replace
            } else if !attributes.is_empty() || matches!(live.status, Status::Pending(_)) {
                Action::Update
            } else {
                Action::NoOp
            };
            let because = attributes.first().map_or(Reason::Unfinished, |attribute| attribute.because.clone());
            (action, because, attributes)
        }
    };
    let deps = match action {
        Action::Replace => deletion_deps(graph, &address, record),
        _ => record.map(|record| record.deps.clone()).unwrap_or_default(),
    };
    let live = live.filter(|_| action != Action::Create);
    Change { address, action, because, attributes, live, deps }
}

fn attribute_changes<C: 'static>(
    graph: &Graph<C>,
    kind: &dyn Kind<C>,
    live: Option<&Value>,
    desired: &Value,
    record: Option<&Record>,
) -> Vec<AttributeChange> {
    let nothing = Value::Null;
    let mut names = match live {
        Some(live) => changed_attributes(live, desired, |name| graph.compares(kind.name(), name)),
        None => changed_attributes(&nothing, desired, |_| true),
    };
    if let (Some(_), Some(record)) = (live, record) {
        // What an update was to write may be there and not show yet, so it is written again even where it looks right.
        names.extend(record.updating.iter().filter(|name| !names.contains(name)).cloned().collect::<Vec<_>>());
    }
    names
        .into_iter()
        .map(|name| {
            let old = live.map(|live| live[name.as_str()].clone());
            let new = &desired[name.as_str()];
            AttributeChange {
                because: reason(kind, &name, old.as_ref(), new, record),
                replaces: live.is_some() && kind.replaced_by().contains(&name.as_str()),
                new: shown(new),
                old,
                name,
            }
        })
        .collect()
}

fn reason<C>(kind: &dyn Kind<C>, name: &str, old: Option<&Value>, new: &Value, record: Option<&Record>) -> Reason {
    let Some(old) = old else { return Reason::New };
    if is_unknown(new) {
        return Reason::Dependency;
    }
    let Some(record) = record else { return Reason::Unrecorded };
    if old == new {
        return Reason::Unfinished;
    }
    let last = &record.spec[name];
    if last == new && record.phase != Phase::Ready {
        Reason::Unfinished
    } else if last == new {
        Reason::Drift
    } else if kind.code().contains(&name) {
        Reason::Code
    } else if last != old && record.phase == Phase::Ready {
        Reason::Drift
    } else {
        Reason::Config
    }
}
