//! Tests of the real `payinfra` process, against real emulators, servers and terminals.
//!
//! They are one program: each of many would compile the support anew and link the whole SDK.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod acceptance;
mod aws_models;
mod aws_rules;
mod aws_samples;
mod aws_world;
mod command_line;
mod drift;
mod emulators;
mod faults;
mod full_sweep;
mod hostile_answers;
mod interrupts;
mod lifecycle;
mod lost_and_foreign;
mod proxy;
mod remote_state;
mod sandbox;
mod sandbox_api;
mod secrets;
#[path = "../support/mod.rs"]
mod support;
mod sweep;
mod teardown;
mod verify;
