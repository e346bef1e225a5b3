//! The smaller sections: sessions, archive, encryption, logs, limits, capacity.

use serde::{Deserialize, Serialize};

/// What the functions refuse.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// The largest amount of one payment in minor units; 1 to 99,999,999,999. Default 10,000,000.
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

/// The DynamoDB table of sessions.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sessions {
    /// The throughput the table is warmed to at once; it costs once and can only be raised. Default none.
    pub warm_throughput: Option<WarmThroughput>,
}

/// The throughput a table takes without ramping up.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct WarmThroughput {
    /// Read units per second; 12,000 (what a new table has) to 40,000 (the default quota). Default 12,000.
    pub read_units: u64,
    /// Write units per second; 4,000 (what a new table has) to 40,000 (the default quota). Default 4,000.
    pub write_units: u64,
}

impl Default for WarmThroughput {
    fn default() -> Self {
        Self { read_units: 12_000, write_units: 4_000 }
    }
}

/// The archive bucket and the log bucket.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Archive {
    /// Days until an object, current or not, moves to GLACIER. Default 90.
    pub glacier_after_days: u32,
    /// Days until a replaced or deleted version is removed for good; absent means never. No default.
    pub noncurrent_expiry_days: Option<u32>,
    /// Days until an unfinished upload is aborted. Default 7.
    pub abort_uploads_after_days: u32,
    /// Days the log bucket keeps access logs and trail files. Default 365.
    pub log_expiry_days: u32,
}

impl Default for Archive {
    fn default() -> Self {
        Self { glacier_after_days: 90, noncurrent_expiry_days: None, abort_uploads_after_days: 7, log_expiry_days: 365 }
    }
}

/// The stack's KMS key.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Encryption {
    /// Days a destroyed stack's key can still be called back; 7 to 30. Default 7.
    pub key_deletion_days: u32,
    /// Days between rotations of the key; 90 to 2560. Default 365.
    pub key_rotation_days: u32,
}

impl Default for Encryption {
    fn default() -> Self {
        Self { key_deletion_days: 7, key_rotation_days: 365 }
    }
}

/// Log groups.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Logs {
    /// Days every log group keeps its events; only the values CloudWatch Logs takes. Default 365 (R8).
    pub retention_days: u32,
}

impl Default for Logs {
    fn default() -> Self {
        Self { retention_days: 365 }
    }
}

/// The load the stack is sized for: what the capacity model (F1) starts from.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Capacity {
    /// Requests per second at the peak. Default 10,000.
    pub requests_per_second: u32,
    /// The average time a function takes for one request, in milliseconds. Default 50.
    pub average_duration_ms: u32,
    /// The average time a request holds a database connection, in milliseconds. Default 10.
    pub database_duration_ms: u32,
    /// What is kept free above the computed need, in percent. Default 20.
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
