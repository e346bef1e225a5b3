//! What the integration tests stand on: real emulators, a proxy that breaks things, and the real binary.

pub mod aws_rules;
pub mod binary;
pub mod configurations;
pub mod emulator;
pub mod ground;
pub mod inventory;
pub mod proxy;
pub mod sandbox;
pub mod shared_state;
pub mod summary;
pub mod sweep;
pub mod terminal;
pub mod transcript;
pub mod updates;
pub mod world;
pub mod written;

pub use binary::{Finished, Payinfra, Started, artifacts};
pub use emulator::{Emulator, Kind};
pub use proxy::{Call, Fault, Garble, Moment, Proxy, Rule, Target};
