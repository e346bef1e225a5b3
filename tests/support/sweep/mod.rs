//! Kills the real binary at chosen calls or disturbs its answers, and judges from the cloud what the next run leaves.

pub mod creates;
pub mod faults;
pub mod harness;
pub mod options;
pub mod point;
pub mod runner;

/// Chooses and orders what a sample contains; printed, so that a failure can be repeated.
pub const SEED: u64 = 20_261_123;
