//! The load that the stack is sized for.

use serde::{Deserialize, Serialize};

/// The load that the stack is sized for: what the capacity model (docs/requirements.md, F1) starts from.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Capacity {
    /// Requests per second at the peak.
    pub requests_per_second: u32,
    /// The average time that a function takes for one request, in milliseconds.
    pub average_duration_ms: u32,
    /// The average time that a request holds a database connection, in milliseconds.
    pub database_duration_ms: u32,
    /// What is kept free above the computed need, in percent.
    pub headroom_percent: u32,
}

impl Default for Capacity {
    fn default() -> Self {
        Self { requests_per_second: 10_000, average_duration_ms: 50, database_duration_ms: 10, headroom_percent: 20 }
    }
}

impl Capacity {
    /// Gives how many functions run at once at the peak: requests per second times seconds per request.
    pub fn concurrency(&self) -> u64 {
        (u64::from(self.requests_per_second) * u64::from(self.average_duration_ms)).div_ceil(1_000)
    }
}
