//! Buckets and the audit trail.

mod bucket;
mod trail;

pub use bucket::{Bucket, LifecycleRule, Logging};
pub use trail::Trail;
