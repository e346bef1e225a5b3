//! The wall clock in the unit that sessions and signatures use.

use std::time::{SystemTime, UNIX_EPOCH};

/// Returns the number of seconds since 1970-01-01 UTC.
pub fn seconds_now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
}
