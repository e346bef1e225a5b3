//! A state that is lost, cut off or old is rebuilt from the cloud; foreign objects, without the ownership tags, are left alone.

use std::collections::BTreeMap;
use std::path::Path;

use crate::support::inventory::{inventory, script};
use crate::support::sweep::{SEED, turn};
use crate::support::{Emulator, Kind, Payinfra, Proxy, summary};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;

/// So many places in the last entry of the snapshot are cut at, each day others.
const CUTS: usize = 5;

/// The emulator of the day for one test, and the other one for the other.
fn emulator(test: usize) -> Kind {
    Kind::ALL[(turn() + test) % Kind::ALL.len()]
}

#[test]
fn a_lost_cut_or_old_state_is_rebuilt() {
    is_rebuilt(emulator(0));
}

fn is_rebuilt(kind: Kind) {
    let emulator = Emulator::start(kind);
    let proxy = Proxy::start(emulator.address());
    let payinfra = Payinfra::against(&proxy.endpoint()).argument("--suffix").argument("lost");
    let snapshot = payinfra.state().join("lost/snapshot.json");
    payinfra.configure_with_functions("");
    payinfra.run(["up"]).expect(0);
    let (backup, before) = (std::fs::read(&snapshot).unwrap(), inventory(&emulator.endpoint(), "lost"));

    payinfra.configure_with_functions("[logs]\nretention_days = 400");
    payinfra.run(["up"]).expect(0);
    let now = records(&snapshot);
    proxy.forget();

    // An older one, from a backup.
    std::fs::write(&snapshot, &backup).unwrap();
    payinfra.run(["diff"]).demand_no_changes();
    assert_eq!(records(&snapshot), now, "the backup is brought up to date");

    // One that is cut off within its last entry.
    let whole = std::fs::read(&snapshot).unwrap();
    let last = last_entry(&whole);
    let seed = SEED + turn() as u64;
    let mut random = StdRng::seed_from_u64(seed);
    for _ in 0..CUTS {
        let cut = random.random_range(last..whole.len());
        std::fs::write(&snapshot, &whole[..cut]).unwrap();
        let diff = payinfra.run(["diff"]);
        assert_eq!(diff.code(), Some(0), "seed {seed}, cut at {cut}: {}{}", diff.out, diff.err);
        // What follows the checked part can be missing without a loss.
        let told = diff.err.contains("snapshot.json is damaged at");
        assert!(told || whole[cut..].trim_ascii() == b"", "cut at {cut} of {}: {}", whole.len(), diff.err);
        assert_eq!(records(&snapshot), now, "seed {seed}, cut at {cut}");
    }
    assert!(proxy.calls().iter().all(|call| call.mutating.is_none()), "the cloud was only read");
    assert_eq!(inventory(&emulator.endpoint(), "lost"), before);

    // None at all.
    std::fs::remove_dir_all(payinfra.state()).unwrap();
    payinfra.run(["destroy", "--yes"]).demand_nothing_left("lost");
    assert_eq!(inventory(&emulator.endpoint(), "lost"), Vec::new());
    let cut = format!("1 backup restored, {CUTS} snapshots cut off (seed {seed}), 1 destroy without state");
    summary::line(4, &format!("the binary on {}: {cut}; records lost 0, objects left 0", kind.name()));
}

#[test]
fn foreign_objects_are_left_alone() {
    are_left_alone(emulator(1));
}

fn are_left_alone(kind: Kind) {
    let emulator = Emulator::start(kind);
    let proxy = Proxy::start(emulator.address());
    let payinfra = Payinfra::against(&proxy.endpoint()).argument("--suffix").argument("lost");
    let endpoint = emulator.endpoint();
    payinfra.configure_with_functions("");

    // Names of the stack, without its ownership tags, before the stack and beside it.
    let named = script("foreign.py", &["named", &endpoint, "lost"]);
    let strangers = inventory(&endpoint, "lost");
    let up = payinfra.run(["up"]).expect(1);
    for name in ["role.notifications", "table.sessions", "log_group.api_access", "parameter.database/port"] {
        assert!(up.err.contains(name), "{name} is missing in:\n{}", up.err);
    }
    assert!(up.err.contains("does not carry this stack's ownership tags"), "{}", up.err);
    assert_eq!(script("foreign.py", &["look", &endpoint, "lost"]), named, "`up` touches nothing of others");

    // The stack's ownership tags on objects that nothing explains.
    let marked = script("foreign.py", &["marked", &endpoint, "lost"]);
    assert_eq!(marked.len(), 3);
    proxy.forget();
    let diff = payinfra.run(["diff", "--json"]).expect(2);
    assert!(proxy.calls().iter().all(|call| call.mutating.is_none()), "diff only reads");
    for orphan in &marked {
        let address = orphan["address"].as_str().unwrap();
        let change = diff.changes().into_iter().find(|change| change["address"] == address).unwrap();
        assert_eq!((&change["action"], &change["because"]), (&"delete".into(), &"orphan".into()), "{change}");
    }
    let destroy = payinfra.run(["destroy", "--yes"]);
    destroy.demand_nothing_left("lost");
    for orphan in &marked {
        let address = orphan["address"].as_str().unwrap();
        assert!(destroy.out.contains(address), "{address} is not shown in:\n{}", destroy.out);
    }
    assert_eq!(inventory(&endpoint, "lost"), strangers, "only what others made is left");
    assert_eq!(script("foreign.py", &["look", &endpoint, "lost"]), named, "`destroy` touches nothing of others");
    let counts =
        format!("{} orphans shown and removed, {} strangers with our names untouched", marked.len(), named.len());
    summary::line(5, &format!("the binary on {}: {counts}; left of ours 0", kind.name()));
}

/// Address and id of each record.
fn records(snapshot: &Path) -> BTreeMap<String, Value> {
    let snapshot: Value = serde_json::from_slice(&std::fs::read(snapshot).unwrap()).unwrap();
    let records = snapshot["state"]["records"].as_object().unwrap();
    records.iter().map(|(address, record)| (address.clone(), record["id"].clone())).collect()
}

/// Where the last record begins.
fn last_entry(snapshot: &[u8]) -> usize {
    let value: Value = serde_json::from_slice(snapshot).unwrap();
    let last = value["state"]["records"].as_object().unwrap().keys().next_back().unwrap();
    let name = format!("\"{last}\": {{");
    let text = std::str::from_utf8(snapshot).unwrap();
    text.rfind(&name).or_else(|| text.rfind(&name.replace(": ", ":"))).unwrap()
}
