//! The functions against a real PostgreSQL and a real MiniStack, as the binaries that are deployed.

#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

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
