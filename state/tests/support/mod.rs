//! Entries to write, and a folder to write them to.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]
#![allow(dead_code, reason = "each test file uses its part")]

#[path = "../../../tests/support/property.rs"]
pub mod property;
#[path = "../../../tests/support/summary.rs"]
pub mod summary;

use std::path::Path;

use payinfra_state::{Address, Entry, Holder, Journal, LocalBackend};
use proptest::prelude::*;
use serde_json::{Value, json};

/// A complete life of a resource; each `n` makes a different one.
pub fn life(n: u32) -> Vec<Entry> {
    let address = Address::new("subnet", &format!("n{n}"));
    let at = "2026-11-23T01:02:03Z".parse().expect("a time");
    let spec = json!({ "cidr": format!("10.0.{n}.0/24"), "weight": 0.1 });
    let deps = vec![Address::new("vpc", "main")];
    vec![
        Entry::Creating {
            address: address.clone(),
            spec: spec.clone(),
            deps: deps.clone(),
            token: format!("{n:032x}"),
            at,
        },
        Entry::Acquired { address: address.clone(), id: format!("subnet-{n}"), outputs: None, at },
        Entry::Updating { address: address.clone(), attributes: vec!["weight".to_owned()], at },
        Entry::Ready {
            address,
            id: format!("subnet-{n}"),
            spec,
            outputs: json!({ "id": format!("subnet-{n}") }),
            deps,
            took_ms: Some(1500),
        },
    ]
}

/// The end of that life.
pub fn end(n: u32) -> Vec<Entry> {
    let address = Address::new("subnet", &format!("n{n}"));
    let at = "2026-11-23T02:02:03Z".parse().expect("a time");
    vec![
        Entry::Deleting { address: address.clone(), id: format!("subnet-{n}"), at },
        Entry::Gone { address, took_ms: Some(900) },
    ]
}

pub fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(".{0,6}", inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

pub fn any_entry() -> impl Strategy<Value = Entry> {
    let address = (0..3_u8).prop_map(|n| Address::new("kind", &format!("n{n}")));
    let at = (0..4_000_000_000_i64).prop_map(|second| jiff::Timestamp::from_second(second).expect("in range"));
    let deps = proptest::collection::vec((0..3_u8).prop_map(|n| Address::new("dep", &n.to_string())), 0..3);
    let took = proptest::option::of(any::<u64>());
    (address, at, deps, took, any_json(), ".{0,8}", 0..7_u8).prop_map(
        |(address, at, deps, took_ms, value, text, which)| match which {
            0 => Entry::Creating { address, spec: value, deps, token: text, at },
            1 => Entry::Abandoned { address },
            2 => Entry::Acquired { address, id: text, outputs: took_ms.map(|_| value), at },
            3 => Entry::Ready { address, id: text, spec: value.clone(), outputs: value, deps, took_ms },
            4 => Entry::Updating { address, attributes: vec![text], at },
            5 => Entry::Deleting { address, id: text, at },
            _ => Entry::Gone { address, took_ms },
        },
    )
}

pub fn holder() -> Holder {
    Holder::this_process("up")
}

pub async fn open(root: &Path) -> (Journal, Vec<String>) {
    let backend = LocalBackend::open(root, "test", &holder()).unwrap();
    Journal::open(Box::new(backend), "test").await.unwrap()
}

pub async fn append(journal: &Journal, numbers: std::ops::Range<u32>) {
    for entry in numbers.flat_map(life) {
        journal.append(entry).await.unwrap();
    }
}

/// An error with all its causes.
pub fn text(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
