//! Ctrl-C, SIGTERM and a closed terminal: the first signal stops the run in order, the second ends it at once.

use std::future;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use payinfra_engine::Shutdown;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::timeout;

use crate::command_error::Exit;
use crate::remote_state::Lease;
use crate::render::Screen;

/// How long to wait for the release of a lease: a bucket that does not answer must not delay the end.
const RELEASE_TIMEOUT: Duration = Duration::from_millis(500);

/// What signals do to a command: before its work begins they end it, then they ask it to stop.
#[derive(Clone)]
pub struct Signals {
    /// What to print if the command ends before its work begins.
    before_work: &'static str,
    /// Set once the work begins.
    stop: Arc<OnceLock<Shutdown>>,
    /// Set once a lease is taken.
    lease: Arc<OnceLock<Lease>>,
}

impl Signals {
    /// Handles signals from here on.
    ///
    /// The first one during the work requests a stop, the second ends the process within a second. That is safe: every
    /// intent is in the journal. One before the work prints `before_work` and ends the command.
    ///
    /// # Errors
    /// Where the operating system refuses a handler.
    pub fn watch(screen: &Screen, before_work: &'static str) -> std::io::Result<Self> {
        let signals = Self { before_work, stop: Arc::default(), lease: Arc::default() };
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut hangup = if hangup_ends_it() { Some(signal(SignalKind::hangup())?) } else { None };
        let (watched, screen) = (signals.clone(), screen.clone());
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                    () = received(hangup.as_mut()) => {}
                }
                watched.handle(&screen).await;
            }
        });
        Ok(signals)
    }

    /// From here on, resources are changed, and the first signal requests `stop`.
    pub fn work_begins(&self, stop: &Shutdown) {
        self.stop.get_or_init(|| stop.clone());
    }

    /// From here on, a command that ends before its work begins releases this lease.
    pub fn lease_taken(&self, lease: &Lease) {
        self.lease.get_or_init(|| lease.clone());
    }

    async fn handle(&self, screen: &Screen) {
        let last_words = match self.stop.get() {
            None => {
                if let Some(lease) = self.lease.get() {
                    // A lease that is not released expires.
                    let _ = timeout(RELEASE_TIMEOUT, lease.release()).await;
                }
                self.before_work
            }
            Some(stop) if stop.requested() => "leaving now; the next run finds out what the last calls did",
            Some(stop) => {
                screen
                    .note("stopping: no new calls; those in flight are finished and recorded (send the signal again to leave now)");
                return stop.request();
            }
        };
        screen.note(last_words);
        std::process::exit(Exit::Interrupted as i32);
    }
}

async fn received(signal: Option<&mut Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => future::pending().await,
    }
}

/// Whether a closed terminal would end the process: not under `nohup`, which has the signal ignored, and a handler would
/// undo that. If the system does not report it, the signal keeps its default action.
fn hangup_ends_it() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // Signal 1 is the lowest bit (proc_pid_status(5)).
    ignored.is_some_and(|mask| mask & 1 == 0)
}
