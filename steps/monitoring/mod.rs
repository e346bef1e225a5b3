//! Log groups, topics, alarms and the dashboard.

pub mod alarm;
pub mod dashboard;
pub mod log_group;
pub mod metric;
mod sns_tags;
pub mod subscription;
pub mod topic;

pub use alarm::Alarm;
pub use dashboard::Dashboard;
pub use log_group::LogGroup;
pub use metric::{Metric, Query};
pub use subscription::Subscription;
pub use topic::Topic;
