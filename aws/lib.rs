//! How payinfra speaks to AWS: clients, error classes, rates, names, ownership tags, and what emulators do not keep.
//!
//! Nothing here knows a kind of resource.

mod call;
mod caller;
mod chain;
mod clients;
mod emulator;
mod errors;
pub mod fingerprint;
mod gate;
mod http;
pub mod names;
mod pacing;
mod pages;
mod rates;
pub mod replay;
mod tags;

pub use caller::{ApiAnswer, ApiRequest, CallError, Caller, Proof};
pub use chain::chain;
pub use clients::{Clients, ConnectError, Connected, Connection, Credentials};
pub use emulator::{Emulator, NOT_KEPT, NotKept};
pub use errors::{error, refused, unless};
pub use gate::{Gate, Ungated};
pub use http::without_user;
pub use pages::following;
pub use tags::{ADDRESS, Owned, STACK, TagChange, Tags, own_tags};

/// The only region that payinfra deploys to (docs/requirements.md, R1).
pub const REGION: &str = "us-east-1";
