//! Every request of a stack's whole life, held against AWS's own service models, and every policy in them against AWS's
//! service reference: no emulator refuses all that AWS would.

#![allow(clippy::print_stderr, reason = "what was counted is shown")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use crate::support::configurations::{EVERYTHING, SIXTEEN, SMALLEST, in_zone};
use crate::support::inventory::script;
use crate::support::written::{between, is_current};
use crate::support::{Call, Emulator, Kind, Payinfra, Proxy, updates};
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
            configuration: SIXTEEN,
            change: &[("backup_retention_days = 7", "backup_retention_days = 14")],
        },
    ],
];

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
    let head = "| service principal | kind of policy | documented as sent | source |\n|---|---|---|---|\n";
    let written: Vec<String> = rows("services").iter().map(documented).collect();
    is_current("docs/aws-behaviour.md", |document| between(document, head, "\n\n", &written.join("\n")));
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
    format!("| `{}` | {policy} | {sent}{note} | <{}> |", text("service"), text("source"))
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
        let mut configuration = in_zone(life.configuration, &emulator.endpoint());
        payinfra.configure_with_functions(&configuration);
        payinfra.run(["up"]).expect(0);
        payinfra.run(["up"]).expect(0);
        for (old, new) in life.change {
            assert!(configuration.contains(old), "{}: {old}", life.suffix);
            configuration = configuration.replace(old, new);
        }
        payinfra.configure_with_functions(&configuration);
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
