//! Reads what proves that a deployed stack works: the traces of a payment, the ledger, and the alarms.
//!
//! Nothing here is a resource of the stack, and nothing is written except an alarm's state.

mod alarm;
mod archive;
mod delivery;
mod ledger;
mod secrets;

pub use alarm::{AlarmState, State, alarm_state, notification_arrived, notification_queue, set_alarm_state};
pub use archive::{Archived, archived};
pub use delivery::{Delivery, delivery};
pub use ledger::{Balance, LedgerError, balance};
pub use secrets::{api_key, signing_key};

/// The merchant of the synthetic payments that `payinfra verify` makes; no other merchant may have its name.
pub const VERIFY_MERCHANT: &str = "payinfra-verify";
