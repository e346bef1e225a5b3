//! Every request of a stack's whole life, held against AWS's own service models, and every policy in them against AWS's
//! service reference: no emulator refuses all that AWS would.

#![allow(clippy::print_stderr, reason = "what was counted is shown")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use crate::support::inventory::script;
use crate::support::{Call, Emulator, Kind, Payinfra, Proxy, artifacts, updates};
use serde_json::{Value, json};

/// A configuration of a stack that lives on an emulator, and how it changes once.
struct Life {
    suffix: &'static str,
    emulator: Kind,
    configuration: &'static str,
    /// What replaces what in the configuration.
    change: &'static [(&'static str, &'static str)],
}

/// The four configurations, in pairs of about one length: those of a pair live one after the other.
const LIVES: [[Life; 2]; 2] = [
    [
        Life {
            suffix: "defaults",
            emulator: Kind::Moto,
            configuration: "[tags]\nteam = \"payments\"\n[logs]\nretention_days = 365\n",
            change: &[("team", "cost-center"), ("365", "400")],
        },
        Life { suffix: "smallest", emulator: Kind::Moto, configuration: SMALLEST, change: &[("\"off\"", "\"error\"")] },
    ],
    [
        Life { suffix: "everything", emulator: Kind::MiniStack, configuration: EVERYTHING, change: EVERYTHING_CHANGES },
        Life {
            suffix: "sixteen",
            emulator: Kind::MiniStack,
            configuration: "[database]\ninstances = 16\nbackup_retention_days = 7\n[network]\ncidr = \"10.0.0.0/16\"\n",
            change: &[("backup_retention_days = 7", "backup_retention_days = 14")],
        },
    ],
];

/// As little as a stack can be.
const SMALLEST: &str = "trail = false
[network]
nat = \"none\"
[database]
instance_class = \"db.t4g.medium\"
proxy = false
performance_insights = false
monitoring_interval_seconds = 0
[api]
waf = false
execution_log = \"off\"
";

/// All that is off by default, and every setting of which a request tells something.
const EVERYTHING: &str = "project = \"Payments of ZONE\"
[tags]
team = \"payments\"
[features]
new-ledger = true
[webhooks]
merchant = \"https://merchant.example.com/hook\"
[limits]
maximum_amount_minor = 1000000
[network]
interface_endpoints = [\"cloudtrail\", \"ec2\", \"ec2messages\", \"events\", \"execute-api\", \"kms\", \"lambda\", \"logs\",
    \"monitoring\", \"rds\", \"secretsmanager\", \"sns\", \"sqs\", \"ssm\", \"ssmmessages\", \"sts\", \"xray\"]
[database]
deletion_protection = true
backup_retention_days = 7
maintenance_window = \"Sun:07:30-Sun:08:30\"
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
[api]
auth = \"api-key\"
execution_log = \"info\"
throttle_rate = 9000
waf_rate_limit = 100000
[api.domain]
name = \"pay.example.com\"
hosted_zone_id = \"ZONE\"
[monitoring]
alarm_emails = [\"on-call@example.com\"]
alarm_webhooks = [\"https://alarms.example.com/in\"]
[monitoring.thresholds]
dead_letters = 1
";

/// One change of nearly every kind of resource.
const EVERYTHING_CHANGES: &[(&str, &str)] = &[
    ("team = \"payments\"", "cost-center = \"4711\""),
    ("new-ledger = true", "new-ledger = false"),
    ("com/hook", "com/hooks"),
    ("deletion_protection = true", "deletion_protection = false"),
    ("retention_days = 7", "retention_days = 14"),
    ("read_units = 13000", "read_units = 14000"),
    ("glacier_after_days = 90", "glacier_after_days = 100"),
    ("rotation_days = 365", "rotation_days = 400"),
    ("memory_mb = 256", "memory_mb = 512"),
    ("interval_minutes = 1", "interval_minutes = 2"),
    ("retention_days = 14\n[functions.t", "retention_days = 7\n[functions.t"),
    ("concurrency = 300", "concurrency = 200"),
    ("throttle_rate = 9000", "throttle_rate = 8000"),
    ("rate_limit = 100000", "rate_limit = 90000"),
    ("dead_letters = 1", "dead_letters = 2"),
];

/// The ways in which requests are written, each with its own reader.
const PROTOCOLS: [&str; 5] = ["ec2", "json", "query", "rest-json", "rest-xml"];

/// Kinds of violation that each of the readers must find.
const FOUND_BY_EACH: [&str; 5] = ["enum", "missing", "operation", "type", "unknown"];

#[test]
fn planted_violations_are_found() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/models/");
    let [requests, policies] = ["requests", "policies"].map(|of| format!("{folder}planted_{of}.json"));
    let planted = script("models/check.py", &["--planted", &requests, &policies]);
    let missed: Vec<&Value> = planted.iter().filter(|case| case["found"] != json!([case["shows"]])).collect();
    assert_eq!(missed, Vec::<&Value>::new(), "these show something else than what was planted");
    let text = |case: &Value, field: &str| case[field].as_str().unwrap().to_owned();
    let shown: BTreeSet<_> = planted.iter().map(|case| (text(case, "protocol"), text(case, "shows"))).collect();
    for protocol in PROTOCOLS {
        for kind in FOUND_BY_EACH {
            assert!(shown.contains(&(protocol.to_owned(), kind.to_owned())), "{protocol}: no {kind} is planted");
        }
    }
    let kinds: BTreeSet<&str> = shown.iter().map(|(_, kind)| kind.as_str()).collect();
    let of_values = ["length", "pattern", "range", "union"];
    let of_policies = ["action", "condition", "grammar", "principal", "resource", "unsent"];
    let all: BTreeSet<&str> = [&FOUND_BY_EACH[..], &of_values, &of_policies].concat().into_iter().collect();
    assert_eq!(kinds, all);
}

#[test]
fn what_services_send_has_its_source_and_is_what_the_document_says() {
    let tables: Value = serde_json::from_str(include_str!("../support/models/condition_keys.json")).unwrap();
    let rows = |table: &str| tables[table].as_array().unwrap().clone();
    for row in [rows("keys"), rows("services")].concat() {
        assert!(row["source"].as_str().is_some_and(|source| source.starts_with("https://")), "{row}");
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/aws-behaviour.md");
    let document = std::fs::read_to_string(path).unwrap();
    let head = "| service principal | kind of policy | documented as sent | source |\n|---|---|---|---|\n";
    let (before, after) = document.split_once(head).unwrap();
    let (_, after) = after.split_once("\n\n").unwrap();
    let written: String = rows("services").iter().map(documented).collect();
    let wanted = [before, head, &written, "\n", after].concat();
    if std::env::var_os("PAYINFRA_WRITE_DOCUMENTS").is_some() {
        std::fs::write(path, wanted).unwrap();
    } else {
        assert!(document == wanted, "{path} is out of date; run this test with PAYINFRA_WRITE_DOCUMENTS=1");
    }
}

/// A row of the table in the document.
fn documented(row: &Value) -> String {
    let text = |field: &str| row[field].as_str().unwrap_or_default();
    let policy = match text("where") {
        "function" => "Lambda resource policy".to_owned(),
        "key" => "KMS key policy".to_owned(),
        "trust" => "trust policy of a role".to_owned(),
        other => format!("{other} policy"),
    };
    let sent: Vec<String> =
        row["sends"].as_array().unwrap().iter().map(|key| format!("`{}`", key.as_str().unwrap())).collect();
    let sent = if sent.is_empty() { "none documented".to_owned() } else { sent.join(", ") };
    let note = row["note"].as_str().map(|note| format!("; {note}")).unwrap_or_default();
    format!("| `{}` | {policy} | {sent}{note} | <{}> |\n", text("service"), text("source"))
}

#[test]
fn every_request_of_a_life_fits_the_models_of_aws() {
    let pairs = std::thread::scope(|scope| {
        let pairs: Vec<_> = LIVES.iter().map(|pair| scope.spawn(|| live(pair))).collect();
        pairs.into_iter().map(|pair| pair.join().unwrap()).collect::<Vec<_>>()
    });
    let mut file = tempfile::NamedTempFile::new().unwrap();
    for request in pairs.iter().flatten() {
        writeln!(file, "{request}").unwrap();
    }
    let mut found = script("models/check.py", &[file.path().to_str().unwrap()]);
    let counts = found.pop().unwrap();
    assert_eq!(found, Vec::<Value>::new(), "{}", serde_json::to_string_pretty(&found).unwrap());
    eprintln!("held against the models: {}", counts["counts"]);
    let at_least = |what: &str, least: u64| assert!(counts["counts"][what].as_u64().unwrap() >= least, "{counts}");
    at_least("operations", 290);
    at_least("policies", 190);
    assert_eq!(counts["protocols"], json!(PROTOCOLS));
}

/// Lets the stacks of a pair live, and returns all that they asked for, and what they would ask for to change anything.
fn live(pair: &[Life]) -> Vec<Value> {
    let mut updates = Vec::new();
    let emulator = Emulator::start(pair[0].emulator);
    let proxy = Proxy::start(emulator.address());
    for life in pair {
        assert_eq!(life.emulator, emulator.kind());
        let payinfra = Payinfra::against(&proxy.endpoint()).argument("--suffix").argument(life.suffix);
        let zone = script("zone.py", &[&emulator.endpoint(), "example.com"])[0]["id"].as_str().unwrap().to_owned();
        let functions = format!("[functions]\nartifacts = {:?}\n", artifacts());
        let mut configuration = life.configuration.replace("ZONE", &zone);
        if configuration.contains("[functions]\n") {
            configuration = configuration.replace("[functions]\n", &functions);
        } else {
            configuration.push_str(&functions);
        }
        payinfra.configure(&configuration);
        payinfra.run(["up"]).expect(0);
        payinfra.run(["up"]).expect(0);
        for (old, new) in life.change {
            assert!(configuration.contains(old), "{}: {old}", life.suffix);
            configuration = configuration.replace(old, new);
        }
        payinfra.configure(&configuration);
        payinfra.run(["diff"]).expect(2);
        updates.extend(updates::requests(&records(&payinfra, life.suffix)));
        payinfra.run(["up", "--yes"]).expect(0);
        payinfra.run(["diff"]).demand_no_changes();
        payinfra.run(["destroy", "--yes"]).demand_nothing_left(life.suffix);
    }
    // What payinfra asks an emulator who it is, it never asks AWS.
    let own = |call: &Call| ["/_ministack/", "/moto-api/"].iter().any(|start| call.path.starts_with(start));
    let calls = proxy.calls();
    calls.iter().filter(|call| !own(call)).map(written).chain(updates).collect()
}

/// What the state knows of the stack's resources.
fn records(payinfra: &Payinfra, suffix: &str) -> BTreeMap<String, Value> {
    let text = std::fs::read_to_string(payinfra.state().join(suffix).join("snapshot.json")).unwrap();
    let snapshot: Value = serde_json::from_str(&text).unwrap();
    serde_json::from_value(snapshot["state"]["records"].clone()).unwrap()
}

/// A request as `check.py` reads it.
fn written(call: &Call) -> Value {
    let body = std::str::from_utf8(&call.body).expect("every body is text");
    json!({ "method": call.method, "path": call.path, "headers": call.headers, "body": body })
}
