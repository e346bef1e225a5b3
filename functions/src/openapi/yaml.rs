//! The human-readable form of the document: block YAML whose scalars are JSON strings. YAML 1.2 is a superset of JSON
//! (section 1.3), so this needs no YAML library.

use serde_json::Value;

/// Formats a JSON value as block YAML.
pub fn to_yaml(document: &Value) -> String {
    let mut text = String::from(
        "# Generated from the route table in functions/src/frame/routes.rs by `cargo run -p payments --example openapi`.\n",
    );
    block(document, 0, &mut text);
    text
}

fn block(value: &Value, depth: usize, text: &mut String) {
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                indent(depth, text);
                text.push_str(&quoted_key(key));
                text.push(':');
                after_marker(member, depth, text);
            }
        }
        Value::Array(items) => {
            for item in items {
                indent(depth, text);
                text.push('-');
                after_marker(item, depth, text);
            }
        }
        scalar => {
            indent(depth, text);
            text.push_str(&scalar.to_string());
            text.push('\n');
        }
    }
}

/// Writes what follows `key:` or `-`. A scalar or an empty collection stays on the same line.
fn after_marker(value: &Value, depth: usize, text: &mut String) {
    let nested = match value {
        Value::Object(members) => !members.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => false,
    };
    if nested {
        text.push('\n');
        block(value, depth + 1, text);
    } else {
        text.push(' ');
        text.push_str(&value.to_string());
        text.push('\n');
    }
}

fn indent(depth: usize, text: &mut String) {
    text.push_str(&"  ".repeat(depth));
}

fn quoted_key(key: &str) -> String {
    let plain = key.starts_with(|c: char| c.is_ascii_alphabetic())
        && key.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c))
        && !["y", "n", "yes", "no", "on", "off", "true", "false", "null"].contains(&key);
    if plain { key.to_owned() } else { Value::from(key).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn nesting_and_quoting_are_valid_yaml() {
        let text = to_yaml(&json!({"a": {"200": [1, {"b": "x: y"}], "empty": []}}));
        let body = text.split_once('\n').map_or("", |(_, body)| body);
        assert_eq!(body, "a:\n  \"200\":\n    - 1\n    -\n      b: \"x: y\"\n  empty: []\n");
    }
}
