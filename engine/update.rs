//! Brings an object that exists to its spec, and waits until it works.

use payinfra_state::{Address, Entry};
use serde_json::Value;
use tokio::time::Instant;

use crate::backoff::{phrase, waits_for};
use crate::converge::{Age, Goal, Next, Written};
use crate::graph::Node;
use crate::run::{Run, StepError};
use crate::{Class, LiveValue, Status};

impl<C: Send + Sync + 'static> Run<'_, C> {
    /// Looks, compares, and updates until the object is ready and matches its spec; `seen` is what is already known.
    pub(crate) async fn converge(
        &self,
        node: &Node<C>,
        id: &str,
        spec: &Value,
        age: Age,
        mut seen: Option<LiveValue>,
        on_outputs: &(dyn Fn(Value) + Sync),
    ) -> Result<LiveValue, StepError> {
        let Node { address, kind, .. } = node;
        let goal = Goal {
            address,
            spec,
            age,
            fixed: kind.forces_replacement(),
            compares: &|name| self.graph.compares(kind.name(), name),
            unfinished: &self.unfinished_update(address),
            visibility: self.base.timing.visibility,
            settle: self.base.timing.settle,
            timeout: kind.durations().timeout,
        };
        let start = Instant::now();
        let mut written = None;
        loop {
            self.check_stop()?;
            let live = match seen.take() {
                Some(live) => Some(live),
                None => self.observe(kind, address, id).await?,
            };
            if let Some(LiveValue { status: Status::Ready | Status::Pending(_), outputs, .. }) = &live {
                on_outputs(outputs.clone());
            }
            match goal.next(live, written.as_ref(), start.elapsed()) {
                Next::Done(live) => return Ok(live),
                Next::Write { live, attributes, times } => {
                    self.write(node, &live, spec, &attributes, age).await?;
                    written = Some(Written { attributes, times, at: start.elapsed() });
                }
                Next::Wait(state) => {
                    self.waiting(address, format!("it to be ready (now {state})"));
                    self.pause(self.until_next_look(kind.durations().create)).await?;
                }
                Next::Fail(failure) => return Err(failure.into()),
            }
        }
    }

    /// The attributes of an unfinished update: the change may not show yet, so they are written again.
    pub(crate) fn unfinished_update(&self, address: &Address) -> Vec<String> {
        self.journal.read(|stack| {
            let record = stack.records.get(address);
            record.map(|record| record.updating.iter().cloned().collect()).unwrap_or_default()
        })
    }

    /// Announces and makes one update call, and repeats it while its errors mean that waiting helps.
    async fn write(
        &self,
        node: &Node<C>,
        live: &LiveValue,
        spec: &Value,
        changed: &[String],
        age: Age,
    ) -> Result<(), StepError> {
        let Node { address, kind, .. } = node;
        let entry = Entry::Updating { address: address.clone(), attributes: changed.to_vec(), at: self.now() };
        self.record(entry).await?;
        let names: Vec<&str> = changed.iter().map(String::as_str).collect();
        let token = format!("{:032x}", rand::random::<u128>());
        let cx = self.cx(address, &token);
        let mut retries = self.retries(address, kind.durations().timeout);
        loop {
            self.check_stop()?;
            let Err(error) = kind.update(&cx, live, spec, &names).await else { return Ok(()) };
            // What is absent may be something fresh that the spec refers to, or the object itself while it is fresh.
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
