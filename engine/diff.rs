//! Which attributes of two specs differ.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// The names of the top-level attributes that differ; an absent attribute equals `null`.
pub(crate) fn changed_attributes(live: &Value, desired: &Value, compares: impl Fn(&str) -> bool) -> Vec<String> {
    let nothing = Map::new();
    let live = live.as_object().unwrap_or(&nothing);
    let desired = desired.as_object().unwrap_or(&nothing);
    let names: BTreeSet<&String> = live.keys().chain(desired.keys()).collect();
    names
        .into_iter()
        .filter(|name| compares(name) && attribute(live, name) != attribute(desired, name))
        .cloned()
        .collect()
}

fn attribute<'a>(fields: &'a Map<String, Value>, name: &str) -> &'a Value {
    fields.get(name).unwrap_or(&Value::Null)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn absent_equals_null_and_ignored_attributes_do_not_count() {
        let live = json!({ "cidr": "10.0.0.0/16", "gone": null, "lost": 1 });
        let desired = json!({ "cidr": "10.1.0.0/16", "new": true, "lost": 2 });
        assert_eq!(changed_attributes(&live, &desired, |name| name != "lost"), ["cidr", "new"]);
    }
}
