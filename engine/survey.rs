//! Reads the live world: all kinds at once, by marks, and by the ids that the journal remembers.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::try_join_all;
use jiff::Timestamp;
use payinfra_state::{Address, Journal, Phase, Record};

use crate::backoff::Retries;
use crate::{Base, Error, Event, Events, Failure, Graph, Identity, Kind, Kinds, LiveValue, Select, Status};

/// What exists, by address.
pub(crate) type World = BTreeMap<Address, LiveValue>;

/// Reads everything that carries the stack's marks, and everything that the journal knows by id.
///
/// A create that was announced and never answered is looked for until it is found or a fresh object would have become
/// visible; only then is it certain that nothing was made.
pub(crate) async fn survey<C: Send + Sync + 'static>(
    graph: &Graph<C>,
    journal: &Journal,
    base: &Base<C>,
    events: Events<'_>,
) -> Result<World, Failure> {
    events(Event::Reading);
    let kinds = graph.kinds();
    let mut world = owned(kinds, base).await?;
    let records = journal.read(|stack| stack.records.clone());
    world.extend(by_id(kinds, base, &records, &world).await?);
    loop {
        let missing = still_invisible(kinds, base, &records, &world);
        let Some((address, left)) = missing else { return Ok(world) };
        let what = "an unanswered create of an earlier run to become visible".to_owned();
        events(Event::Waiting { address: address.clone(), what });
        tokio::time::sleep(left.min(Duration::from_secs(5))).await;
        world = owned(kinds, base).await?;
        world.extend(by_id(kinds, base, &records, &world).await?);
        if left <= Duration::from_secs(5) {
            return Ok(world);
        }
    }
}

/// Lists all kinds by marks, in parallel.
pub(crate) async fn owned<C: Send + Sync + 'static>(kinds: &Kinds<C>, base: &Base<C>) -> Result<World, Failure> {
    let lists = kinds.iter().map(|kind| read(kind.as_ref(), base, Select::Owned));
    let mut world = World::new();
    let mut doubles: BTreeMap<Address, Vec<String>> = BTreeMap::new();
    for live in try_join_all(lists).await?.into_iter().flatten() {
        let Some(address) = live.address.clone() else { continue };
        match world.get(&address) {
            // An object on its way out may share its address with its successor.
            Some(other) if is_leaving(&live) && !is_leaving(other) => {}
            Some(other) if !is_leaving(&live) && !is_leaving(other) => {
                doubles.entry(address).or_insert_with(|| vec![other.id.clone()]).push(live.id);
            }
            _ => {
                world.insert(address, live);
            }
        }
    }
    match doubles.into_iter().next() {
        Some((address, ids)) => Err(Failure::Duplicate { address, ids }),
        None => Ok(world),
    }
}

fn is_leaving(live: &LiveValue) -> bool {
    matches!(live.status, Status::Deleting | Status::Dormant)
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
        if let (Some(id), false) = (&record.id, world.contains_key(address)) {
            wanted.entry(address.kind()).or_default().push((id.clone(), address.clone()));
        }
    }
    let lists = wanted.into_iter().filter_map(|(name, wanted)| kinds.get(name).map(|kind| (kind, wanted))).map(
        |(kind, wanted)| async move {
            let ids: Vec<String> = wanted.iter().map(|(id, _)| id.clone()).collect();
            let live = read(kind.as_ref(), base, Select::Ids(&ids)).await?;
            Ok::<_, Failure>((live, wanted))
        },
    );
    let mut found = World::new();
    for (live, wanted) in try_join_all(lists).await? {
        for live in live {
            let Some((_, address)) = wanted.iter().find(|(id, _)| *id == live.id) else { continue };
            // An object that carries another resource's marks is not this one, whatever the journal says.
            if live.address.as_ref().is_none_or(|marked| marked == address) {
                found.insert(address.clone(), live);
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
    let mut retries = Retries::new(Duration::from_secs(120));
    loop {
        let error = match kind.list(&base.cloud, select).await {
            Ok(live) => return Ok(live),
            Err(error) => error,
        };
        let Some(delay) = retries.delay(error.class) else { return Err(error) };
        tokio::time::sleep(delay).await;
    }
}

/// A resource whose create may have been carried out and may not show yet, and for how long it may stay so.
fn still_invisible<'a, C>(
    kinds: &Kinds<C>,
    base: &Base<C>,
    records: &'a BTreeMap<Address, Record>,
    world: &World,
) -> Option<(&'a Address, Duration)> {
    records
        .iter()
        .filter(|(address, _)| !world.contains_key(*address))
        .filter_map(|(address, record)| {
            let kind = kinds.get(address.kind())?;
            let uncertain = match record.phase {
                Phase::Creating => kind.identity() == Identity::Marks,
                Phase::Acquired => true,
                Phase::Ready | Phase::Deleting => false,
            };
            let age = Timestamp::now().duration_since(record.since?).unsigned_abs();
            let left = base.timing.visibility.checked_sub(age).filter(|left| !left.is_zero())?;
            uncertain.then_some((address, left))
        })
        .max_by_key(|(_, left)| *left)
}
