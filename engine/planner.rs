//! Makes the plan from what is desired, what is live, and what was last applied. It only reads.

use std::collections::BTreeMap;

use payinfra_state::{Address, Journal, Phase, Record};
use serde_json::Value;

use crate::diff::changed_attributes;
use crate::graph::Node;
use crate::refresh::{World, refresh};
use crate::unknown::{is_unknown, shown};
use crate::{
    Action, ApplyError, AttributeChange, Base, Change, Events, Graph, Kind, LiveValue, Plan, Purpose, Reason, Status,
};

/// Compares the configuration with the cloud; reads only.
///
/// # Errors
/// A refused call, [`ApplyError::Duplicate`] where two objects carry one resource's ownership tags, or outputs that do
/// not have the shape of their type.
pub async fn plan<C: Send + Sync + 'static>(
    graph: &Graph<C>,
    journal: &Journal,
    base: &Base<C>,
    events: Events<'_>,
) -> Result<Plan, ApplyError> {
    let mut world = refresh(graph, journal, base, Purpose::Up, events).await?;
    let records = journal.read(|stack| stack.records.clone());
    let mut outputs: BTreeMap<usize, Value> = BTreeMap::new();
    let mut changes = Vec::new();
    for node in graph.nodes() {
        let live = world.remove(&node.address);
        let desired = graph.spec(node, &|dep| outputs.get(&dep).cloned())?;
        let change = compare(graph, node, live, &desired, records.get(&node.address));
        if matches!(change.action, Action::NoOp | Action::Update)
            && let Some(live) = &change.live
        {
            outputs.insert(node.index, live.outputs.clone());
        }
        changes.push(change);
    }
    changes.extend(world.into_iter().filter(|(_, live)| live.status != Status::PendingDeletion).map(
        |(address, live)| {
            let because = if records.contains_key(&address) { Reason::Removed } else { Reason::Orphan };
            deletion(graph, &records, address, live, because)
        },
    ));
    Ok(Plan { purpose: Purpose::Up, changes })
}

/// Lists for deletion what carries the stack's ownership tags; reads only.
///
/// # Errors
/// As [`plan`].
pub async fn plan_destroy<C: Send + Sync + 'static>(
    graph: &Graph<C>,
    journal: &Journal,
    base: &Base<C>,
    events: Events<'_>,
) -> Result<Plan, ApplyError> {
    let world: World = refresh(graph, journal, base, Purpose::Destroy, events).await?;
    let records = journal.read(|stack| stack.records.clone());
    let doubles: Vec<(Address, Address)> = world
        .iter()
        .filter_map(|(address, live)| Some((live.address.clone()?, address.clone())))
        .filter(|(tagged, address)| tagged != address)
        .collect();
    let mut changes: Vec<Change> = world
        .into_iter()
        .filter(|(_, live)| live.status != Status::PendingDeletion)
        .map(|(address, live)| {
            let explained = graph.find(&address).is_some() || records.contains_key(&address);
            let because = if explained { Reason::Destroy } else { Reason::Orphan };
            deletion(graph, &records, address, live, because)
        })
        .collect();
    // A user of one of two objects with the same tags may use either.
    for change in &mut changes {
        let either =
            doubles.iter().filter(|(tagged, _)| change.deps.contains(tagged)).map(|(_, address)| address.clone());
        let either: Vec<Address> = either.collect();
        change.deps.extend(either);
    }
    Ok(Plan { purpose: Purpose::Destroy, changes })
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

/// What a live object may use: what was recorded, and what the configuration names now.
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
    node: &Node<C>,
    live: Option<LiveValue>,
    desired: &Value,
    record: Option<&Record>,
) -> Change {
    let address = node.address.clone();
    let kind = node.kind.as_ref();
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
        Some(LiveValue { status: Status::PendingDeletion, spec, .. }) => {
            let attributes = attributes(Some(spec));
            // If it cannot be restored to its spec, its deletion continues and another one is created.
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
        // An unfinished update may not show yet, so it is written again even where the attribute looks right.
        names.extend(record.updating.iter().filter(|name| !names.contains(name)).cloned().collect::<Vec<_>>());
    }
    names
        .into_iter()
        .map(|name| {
            let old = live.map(|live| live[name.as_str()].clone());
            let new = &desired[name.as_str()];
            AttributeChange {
                because: reason(kind, &name, old.as_ref(), new, record),
                replaces: live.is_some() && kind.forces_replacement().contains(&name.as_str()),
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
