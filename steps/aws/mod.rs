//! How payinfra speaks to AWS: clients, marks, error classes, rates, and what emulators cannot do.

mod caller;
mod clients;
#[cfg(test)]
mod credentials_tests;
mod emulator;
mod errors;
mod gate;
mod http;
mod marks;
mod pages;
mod rates;
#[cfg(test)]
pub(crate) mod replay;

pub use caller::{ApiAnswer, ApiRequest, CallError, Caller, Proof};
pub use clients::{Aws, ConnectError, Connection, Credentials, without_user};
pub use emulator::{Emulator, NOT_KEPT, NotKept};
pub use errors::{error, refused, unless};
pub use gate::{Gate, Ungated};
pub use marks::{ADDRESS, Marked, STACK, Tags};
pub(crate) use pages::following;
