//! What the proxy knows: the calls so far, the rules, and whether the world stands still.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::request::Parts;
use tokio::sync::watch;

use super::Broken;
use super::behaviour::Behaviour;
use super::connection::Line;
use super::fault::{Fault, Moment, Rule};
use super::operation::Seen;
use crate::support::aws_rules::AwsRules;
use crate::support::ground::Ground;

/// One call that arrived.
#[derive(Debug, Clone)]
pub struct Call {
    /// Its place among all calls, from 1.
    pub number: usize,
    /// Its place among the mutating calls, from 1; none if it only reads.
    pub mutating: Option<usize>,
    /// Its place among the calls of the same operation since [`super::Proxy::count_anew`], from 1.
    pub occurrence: usize,
    /// The service as signatures name it: `ec2`, `monitoring`, `s3`.
    pub service: String,
    /// The operation as the API reference names it.
    pub operation: String,
    /// The HTTP method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// The headers, with their names in lower case.
    pub headers: Vec<(String, String)>,
    /// The request's body.
    pub body: Bytes,
    /// The client token, idempotency token or caller reference.
    pub token: Option<String>,
    /// The SDK's id of the call, the same for all its attempts (`amz-sdk-invocation-id`).
    pub invocation: Option<String>,
    /// When it arrived, since the proxy's start.
    pub at: Duration,
    /// How long the answer took; none as long as there is none.
    pub took: Option<Duration>,
    /// The status the emulator or a rule answered with; kept even if the answer was then dropped.
    pub status: Option<u16>,
    /// What a rule did to it.
    pub fault: Option<Fault>,
}

impl Call {
    /// Service and operation, as `ec2:CreateVpc`.
    pub fn name(&self) -> String {
        format!("{}:{}", self.service, self.operation)
    }

    /// The value of the owner's mark `payinfra:address` in the request, where it carries one.
    pub fn address(&self) -> Option<String> {
        address_in(&String::from_utf8_lossy(&self.body))
    }
}

fn text(value: &http::HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}

/// The value of the ownership tag `payinfra:address` in a request's body, where it carries one.
pub fn address_in(text: &str) -> Option<String> {
    let after = |tag: &str, before: &str, end: [char; 2]| {
        let (_, value) = text.split_once(tag)?.1.split_once(before)?;
        Some(value.split(end).next().unwrap_or_default().to_owned())
    };
    after("payinfra%3Aaddress", "=", ['&', '&'])
        .or_else(|| after("payinfra:address\"", ":\"", ['"', '"']))
        .or_else(|| after("payinfra:address<", "<Value>", ['<', '<']))
}

/// Which call the world is stopped at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// The mutating call with this number, from 1.
    Mutating(usize),
    /// The call of an operation with this number, written as `ec2:CreateVpc`, from 1, or any later one.
    Operation(String, usize),
}

impl Target {
    fn is(&self, call: &Call) -> bool {
        match self {
            Self::Mutating(number) => call.mutating == Some(*number),
            Self::Operation(name, occurrence) => call.occurrence >= *occurrence && call.name() == *name,
        }
    }
}

/// A stop of the world that is to come, at the first of these, and what is done at that very moment.
pub struct Hold {
    pub at: Vec<(Target, Moment)>,
    pub then: Box<dyn FnOnce(Call) + Send>,
}

/// The part behind the lock.
#[derive(Default)]
pub struct State {
    pub calls: Vec<Call>,
    pub rules: Vec<Rule>,
    pub latency: Duration,
    pub hold: Option<Hold>,
    /// What becomes of repeated requests; none where that is the emulator's affair.
    pub behaviour: Option<Behaviour>,
    /// What AWS does and the emulator does not; none where it is not wanted.
    pub aws: Option<AwsRules>,
    /// What fills the emulator's gaps; none where they may be seen.
    pub ground: Option<Ground>,
    /// Calls that the emulator has or will get, and has not answered.
    pub in_flight: usize,
    pub occurrences: BTreeMap<(String, String), usize>,
    /// Counts the calls of [`Shared::forget`], so that a late answer is not written into a newer list.
    epoch: usize,
    mutating: usize,
}

/// What all connections share.
pub struct Shared {
    begun: Instant,
    state: Mutex<State>,
    frozen: watch::Sender<bool>,
}

impl Default for Shared {
    fn default() -> Self {
        Self { begun: Instant::now(), state: Mutex::default(), frozen: watch::Sender::new(false) }
    }
}

/// The position of a call in the list: the list's number and the place in it.
pub type Index = (usize, usize);

impl Shared {
    /// The lock; never held across an await.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Writes a call down, chooses its fault, and returns both with the latency in force.
    pub fn record(&self, parts: &Parts, body: &Bytes, seen: &Seen) -> (Index, Call, Duration) {
        let mut state = self.state();
        let state = &mut *state;
        let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        state.mutating += usize::from(seen.mutates);
        let occurrence = state.occurrences.entry((seen.service.clone(), seen.operation.clone())).or_default();
        *occurrence += 1;
        let mut call = Call {
            number: state.calls.len() + 1,
            mutating: seen.mutates.then_some(state.mutating),
            occurrence: *occurrence,
            service: seen.service.clone(),
            operation: seen.operation.clone(),
            method: parts.method.to_string(),
            path: parts.uri.path_and_query().map_or_else(String::new, ToString::to_string),
            headers: parts.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
            body: body.clone(),
            token: seen.token.clone(),
            invocation: header("amz-sdk-invocation-id"),
            at: self.begun.elapsed(),
            took: None,
            status: None,
            fault: None,
        };
        call.fault = state.rules.iter_mut().find_map(|rule| rule.apply(&call));
        state.calls.push(call.clone());
        ((state.epoch, call.number - 1), call, state.latency)
    }

    /// Writes down what a call was answered with.
    pub fn finish(&self, (epoch, index): Index, status: u16, begun: Instant) {
        let mut state = self.state();
        if epoch == state.epoch {
            state.calls[index].status = Some(status);
            state.calls[index].took = Some(begun.elapsed());
        }
    }

    /// Empties the list.
    pub fn forget(&self) {
        let mut state = self.state();
        state.calls.clear();
        state.mutating = 0;
        state.epoch += 1;
    }

    /// Whether the hold in force is for this call and moment.
    pub fn is_hold(&self, call: &Call, at: Moment) -> bool {
        let state = self.state();
        let Some(hold) = &state.hold else { return false };
        hold.at.iter().any(|(target, moment)| *moment == at && target.is(call))
    }

    /// Stops the world and the call, if this is the moment of the hold.
    pub async fn hold_at(&self, call: &Call, at: Moment, line: &Arc<Line>) -> Result<(), Broken> {
        if self.is_hold(call, at) {
            self.freeze(call);
            return self.until_thawed(line).await;
        }
        Ok(())
    }

    /// Stops the world and does what is to be done then, unless another call was first or the hold is off by now.
    pub fn freeze(&self, call: &Call) {
        let hold = self.state().hold.take();
        if let Some(hold) = hold {
            self.frozen.send_replace(true);
            (hold.then)(call.clone());
        }
    }

    /// Counts a call as on its way until the returned value is dropped.
    pub fn flight(self: &Arc<Self>) -> Flight {
        self.state().in_flight += 1;
        Flight(self.clone())
    }

    /// Lets the world go on.
    pub fn thaw(&self) {
        self.frozen.send_replace(false);
    }

    /// Passes if the world is not stopped; else waits until it goes on, then has the connection reset.
    pub async fn until_thawed(&self, line: &Arc<Line>) -> Result<(), Broken> {
        let mut frozen = self.frozen.subscribe();
        if !*frozen.borrow_and_update() {
            return Ok(());
        }
        frozen.wait_for(|frozen| !frozen).await.ok();
        Err(line.reset())
    }
}

/// A call on its way to the emulator.
pub struct Flight(Arc<Shared>);

impl Drop for Flight {
    fn drop(&mut self) {
        self.0.state().in_flight -= 1;
    }
}
