//! What the cloud can show of a payment that went through, of the ledger it stands in and of the alarms that watch it.
//!
//! Nothing here is a resource of the stack, and apart from an alarm's state nothing is written.

mod alarm;
mod archive;
mod delivery;
mod ledger;
mod secrets;

pub(crate) use alarm::HEARD;
pub use alarm::{AlarmState, State, force, heard, heard_queue, look};
pub use archive::{Archived, archived};
pub use delivery::{Delivery, delivery};
pub use ledger::{Balance, LedgerError, balance};
pub use secrets::{api_key, signing_key};

/// The merchant of the synthetic payments that `payinfra verify` makes; no other merchant may have its name.
pub const VERIFY_MERCHANT: &str = "payinfra-verify";
