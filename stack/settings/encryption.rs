//! The stack's KMS key.

use serde::{Deserialize, Serialize};

/// The stack's KMS key.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Encryption {
    /// The recovery window of a destroyed stack's key, in days.
    pub key_deletion_days: u32,
    /// Days between rotations of the key.
    pub key_rotation_days: u32,
}

impl Default for Encryption {
    fn default() -> Self {
        Self { key_deletion_days: 7, key_rotation_days: 365 }
    }
}
