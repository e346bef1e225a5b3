//! The progress of a run: a line for each event, and what is running every ten seconds.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use payinfra_engine::{Action, Address, Event, Plan};
use serde_json::json;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::Screen;
use super::style::{DIM, GREEN, RED, YELLOW, seconds};

/// How often a run shows what is running.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// Shows the events of one run.
pub struct Progress {
    screen: Screen,
    state: Arc<Mutex<State>>,
    heartbeat: JoinHandle<()>,
}

struct State {
    total: usize,
    done: usize,
    running: BTreeMap<Address, Running>,
}

struct Running {
    since: Instant,
    usually: Duration,
    waiting: Option<String>,
}

impl Progress {
    /// Starts showing a run of this plan.
    pub fn start(screen: &Screen, plan: &Plan) -> Self {
        let total = plan.acting().count() + plan.count(Action::Replace);
        let state = Arc::new(Mutex::new(State { total, done: 0, running: BTreeMap::new() }));
        let heartbeat = tokio::spawn(beat(screen.clone(), Arc::clone(&state)));
        Self { screen: screen.clone(), state, heartbeat }
    }

    /// Shows one event.
    pub fn event(&self, event: Event) {
        if self.screen.is_json() {
            self.screen.object("event", json!(event));
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let line = match event {
            Event::Reading | Event::Acquired { .. } => None,
            Event::Started { address, usually, .. } => {
                state.running.insert(address, Running { since: Instant::now(), usually, waiting: None });
                None
            }
            Event::Waiting { address, what } => {
                if let Some(running) = state.running.get_mut(&address) {
                    running.waiting = Some(what);
                }
                None
            }
            Event::Finished { address, action, took } => {
                state.running.remove(&address);
                state.done += 1;
                let (sign, past) = match action {
                    Action::Update => ("~", "updated"),
                    Action::Delete => ("-", "deleted"),
                    _ => ("+", "created"),
                };
                let progress = format!("{}/{}", state.done, state.total);
                Some(format!("{GREEN}{sign} {past} {address}{GREEN:#}  {DIM}{}  {progress}{DIM:#}", seconds(took)))
            }
            Event::Failed { address, error } => {
                state.running.remove(&address);
                Some(format!("{RED}! failed {address}{RED:#}: {error}"))
            }
            Event::Skipped { address, because } => {
                Some(format!("{YELLOW}. skipped {address}{YELLOW:#}, because of {because}"))
            }
        };
        drop(state);
        if let (Some(line), false) = (line, self.screen.is_json()) {
            self.screen.note(&line);
        }
    }

    /// Ends the heartbeat.
    pub fn finish(self) {
        self.heartbeat.abort();
    }
}

async fn beat(screen: Screen, state: Arc<Mutex<State>>) {
    loop {
        tokio::time::sleep(HEARTBEAT).await;
        let text = {
            let state = state.lock().unwrap_or_else(PoisonError::into_inner);
            let running: Vec<String> =
                state.running.iter().map(|(address, running)| describe(address, running)).collect();
            if running.is_empty() {
                continue;
            } else {
                format!("{}/{}: {}", state.done, state.total, running.join("; "))
            }
        };
        screen.note(&text);
    }
}

fn describe(address: &Address, running: &Running) -> String {
    let since = seconds(running.since.elapsed());
    let usually = running.usually.as_secs();
    match &running.waiting {
        Some(what) => format!("{address} for {since} (usually {usually} s), waiting for {what}"),
        None => format!("{address} for {since} (usually {usually} s)"),
    }
}
