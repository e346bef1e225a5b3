//! Brings an object that exists to its spec, and waits until it works.

use payinfra_state::{Address, Entry};
use serde_json::Value;
use tokio::time::Instant;

use crate::backoff::phrase;
use crate::create::waits_for;
use crate::diff::changed_attributes;
use crate::run::{Halt, Run};
use crate::{Class, Failure, LiveValue, Status};

/// How often the same difference is written before the cloud is taken to refuse it silently.
const WRITES: u32 = 3;

/// How old an object is, for what may be believed of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Age {
    /// This run made it with this spec.
    New,
    /// Its creation was not finished by an earlier run: like a new one, it may stay invisible to some calls for a while.
    Young,
    /// It was complete before.
    Old,
}

impl<C: Send + Sync + 'static> Run<'_, C> {
    /// Looks, compares and updates until the object is ready and as its spec says; `seen` is what is already known.
    pub(crate) async fn converge(
        &self,
        node: usize,
        id: &str,
        spec: &Value,
        age: Age,
        mut seen: Option<LiveValue>,
        on_outputs: &(dyn Fn(Value) + Sync),
    ) -> Result<LiveValue, Halt> {
        let address = &self.graph.addresses()[node];
        let kind = &self.graph.nodes()[node].kind;
        let pace = kind.pace();
        let start = Instant::now();
        let mut unfinished = self.unfinished_update(address);
        let mut written: Option<(Vec<String>, u32, Instant)> = None;
        loop {
            self.check_stop()?;
            let live = match seen.take() {
                Some(live) => Some(live),
                None => self.observe(kind, address, id).await?,
            };
            let state = match live {
                None if age == Age::Old || start.elapsed() > self.base.timing.visibility => {
                    let reason = "it is gone, deleted by somebody else".to_owned();
                    return Err(Failure::Failed { address: address.clone(), reason }.into());
                }
                None => "invisible".to_owned(),
                Some(LiveValue { status: Status::Failed(reason), .. }) => {
                    return Err(Failure::Failed { address: address.clone(), reason }.into());
                }
                Some(LiveValue { status: Status::Deleting, .. }) => {
                    let reason = "it is being deleted by somebody else".to_owned();
                    return Err(Failure::Failed { address: address.clone(), reason }.into());
                }
                Some(LiveValue { status: Status::Pending(state), outputs, .. }) => {
                    on_outputs(outputs);
                    state
                }
                Some(live) => {
                    // What is dormant cannot be used before it is taken back.
                    if live.status == Status::Ready {
                        on_outputs(live.outputs.clone());
                    }
                    let mut changed =
                        changed_attributes(&live.spec, spec, |name| self.graph.compares(kind.name(), name));
                    unfinished.retain(|name| !changed.contains(name));
                    changed.extend(std::mem::take(&mut unfinished));
                    if changed.is_empty() && live.status == Status::Ready {
                        return Ok(live);
                    }
                    self.refuse_replacement(node, &changed, age)?;
                    let times = match &written {
                        Some((before, times, _)) if *before == changed => *times,
                        _ => 0,
                    };
                    let settling = written
                        .as_ref()
                        .is_some_and(|(before, _, at)| *before == changed && at.elapsed() < self.base.timing.settle);
                    if !settling && times >= WRITES {
                        return Err(Failure::NotKept { address: address.clone(), attributes: changed }.into());
                    }
                    if !settling {
                        self.write(node, &live, spec, &changed, age).await?;
                        written = Some((changed, times + 1, Instant::now()));
                        continue;
                    }
                    "not as written yet".to_owned()
                }
            };
            if start.elapsed() > pace.patience {
                let seconds = start.elapsed().as_secs();
                return Err(Failure::TimedOut { address: address.clone(), state, seconds }.into());
            }
            self.waiting(address, format!("it to be ready (now {state})"));
            self.pause(self.until_next_look(pace.create)).await?;
        }
    }

    /// What an earlier update was to change: it may be changed and not show yet, so it is written again.
    pub(crate) fn unfinished_update(&self, address: &Address) -> Vec<String> {
        self.journal.read(|stack| {
            let record = stack.records.get(address);
            record.map(|record| record.updating.iter().cloned().collect()).unwrap_or_default()
        })
    }

    /// A live object differs in what cannot be changed: the plan would have shown a replacement.
    fn refuse_replacement(&self, node: usize, changed: &[String], age: Age) -> Result<(), Halt> {
        let kind = &self.graph.nodes()[node].kind;
        let fixed: Vec<String> =
            changed.iter().filter(|name| kind.replaced_by().contains(&name.as_str())).cloned().collect();
        if fixed.is_empty() {
            return Ok(());
        }
        let address = self.graph.addresses()[node].clone();
        if age == Age::New {
            return Err(Failure::NotKept { address, attributes: fixed }.into());
        }
        Err(Failure::PlanChanged { address, act: "replaced" }.into())
    }

    async fn write(
        &self,
        node: usize,
        live: &LiveValue,
        spec: &Value,
        changed: &[String],
        age: Age,
    ) -> Result<(), Halt> {
        let address = &self.graph.addresses()[node];
        let kind = &self.graph.nodes()[node].kind;
        let entry = Entry::Updating { address: address.clone(), attributes: changed.to_vec(), at: self.now() };
        self.record(entry).await?;
        let names: Vec<&str> = changed.iter().map(String::as_str).collect();
        let token = format!("{:032x}", rand::random::<u128>());
        let cx = self.cx(address, &token);
        let mut retries = self.retries(address, kind.pace().patience);
        loop {
            self.check_stop()?;
            let Err(error) = kind.update(&cx, live, spec, &names).await else { return Ok(()) };
            // What is absent can be something fresh that the spec refers to, or the object itself while it is fresh.
            let Some(delay) = retries.delay(waits_for(error.class)) else { return Err(error.into()) };
            tracing::debug!(%address, %error, ?delay, "update refused");
            self.waiting(address, phrase(waits_for(error.class)));
            self.pause(delay).await?;
            let absent = error.class == Class::Absent && age == Age::Old;
            if absent && self.observe(kind, address, &live.id).await?.is_none() {
                return Err(error.into());
            }
        }
    }
}
