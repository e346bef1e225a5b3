//! Lease and log against a bucket in memory, in virtual time.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod fake;
mod leases;
mod logs;
