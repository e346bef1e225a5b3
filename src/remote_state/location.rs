//! Where a state is stored in S3.

use std::fmt;

/// A bucket and the prefix of one stack's objects in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    bucket: String,
    prefix: String,
}

impl Location {
    /// Reads `s3://bucket/prefix`, the place of a state, for one suffix; nothing for a folder.
    pub fn parse(state: &str, suffix: &str) -> Option<Self> {
        let (bucket, prefix) = state.strip_prefix("s3://")?.split_once('/')?;
        Some(Self { bucket: bucket.to_owned(), prefix: format!("{prefix}/{suffix}") })
    }

    /// The bucket's name.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// The key of an object, from its name below the stack's prefix.
    pub fn key(&self, name: &str) -> String {
        format!("{}/{name}", self.prefix)
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.prefix)
    }
}
