//! What the integration tests stand on: real emulators, a proxy that breaks things, and the real binary.

#![allow(dead_code, reason = "each test file is a crate of its own and uses a part")]
#![allow(unused_imports, reason = "each test file is a crate of its own and uses a part")]

pub mod aws_rules;
pub mod binary;
pub mod emulator;
pub mod inventory;
pub mod property;
pub mod proxy;
pub mod sandbox;
pub mod shared_state;
pub mod summary;
pub mod sweep;
pub mod terminal;
pub mod transcript;
pub mod updates;

pub use binary::{Finished, Payinfra, Started, artifacts};
pub use emulator::{Emulator, Kind};
pub use proxy::{Call, Fault, Garble, Moment, Proxy, Rule, Target};
