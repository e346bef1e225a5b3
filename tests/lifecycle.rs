//! A stack's whole life with the real binary, on both emulators, behind a proxy that writes every call down.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::path::Path;

use serde_json::Value;
use support::inventory::{duplicates, inventory};
use support::{Emulator, Finished, Kind, Payinfra, Proxy};

#[test]
fn a_stack_lives_and_dies_on_ministack() {
    lives_and_dies(Kind::MiniStack);
}

#[test]
fn a_stack_lives_and_dies_on_moto() {
    lives_and_dies(Kind::Moto);
}

fn lives_and_dies(kind: Kind) {
    let emulator = Emulator::start(kind);
    let proxy = Proxy::start(emulator.address());
    let payinfra = Payinfra::against(&proxy.endpoint());
    let run = |suffix: &str, arguments: &[&str]| payinfra.run([&["--suffix", suffix], arguments].concat());
    configure(&payinfra, "");

    let up = run("one", &["up"]).expect(0);
    assert!(up.out.contains(" created"), "{}", up.out);
    assert_eq!(duplicates(&inventory(&emulator.endpoint(), "one")), Vec::<String>::new());

    proxy.forget();
    let again = run("one", &["up"]).expect(0);
    assert_eq!(mutating(&proxy), Vec::<String>::new());
    assert!(again.out.contains("No changes"), "{}", again.out);
    same(&run("one", &["diff"]));

    // Nothing but the cloud is needed to know the stack.
    let known = records(&payinfra, "one");
    assert!(known.len() > 140, "{}", known.len());
    std::fs::remove_dir_all(payinfra.state()).unwrap();
    same(&run("one", &["diff"]));
    assert_eq!(records(&payinfra, "one"), known, "the state is rebuilt");
    assert_eq!(mutating(&proxy), Vec::<String>::new());

    a_changed_line_shows_exactly_itself(&payinfra, &run);
    proxy.forget();
    run("one", &["up"]).expect(0);
    assert!(mutating(&proxy).iter().all(|call| call == "logs:PutRetentionPolicy"), "{:?}", mutating(&proxy));
    same(&run("one", &["diff"]));

    without_the_trail(&payinfra, &proxy, &run);

    let first = inventory(&emulator.endpoint(), "one");
    run("two", &["up"]).expect(0);
    let second = inventory(&emulator.endpoint(), "two");
    assert_eq!(second.len(), first.len(), "{second:?}\n{first:?}");
    assert_eq!(inventory(&emulator.endpoint(), "one"), first, "the stacks do not meet");
    run("two", &["destroy"]).expect(64);
    gone(&run("two", &["destroy", "--yes"]), "two");
    assert_eq!(inventory(&emulator.endpoint(), "two"), Vec::new());
    same(&run("one", &["diff"]));
    gone(&run("one", &["destroy", "--yes"]), "one");
    assert_eq!(inventory(&emulator.endpoint(), "one"), Vec::new());
}

fn a_changed_line_shows_exactly_itself(payinfra: &Payinfra, run: &dyn Fn(&str, &[&str]) -> Finished) {
    configure(payinfra, "[logs]\nretention_days = 400");
    let changes = plan(&run("one", &["diff", "--json"]).expect(2));
    assert!(changes.len() > 5, "{changes:?}");
    for change in changes {
        assert!(change["address"].as_str().unwrap().starts_with("log_group."), "{change}");
        assert_eq!(change["action"], "update", "{change}");
        let attributes = change["attributes"].as_array().unwrap();
        assert_eq!(attributes.len(), 1, "{change}");
        assert_eq!(attributes[0]["name"], "retention_days", "{change}");
        assert_eq!((&attributes[0]["old"], &attributes[0]["new"]), (&365.into(), &400.into()), "{change}");
        assert_eq!(attributes[0]["because"], "config", "{change}");
    }
}

fn without_the_trail(payinfra: &Payinfra, proxy: &Proxy, run: &dyn Fn(&str, &[&str]) -> Finished) {
    configure(payinfra, "trail = false\n[logs]\nretention_days = 400");
    let changes = plan(&run("one", &["diff", "--json"]).expect(2));
    let deleted: Vec<&Value> = changes.iter().filter(|change| change["action"] == "delete").collect();
    assert_eq!(deleted.len(), 1, "{deleted:?}");
    assert_eq!(deleted[0]["address"], "trail.main");
    proxy.forget();
    let refused = run("one", &["up"]).expect(64);
    assert!(refused.err.contains("--yes"), "{}", refused.err);
    assert_eq!(mutating(proxy), Vec::<String>::new());
    run("one", &["up", "--yes"]).expect(0);
    same(&run("one", &["diff"]));
}

fn configure(payinfra: &Payinfra, text: &str) {
    // At the end: what stands before the first table is at the top level.
    let artifacts = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/function");
    payinfra.configure(&format!("{text}\n[functions]\nartifacts = {:?}\n", artifacts.display().to_string()));
}

fn same(diff: &Finished) {
    assert_eq!(diff.code(), Some(0), "{}{}", diff.out, diff.err);
    assert!(diff.out.contains("No changes: "), "{}", diff.out);
}

fn gone(destroy: &Finished, suffix: &str) {
    assert_eq!(destroy.code(), Some(0), "{}{}", destroy.out, destroy.err);
    let line = format!("0 resources with payinfra:stack={suffix} left");
    assert!(destroy.out.lines().any(|text| text == line), "{}", destroy.out);
}

fn mutating(proxy: &Proxy) -> Vec<String> {
    let calls = proxy.calls();
    let calls = calls.iter().filter(|call| call.mutating.is_some());
    calls.map(|call| format!("{}:{}", call.service, call.operation)).collect()
}

fn plan(diff: &Finished) -> Vec<Value> {
    let lines = diff.out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let plan = lines.into_iter().find(|line| line["type"] == "plan").unwrap();
    plan["changes"].as_array().unwrap().clone()
}

/// The addresses and ids in the state's snapshot.
fn records(payinfra: &Payinfra, suffix: &str) -> Vec<String> {
    let text = std::fs::read_to_string(payinfra.state().join(suffix).join("snapshot.json")).unwrap();
    let snapshot: Value = serde_json::from_str(&text).unwrap();
    let records = snapshot["state"]["records"].as_object().unwrap();
    records.iter().map(|(address, record)| format!("{address} {}", record["id"])).collect()
}
