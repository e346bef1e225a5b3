//! What each setting allows, for messages: one line per key, `*` for a name of your own.

use super::Key;

/// Gives what a setting allows; nothing for a key that does not exist or is a section.
pub fn allowed(key: &Key) -> Option<&'static str> {
    ALLOWED.iter().find(|(pattern, _)| matches(pattern, key)).map(|(_, text)| *text)
}

fn matches(pattern: &str, key: &Key) -> bool {
    let mut parts = key.parts().iter();
    pattern.split('.').all(|wanted| parts.next().is_some_and(|part| wanted == "*" || wanted == part))
        && parts.next().is_none()
}

const SUBNETS: &str = "three ranges in the VPC, one per zone, /28 or larger, that do not overlap";
const MEMORY: &str = "128 to 10240 MB";
const TIMEOUT: &str = "1 to 900 seconds, at most 29 behind the API";
const LOG_LEVEL: &str = "debug, info, warn or error";
const PERCENT: &str = "above 0, at most 100";
const ABOVE_ZERO: &str = "a number above 0";
const THROTTLE: &str = "1 to 1,000,000";

const ALLOWED: &[(&str, &str)] = &[
    ("project", "1 to 256 letters, digits, spaces and _.:/=+-@"),
    ("suffix", payinfra_aws::names::Suffix::ALLOWED),
    ("account", "twelve digits in quotes"),
    ("region", "us-east-1"),
    ("state", "a folder, or s3://bucket/prefix"),
    ("state_lease_seconds", "3 to 900 seconds"),
    ("trail", "true or false"),
    ("tags.*", "at most 45 tags; a name of 1 to 128 and a value of up to 256 letters, digits, spaces and _.:/=+-@"),
    ("features.*", "true or false; a name of lower-case letters, digits and hyphens, first a letter, at most 64"),
    ("webhooks.*", "an https address with a host name; a merchant id of 1 to 64 letters, digits, underscores, hyphens"),
    ("limits.maximum_amount_minor", "1 to 99999999999"),
    ("network.cidr", "a private IPv4 range from /16 to /22, such as 10.0.0.0/16"),
    ("network.zones", "three different zones, us-east-1a to us-east-1f, or none to take the first three"),
    ("network.public_cidrs", SUBNETS),
    ("network.private_cidrs", SUBNETS),
    ("network.isolated_cidrs", SUBNETS),
    ("network.nat", "per-zone, single or none"),
    ("network.interface_endpoints", "short names of AWS services, each once, such as kms, sns, sqs, ssm"),
    ("database.instance_class", "an Aurora PostgreSQL class, such as db.r6g.large"),
    ("database.instances", "2 to 16"),
    ("database.engine_version", "a PostgreSQL major version from 13, such as 16, or a full one, such as 16.13"),
    ("database.name", "1 to 63 lower-case letters, digits and underscores, first a letter, no reserved name"),
    (
        "database.master_username",
        "1 to 16 lower-case letters and digits, first a letter; not admin, postgres, rdsadmin",
    ),
    ("database.backup_retention_days", "1 to 35"),
    ("database.backup_window", "hh:mm-hh:mm in UTC, 30 minutes to 24 hours, apart from the maintenance window"),
    ("database.maintenance_window", "ddd:hh:mm-ddd:hh:mm in UTC, 30 minutes to 24 hours, such as sun:07:30-sun:08:30"),
    ("database.auto_minor_version_upgrade", "true or false"),
    ("database.deletion_protection", "true or false"),
    ("database.proxy", "true or false"),
    ("database.proxy_max_connections_percent", "1 to 100"),
    ("database.proxy_borrow_timeout_seconds", "1 to 300"),
    ("database.performance_insights", "true or false"),
    ("database.performance_insights_retention_days", "7, a multiple of 31 up to 713, or 731"),
    ("database.monitoring_interval_seconds", "0, 1, 5, 10, 15, 30 or 60"),
    ("sessions.warm_throughput.read_units", "12000 to 40000"),
    ("sessions.warm_throughput.write_units", "4000 to 40000"),
    ("archive.glacier_after_days", "1 to 3650"),
    ("archive.noncurrent_expiry_days", "more than glacier_after_days, at most 36500"),
    ("archive.abort_uploads_after_days", "1 to 365"),
    ("archive.log_expiry_days", "1 to 36500"),
    ("encryption.key_deletion_days", "7 to 30"),
    ("encryption.key_rotation_days", "90 to 2560"),
    ("functions.architecture", "x86_64 or arm64"),
    ("functions.artifacts", "a folder"),
    ("functions.memory_mb", MEMORY),
    ("functions.timeout_seconds", TIMEOUT),
    ("functions.log_level", LOG_LEVEL),
    ("functions.config_max_age_seconds", "1 to 3600"),
    ("functions.versions_kept", "2 to 100"),
    ("functions.sweep_interval_minutes", "1 to 60"),
    ("functions.dead_letter_retention_days", "1 to 14"),
    ("functions.*.memory_mb", MEMORY),
    ("functions.*.timeout_seconds", TIMEOUT),
    ("functions.*.reserved_concurrency", "1 to 100000, within what the account leaves"),
    ("functions.*.log_level", LOG_LEVEL),
    ("api.stage", "1 to 128 letters, digits, underscores and hyphens"),
    ("api.throttle_rate", THROTTLE),
    ("api.throttle_burst", THROTTLE),
    ("api.auth", "iam or api-key"),
    ("api.waf", "true or false"),
    ("api.waf_rate_limit", "10 to 2000000000 requests in five minutes"),
    ("api.execution_log", "off, error or info"),
    ("api.domain.name", "a lower-case host name, such as pay.example.com"),
    ("api.domain.certificate_arn", "arn:aws:acm:us-east-1:<account>:certificate/<id>"),
    ("api.domain.hosted_zone_id", "a Route 53 zone id, such as Z0123456789ABCDEFGHIJ"),
    ("api.routes.*.throttle_rate", THROTTLE),
    ("api.routes.*.throttle_burst", THROTTLE),
    (
        "logs.retention_days",
        "1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653",
    ),
    ("monitoring.alarm_emails", "e-mail addresses, each once"),
    ("monitoring.alarm_webhooks", "https addresses, each once"),
    ("monitoring.thresholds.database_cpu_percent", PERCENT),
    ("monitoring.thresholds.database_connections_percent", PERCENT),
    ("monitoring.thresholds.function_error_percent", PERCENT),
    ("monitoring.thresholds.api_5xx_percent", PERCENT),
    ("monitoring.thresholds.api_latency_p99_ms", ABOVE_ZERO),
    ("monitoring.thresholds.function_throttles", ABOVE_ZERO),
    ("monitoring.thresholds.function_duration_percent", PERCENT),
    ("monitoring.thresholds.database_commit_latency_ms", ABOVE_ZERO),
    ("monitoring.thresholds.database_select_latency_ms", ABOVE_ZERO),
    ("monitoring.thresholds.database_response_ms", ABOVE_ZERO),
    ("monitoring.thresholds.database_replica_lag_ms", ABOVE_ZERO),
    ("monitoring.thresholds.database_free_memory_percent", PERCENT),
    ("monitoring.thresholds.session_throttles", ABOVE_ZERO),
    ("monitoring.thresholds.dead_letters", ABOVE_ZERO),
    ("monitoring.thresholds.nat_port_errors", ABOVE_ZERO),
    ("monitoring.thresholds.minimum_function_runs", "1 to 1000000"),
    ("monitoring.thresholds.minimum_api_requests", "1 to 1000000"),
    ("capacity.requests_per_second", "1 to 1000000"),
    ("capacity.average_duration_ms", "1 to 29000"),
    ("capacity.database_duration_ms", "1 to average_duration_ms"),
    ("capacity.headroom_percent", "0 to 500"),
];
