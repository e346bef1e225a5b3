//! Log groups, topics, alarms and the dashboard.
