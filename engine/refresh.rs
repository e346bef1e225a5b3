//! Reads the live state: all kinds at once, by ownership tags and by the ids in the journal.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::try_join_all;
use jiff::Timestamp;
use payinfra_state::{Address, Journal, Phase, Record};
use tokio::time::Instant;

use crate::backoff::retry_read;
use crate::{ApplyError, Base, Error, Event, Events, Graph, Idempotency, Kind, Kinds, LiveValue, Purpose, Select};

/// What exists, by address.
pub(crate) type World = BTreeMap<Address, LiveValue>;

/// The longest that one call may be in flight: an object may be that much younger than its announcement.
const LONGEST_CALL: Duration = Duration::from_secs(600);

/// How long a call may still be in flight after the process that made it died.
const IN_FLIGHT: Duration = Duration::from_secs(10);

/// The time between two searches for what may become visible.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Reads everything that carries the stack's ownership tags, and everything that the journal knows by id.
///
/// The search for a create that was announced and never answered lasts until it is found or a fresh object would have
/// become visible; only then is it certain that nothing was created.
pub(crate) async fn refresh<C: Send + Sync + 'static>(
    graph: &Graph<C>,
    journal: &Journal,
    base: &Base<C>,
    purpose: Purpose,
    events: Events<'_>,
) -> Result<World, ApplyError> {
    events(Event::Reading);
    let kinds = graph.kinds();
    let records = journal.read(|stack| stack.records.clone());
    let in_flight = records
        .iter()
        .filter(|(_, record)| record.phase != Phase::Ready)
        .map(|(address, record)| (address, IN_FLIGHT.min(base.timing.visibility).saturating_sub(age(record))))
        .max_by_key(|(_, left)| *left)
        .filter(|(_, left)| !left.is_zero());
    if let Some((address, left)) = in_flight {
        let what = "calls of an earlier run that may still be in flight".to_owned();
        events(Event::Waiting { address: address.clone(), what });
        tokio::time::sleep(left).await;
    }
    let uncertain: Vec<(&Address, &Record, Instant)> = records
        .iter()
        .filter(|(address, record)| may_be_invisible(graph, purpose, address, record))
        .map(|(address, record)| (address, record, Instant::now() + invisible_for(record, base.timing.visibility)))
        .collect();
    loop {
        let now = Instant::now();
        let (mut world, surplus) = by_address(owned(kinds, base).await?);
        match purpose {
            // A program must not decide which of the two is the real one.
            Purpose::Up => refuse_doubles(&world, &surplus)?,
            // Both are deleted with the stack.
            Purpose::Destroy => {
                world.extend(surplus.into_iter().map(|(address, live)| (surplus_address(&address, &live.id), live)));
            }
        }
        for (address, live) in by_id(kinds, base, &records, &world).await? {
            if !world.contains_key(&address) || !live.status.is_leaving() {
                world.insert(address, live);
            }
        }
        let missing =
            uncertain.iter().filter(|(address, record, until)| !shows(&world, address, record) && *until > now);
        let Some((address, _, until)) = missing.max_by_key(|(.., until)| *until) else { return Ok(world) };
        let what = "an unanswered create of an earlier run to become visible".to_owned();
        events(Event::Waiting { address: (*address).clone(), what });
        tokio::time::sleep(until.saturating_duration_since(Instant::now()).min(LOOK_EVERY)).await;
    }
}

/// Lists all kinds by ownership tags, in parallel.
pub(crate) async fn owned<C: Send + Sync + 'static>(
    kinds: &Kinds<C>,
    base: &Base<C>,
) -> Result<Vec<LiveValue>, ApplyError> {
    let lists = kinds.iter().map(|kind| read(kind.as_ref(), base, Select::Owned));
    Ok(try_join_all(lists).await?.into_iter().flatten().collect())
}

/// Sorts objects by the address in their tags; a second object with the tags of one that stays is surplus.
fn by_address(all: Vec<LiveValue>) -> (World, Vec<(Address, LiveValue)>) {
    let (mut world, mut surplus) = (World::new(), Vec::new());
    for live in all {
        let Some(address) = live.address.clone() else { continue };
        match world.get(&address) {
            // An object that is being deleted may share its address with its successor.
            Some(other) if live.status.is_leaving() && !other.status.is_leaving() => {}
            Some(other) if !live.status.is_leaving() && !other.status.is_leaving() => surplus.push((address, live)),
            _ => drop(world.insert(address, live)),
        }
    }
    (world, surplus)
}

/// The address under which a second object with one resource's tags is deleted; no resource has it.
fn surplus_address(address: &Address, id: &str) -> Address {
    Address::new(address.kind(), &format!("{} ({id})", address.name()))
}

fn refuse_doubles(world: &World, surplus: &[(Address, LiveValue)]) -> Result<(), ApplyError> {
    let Some((address, _)) = surplus.first() else { return Ok(()) };
    let others = surplus.iter().filter(|(other, _)| other == address).map(|(_, live)| live);
    let ids = world.get(address).into_iter().chain(others).map(|live| live.id.clone()).collect();
    Err(ApplyError::Duplicate { address: address.clone(), ids })
}

/// Whether the live object is the recorded one, and not a predecessor that is being deleted.
fn shows(world: &World, address: &Address, record: &Record) -> bool {
    world.get(address).is_some_and(|live| !live.status.is_leaving() || record.id.as_ref() == Some(&live.id))
}

/// Lists by id what the journal knows and the search by tags did not show.
async fn by_id<C: Send + Sync + 'static>(
    kinds: &Kinds<C>,
    base: &Base<C>,
    records: &BTreeMap<Address, Record>,
    world: &World,
) -> Result<World, ApplyError> {
    let mut wanted: BTreeMap<&str, Vec<(String, Address)>> = BTreeMap::new();
    for (address, record) in records {
        if let (Some(id), false) = (&record.id, shows(world, address, record)) {
            wanted.entry(address.kind()).or_default().push((id.clone(), address.clone()));
        }
    }
    let lists = wanted.into_iter().filter_map(|(name, wanted)| kinds.get(name).map(|kind| (kind, wanted))).map(
        |(kind, wanted)| async move {
            let ids: Vec<String> = wanted.iter().map(|(id, _)| id.clone()).collect();
            let live = read(kind.as_ref(), base, Select::Ids(&ids)).await?;
            Ok::<_, ApplyError>((kind.idempotency(), live, wanted))
        },
    );
    let mut found = World::new();
    for (idempotency, live, wanted) in try_join_all(lists).await? {
        for live in live {
            let Some((_, address)) = wanted.iter().find(|(id, _)| *id == live.id) else { continue };
            if live.belongs_to(address, idempotency) {
                found.insert(address.clone(), live);
            } else {
                tracing::warn!(%address, id = live.id, "an object with this id lacks the stack's ownership tags");
            }
        }
    }
    Ok(found)
}

async fn read<C: Send + Sync + 'static>(
    kind: &dyn Kind<C>,
    base: &Base<C>,
    select: Select<'_>,
) -> Result<Vec<LiveValue>, Error> {
    retry_read(kind.name(), async || kind.list(&base.cloud, select).await).await
}

/// Whether a resource may have an object that is not visible yet and that nothing else will find.
fn may_be_invisible<C: 'static>(graph: &Graph<C>, purpose: Purpose, address: &Address, record: &Record) -> bool {
    let Some(kind) = graph.kinds().get(address.kind()) else { return false };
    match record.phase {
        // A repeated create meets its own name or key; if it is not repeated, only a search finds what it created.
        Phase::Creating => {
            let repeated = purpose == Purpose::Up && graph.find(address).is_some();
            !repeated || kind.idempotency() == Idempotency::Tags
        }
        Phase::Acquired => true,
        Phase::Ready | Phase::Deleting => false,
    }
}

/// How much longer an object that a record announces may stay invisible.
fn invisible_for(record: &Record, visibility: Duration) -> Duration {
    let on_its_way = if record.phase == Phase::Creating { LONGEST_CALL } else { Duration::ZERO };
    (visibility + on_its_way).saturating_sub(age(record)).min(visibility)
}

/// How long ago the record entered its phase; a clock that was set back does not make a fresh record look old.
fn age(record: &Record) -> Duration {
    let age = record.since.map(|since| Timestamp::now().duration_since(since)).unwrap_or_default();
    Duration::try_from(age).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use payinfra_state::{Entry, Stack};
    use serde_json::Value;

    use super::*;

    fn left(created: bool, seconds_ago: i64) -> u64 {
        let mut stack = Stack::default();
        let address = Address::new("vpc", "main");
        let at = Timestamp::from_second(Timestamp::now().as_second() - seconds_ago).expect("a time");
        let (spec, deps, token) = (Value::Null, Vec::new(), String::new());
        stack.apply(&Entry::Creating { address: address.clone(), spec, deps, token, at });
        if created {
            stack.apply(&Entry::Acquired { address: address.clone(), id: String::new(), outputs: None, at });
        }
        invisible_for(&stack.records[&address], Duration::from_secs(60)).as_secs_f64().ceil() as u64
    }

    #[test]
    fn an_unanswered_create_is_looked_for_as_long_as_its_call_may_be_late() {
        assert_eq!([0, 5, 300, 595, 605, 700, -3600].map(|ago| left(false, ago)), [60, 60, 60, 60, 55, 0, 60]);
    }

    #[test]
    fn an_answered_create_is_looked_for_from_the_time_of_its_answer() {
        assert_eq!([0, 20, 61, -3600].map(|ago| left(true, ago)), [60, 40, 0, 60]);
    }
}
