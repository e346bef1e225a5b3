//! Configurations that differ in what they deploy, for tests that try more than the defaults.

use super::inventory::script;
use super::sweep::turn;

/// The configurations by name.
pub const CONFIGURATIONS: [(&str, &str); 4] =
    [("defaults", ""), ("everything", EVERYTHING), ("smallest", SMALLEST), ("sixteen instances", SIXTEEN)];

/// All that is off by default, and every setting of which a request says something; `ZONE` is a hosted zone of
/// `example.com`.
pub const EVERYTHING: &str = r#"project = "Payments of ZONE"
[tags]
team = "payments"
[features]
new-ledger = true
[webhooks]
merchant = "https://merchant.example.com/hook"
[limits]
maximum_amount_minor = 1000000
[network]
interface_endpoints = ["cloudtrail", "ec2", "ec2messages", "events", "execute-api", "kms", "lambda", "logs",
    "monitoring", "rds", "secretsmanager", "sns", "sqs", "ssm", "ssmmessages", "sts", "xray"]
[database]
deletion_protection = true
backup_retention_days = 7
maintenance_window = "Sun:07:30-Sun:08:30"
[sessions.warm_throughput]
read_units = 13000
write_units = 5000
[archive]
glacier_after_days = 90
noncurrent_expiry_days = 2557
[encryption]
key_rotation_days = 365
[functions]
memory_mb = 256
sweep_interval_minutes = 1
dead_letter_retention_days = 14
[functions.transaction-processing]
reserved_concurrency = 300
[functions.notifications]
reserved_concurrency = 300
log_level = "warn"
[api]
auth = "api-key"
execution_log = "info"
throttle_rate = 9000
waf_rate_limit = 100000
[api.routes."POST /payments/transactions"]
throttle_rate = 4000
throttle_burst = 2000
[api.domain]
name = "pay.example.com"
hosted_zone_id = "ZONE"
[monitoring]
alarm_emails = ["on-call@example.com"]
alarm_webhooks = ["https://alarms.example.com/in"]
[monitoring.thresholds]
dead_letters = 1
"#;

/// As little as a stack can be.
pub const SMALLEST: &str = r#"trail = false
[network]
nat = "none"
[database]
instance_class = "db.t4g.medium"
proxy = false
performance_insights = false
monitoring_interval_seconds = 0
[api]
waf = false
execution_log = "off"
"#;

/// With an update that every emulator takes in place.
pub const SIXTEEN: &str = r#"[database]
instances = 16
backup_retention_days = 7
[network]
cidr = "10.0.0.0/16"
"#;

/// The configurations to try: those that the variable names (`all`, or names with commas), or each day another.
pub fn chosen() -> Vec<(&'static str, &'static str)> {
    match std::env::var("PAYINFRA_AWS_CONFIGURATIONS") {
        Ok(wanted) if wanted == "all" => CONFIGURATIONS.to_vec(),
        Ok(wanted) if !wanted.is_empty() => {
            let chosen: Vec<_> =
                CONFIGURATIONS.into_iter().filter(|(name, _)| wanted.split(',').any(|one| one == *name)).collect();
            assert!(!chosen.is_empty(), "no configuration is called {wanted}");
            chosen
        }
        _ => vec![CONFIGURATIONS[turn() % CONFIGURATIONS.len()]],
    }
}

/// The text with a hosted zone of `example.com` in the place of `ZONE`, which the emulator gets where one is needed.
pub fn in_zone(text: &str, endpoint: &str) -> String {
    if !text.contains("ZONE") {
        return text.to_owned();
    }
    let zone = script("zone.py", &[endpoint, "example.com"]);
    text.replace("ZONE", zone[0]["id"].as_str().unwrap())
}
