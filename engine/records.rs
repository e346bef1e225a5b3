//! What the journal records of an object that matches its spec.

use std::collections::BTreeMap;

use futures::future::try_join_all;
use payinfra_state::{Address, Entry, Journal, Phase, Record};
use serde_json::Value;

use crate::{Action, ApplyError, Change, Graph, LiveValue, Plan};

/// Records what the plan found in the cloud and the state did not know, and removes what is gone; changes nothing in
/// the cloud.
///
/// # Errors
/// [`ApplyError::State`] where the state cannot be written.
pub async fn refresh<C: 'static>(plan: &Plan, graph: &Graph<C>, journal: &Journal) -> Result<(), ApplyError> {
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
