//! Buckets and the audit trail.

mod bucket;
mod trail;

pub use bucket::{Bucket, LifecycleRule, Logging, is_encrypted, is_versioned};
pub use trail::Trail;
