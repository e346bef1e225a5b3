//! Alarms and who hears of them.

use serde::{Deserialize, Serialize};

/// Alarms and who hears of them.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Monitoring {
    /// E-mail addresses on the alarm topic; each must confirm once. Default none.
    pub alarm_emails: Vec<String>,
    /// HTTPS addresses on the alarm topic. Default none.
    pub alarm_webhooks: Vec<String>,
    /// When the alarms go off.
    pub thresholds: Thresholds,
}

/// When the alarms go off: above the value, or below it where the description says so.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Thresholds {
    /// Aurora processor use of an instance, in percent. Default 80 (M1).
    pub database_cpu_percent: f64,
    /// Aurora connections, in percent of the class's `max_connections`. Default 80 (M1).
    pub database_connections_percent: f64,
    /// Failed runs of a function, in percent of its runs. Default 5 (M1).
    pub function_error_percent: f64,
    /// API answers of 5xx, in percent of all. Default 1 (M1).
    pub api_5xx_percent: f64,
    /// The 99th percentile of the API's latency, in milliseconds. Default 500.
    pub api_latency_p99_ms: f64,
    /// Throttled runs of a function per minute; alarmed from this value on. Default 1.
    pub function_throttles: f64,
    /// The 99th percentile of a function's duration, in percent of its timeout. Default 80.
    pub function_duration_percent: f64,
    /// Aurora's commit latency, in milliseconds. Default 100 (F2).
    pub database_commit_latency_ms: f64,
    /// Aurora's select latency, in milliseconds. Default 100 (F2).
    pub database_select_latency_ms: f64,
    /// The database's response time as the functions measure it, in milliseconds. Default 100 (F2).
    pub database_response_ms: f64,
    /// The lag of Aurora's readers, in milliseconds. Default 2000.
    pub database_replica_lag_ms: f64,
    /// Free memory of an Aurora instance, in percent of the class's; alarmed below. Default 10.
    pub database_free_memory_percent: f64,
    /// Throttled requests to the session table per minute; alarmed from this value on. Default 1.
    pub session_throttles: f64,
    /// Messages in the dead-letter queue; alarmed from this value on. Default 1.
    pub dead_letters: f64,
    /// Connections a NAT gateway had no port for per minute; alarmed from this value on. Default 1.
    pub nat_port_errors: f64,
    /// Runs per minute below which a function's error rate is taken as noise. Default 20.
    pub minimum_function_runs: u32,
    /// Requests per minute below which the API's error rate is taken as noise. Default 100.
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
            function_throttles: 1.0,
            function_duration_percent: 80.0,
            database_commit_latency_ms: 100.0,
            database_select_latency_ms: 100.0,
            database_response_ms: 100.0,
            database_replica_lag_ms: 2000.0,
            database_free_memory_percent: 10.0,
            session_throttles: 1.0,
            dead_letters: 1.0,
            nat_port_errors: 1.0,
            minimum_function_runs: 20,
            minimum_api_requests: 100,
        }
    }
}
