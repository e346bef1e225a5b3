//! Kills the real binary at chosen calls or disturbs its answers, and judges from the cloud what the next run leaves.

pub mod creates;
pub mod faults;
pub mod harness;
pub mod options;
pub mod point;
pub mod runner;

use std::time::{SystemTime, UNIX_EPOCH};

/// Chooses and orders what a sample contains; printed, so that a failure can be repeated.
pub const SEED: u64 = 20_261_123;

/// The day's number, which decides what a sample takes; `PAYINFRA_SWEEP_TURN` repeats one that a test has printed.
pub fn turn() -> usize {
    let today = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() / (24 * 60 * 60);
    let turn = std::env::var("PAYINFRA_SWEEP_TURN").map_or_else(|_| today(), |turn| turn.parse().unwrap());
    usize::try_from(turn).unwrap()
}
