//! Log groups, alarms and the dashboard.

pub mod alarm;
pub mod dashboard;
pub mod log_group;
pub mod metric;

pub use alarm::Alarm;
pub use dashboard::Dashboard;
pub use log_group::LogGroup;
pub use metric::{Metric, Query};
