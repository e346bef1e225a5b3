//! Tests of the deployed binaries against a real PostgreSQL and a real MiniStack.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod booking;
mod cards;
mod configuration;
mod connection;
mod delivery;
mod faults;
mod kills;
mod logging;
mod permissions;
mod refunds;
mod schema;
#[path = "../support/mod.rs"]
mod support;
