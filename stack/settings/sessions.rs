//! The DynamoDB table of sessions.

use serde::{Deserialize, Serialize};

/// The DynamoDB table of sessions.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sessions {
    /// The throughput that the table is warmed to at once.
    pub warm_throughput: Option<WarmThroughput>,
}

/// The throughput that a table serves without ramping up, in units per second.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct WarmThroughput {
    /// Read units per second.
    pub read_units: u64,
    /// Write units per second.
    pub write_units: u64,
}

impl WarmThroughput {
    /// The read units of a new on-demand table.
    pub const NEW_TABLE_READS: u64 = 12_000;
    /// The write units of a new on-demand table.
    pub const NEW_TABLE_WRITES: u64 = 4_000;
    /// The default quota of a table, for reads and for writes.
    pub const TABLE_QUOTA: u64 = 40_000;
}

impl Default for WarmThroughput {
    fn default() -> Self {
        Self { read_units: Self::NEW_TABLE_READS, write_units: Self::NEW_TABLE_WRITES }
    }
}
