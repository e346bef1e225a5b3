//! The settings table: one row per setting, in the order of `payinfra.toml`.
//!
//! The range check, the message `allowed: …`, `payinfra.toml` and the table in the README come from these rows; the
//! defaults come from [`Settings::default`](super::Settings). `PAYINFRA_WRITE_DOCUMENTS=1 scripts/test
//! written_documents` writes the documents.

use payinfra_aws::names::Suffix;

use super::rule::Range::{Bool, Checked, Int, OneOf, Percent, Positive, Word};
use super::rule::{Rule, Section, rule, section};
use super::{Key, Limits, REGION, WarmThroughput};

/// Gives what a setting allows; nothing for a key that does not exist or is a section.
pub fn allowed(key: &Key) -> Option<String> {
    SECTIONS.iter().find_map(|section| section.rules.iter().find(|rule| names(section, rule, key))).map(Rule::allowed)
}

fn names(section: &Section, rule: &Rule, key: &Key) -> bool {
    let mut parts = key.parts().iter();
    section.parts(rule.key).all(|wanted| parts.next().is_some_and(|part| wanted == "*" || wanted == part))
        && parts.next().is_none()
}

/// Every section with its rows.
pub(super) const SECTIONS: &[Section] = &[
    section("", "", GENERAL),
    section("tags", "Extra tags on everything that can be tagged.", TAGS),
    section(
        "features",
        "Feature flags. The functions read them from Parameter Store, so a flag that is changed there takes effect \
         without a deployment.",
        FEATURES,
    ),
    section("webhooks", "The webhook of each merchant.", WEBHOOKS),
    section("limits", "What the functions refuse.", LIMITS),
    section("network", "The VPC, its subnets and its ways out.", NETWORK),
    section("database", "The Aurora PostgreSQL cluster and its proxy.", DATABASE),
    section(
        "sessions.warm_throughput",
        "The throughput that the session table serves from its first minute, beyond that of a new table. It is charged \
         once and can only be raised.",
        WARM_THROUGHPUT,
    ),
    section("archive", "The archive bucket and the log bucket.", ARCHIVE),
    section("encryption", "The stack's KMS key.", ENCRYPTION),
    section("functions", "What the three functions have in common.", FUNCTIONS),
    section("functions.payment-validation", "What differs for payment-validation.", FUNCTION),
    section("functions.transaction-processing", "What differs for transaction-processing.", FUNCTION),
    section(
        "functions.notifications",
        "What differs for notifications. Nobody waits for it: without its own `timeout_seconds`, it has 30 seconds for \
         three attempts at a webhook.",
        FUNCTION,
    ),
    section("api", "The REST API.", API),
    section("api.domain", "Your own domain. It needs a `certificate_arn`, a `hosted_zone_id`, or both.", DOMAIN),
    section("api.routes.*", "The throttle of one route, named as `\"METHOD /path\"`.", ROUTE)
        .with_example("POST /payments/transactions"),
    section("logs", "The log groups.", LOGS),
    section("monitoring", "Where alarms are sent.", MONITORING),
    section(
        "monitoring.thresholds",
        "When alarms fire: above the value, unless the setting says otherwise.",
        THRESHOLDS,
    ),
    section("capacity", "The load that the stack is sized for.", CAPACITY),
];

const GENERAL: &[Rule] = &[
    rule("project", Checked("1 to 256 letters, digits, spaces and _.:/=+-@"), "The value of the tag `Project`"),
    rule(
        "suffix",
        Checked(Suffix::ALLOWED),
        "The environment, which is part of every name. `--suffix` and `PAYINFRA_SUFFIX` take precedence",
    )
    .with_example("\"dev\""),
    rule(
        "account",
        Checked("twelve digits in quotes"),
        "The account that the stack belongs to. If it is set, every other account is refused",
    )
    .with_example("\"123456789012\""),
    rule("region", Checked(REGION), "The region. The stack is built for this one; any other is refused"),
    rule(
        "state",
        Checked("a folder, or s3://bucket/prefix"),
        "Where the state is stored: in a folder, or in S3 for teams and CI runners. With `--sandbox` only a folder",
    ),
    rule("state_lease_seconds", Int(3..=900), "How long a lease on S3 state outlives the last heartbeat"),
    rule(
        "trail",
        Bool,
        "Whether a CloudTrail trail records management events and access to the archive and the session table",
    ),
];

const TAGS: &[Rule] = &[rule(
    "*",
    Checked("at most 45 tags; a name of 1 to 128 and a value of up to 256 letters, digits, spaces and _.:/=+-@"),
    "The value of the tag with this name",
)
.with_example("cost-center = \"payments-4711\"")];

const FEATURES: &[Rule] = &[rule(
    "*",
    Checked("true or false; a name of at most 64 lower-case letters, digits and hyphens that starts with a letter"),
    "Whether the feature with this name is on. You may add your own flags",
)];

const WEBHOOKS: &[Rule] = &[rule(
    "*",
    Checked("an https address with a host name and port 443; a merchant ID of 1 to 64 letters, digits, underscores and hyphens"),
    "The address of the merchant with this ID. `payinfra-verify` is the merchant of `payinfra verify`",
)
.with_example("merchant-1 = \"https://merchant.example.com/payments-events\"")];

const LIMITS: &[Rule] = &[rule(
    "maximum_amount_minor",
    Int(1..=Limits::LARGEST_AMOUNT),
    "The largest amount of one payment, in the minor unit of its currency",
)];

const SUBNETS: &str = "three ranges in the VPC, one per zone, /28 or larger, that do not overlap";

const NETWORK: &[Rule] = &[
    rule(
        "cidr",
        Checked("a private IPv4 range from /16 to /22, such as 10.0.0.0/16"),
        "The address range of the VPC. A change replaces the VPC and everything in it",
    ),
    rule(
        "zones",
        Checked("three different zones, us-east-1a to us-east-1f, or none to take the first three"),
        "The three zones by name; an empty list takes the first three of the account. A stack keeps the zones that it \
         was created in",
    ),
    rule("public_cidrs", Checked(SUBNETS), "The ranges of the NAT gateways; an empty list derives them from `cidr`"),
    rule("private_cidrs", Checked(SUBNETS), "The ranges of the functions; an empty list derives them from `cidr`"),
    rule("isolated_cidrs", Checked(SUBNETS), "The ranges of the database; an empty list derives them from `cidr`"),
    rule(
        "nat",
        Word(&["per-zone", "single", "none"]),
        "How functions reach the internet. `\"single\"` is cheaper, but if its zone fails, the other zones lose \
         their way out. With `\"none\"`, list the endpoints that the functions need; no webhook is delivered",
    ),
    rule(
        "interface_endpoints",
        Checked("short names of AWS services, each once, such as kms, sns, sqs, ssm"),
        "AWS services to reach through interface endpoints, such as [\"kms\", \"secretsmanager\", \"sns\", \"sqs\", \
         \"ssm\"]. S3 and DynamoDB always have gateway endpoints, which are free",
    ),
];

const DATABASE: &[Rule] = &[
    rule(
        "instance_class",
        Checked("an Aurora PostgreSQL class, such as db.r6g.large"),
        "The class of every instance. It determines `max_connections`: 405 for db.t4g.medium, 844 for db.t4g.large, \
         1722 for db.r6g.large, 3479 for db.r6g.xlarge, and 5000 from 2xlarge on",
    ),
    rule("instances", Int(2..=16), "The number of instances, including the writer, in different zones"),
    rule(
        "engine_version",
        Checked("a PostgreSQL major version from 13, such as 16, or a full one, such as 16.13"),
        "The version of PostgreSQL: a major version, which takes its newest minor version, or a full version",
    ),
    rule(
        "name",
        Checked("1 to 63 lower-case letters, digits and underscores, first a letter, no reserved name"),
        "The name of the database. A change replaces the cluster",
    ),
    rule(
        "master_username",
        Checked("1 to 16 lower-case letters and digits, first a letter; not admin, postgres, rdsadmin"),
        "The master user. A change replaces the cluster",
    ),
    rule("backup_retention_days", Int(1..=35), "Days that automated backups are kept"),
    rule(
        "backup_window",
        Checked("hh:mm-hh:mm in UTC, 30 minutes to 24 hours, apart from the maintenance window"),
        "When backups are taken",
    ),
    rule(
        "maintenance_window",
        Checked("ddd:hh:mm-ddd:hh:mm in UTC, 30 minutes to 24 hours, such as sun:07:30-sun:08:30"),
        "When AWS may apply patches",
    ),
    rule("auto_minor_version_upgrade", Bool, "Whether minor versions are applied in the maintenance window"),
    rule(
        "deletion_protection",
        Bool,
        "Whether AWS refuses to delete the cluster. `payinfra destroy` turns the protection off first",
    ),
    rule("proxy", Bool, "Whether functions reach the cluster through RDS Proxy"),
    rule("proxy_max_connections_percent", Int(1..=100), "The share of `max_connections` that the proxy may use"),
    rule("proxy_borrow_timeout_seconds", Int(1..=300), "How long a caller waits for a connection of the proxy"),
    rule(
        "performance_insights",
        Bool,
        "Whether Performance Insights records the load of the database, which CloudWatch Database Insights shows",
    ),
    rule(
        "performance_insights_retention_days",
        OneOf(&[7]),
        "Days that the recorded load is kept. 7 is free; more needs the advanced mode of Database Insights, which payinfra \
         does not turn on",
    ),
    rule(
        "monitoring_interval_seconds",
        OneOf(&[0, 1, 5, 10, 15, 30, 60]),
        "Seconds between samples of enhanced monitoring; 0 turns it off",
    ),
];

const WARM_THROUGHPUT: &[Rule] = &[
    rule(
        "read_units",
        Int(WarmThroughput::NEW_TABLE_READS..=WarmThroughput::TABLE_QUOTA),
        "Read units per second; a new table has 12000",
    )
    .with_example("12000"),
    rule(
        "write_units",
        Int(WarmThroughput::NEW_TABLE_WRITES..=WarmThroughput::TABLE_QUOTA),
        "Write units per second; a new table has 4000",
    )
    .with_example("10000"),
];

const ARCHIVE: &[Rule] = &[
    rule("glacier_after_days", Int(1..=3_650), "Days until an object, current or not, moves to GLACIER"),
    rule(
        "noncurrent_expiry_days",
        Int(1..=36_500),
        "Days until a replaced or deleted version is removed for good; without it, never",
    )
    .with_condition("more than glacier_after_days")
    .with_example("2557"),
    rule("abort_uploads_after_days", Int(1..=365), "Days until an unfinished upload is aborted"),
    rule(
        "log_expiry_days",
        Int(1..=36_500),
        "Days that the log bucket keeps access logs and trail files; PCI DSS requires a year",
    ),
];

const ENCRYPTION: &[Rule] = &[
    rule("key_deletion_days", Int(7..=30), "The recovery window of a destroyed stack's KMS key"),
    rule("key_rotation_days", Int(90..=2_560), "Days between rotations of the key"),
];

const MEMORY: std::ops::RangeInclusive<u64> = 128..=10_240;
const TIMEOUT: std::ops::RangeInclusive<u64> = 1..=900;
const API_TIMEOUT: &str = "at most 29 behind the API";
const LOG_LEVELS: &[&str] = &["debug", "info", "warn", "error"];

const FUNCTIONS: &[Rule] = &[
    rule("architecture", Word(&["x86_64", "arm64"]), "The processor that the functions are built for"),
    rule(
        "artifacts",
        Checked("a folder"),
        "The folder that contains one binary per function, with the function's name",
    ),
    rule("memory_mb", Int(MEMORY), "The memory of each function. Processor time grows with it"),
    rule(
        "timeout_seconds",
        Int(TIMEOUT),
        "How long a run of the two functions behind the API may take; the API itself waits for 29 seconds",
    )
    .with_condition(API_TIMEOUT),
    rule(
        "log_level",
        Word(LOG_LEVELS),
        "How much the functions log: `\"info\"` writes one line for each run, and `\"debug\"` its steps too; \
         `\"warn\"` writes details only of what was refused or failed, and `\"error\"` only of what failed. Metrics are always \
         written",
    ),
    rule("config_max_age_seconds", Int(1..=3_600), "How long a function uses what it has read from Parameter Store"),
    rule("versions_kept", Int(2..=100), "How many published versions are kept for a rollback, including the live one"),
    rule(
        "sweep_interval_minutes",
        Int(1..=60),
        "Minutes between sweeps of the outbox for events that were not published",
    ),
    rule(
        "dead_letter_retention_days",
        Int(1..=14),
        "Days that an undeliverable event is kept in the dead-letter queue",
    ),
];

const FUNCTION: &[Rule] = &[
    rule("memory_mb", Int(MEMORY), "Its memory").with_example("512"),
    rule("timeout_seconds", Int(TIMEOUT), "How long a run may take").with_condition(API_TIMEOUT).with_example("25"),
    rule(
        "reserved_concurrency",
        Int(1..=100_000),
        "Concurrent runs that are reserved for the function, which are also its maximum. An account has 1000 unless \
         its quota was raised, of which 100 must stay unreserved",
    )
    .with_condition("within what the account leaves")
    .with_example("300"),
    rule("log_level", Word(LOG_LEVELS), "How much it logs").with_example("\"warn\""),
];

const API: &[Rule] = &[
    rule(
        "stage",
        Checked("1 to 128 letters, digits, underscores and hyphens"),
        "The name of the stage. A change replaces the stage, and with it the address",
    ),
    rule(
        "throttle_rate",
        Int(THROTTLE),
        "Requests per second over all callers. The account's own quota, 10000 unless raised, is shared by all APIs of \
         the region",
    ),
    rule(
        "throttle_burst",
        Int(THROTTLE),
        "Requests at once above the rate. The account's own quota is 5000 unless raised",
    ),
    rule(
        "auth",
        Word(&["iam", "api-key"]),
        "How callers authenticate: with signed requests (`\"iam\"`), or with a key and a usage plan (`\"api-key\"`). \
         Only `/health` is open",
    ),
    rule("waf", Bool, "Whether a WAF web ACL protects the API"),
    rule("waf_rate_limit", Int(10..=2_000_000_000), "Requests that one address may make in five minutes"),
    rule(
        "execution_log",
        Word(&["off", "error", "info"]),
        "Which requests API Gateway writes to its execution log: none, failed ones or all. Bodies are never written",
    ),
];

const DOMAIN: &[Rule] = &[
    rule("name", Checked("a lower-case host name, such as pay.example.com"), "The domain name, which is required")
        .with_example("\"pay.example.com\""),
    rule(
        "certificate_arn",
        Checked("arn:aws:acm:us-east-1:<account>:certificate/<id>"),
        "The certificate; without it, one is requested and validated in the zone",
    )
    .with_example("\"arn:aws:acm:us-east-1:123456789012:certificate/0a1b2c3d-0000-1111-2222-333344445555\""),
    rule(
        "hosted_zone_id",
        Checked("a Route 53 zone ID, such as Z0123456789ABCDEFGHIJ"),
        "The Route 53 zone; without it, you create the DNS record yourself",
    )
    .with_example("\"Z0123456789ABCDEFGHIJ\""),
];

const THROTTLE: std::ops::RangeInclusive<u64> = 1..=1_000_000;

const ROUTE: &[Rule] = &[
    rule("throttle_rate", Int(THROTTLE), "Requests per second to this route").with_example("4000"),
    rule("throttle_burst", Int(THROTTLE), "Requests to this route at once above the rate").with_example("2000"),
];

/// The retention periods of CloudWatch Logs (PutRetentionPolicy).
const RETENTIONS: &[u64] =
    &[1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

const LOGS: &[Rule] =
    &[rule("retention_days", OneOf(RETENTIONS), "Days that every log group keeps its events; PCI DSS requires a year")];

const MONITORING: &[Rule] = &[
    rule(
        "alarm_emails",
        Checked("e-mail addresses, each once"),
        "The e-mail addresses that alarms are sent to. Each must confirm its subscription once",
    ),
    rule("alarm_webhooks", Checked("https addresses, each once"), "The https addresses that alarms are sent to"),
];

const THRESHOLDS: &[Rule] = &[
    rule("database_cpu_percent", Percent, "The processor load of an Aurora instance"),
    rule(
        "database_connections_percent",
        Percent,
        "The connections to Aurora, as a share of the class's `max_connections`, and of the proxy, as a share of its pool",
    ),
    rule("database_commit_latency_ms", Positive, "The commit latency of Aurora"),
    rule("database_select_latency_ms", Positive, "The select latency of Aurora"),
    rule("database_replica_lag_ms", Positive, "The lag of Aurora's readers"),
    rule(
        "database_free_memory_percent",
        Percent,
        "The free memory of an Aurora instance; the alarm fires below the value",
    ),
    rule("database_response_ms", Positive, "The response time of the database, as the functions measure it"),
    rule("function_error_percent", Percent, "The failed runs of a function, as a share of its runs"),
    rule(
        "function_throttles",
        Positive,
        "The throttled runs of a function within 15 minutes; the alarm fires at the value",
    ),
    rule(
        "function_duration_percent",
        Percent,
        "The 99th percentile of a function's duration, as a share of its timeout",
    ),
    rule("api_5xx_percent", Percent, "The API's 5xx responses, as a share of all"),
    rule("api_latency_p99_ms", Positive, "The 99th percentile of the API's latency"),
    rule(
        "session_throttles",
        Positive,
        "The throttled requests to the session table per minute; the alarm fires at the value",
    ),
    rule("dead_letters", Positive, "The messages in the dead-letter queue; the alarm fires at the value"),
    rule(
        "nat_port_errors",
        Positive,
        "The connections per minute for which a NAT gateway had no free port; the alarm fires at the value",
    ),
    rule(
        "minimum_failures",
        Int(2..=1_000),
        "The failures within 15 minutes below which their share of all runs or requests is ignored; the same goes for \
         slow ones, and for sweeps that EventBridge could not start",
    ),
    rule(
        "minimum_api_requests",
        Int(1..=1_000_000),
        "The requests per minute below which the share of refused ones (4xx) is ignored",
    ),
];

const CAPACITY: &[Rule] = &[
    rule("requests_per_second", Int(1..=1_000_000), "Requests per second at the peak"),
    rule("average_duration_ms", Int(1..=29_000), "The average time that a function takes for one request"),
    rule("database_duration_ms", Int(1..=29_000), "The average time that a request holds a database connection")
        .with_condition("at most average_duration_ms"),
    rule("headroom_percent", Int(0..=500), "What is kept free above the computed need"),
];
