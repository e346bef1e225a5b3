//! Log groups, topics, alarms and the dashboard.

pub mod log_group;
mod sns_tags;
pub mod topic;

pub use log_group::LogGroup;
pub use topic::Topic;
