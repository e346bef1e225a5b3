//! The life of a create: intent, call, acquisition; a lost answer never makes a second object.

use std::time::Duration;

use payinfra_state::{Address, Entry, Phase};
use serde_json::Value;
use tokio::time::Instant;

use crate::backoff::phrase;
use crate::run::{Halt, Run};
use crate::update::Age;
use crate::{Class, Error, Failure, Identity, LiveValue};

/// An object that exists: its id, its outputs where they are known, and whether this run made it.
pub(crate) struct Acquired {
    pub(crate) id: String,
    pub(crate) outputs: Option<Value>,
    pub(crate) age: Age,
}

impl From<LiveValue> for Acquired {
    fn from(live: LiveValue) -> Self {
        Self { id: live.id, outputs: Some(live.outputs), age: Age::Young }
    }
}

/// A creation: what every attempt at it shares.
struct Attempts<'a> {
    node: usize,
    spec: &'a Value,
    token: String,
    /// Whether an attempt may have made the object though no answer said so.
    uncertain: bool,
}

impl<C: Send + Sync + 'static> Run<'_, C> {
    /// Makes the object of a node, or finds the one that an unanswered attempt made.
    pub(crate) async fn create(&self, node: usize, spec: &Value) -> Result<Acquired, Halt> {
        let address = &self.graph.addresses()[node];
        let identity = self.graph.nodes()[node].kind.identity();
        let earlier = self
            .journal
            .read(|stack| stack.records.get(address).filter(|record| record.phase == Phase::Creating).cloned());
        let same = earlier.as_ref().filter(|record| record.spec == *spec).and_then(|record| record.token.clone());
        // The survey has looked long enough for an object that only its marks could show.
        let uncertain = earlier.is_some() && identity != Identity::Marks;
        let mut attempts = Attempts {
            node,
            spec,
            // The same key with another spec would be an idempotency mismatch.
            uncertain,
            token: same.clone().unwrap_or_else(|| format!("{:032x}", rand::random::<u128>())),
        };
        // Another key could make a second object, so the first is looked for before.
        let first = match (identity, &same) {
            (Identity::Token, None) if uncertain => self.look_for(node, self.base.timing.visibility).await?,
            _ => None,
        };
        let acquired = match first {
            Some(live) => live.into(),
            None => match self.attempt(&mut attempts).await {
                Ok(acquired) => acquired,
                Err(halt) => {
                    if is_refusal(&halt, attempts.uncertain) {
                        self.record(Entry::Abandoned { address: address.clone() }).await?;
                    }
                    return Err(halt);
                }
            },
        };
        let (id, outputs) = (acquired.id.clone(), acquired.outputs.clone());
        self.record(Entry::Acquired { address: address.clone(), id, outputs, at: self.now() }).await?;
        Ok(acquired)
    }

    /// Puts the intent on disk, with the time of the call that follows.
    async fn announce(&self, attempts: &Attempts<'_>) -> Result<(), Failure> {
        self.record(Entry::Creating {
            address: self.graph.addresses()[attempts.node].clone(),
            spec: attempts.spec.clone(),
            deps: self.graph.deps_of(attempts.node),
            token: attempts.token.clone(),
            at: self.now(),
        })
        .await
    }

    async fn attempt(&self, attempts: &mut Attempts<'_>) -> Result<Acquired, Halt> {
        let address = &self.graph.addresses()[attempts.node];
        let kind = &self.graph.nodes()[attempts.node].kind;
        let mut retries = self.retries(address, kind.pace().patience);
        loop {
            self.check_stop()?;
            // Each attempt is announced: how long a lost one is looked for counts from the last.
            self.announce(attempts).await?;
            let cx = self.cx(address, &attempts.token);
            let error = match kind.create(&cx, attempts.spec).await {
                Ok((id, outputs)) => return Ok(Acquired { id, outputs, age: Age::New }),
                Err(error) => error,
            };
            tracing::debug!(%address, %error, "create refused");
            match error.class {
                Class::Exists => {
                    attempts.uncertain = true;
                    return self.taken(attempts.node, error).await;
                }
                Class::NoAnswer | Class::Transient => {
                    attempts.uncertain = true;
                    if kind.identity() == Identity::Marks {
                        if let Some(live) = self.look_for(attempts.node, self.base.timing.visibility).await? {
                            return Ok(live.into());
                        }
                        attempts.uncertain = false;
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
    ///
    /// A request that the network delivered twice is refused though its first delivery worked, so even the answer to a
    /// first attempt does not tell the two apart: only marks do, once they have had time to show.
    async fn taken(&self, node: usize, error: Error) -> Result<Acquired, Halt> {
        match self.look_for(node, self.base.timing.visibility).await? {
            Some(live) => Ok(live.into()),
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
            let last = start.elapsed() >= window;
            let found = self.repeat(address, Duration::from_secs(120), || self.observer.find(kind, address)).await?;
            match found.as_slice() {
                [] if last => return Ok(None),
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

/// Whether a creation ended with the certainty that nothing was made; otherwise its announcement must stay.
fn is_refusal(halt: &Halt, uncertain: bool) -> bool {
    match halt {
        Halt::Failed(Failure::NotOurs { .. }) => true,
        Halt::Failed(Failure::Call(error)) => {
            !uncertain && !matches!(error.class, Class::NoAnswer | Class::Transient | Class::Credentials)
        }
        // Nothing was sent, or all of it was refused.
        Halt::Stopped => !uncertain,
        _ => false,
    }
}
