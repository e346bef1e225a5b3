//! Reads the live world: all kinds at once, by marks, and by the ids that the journal remembers.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::try_join_all;
use jiff::Timestamp;
use payinfra_state::{Address, Journal, Phase, Record};
use tokio::time::Instant;

use crate::backoff::Retries;
use crate::{Base, Error, Event, Events, Failure, Graph, Identity, Kind, Kinds, LiveValue, Purpose, Select, Status};

/// What exists, by address.
pub(crate) type World = BTreeMap<Address, LiveValue>;

/// The longest that one call may be on its way: an object may be younger by that than its announcement.
const LONGEST_CALL: Duration = Duration::from_secs(600);

/// How long a call may still be on its way to the cloud after the process that made it died.
const IN_FLIGHT: Duration = Duration::from_secs(10);

/// The time between two looks for what may become visible.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Reads everything that carries the stack's marks, and everything that the journal knows by id.
///
/// A create that was announced and never answered is looked for until it is found or a fresh object would have become
/// visible; only then is it certain that nothing was made.
pub(crate) async fn survey<C: Send + Sync + 'static>(
    graph: &Graph<C>,
    journal: &Journal,
    base: &Base<C>,
    purpose: Purpose,
    events: Events<'_>,
) -> Result<World, Failure> {
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
        let what = "calls of an earlier run that may still be on their way".to_owned();
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
            // Which of two is the real one is not for a program to decide.
            Purpose::Up => refuse_doubles(&world, &surplus)?,
            // Both go with the stack.
            Purpose::Destroy => {
                world.extend(surplus.into_iter().map(|(address, live)| (surplus_address(&address, &live.id), live)));
            }
        }
        for (address, live) in by_id(kinds, base, &records, &world).await? {
            if !world.contains_key(&address) || !is_leaving(&live) {
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

/// Lists all kinds by marks, in parallel.
pub(crate) async fn owned<C: Send + Sync + 'static>(
    kinds: &Kinds<C>,
    base: &Base<C>,
) -> Result<Vec<LiveValue>, Failure> {
    let lists = kinds.iter().map(|kind| read(kind.as_ref(), base, Select::Owned));
    Ok(try_join_all(lists).await?.into_iter().flatten().collect())
}

/// Sorts objects by the address in their marks; what carries the marks of one that stays is surplus.
fn by_address(all: Vec<LiveValue>) -> (World, Vec<(Address, LiveValue)>) {
    let (mut world, mut surplus) = (World::new(), Vec::new());
    for live in all {
        let Some(address) = live.address.clone() else { continue };
        match world.get(&address) {
            // An object on its way out may share its address with its successor.
            Some(other) if is_leaving(&live) && !is_leaving(other) => {}
            Some(other) if !is_leaving(&live) && !is_leaving(other) => surplus.push((address, live)),
            _ => drop(world.insert(address, live)),
        }
    }
    (world, surplus)
}

/// What a second object with one resource's marks is called while it is deleted: no resource's own address.
pub(crate) fn surplus_address(address: &Address, id: &str) -> Address {
    Address::new(address.kind(), &format!("{} ({id})", address.name()))
}

fn refuse_doubles(world: &World, surplus: &[(Address, LiveValue)]) -> Result<(), Failure> {
    let Some((address, _)) = surplus.first() else { return Ok(()) };
    let others = surplus.iter().filter(|(other, _)| other == address).map(|(_, live)| live);
    let ids = world.get(address).into_iter().chain(others).map(|live| live.id.clone()).collect();
    Err(Failure::Duplicate { address: address.clone(), ids })
}

/// Whether an object is on its way out.
pub(crate) fn is_leaving(live: &LiveValue) -> bool {
    matches!(live.status, Status::Deleting | Status::Dormant)
}

/// Whether what is there is the recorded object, and not a predecessor on its way out.
fn shows(world: &World, address: &Address, record: &Record) -> bool {
    world.get(address).is_some_and(|live| !is_leaving(live) || record.id.as_ref() == Some(&live.id))
}

/// Lists, by id, what the journal knows and the marks did not show.
async fn by_id<C: Send + Sync + 'static>(
    kinds: &Kinds<C>,
    base: &Base<C>,
    records: &BTreeMap<Address, Record>,
    world: &World,
) -> Result<World, Failure> {
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
            Ok::<_, Failure>((kind.identity(), live, wanted))
        },
    );
    let mut found = World::new();
    for (identity, live, wanted) in try_join_all(lists).await? {
        for live in live {
            let Some((_, address)) = wanted.iter().find(|(id, _)| *id == live.id) else { continue };
            if is_ours(identity, address, &live) {
                found.insert(address.clone(), live);
            } else {
                tracing::warn!(%address, id = live.id, "an object of this id does not carry the stack's marks");
            }
        }
    }
    Ok(found)
}

/// Whether an object that has a recorded id is the recorded object.
///
/// Another resource's marks say that it is not. Where an id is a name, anybody can have taken it since: without marks
/// it is a stranger's, while an id that the cloud makes up never belongs to a second object.
pub(crate) fn is_ours(identity: Identity, address: &Address, live: &LiveValue) -> bool {
    match &live.address {
        Some(marked) => marked == address,
        None => identity != Identity::Name,
    }
}

async fn read<C: Send + Sync + 'static>(
    kind: &dyn Kind<C>,
    base: &Base<C>,
    select: Select<'_>,
) -> Result<Vec<LiveValue>, Error> {
    let mut retries = Retries::new(Duration::from_secs(120), kind.name());
    loop {
        let error = match kind.list(&base.cloud, select).await {
            Ok(live) => return Ok(live),
            Err(error) => error,
        };
        let Some(delay) = retries.delay(error.class) else { return Err(error) };
        tokio::time::sleep(delay).await;
    }
}

/// Whether a resource may have an object that does not show yet and that nothing else will find.
fn may_be_invisible<C: 'static>(graph: &Graph<C>, purpose: Purpose, address: &Address, record: &Record) -> bool {
    let Some(kind) = graph.kinds().get(address.kind()) else { return false };
    match record.phase {
        // A repeated create meets its own name or key; without a repetition, only looking finds what was made.
        Phase::Creating => {
            let repeated = purpose == Purpose::Up && graph.node_of(address).is_some();
            !repeated || kind.identity() == Identity::Marks
        }
        Phase::Acquired => true,
        Phase::Ready | Phase::Deleting => false,
    }
}

/// For how long from now an object that a record announces may stay invisible.
fn invisible_for(record: &Record, visibility: Duration) -> Duration {
    let on_its_way = if record.phase == Phase::Creating { LONGEST_CALL } else { Duration::ZERO };
    (visibility + on_its_way).saturating_sub(age(record)).min(visibility)
}

/// How long ago the record's phase was entered; a clock that was set back does not make a fresh record look old.
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
    fn an_unanswered_create_is_looked_for_as_long_as_its_call_can_have_been_late() {
        assert_eq!([0, 5, 300, 595, 605, 700, -3600].map(|ago| left(false, ago)), [60, 60, 60, 60, 55, 0, 60]);
    }

    #[test]
    fn an_answered_create_is_looked_for_from_its_answer_on() {
        assert_eq!([0, 20, 61, -3600].map(|ago| left(true, ago)), [60, 40, 0, 60]);
    }
}
