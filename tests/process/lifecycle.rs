//! A stack's whole life with the real binary, on both emulators, behind a proxy that writes every call down.

use crate::support::inventory::{duplicates, inventory};
use crate::support::{Emulator, Finished, Kind, Payinfra, Proxy};
use serde_json::Value;

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
    payinfra.configure_with_functions("");

    let up = run("one", &["up"]).expect(0);
    assert!(up.out.contains(" created"), "{}", up.out);
    assert_eq!(duplicates(&inventory(&emulator.endpoint(), "one")), Vec::<String>::new());

    proxy.forget();
    let again = run("one", &["up"]).expect(0);
    assert_eq!(mutating(&proxy), Vec::<String>::new());
    assert!(again.out.contains("No changes"), "{}", again.out);
    run("one", &["diff"]).demand_no_changes();

    // Nothing but the cloud is needed to know the stack.
    let known = records(&payinfra, "one");
    assert!(known.len() > 140, "{}", known.len());
    std::fs::remove_dir_all(payinfra.state()).unwrap();
    run("one", &["diff"]).demand_no_changes();
    assert_eq!(records(&payinfra, "one"), known, "the state is rebuilt");
    assert_eq!(mutating(&proxy), Vec::<String>::new());

    a_changed_line_shows_exactly_itself(&payinfra, &run);
    proxy.forget();
    run("one", &["up"]).expect(0);
    assert!(mutating(&proxy).iter().all(|call| call == "logs:PutRetentionPolicy"), "{:?}", mutating(&proxy));
    run("one", &["diff"]).demand_no_changes();

    without_the_trail(&payinfra, &proxy, &run);

    let first = inventory(&emulator.endpoint(), "one");
    run("two", &["up"]).expect(0);
    let second = inventory(&emulator.endpoint(), "two");
    assert_eq!(second.len(), first.len(), "{second:?}\n{first:?}");
    assert_eq!(inventory(&emulator.endpoint(), "one"), first, "the stacks do not meet");
    run("two", &["destroy"]).expect(64);
    run("two", &["destroy", "--yes"]).demand_nothing_left("two");
    assert_eq!(inventory(&emulator.endpoint(), "two"), Vec::new());
    run("one", &["diff"]).demand_no_changes();
    run("one", &["destroy", "--yes"]).demand_nothing_left("one");
    assert_eq!(inventory(&emulator.endpoint(), "one"), Vec::new());
}

fn a_changed_line_shows_exactly_itself(payinfra: &Payinfra, run: &dyn Fn(&str, &[&str]) -> Finished) {
    payinfra.configure_with_functions("[logs]\nretention_days = 400");
    let changes = run("one", &["diff", "--json"]).expect(2).changes();
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
    payinfra.configure_with_functions("trail = false\n[logs]\nretention_days = 400");
    let changes = run("one", &["diff", "--json"]).expect(2).changes();
    let deleted: Vec<&Value> = changes.iter().filter(|change| change["action"] == "delete").collect();
    assert_eq!(deleted.len(), 1, "{deleted:?}");
    assert_eq!(deleted[0]["address"], "trail.main");
    proxy.forget();
    let refused = run("one", &["up"]).expect(64);
    assert!(refused.err.contains("--yes"), "{}", refused.err);
    assert_eq!(mutating(proxy), Vec::<String>::new());
    run("one", &["up", "--yes"]).expect(0);
    run("one", &["diff"]).demand_no_changes();
}

fn mutating(proxy: &Proxy) -> Vec<String> {
    let calls = proxy.calls();
    let calls = calls.iter().filter(|call| call.mutating.is_some());
    calls.map(|call| format!("{}:{}", call.service, call.operation)).collect()
}

/// The addresses and ids in the state's snapshot.
fn records(payinfra: &Payinfra, suffix: &str) -> Vec<String> {
    let text = std::fs::read_to_string(payinfra.state().join(suffix).join("snapshot.json")).unwrap();
    let snapshot: Value = serde_json::from_str(&text).unwrap();
    let records = snapshot["state"]["records"].as_object().unwrap();
    records.iter().map(|(address, record)| format!("{address} {}", record["id"])).collect()
}
