#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use payinfra_steps::functions::FunctionName;

use crate::settings::*;

type Change = fn(&mut Settings);

fn net(text: &str) -> Ipv4Net {
    text.parse().unwrap()
}

fn nets(texts: &[&str]) -> Vec<Ipv4Net> {
    texts.iter().map(|text| net(text)).collect()
}

fn refused(change: Change) -> Vec<String> {
    let mut settings = Settings::default();
    change(&mut settings);
    settings.validate().iter().map(ToString::to_string).collect()
}

fn warned(change: Change) -> Vec<String> {
    let mut settings = Settings::default();
    change(&mut settings);
    assert_eq!(settings.validate(), [], "a warning must not come with an error");
    settings.warnings().iter().map(ToString::to_string).collect()
}

fn put<V>(map: &mut BTreeMap<String, V>, key: &str, value: V) {
    map.insert(key.to_owned(), value);
}

#[track_caller]
fn each_is_refused(cases: &[(Change, &str, &str)]) {
    for (change, key, message) in cases {
        let found = refused(*change);
        assert!(
            found.len() == 1 && found[0].starts_with(&format!("{key}: ")) && found[0].contains(message),
            "expected one error {key}: {message}, found {found:#?}"
        );
    }
}

#[test]
fn the_defaults_deploy() {
    assert_eq!(Settings::default().validate(), []);
    let warnings: Vec<String> = Settings::default().warnings().iter().map(|w| w.key.to_string()).collect();
    assert_eq!(warnings, ["monitoring", "api.domain"]);
}

#[test]
fn the_vpc_is_cut_into_nine_subnets() {
    let network = Network::default();
    assert_eq!(network.public(), nets(&["10.0.0.0/20", "10.0.16.0/20", "10.0.32.0/20"]));
    assert_eq!(network.private(), nets(&["10.0.64.0/20", "10.0.80.0/20", "10.0.96.0/20"]));
    assert_eq!(network.isolated(), nets(&["10.0.128.0/20", "10.0.144.0/20", "10.0.160.0/20"]));
    for length in 16..=22 {
        let mut settings = Settings::default();
        settings.network.cidr = Ipv4Net::new(Ipv4Addr::new(10, 4, 0, 0), length).unwrap();
        assert_eq!(settings.validate(), [], "/{length}");
    }
}

#[test]
fn general_keys_are_checked() {
    each_is_refused(&[
        (|s| s.project = String::new(), "project", "not a tag value"),
        (|s| s.suffix = Some("Prod".into()), "suffix", "'P' is not allowed in a name"),
        (|s| s.account = Some("12345".into()), "account", "twelve digits"),
        (|s| s.region = "eu-west-1".into(), "region", "\"eu-west-1\" is refused"),
        (|s| s.state = String::new(), "state", "neither a folder"),
        (|s| s.state = "https://x".into(), "state", "neither a folder"),
        (|s| s.state = "~/payinfra".into(), "state", "starts with `~`"),
        (|s| s.state = "~".into(), "state", "starts with `~`"),
        (|s| s.state = "s3://bucket".into(), "state", "no prefix"),
        (|s| s.state = "s3://Bucket/x".into(), "state", "not a bucket name"),
        (|s| s.state_lease_seconds = 2, "state_lease_seconds", "2 is too small"),
        (|s| s.state_lease_seconds = 901, "state_lease_seconds", "901 is too large"),
        (|s| put(&mut s.tags, "aws:x", "1".into()), "tags.\"aws:x\"", "prefix that belongs to AWS"),
        (|s| put(&mut s.tags, "environment", "1".into()), "tags.environment", "sets the tag"),
        (|s| put(&mut s.tags, "a<b", "1".into()), "tags.\"a<b\"", "not a tag name"),
        (|s| put(&mut s.tags, "a", "x".repeat(257)), "tags.a", "not a tag value"),
        (|s| s.tags.extend([("a".into(), String::new()), ("A".into(), String::new())]), "tags.a", "only in case"),
        (|s| s.tags.extend((0..46).map(|n| (format!("t{n}"), String::new()))), "tags", "46 tags"),
        (|s| put(&mut s.features, "Refunds", true), "features.Refunds", "not a flag name"),
        (|s| put(&mut s.webhooks, "m 1", "https://a.example/".into()), "webhooks.\"m 1\"", "merchant ID"),
        (
            |s| s.webhooks.extend((0..1_901).map(|n| (format!("m{n}"), "https://a.example/".into()))),
            "webhooks",
            "1901 webhooks are too many",
        ),
        (|s| s.limits.maximum_amount_minor = 0, "limits.maximum_amount_minor", "too small"),
        (|s| s.limits.maximum_amount_minor = 100_000_000_000, "limits.maximum_amount_minor", "too large"),
    ]);
}

#[test]
fn webhooks_are_https_to_a_host() {
    for (address, good) in [
        ("https://merchant.example/hook?x=1", true),
        ("https://merchant.example:443/hook", true),
        ("https://merchant.example?at=a:8443", true),
        ("https://merchant.example:8443/hook", false),
        ("https://merchant.example:44300?x", false),
        ("http://merchant.example/hook", false),
        ("https://user:secret@merchant.example/", false),
        ("https://169.254.169.254/latest", false),
        ("https://[::1]/", false),
        ("https://2852039166/", false),
        ("https://localhost/", false),
        ("https://merchant.example:x/", false),
        ("https:// merchant.example/", false),
        ("https://-a.example/", false),
        ("https://", false),
    ] {
        let mut settings = Settings::default();
        settings.webhooks.insert("m1".into(), address.into());
        assert_eq!(settings.validate().is_empty(), good, "{address}");
    }
}

#[test]
fn the_network_is_checked() {
    each_is_refused(&[
        (
            |s| s.network.cidr = net("10.0.0.0/28"),
            "network.cidr",
            "10.0.0.0/28 is too small: the VPC needs a /16 to /22",
        ),
        (|s| s.network.cidr = net("10.0.0.0/31"), "network.cidr", "too small"),
        (|s| s.network.cidr = net("10.0.0.0/8"), "network.cidr", "too large"),
        (|s| s.network.cidr = net("10.0.0.5/16"), "network.cidr", "did you mean 10.0.0.0/16?"),
        (|s| s.network.cidr = net("169.254.0.0/16"), "network.cidr", "AWS does not accept"),
        (|s| s.network.zones = vec!["us-east-1a".into()], "network.zones", "1 different zones"),
        (|s| s.network.zones = vec!["us-east-1a".into(); 3], "network.zones", "1 different zones"),
        (
            |s| s.network.zones = ["us-east-1a", "us-east-1b", "us-west-2a"].map(Into::into).to_vec(),
            "network.zones",
            "\"us-west-2a\" is not a zone",
        ),
        (|s| s.network.public_cidrs = nets(&["10.0.0.0/24"]), "network.public_cidrs", "1 ranges for 3 zones"),
        (
            |s| s.network.private_cidrs = nets(&["10.0.64.0/24", "10.0.65.0/24", "10.1.0.0/24"]),
            "network.private_cidrs",
            "10.1.0.0/24 is not inside the VPC 10.0.0.0/16",
        ),
        (
            |s| s.network.private_cidrs = nets(&["10.0.64.0/24", "10.0.65.0/24", "10.0.65.128/25"]),
            "network.private_cidrs",
            "10.0.65.128/25 overlaps 10.0.65.0/24",
        ),
        (
            |s| s.network.public_cidrs = nets(&["10.0.0.0/24", "10.0.1.0/24", "10.0.130.0/24"]),
            "network.public_cidrs",
            "10.0.128.0/20 overlaps 10.0.130.0/24",
        ),
        (
            |s| s.network.public_cidrs = nets(&["10.0.0.0/29", "10.0.1.0/24", "10.0.2.0/24"]),
            "network.public_cidrs",
            "10.0.0.0/29 is too small",
        ),
        (
            |s| s.network.isolated_cidrs = nets(&["10.0.128.0/28", "10.0.129.0/24", "10.0.130.0/24"]),
            "network.isolated_cidrs",
            "10.0.128.0/28 has 11 free addresses; 2 instances and the proxy need 22",
        ),
    ]);
    let found = refused(|s| {
        s.network.cidr = net("10.0.0.0/22");
        s.database.instance_class = "db.r6i.24xlarge".into();
    });
    assert_eq!(found.len(), 3, "each zone's subnet is too small: {found:#?}");
    each_is_refused(&[
        (|s| s.network.interface_endpoints = vec!["s3".into()], "network.interface_endpoints", "gateway endpoint"),
        (|s| s.network.interface_endpoints = vec!["ksm".into()], "network.interface_endpoints", "not known"),
        (|s| s.network.interface_endpoints = vec!["kms".into(), "kms".into()], "network.interface_endpoints", "twice"),
    ]);
    assert!(warned(|s| s.network.nat = Nat::None)[0].contains("cannot reach secretsmanager, sns, sqs, ssm"));
    assert!(warned(|s| s.network.cidr = net("8.8.0.0/16"))[0].contains("public address space"));
}

#[test]
fn the_database_is_checked() {
    each_is_refused(&[
        (
            |s| s.database.instance_class = "db.r6g.huge".into(),
            "database.instance_class",
            "db.r6g.large, db.r6g.xlarge",
        ),
        (|s| s.database.instance_class = "t3.micro".into(), "database.instance_class", "db.r7g"),
        (|s| s.database.instances = 1, "database.instances", "1 is too small"),
        (|s| s.database.instances = 17, "database.instances", "17 is too large"),
        (|s| s.database.engine_version = "sixteen".into(), "database.engine_version", "not a version"),
        (|s| s.database.engine_version = "9.6".into(), "database.engine_version", "not a version"),
        (|s| s.database.engine_version = "16.".into(), "database.engine_version", "not a version"),
        (|s| s.database.name = "Payments".into(), "database.name", "not a database name"),
        (|s| s.database.name = "postgres".into(), "database.name", "reserved"),
        (|s| s.database.master_username = "admin".into(), "database.master_username", "reserved"),
        (|s| s.database.master_username = "a".repeat(17), "database.master_username", "not a user name"),
        (|s| s.database.backup_retention_days = 0, "database.backup_retention_days", "0 is too small"),
        (|s| s.database.backup_retention_days = 36, "database.backup_retention_days", "1 to 35"),
        (|s| s.database.backup_window = "6-7".into(), "database.backup_window", "not a window"),
        (|s| s.database.backup_window = "06:00-06:20".into(), "database.backup_window", "20 minutes"),
        (|s| s.database.maintenance_window = "sun:07:00-tue:08:00".into(), "database.maintenance_window", "than a day"),
        (
            |s| s.database.maintenance_window = "sun:06:30-sun:07:30".into(),
            "database.maintenance_window",
            "overlaps the backup window 06:00-07:00",
        ),
        (|s| s.database.proxy_max_connections_percent = 0, "database.proxy_max_connections_percent", "too small"),
        (|s| s.database.proxy_borrow_timeout_seconds = 301, "database.proxy_borrow_timeout_seconds", "too large"),
        (
            |s| s.database.performance_insights_retention_days = 31,
            "database.performance_insights_retention_days",
            "not offered",
        ),
        (|s| s.database.monitoring_interval_seconds = 20, "database.monitoring_interval_seconds", "not offered"),
    ]);
    let connections = warned(|s| {
        s.database.proxy = false;
        s.capacity.average_duration_ms = 200;
    });
    assert!(connections[0].contains("2000 concurrent functions share 1722 connections"), "{connections:?}");
    assert!(warned(|s| s.database.instance_class = "db.t4g.medium".into())[0].contains("credits"));
}

#[test]
fn a_maintenance_window_is_compared_in_the_case_of_aws() {
    let mut settings = Settings::default();
    settings.database.maintenance_window = "Sun:07:30-SUN:08:30".into();
    assert_eq!(settings.validate(), []);
    assert_eq!(settings.database.stored_maintenance_window(), "sun:07:30-sun:08:30");
}

#[test]
fn functions_are_checked() {
    each_is_refused(&[
        (|s| s.functions.artifacts = "".into(), "functions.artifacts", "empty"),
        (|s| s.functions.memory_mb = 64, "functions.memory_mb", "64 is too small"),
        (|s| s.functions.timeout_seconds = 901, "functions.timeout_seconds", "901 is too large"),
        (|s| s.functions.timeout_seconds = 30, "functions.timeout_seconds", "longer than the API waits"),
        (
            |s| s.functions.payment_validation.timeout_seconds = Some(30),
            "functions.payment-validation.timeout_seconds",
            "longer than the API waits",
        ),
        (
            |s| s.functions.notifications.memory_mb = Some(20_000),
            "functions.notifications.memory_mb",
            "128 to 10240 MB",
        ),
        (
            |s| s.functions.notifications.reserved_concurrency = Some(0),
            "functions.notifications.reserved_concurrency",
            "too small",
        ),
        (|s| s.functions.config_max_age_seconds = 0, "functions.config_max_age_seconds", "too small"),
        (|s| s.functions.versions_kept = 1, "functions.versions_kept", "too small"),
        (|s| s.functions.sweep_interval_minutes = 0, "functions.sweep_interval_minutes", "too small"),
        (|s| s.functions.dead_letter_retention_days = 15, "functions.dead_letter_retention_days", "too large"),
    ]);
    assert_eq!(refused(|s| s.functions.notifications.timeout_seconds = Some(300)), [""; 0]);
    let reserved = warned(|s| s.functions.transaction_processing.reserved_concurrency = Some(950));
    assert!(reserved[1].contains("950 are reserved in all"), "{reserved:?}");
    let mut settings = Settings::default();
    settings.functions.notifications.memory_mb = Some(512);
    assert_eq!(settings.functions.of(FunctionName::Notifications).memory_mb, 512);
    assert_eq!(settings.functions.of(FunctionName::PaymentValidation).memory_mb, 256);
}

/// A sweep begins no more work in its last eight seconds, and three attempts at a slow webhook take twenty-three.
#[test]
fn each_function_has_the_time_its_work_takes() {
    let mut functions = Settings::default().functions;
    let times = |functions: &Functions| FunctionName::ALL.map(|function| functions.of(function).timeout_seconds);
    assert_eq!(times(&functions), [15, 15, 30]);
    functions.timeout_seconds = 20;
    functions.notifications.memory_mb = Some(512);
    assert_eq!(times(&functions), [20, 20, 30]);
    functions.notifications.timeout_seconds = Some(60);
    assert_eq!(times(&functions), [20, 20, 60]);
}

#[test]
fn the_api_is_checked() {
    each_is_refused(&[
        (|s| s.api.stage = "a/b".into(), "api.stage", "not a stage name"),
        (|s| s.api.throttle_rate = 0, "api.throttle_rate", "0 is too small"),
        (|s| s.api.waf_rate_limit = 9, "api.waf_rate_limit", "9 is too small"),
        (
            |s| put(&mut s.api.routes, "POST /refunds", RouteThrottle { throttle_rate: Some(1), ..Default::default() }),
            "api.routes.\"POST /refunds\"",
            "POST /payments/validate",
        ),
        (
            |s| put(&mut s.api.routes, "GET /health", RouteThrottle::default()),
            "api.routes.\"GET /health\"",
            "overrides nothing",
        ),
        (
            |s| s.api.domain = Some(Domain { name: "pay.example.com".into(), ..Default::default() }),
            "api.domain",
            "needs a certificate",
        ),
        (
            |s| s.api.domain = Some(Domain { hosted_zone_id: Some("Z123".into()), ..Default::default() }),
            "api.domain.name",
            "missing",
        ),
        (
            |s| {
                s.api.domain = Some(Domain {
                    name: "*.example.com".into(),
                    hosted_zone_id: Some("Z123".into()),
                    ..Default::default()
                });
            },
            "api.domain.name",
            "not a host name",
        ),
        (
            |s| {
                s.account = Some("210987654321".into());
                s.api.domain = Some(Domain {
                    name: "pay.example.com".into(),
                    certificate_arn: Some("arn:aws:acm:us-east-1:123456789012:certificate/1-2".into()),
                    hosted_zone_id: Some("Z123".into()),
                });
            },
            "api.domain.certificate_arn",
            "belongs to account 123456789012",
        ),
        (
            |s| {
                s.api.domain = Some(Domain {
                    name: "pay.example.com".into(),
                    certificate_arn: Some("arn:aws:acm:eu-west-1:123456789012:certificate/1-2".into()),
                    hosted_zone_id: Some("Z123".into()),
                });
            },
            "api.domain.certificate_arn",
            "eu-west-1",
        ),
        (
            |s| {
                s.api.domain = Some(Domain {
                    name: "pay.example.com".into(),
                    certificate_arn: None,
                    hosted_zone_id: Some("zone".into()),
                });
            },
            "api.domain.hosted_zone_id",
            "not a zone ID",
        ),
    ]);
    assert!(warned(|s| s.api.throttle_burst = 6_000)[1].contains("quota of 5000"));
}

#[test]
fn the_smaller_sections_are_checked() {
    each_is_refused(&[
        (
            |s| s.sessions.warm_throughput = Some(WarmThroughput { read_units: 1, write_units: 4_000 }),
            "sessions.warm_throughput.read_units",
            "12000 to 40000",
        ),
        (|s| s.archive.glacier_after_days = 0, "archive.glacier_after_days", "too small"),
        (|s| s.archive.noncurrent_expiry_days = Some(90), "archive.noncurrent_expiry_days", "glacier_after_days = 90"),
        (|s| s.encryption.key_deletion_days = 6, "encryption.key_deletion_days", "7 to 30"),
        (|s| s.logs.retention_days = 100, "logs.retention_days", "100 is not offered"),
        (|s| s.monitoring.alarm_emails = vec!["ops".into()], "monitoring.alarm_emails", "not an e-mail"),
        (|s| s.monitoring.alarm_emails = vec!["a@b.example".into(); 2], "monitoring.alarm_emails", "twice"),
        (|s| s.monitoring.alarm_webhooks = vec!["http://a.b/".into()], "monitoring.alarm_webhooks", "https://"),
        (|s| s.monitoring.thresholds.api_5xx_percent = 0.0, "monitoring.thresholds.api_5xx_percent", "percentage"),
        (|s| s.monitoring.thresholds.api_5xx_percent = f64::NAN, "monitoring.thresholds.api_5xx_percent", "percentage"),
        (|s| s.monitoring.thresholds.dead_letters = -1.0, "monitoring.thresholds.dead_letters", "above 0"),
        (|s| s.capacity.requests_per_second = 0, "capacity.requests_per_second", "too small"),
        (
            |s| s.capacity.database_duration_ms = 51,
            "capacity.database_duration_ms",
            "51 is more than average_duration_ms; allowed: 1 to 29000 ms, at most average_duration_ms",
        ),
    ]);
    assert!(warned(|s| s.logs.retention_days = 30)[0].contains("PCI DSS"));
    assert!(warned(|s| s.capacity.requests_per_second = 20_000)[0].contains("lets in (10000)"));
}

#[test]
fn all_errors_are_found_at_once() {
    let found = refused(|s| {
        s.region = "eu-west-1".into();
        s.network.cidr = net("10.0.0.0/28");
        s.database.instances = 1;
        s.logs.retention_days = 2;
        s.api.throttle_rate = 0;
    });
    assert_eq!(found.len(), 5, "{found:#?}");
}

#[test]
fn a_flag_of_your_own_keeps_the_default_flags() {
    let settings: Settings = serde_json::from_str(r#"{"features": {"refunds-enabled": false, "mine": true}}"#).unwrap();
    let flags: Vec<(&str, bool)> = settings.features.iter().map(|(name, on)| (name.as_str(), *on)).collect();
    assert_eq!(flags, [("mine", true), ("notifications-enabled", true), ("refunds-enabled", false)]);
}
