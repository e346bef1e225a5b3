//! The life of a create: intent, call, acquisition; a lost answer never makes a second object.

use std::time::Duration;

use payinfra_state::{Address, Entry, Phase};
use serde_json::Value;
use tokio::time::Instant;

use crate::backoff::{Retries, phrase};
use crate::run::{Halt, Run};
use crate::{Class, Error, Failure, Identity, LiveValue};

/// An object that exists: its id, and its outputs where they are known.
pub(crate) struct Acquired {
    pub(crate) id: String,
    pub(crate) outputs: Option<Value>,
}

impl<C: Send + Sync + 'static> Run<'_, C> {
    /// Makes the object of a node, or finds the one that an unanswered attempt made.
    pub(crate) async fn create(&self, node: usize, spec: &Value) -> Result<Acquired, Halt> {
        let address = &self.graph.addresses()[node];
        let (token, resumed) = self.announce(node, spec).await?;
        let acquired = match self.create_once(node, spec, &token, resumed).await {
            Ok(acquired) => acquired,
            Err(halt) => {
                // Only a refusal is an end: after a stop or a lost answer the announcement must stay.
                if let Halt::Failed(failure) = &halt
                    && failure.class().is_none_or(is_refusal)
                {
                    self.record(Entry::Abandoned { address: address.clone() }).await?;
                }
                return Err(halt);
            }
        };
        let Acquired { id, outputs } = &acquired;
        let entry =
            Entry::Acquired { address: address.clone(), id: id.clone(), outputs: outputs.clone(), at: self.now() };
        self.record(entry).await?;
        Ok(acquired)
    }

    /// Puts the intent on disk; a create that an earlier run announced keeps its key.
    async fn announce(&self, node: usize, spec: &Value) -> Result<(String, bool), Halt> {
        let address = &self.graph.addresses()[node];
        let earlier = self.journal.read(|stack| {
            let record = stack.records.get(address).filter(|record| record.phase == Phase::Creating)?;
            // The same key with another spec would be an idempotency mismatch.
            (record.spec == *spec).then(|| record.token.clone()).flatten()
        });
        let resumed =
            self.journal.read(|stack| stack.records.get(address).is_some_and(|record| record.phase == Phase::Creating));
        let token = earlier.unwrap_or_else(|| format!("{:032x}", rand::random::<u128>()));
        let entry = Entry::Creating {
            address: address.clone(),
            spec: spec.clone(),
            deps: self.graph.deps_of(node),
            token: token.clone(),
            at: self.now(),
        };
        self.record(entry).await?;
        Ok((token, resumed))
    }

    async fn create_once(&self, node: usize, spec: &Value, token: &str, resumed: bool) -> Result<Acquired, Halt> {
        let address = &self.graph.addresses()[node];
        let kind = &self.graph.nodes()[node].kind;
        let mut retries = Retries::new(kind.pace().patience);
        let mut ambiguous = resumed;
        loop {
            self.check_stop()?;
            let cx = self.cx(address, token);
            let error = match kind.create(&cx, spec).await {
                Ok((id, outputs)) => return Ok(Acquired { id, outputs }),
                Err(error) => error,
            };
            tracing::debug!(%address, %error, "create refused");
            match error.class {
                Class::Exists => return self.taken(node, error, ambiguous).await,
                Class::NoAnswer | Class::Transient => {
                    ambiguous = true;
                    if kind.identity() == Identity::Marks
                        && let Some(live) = self.look_for(node, self.base.timing.visibility).await?
                    {
                        return Ok(Acquired { id: live.id, outputs: Some(live.outputs) });
                    }
                }
                _ => {}
            }
            let class = waits_for(error.class);
            let Some(delay) = retries.delay(class) else { return Err(error.into()) };
            self.waiting(address, phrase(class));
            self.pause(delay).await?;
        }
    }

    /// The name is taken: by our own unanswered create, or by somebody else's object.
    async fn taken(&self, node: usize, error: Error, ambiguous: bool) -> Result<Acquired, Halt> {
        let window = if ambiguous { self.base.timing.visibility } else { Duration::ZERO };
        match self.look_for(node, window).await? {
            Some(live) => Ok(Acquired { id: live.id, outputs: Some(live.outputs) }),
            None => {
                let address = self.graph.addresses()[node].clone();
                Err(Failure::NotOurs { address, source: error }.into())
            }
        }
    }

    /// Looks for the object by its marks until it is found or a fresh one would have become visible.
    async fn look_for(&self, node: usize, window: Duration) -> Result<Option<LiveValue>, Halt> {
        let address = &self.graph.addresses()[node];
        let kind = &self.graph.nodes()[node].kind;
        let start = Instant::now();
        loop {
            let found = self.repeat(address, Duration::from_secs(120), || self.observer.find(kind, address)).await?;
            match found.as_slice() {
                [] if start.elapsed() >= window => return Ok(None),
                [] => {
                    self.waiting(address, "an unanswered create to become visible");
                    self.pause(Duration::from_secs(5).min(window)).await?;
                }
                [live] => return Ok(Some(live.clone())),
                several => return Err(duplicate(address, several).into()),
            }
        }
    }
}

fn duplicate(address: &Address, live: &[LiveValue]) -> Failure {
    Failure::Duplicate { address: address.clone(), ids: live.iter().map(|live| live.id.clone()).collect() }
}

/// In a create, what is absent is something that it refers to and that is not visible everywhere yet.
pub(crate) fn waits_for(class: Class) -> Class {
    if class == Class::Absent { Class::NotYet } else { class }
}

/// Whether an error says for certain that nothing was made.
fn is_refusal(class: Class) -> bool {
    !matches!(class, Class::NoAnswer | Class::Transient | Class::Credentials)
}
