//! The log groups.

use serde::{Deserialize, Serialize};

/// The log groups.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Logs {
    /// Days that every log group keeps its events.
    pub retention_days: u32,
}

impl Default for Logs {
    fn default() -> Self {
        Self { retention_days: 365 }
    }
}
