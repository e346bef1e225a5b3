//! One attribute of a change: short values on a line, documents as a diff.

use payinfra_engine::AttributeChange;
use serde_json::Value;
use similar::{ChangeTag, TextDiff};

use super::reason::reason;
use super::style::{DIM, GREEN, RED, YELLOW};

/// The length up to which a value is on the attribute's own line.
const SHORT: usize = 60;

/// Renders an attribute of an existing object, indented under its resource.
pub(super) fn render_attribute(change: &AttributeChange) -> String {
    let replaces = if change.replaces { format!(" {RED}(replaces){RED:#}") } else { String::new() };
    let why = format!("  {DIM}{}{DIM:#}{replaces}", reason(&change.because));
    let old = change.old.as_ref().unwrap_or(&Value::Null);
    let (before, after) = (inline(old), inline(&change.new));
    if before.len() <= SHORT && after.len() <= SHORT {
        return format!("      {}: {RED}{before}{RED:#} -> {GREEN}{after}{GREEN:#}{why}\n", change.name);
    }
    let mut text = format!("      {}:{why}\n", change.name);
    let (before, after) = (document(old), document(&change.new));
    for group in TextDiff::from_lines(&before, &after).grouped_ops(2) {
        for op in group {
            for line in TextDiff::from_lines(&before, &after).iter_changes(&op) {
                let value = line.value().trim_end();
                text += &match line.tag() {
                    ChangeTag::Delete => format!("        {RED}- {value}{RED:#}\n"),
                    ChangeTag::Insert => format!("        {GREEN}+ {value}{GREEN:#}\n"),
                    ChangeTag::Equal => format!("          {value}\n"),
                };
            }
        }
    }
    text
}

/// Renders an attribute of a new object.
pub(super) fn render_new(change: &AttributeChange) -> String {
    let value = inline(&change.new);
    if value.chars().count() <= 2 * SHORT || change.new.is_string() {
        return format!("      {}: {value}\n", change.name);
    }
    let lines = document(&change.new).lines().count();
    format!("      {}: {YELLOW}({lines} lines; --json shows them){YELLOW:#}\n", change.name)
}

fn inline(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn document(value: &Value) -> String {
    let text = serde_json::to_string_pretty(value).unwrap_or_else(|_| value.to_string());
    text + "\n"
}
