//! The settings table is enforced, and the written documents match it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::rule::{Range, Rule, Section};
use super::table::SECTIONS;
use super::*;
use crate::written::is_current;

#[test]
fn both_written_documents_are_current() {
    is_current("payinfra.toml", |_| reference::toml());
    is_current("README.md", |readme| reference::readme(readme).expect("the lines around the table of settings"));
}

/// Gives every row with its key; `*` is the example of its section.
fn rows() -> impl Iterator<Item = (Key, &'static Rule)> {
    let key = |section: &Section, rule: &Rule| {
        section.parts(rule.key).fold(Key::root(), |key, part| {
            key.child(if part == "*" && rule.key != "*" { section.example } else { part })
        })
    };
    SECTIONS.iter().flat_map(move |section| section.rules.iter().map(move |rule| (key(section, rule), rule)))
}

/// Reads settings in which one key differs from the defaults.
fn with(key: &Key, value: Value) -> Result<Settings, serde_json::Error> {
    let nested = key.parts().iter().rev().fold(value, |value, part| json!({ part: value }));
    serde_json::from_value(nested)
}

/// Gives what validation says about a key when it has this value.
fn said(key: &Key, value: Value) -> Vec<String> {
    let errors = with(key, value).unwrap().validate();
    errors.iter().filter(|error| error.key == *key).map(ToString::to_string).collect()
}

/// Gives values at the edge of a range: those inside, and those outside.
fn edges(range: &Range) -> Option<(Vec<Value>, Vec<Value>)> {
    Some(match range {
        Range::Int(range) => {
            let (least, most) = (*range.start(), *range.end());
            let below = least.checked_sub(1);
            (vec![json!(least), json!(most)], below.into_iter().chain([most + 1]).map(|number| json!(number)).collect())
        }
        Range::OneOf(numbers) => {
            let near = numbers.iter().flat_map(|number| [number.saturating_sub(1), number + 1]);
            let others = near.filter(|number| !numbers.contains(number));
            (numbers.iter().map(|number| json!(number)).collect(), others.map(|number| json!(number)).collect())
        }
        Range::Percent => (vec![json!(f64::MIN_POSITIVE), json!(100.0)], vec![json!(0.0), json!(-1.0), json!(100.1)]),
        Range::Positive => (vec![json!(f64::MIN_POSITIVE), json!(f64::MAX)], vec![json!(0.0), json!(-1.0)]),
        Range::Bool | Range::Word(_) | Range::Checked(_) => return None,
    })
}

#[test]
fn every_range_is_enforced_and_its_bounds_are_accepted() {
    let mut enforced = 0;
    for (key, rule) in rows() {
        let Some((inside, outside)) = edges(&rule.range) else { continue };
        enforced += 1;
        for value in inside {
            let refused = said(&key, value.clone());
            // A condition refers to another setting, so it may refuse what the range accepts.
            assert!(refused.is_empty() || rule.condition.is_some(), "{key} = {value}: {refused:?}");
            assert_eq!(rule.range.objection(&value), None, "{key} = {value}");
        }
        for value in outside {
            let refused = said(&key, value.clone());
            let allowed = format!("; allowed: {}", rule.allowed());
            assert!(
                refused.len() == 1 && refused[0].starts_with(&format!("{key}: ")) && refused[0].ends_with(&allowed),
                "{key} = {value}: {refused:?}"
            );
        }
    }
    assert!(enforced > 50, "{enforced} ranges");
}

#[test]
fn a_number_that_is_none_is_outside_every_range() {
    for (key, rule) in rows().filter(|(_, rule)| matches!(rule.range, Range::Percent | Range::Positive)) {
        for number in [f64::NAN, f64::INFINITY] {
            assert!(rule.range.objection(&json!(number)).is_some(), "{key} = {number}");
        }
    }
}

#[test]
fn the_type_enforces_words_and_switches() {
    for (key, rule) in rows() {
        match &rule.range {
            Range::Word(words) => {
                words.iter().for_each(|word| assert!(with(&key, json!(word)).is_ok(), "{key} = {word:?}"));
                assert!(with(&key, json!("other")).is_err(), "{key}");
            }
            Range::Bool => {
                assert!(with(&key, json!(true)).is_ok() && with(&key, json!(false)).is_ok(), "{key}");
                assert!(with(&key, json!("yes")).is_err(), "{key}");
            }
            _ => {}
        }
    }
}

/// A row of a key that does not exist is refused as an unknown field. That every key has a row is a test of the reader,
/// which knows all keys.
#[test]
fn every_row_has_a_key_and_no_key_two_rows() {
    let mut seen = BTreeSet::new();
    for (key, _) in rows() {
        if let Err(error) = with(&key, Value::Null) {
            assert!(!error.to_string().contains("unknown field"), "{key}: {error}");
        }
        assert!(seen.insert(key.clone()), "{key} has two rows");
    }
}
