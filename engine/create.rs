//! The life of a create: intent, call, acquisition. A lost answer never creates a second object.

use std::time::Duration;

use payinfra_state::{Address, Entry, Phase};
use serde_json::Value;
use tokio::time::Instant;

use crate::backoff::{phrase, waits_for};
use crate::converge::Age;
use crate::graph::Node;
use crate::run::{Run, StepError};
use crate::{ApplyError, Class, Idempotency, LiveValue};

/// An object that exists: its id, its outputs where they are known, and whether this run created it.
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
struct Attempts<'a, C> {
    node: &'a Node<C>,
    spec: &'a Value,
    token: String,
    /// Whether an attempt may have created the object although no answer confirmed it.
    uncertain: bool,
}

impl<C: Send + Sync + 'static> Run<'_, C> {
    /// Creates the object of a node, or finds the one that an unanswered attempt created.
    pub(crate) async fn create(&self, node: &Node<C>, spec: &Value) -> Result<Acquired, StepError> {
        let address = &node.address;
        let idempotency = node.kind.idempotency();
        let earlier = self
            .journal
            .read(|stack| stack.records.get(address).filter(|record| record.phase == Phase::Creating).cloned());
        let same = earlier.as_ref().filter(|record| record.spec == *spec).and_then(|record| record.token.clone());
        // The refresh has looked long enough for an object that only its tags could show.
        let uncertain = earlier.is_some() && idempotency != Idempotency::Tags;
        let mut attempts = Attempts {
            node,
            spec,
            // The same key with another spec would be an idempotency mismatch.
            uncertain,
            token: same.clone().unwrap_or_else(|| format!("{:032x}", rand::random::<u128>())),
        };
        // Another key could create a second object, so look for the first one before.
        let first = match (idempotency, &same) {
            (Idempotency::Token, None) if uncertain => self.look_for(node, self.base.timing.visibility).await?,
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

    /// Records the intent, with the time of the call that follows.
    async fn announce(&self, attempts: &Attempts<'_, C>) -> Result<(), ApplyError> {
        self.record(Entry::Creating {
            address: attempts.node.address.clone(),
            spec: attempts.spec.clone(),
            deps: self.graph.deps_of(attempts.node),
            token: attempts.token.clone(),
            at: self.now(),
        })
        .await
    }

    async fn attempt(&self, attempts: &mut Attempts<'_, C>) -> Result<Acquired, StepError> {
        let Node { address, kind, .. } = attempts.node;
        let mut retries = self.retries(address, kind.durations().timeout);
        let mut was_taken = false;
        loop {
            self.check_stop()?;
            // Each attempt is announced: the search for a lost one is timed from the last announcement.
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
                    // A request that the network delivered twice is refused although its first delivery worked, so
                    // even the answer to a first attempt does not distinguish our object from somebody else's. Only
                    // ownership tags do, once they have had time to show.
                    if let Some(live) = self.look_for(attempts.node, self.base.timing.visibility).await? {
                        return Ok(live.into());
                    }
                    if was_taken {
                        return Err(ApplyError::NotOurs { address: address.clone(), source: error }.into());
                    }
                    // A name may stay taken for a while after its object was deleted (Parameter Store: 30 seconds,
                    // model text of DeleteParameter), so it is asked for once more.
                    was_taken = true;
                    continue;
                }
                Class::NoAnswer | Class::Transient => {
                    attempts.uncertain = true;
                    if kind.idempotency() == Idempotency::Tags {
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

    /// Looks for the object by its tags until it is found or a fresh one would have become visible.
    async fn look_for(&self, node: &Node<C>, window: Duration) -> Result<Option<LiveValue>, StepError> {
        let Node { address, kind, .. } = node;
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

fn duplicate(address: &Address, live: &[LiveValue]) -> ApplyError {
    ApplyError::Duplicate { address: address.clone(), ids: live.iter().map(|live| live.id.clone()).collect() }
}

/// Whether a creation certainly created nothing; otherwise its announcement must stay.
fn is_refusal(halt: &StepError, uncertain: bool) -> bool {
    match halt {
        StepError::Failed(ApplyError::NotOurs { .. }) => true,
        StepError::Failed(ApplyError::Call(error)) => {
            !uncertain && !matches!(error.class, Class::NoAnswer | Class::Transient | Class::Credentials)
        }
        // Nothing was sent, or all of it was refused.
        StepError::Stopped => !uncertain,
        _ => false,
    }
}
