//! Where alarms are sent, and when they fire.

use serde::{Deserialize, Serialize};

/// Where alarms are sent, and when they fire.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Monitoring {
    /// E-mail addresses on the alarm topic.
    pub alarm_emails: Vec<String>,
    /// https addresses on the alarm topic.
    pub alarm_webhooks: Vec<String>,
    /// When alarms fire.
    pub thresholds: Thresholds,
}

/// When alarms fire: above the value, unless its row in the settings table says otherwise.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Thresholds {
    /// The processor load of an Aurora instance, in percent.
    pub database_cpu_percent: f64,
    /// Aurora connections, in percent of the class's `max_connections`.
    pub database_connections_percent: f64,
    /// Failed runs of a function, in percent of its runs.
    pub function_error_percent: f64,
    /// The API's 5xx responses, in percent of all.
    pub api_5xx_percent: f64,
    /// The 99th percentile of the API's latency, in milliseconds.
    pub api_latency_p99_ms: f64,
    /// Throttled runs of a function within 15 minutes.
    pub function_throttles: f64,
    /// The 99th percentile of a function's duration, in percent of its timeout.
    pub function_duration_percent: f64,
    /// Aurora's commit latency, in milliseconds.
    pub database_commit_latency_ms: f64,
    /// Aurora's select latency, in milliseconds.
    pub database_select_latency_ms: f64,
    /// The response time of the database as the functions measure it, in milliseconds.
    pub database_response_ms: f64,
    /// The lag of Aurora's readers, in milliseconds.
    pub database_replica_lag_ms: f64,
    /// Free memory of an Aurora instance, in percent of the class's.
    pub database_free_memory_percent: f64,
    /// Throttled requests to the session table per minute.
    pub session_throttles: f64,
    /// Messages in the dead-letter queue.
    pub dead_letters: f64,
    /// Connections per minute for which a NAT gateway had no free port.
    pub nat_port_errors: f64,
    /// Failures within 15 minutes below which their share is ignored, whatever it is. The same goes for what is slow.
    pub minimum_failures: u32,
    /// Requests per minute below which the share of refused ones is ignored.
    pub minimum_api_requests: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            database_cpu_percent: 80.0,
            database_connections_percent: 80.0,
            function_error_percent: 5.0,
            api_5xx_percent: 1.0,
            api_latency_p99_ms: 500.0,
            function_throttles: 3.0,
            function_duration_percent: 80.0,
            database_commit_latency_ms: 100.0,
            database_select_latency_ms: 100.0,
            database_response_ms: 100.0,
            database_replica_lag_ms: 2000.0,
            database_free_memory_percent: 10.0,
            session_throttles: 1.0,
            dead_letters: 1.0,
            nat_port_errors: 1.0,
            minimum_failures: 3,
            minimum_api_requests: 100,
        }
    }
}
