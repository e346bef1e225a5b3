//! A cloud in memory that behaves like AWS, and the harness that runs the engine against it.
//!
//! Time is tokio's paused clock, so waiting 45 minutes costs nothing. Everything random follows from one seed.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]
#![allow(dead_code, reason = "each test file uses its part of the fake cloud")]

pub mod cloud;
pub mod disk;
pub mod effects;
pub mod harness;
pub mod kinds;
pub mod stacks;
#[path = "../../../tests/support/summary.rs"]
pub mod summary;
