//! Ctrl-C and SIGTERM: once to stop in order, twice to leave at once.

use payinfra_engine::Shutdown;
use tokio::signal::unix::{SignalKind, signal};

use crate::problem::Exit;
use crate::render::Screen;

/// Turns the first signal into a request to stop and the second into an end within a second.
///
/// Leaving at once is safe: what was announced stands in the journal.
///
/// # Errors
/// Where the operating system refuses a handler.
pub fn watch(stop: &Shutdown, screen: &Screen) -> std::io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let stop = stop.clone();
    let screen = screen.clone();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if stop.requested() {
                screen.note("leaving now; the next run finds out what the last calls did");
                std::process::exit(Exit::Interrupted as i32);
            }
            screen.note("stopping: no new calls; those in flight are finished and recorded (once more to leave now)");
            stop.request();
        }
    });
    Ok(())
}
