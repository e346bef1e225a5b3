//! What the functions refuse.

use serde::{Deserialize, Serialize};

/// What the functions refuse.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// The largest amount of one payment, in minor units.
    pub maximum_amount_minor: u64,
}

impl Limits {
    /// The ceiling of `maximum_amount_minor`: eleven digits, so that no amount looks like a card number.
    pub const LARGEST_AMOUNT: u64 = 99_999_999_999;
}

impl Default for Limits {
    fn default() -> Self {
        Self { maximum_amount_minor: 10_000_000 }
    }
}
