//! Buckets and the audit trail.

mod bucket;

pub use bucket::{Bucket, LifecycleRule, Logging};
