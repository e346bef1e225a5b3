//! Configurations that differ in what they deploy, for tests that try more than the defaults.

use super::sweep::turn;

/// The configurations by name.
pub const CONFIGURATIONS: [(&str, &str); 4] = [
    ("defaults", ""),
    ("everything", EVERYTHING),
    ("smallest", SMALLEST),
    ("sixteen instances", "[database]\ninstances = 16\n"),
];

/// All that is optional; `ZONE` is a hosted zone of `example.com`.
const EVERYTHING: &str = r#"
[tags]
cost-center = "payments-4711"
[features]
own-flag = true
[webhooks]
merchant-1 = "https://merchant.example.com/hook"
[network]
interface_endpoints = ["kms", "secretsmanager", "sns", "sqs", "ssm"]
[database]
deletion_protection = true
[sessions.warm_throughput]
read_units = 13000
write_units = 5000
[archive]
noncurrent_expiry_days = 2557
[functions.notifications]
reserved_concurrency = 300
log_level = "warn"
[api]
auth = "api-key"
execution_log = "info"
[api.domain]
name = "pay.example.com"
hosted_zone_id = "ZONE"
[api.routes."POST /payments/transactions"]
throttle_rate = 4000
throttle_burst = 2000
[monitoring]
alarm_emails = ["on-call@example.com"]
alarm_webhooks = ["https://alarms.example.com/in"]
"#;

/// As little as there may be.
const SMALLEST: &str = r#"
trail = false
[network]
nat = "single"
[database]
instance_class = "db.t4g.medium"
proxy = false
performance_insights = false
monitoring_interval_seconds = 0
[api]
waf = false
execution_log = "off"
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
