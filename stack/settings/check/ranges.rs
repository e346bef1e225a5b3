//! The ranges of the settings table.

use serde_json::Value;

use crate::settings::error::Findings;
use crate::settings::table::SECTIONS;
use crate::settings::{Key, Settings};

pub(super) fn check(settings: &Settings, findings: &mut Findings) {
    let all = match serde_json::to_value(settings) {
        Ok(all) => all,
        Err(error) => return findings.refuse(&Key::root(), format!("the settings cannot be checked: {error}")),
    };
    for section in SECTIONS {
        for rule in section.rules {
            let parts: Vec<&str> = section.parts(rule.key).collect();
            each(&all, &parts, &Key::root(), &mut |key, value| {
                if let Some(objection) = rule.range.objection(value) {
                    findings.refuse(key, objection);
                }
            });
        }
    }
}

/// Visits every value at a path in which `*` is any name.
fn each(value: &Value, path: &[&str], key: &Key, visit: &mut impl FnMut(&Key, &Value)) {
    match (path.split_first(), value) {
        (None, value) => visit(key, value),
        (Some((&"*", rest)), Value::Object(entries)) => {
            entries.iter().for_each(|(name, value)| each(value, rest, &key.child(name), visit));
        }
        (Some((name, rest)), value) => {
            if let Some(value) = value.get(name) {
                each(value, rest, &key.child(name), visit);
            }
        }
    }
}
