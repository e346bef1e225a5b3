//! The archive bucket and the log bucket.

use serde::{Deserialize, Serialize};

/// The archive bucket and the log bucket.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Archive {
    /// Days until an object moves to GLACIER.
    pub glacier_after_days: u32,
    /// Days until a replaced or deleted version is removed for good; `None` is never.
    pub noncurrent_expiry_days: Option<u32>,
    /// Days until an unfinished upload is aborted.
    pub abort_uploads_after_days: u32,
    /// Days that the log bucket keeps its objects.
    pub log_expiry_days: u32,
}

impl Default for Archive {
    fn default() -> Self {
        Self { glacier_after_days: 90, noncurrent_expiry_days: None, abort_uploads_after_days: 7, log_expiry_days: 365 }
    }
}
