//! What is changed behind payinfra's back is seen by `diff`, attribute by attribute, and repaired by `up`.

use std::collections::BTreeSet;

use crate::support::inventory::script;
use crate::support::{Emulator, Kind, Payinfra};
use serde_json::Value;

/// So many changes each emulator must be able to make.
const LEAST: usize = 45;

/// Kinds that only stacks with a domain or API keys have, and those that cannot drift by themselves: a deployment has
/// no attributes of its own, the schema none that the cloud knows, and the account's log role is one for all stacks.
const NOT_DRIFTED: [&str; 9] = [
    "api_account",
    "api_deployment",
    "api_domain",
    "api_key",
    "api_mapping",
    "certificate",
    "dns_record",
    "schema",
    "usage_plan",
];

#[test]
fn drift_is_seen_and_repaired_on_ministack() {
    is_seen_and_repaired(Kind::MiniStack);
}

#[test]
fn drift_is_seen_and_repaired_on_moto() {
    is_seen_and_repaired(Kind::Moto);
}

fn is_seen_and_repaired(kind: Kind) {
    let emulator = Emulator::start(kind);
    let payinfra = Payinfra::against(&emulator.endpoint()).argument("--suffix").argument("drift");
    payinfra.configure_with_functions("");
    payinfra.run(["up"]).expect(0);
    let kinds = deployed_kinds(&payinfra);

    let drifts = script("drift.py", &[&emulator.endpoint(), "drift", kind.name()]);
    let made: Vec<&Value> = drifts.iter().filter(|drift| drift.get("cannot").is_none()).collect();
    let failed: Vec<&&Value> = made.iter().filter(|drift| drift.get("failed").is_some()).collect();
    assert!(failed.is_empty(), "{failed:#?}");
    assert!(made.len() >= LEAST, "only {} changes", made.len());
    let drifted = made.iter().map(|drift| drift["address"].as_str().unwrap().split('.').next().unwrap().to_owned());
    let drifted: BTreeSet<String> = drifted.collect();
    let untouched: Vec<&String> =
        kinds.difference(&drifted).filter(|kind| !NOT_DRIFTED.contains(&kind.as_str())).collect();
    assert!(untouched.is_empty(), "nothing of these kinds was changed: {untouched:?}");

    let diff = payinfra.run(["diff", "--json"]).expect(2);
    let plan = diff.out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let plan = plan.into_iter().find(|line| line["type"] == "plan").unwrap();
    let unseen: Vec<&&Value> = made.iter().filter(|drift| !is_in(&plan, drift)).collect();
    assert!(unseen.is_empty(), "{unseen:#?}");

    payinfra.run(["up", "--yes"]).expect(0);
    let diff = payinfra.run(["diff"]);
    assert_eq!(diff.code(), Some(0), "{}{}", diff.out, diff.err);
}

/// Whether a plan repairs a drift, and says that it is one.
fn is_in(plan: &Value, drift: &Value) -> bool {
    let address = drift["address"].as_str().unwrap();
    plan["changes"].as_array().unwrap().iter().any(|change| {
        let planned = change["address"].as_str().unwrap();
        let same = address.strip_suffix('*').map_or(planned == address, |start| planned.starts_with(start));
        let shown = match &drift["attribute"] {
            Value::Null => change["because"] == "missing",
            name => change["attributes"].as_array().unwrap().iter().any(|attribute| {
                attribute["name"] == *name && (attribute["because"] == "drift" || attribute["because"] == "dependency")
            }),
        };
        same && shown
    })
}

fn deployed_kinds(payinfra: &Payinfra) -> BTreeSet<String> {
    let text = std::fs::read_to_string(payinfra.state().join("drift/snapshot.json")).unwrap();
    let snapshot: Value = serde_json::from_str(&text).unwrap();
    let records = snapshot["state"]["records"].as_object().unwrap();
    records.keys().map(|address| address.split('.').next().unwrap().to_owned()).collect()
}
