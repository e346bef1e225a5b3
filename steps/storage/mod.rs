//! Buckets and the audit trail.
