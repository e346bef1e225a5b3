//! The written reference of all settings: `payinfra.toml` and the table in the README.
//!
//! The tests compare both with the settings table, and write them if `PAYINFRA_WRITE_DOCUMENTS` is set.

use std::fmt::Write as _;

use serde_json::Value;

use super::Settings;
use super::rule::{Range, Rule, Section};
use super::table::SECTIONS;

/// The lines around the table in the README.
const BEGIN: &str = "<!-- The settings, written from stack/settings/table.rs. -->\n";
const END: &str = "<!-- The end of the settings. -->\n";

/// The longest line of a comment in `payinfra.toml`.
const WIDTH: usize = 118;

const HEAD: &str = "\
# The configuration of payinfra: every setting with its default.
#
# The file may be absent, and every line may be left out: the values here are the defaults. A line that begins
# with `#` and no space is a setting without a default, shown with an example. `payinfra diff` shows what a
# change would do before `payinfra up` makes it.
";

const TAIL: &str = "
# Overrides for one suffix, on top of everything above: any setting except `suffix`.
#[env.prod]
#account = \"123456789012\"
#state = \"s3://example-payinfra-state/payments\"
#
#[env.prod.monitoring]
#alarm_emails = [\"payments-oncall@example.com\"]
#
#[env.dev.network]
#nat = \"single\"
#
#[env.dev.api.domain]
#name = \"pay-dev.example.com\"
";

/// Gives the text of `payinfra.toml`.
pub fn toml() -> String {
    let defaults = Defaults::read();
    let mut text = HEAD.to_owned();
    for section in SECTIONS {
        // A section whose presence means something is an example itself.
        let mark = if defaults.section(section).is_some() { "" } else { "#" };
        let same = twin(section);
        if !section.name.is_empty() {
            text.push('\n');
            comment(&mut text, &meaning(section));
            let _ = writeln!(text, "{mark}[{}]", section.title());
        }
        for (index, rule) in section.rules.iter().enumerate() {
            let default = defaults.value(section, rule);
            if same.is_none() {
                if index > 0 || section.name.is_empty() {
                    text.push('\n');
                }
                comment(&mut text, &explanation(rule, default));
            }
            text.push_str(&line(rule, default));
        }
    }
    text + TAIL
}

/// Gives the line of a setting, or its lines where the user chooses the names.
fn line(rule: &Rule, default: Option<&Value>) -> String {
    let example = rule.example.unwrap_or_default();
    match (rule.key, default) {
        ("*", Some(Value::Object(entries))) if !entries.is_empty() => {
            entries.iter().map(|(name, value)| format!("{name} = {value}\n")).collect()
        }
        ("*", _) => format!("#{example}\n"),
        (key, Some(value)) => format!("{key} = {value}\n"),
        (key, None) => format!("#{key} = {example}\n"),
    }
}

/// Finds an earlier section with the same settings, which need no second explanation.
fn twin(section: &Section) -> Option<&'static Section> {
    SECTIONS.iter().take_while(|earlier| earlier.name != section.name).find(|earlier| earlier.rules == section.rules)
}

fn meaning(section: &Section) -> String {
    let same = twin(section).map(|twin| format!(" The keys are those of `[{}]`.", twin.title()));
    format!("{}{}", section.meaning, same.unwrap_or_default())
}

/// Gives the README with its table of settings as it should be; nothing if the lines around the table are missing.
pub fn readme(current: &str) -> Option<String> {
    let (before, rest) = current.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}{}{END}{after}", table()))
}

fn table() -> String {
    let defaults = Defaults::read();
    let mut text = "\n| key | default | allowed | meaning |\n|---|---|---|---|\n".to_owned();
    for section in SECTIONS {
        if !section.name.is_empty() {
            let _ = writeln!(text, "| **`[{}]`** | | | {} |", section.title(), cell(&meaning(section)));
        }
        for rule in section.rules.iter().filter(|_| twin(section).is_none()) {
            let _ = writeln!(text, "{}", row(rule, defaults.value(section, rule)));
        }
    }
    text.push('\n');
    text
}

fn row(rule: &Rule, default: Option<&Value>) -> String {
    let key = if rule.key == "*" { "any name".to_owned() } else { format!("`{}`", rule.key) };
    let default = match default {
        Some(Value::Object(entries)) => {
            let entries: Vec<String> = entries.iter().map(|(name, value)| format!("`{name} = {value}`")).collect();
            if entries.is_empty() { "none".to_owned() } else { entries.join(", ") }
        }
        Some(value) => format!("`{value}`"),
        None => "none".to_owned(),
    };
    format!("| {key} | {default} | {} | {}. |", cell(&rule.allowed()), cell(rule.meaning))
}

/// Escapes what Markdown would take for markup.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "\\<")
}

/// Gives the comment above a setting: its meaning, what it allows and its default.
fn explanation(rule: &Rule, default: Option<&Value>) -> String {
    let default = default.filter(|value| !value.is_object() && value.as_array().is_none_or(|list| !list.is_empty()));
    match (&rule.range, default) {
        (Range::Bool, Some(default)) => format!("{}. Default: {default}.", rule.meaning),
        (_, Some(default)) => format!("{}. Allowed: {}; default: {default}.", rule.meaning, rule.allowed()),
        (_, None) => format!("{}. Allowed: {}.", rule.meaning, rule.allowed()),
    }
}

/// Writes a comment in lines of at most [`WIDTH`] characters.
fn comment(text: &mut String, words: &str) {
    let mut line = "#".to_owned();
    // A default stays on the line of its label.
    for word in words.replace("efault: ", "efault:\u{a0}").split(' ') {
        if line.chars().count() + 1 + word.chars().count() > WIDTH {
            let _ = writeln!(text, "{line}");
            line = "#".to_owned();
        }
        line.extend([" ", word]);
    }
    let _ = writeln!(text, "{line}");
    *text = text.replace('\u{a0}', " ");
}

/// The default of each setting, by key.
struct Defaults(Value);

impl Defaults {
    fn read() -> Self {
        // The defaults are plain values, and the tests would show a document without them.
        Self(serde_json::to_value(Settings::default()).unwrap_or_default())
    }

    fn section(&self, section: &Section) -> Option<&Value> {
        let mut parts = section.name.split('.').filter(|part| !part.is_empty());
        parts.try_fold(&self.0, |value, part| value.get(part)).filter(|value| !value.is_null())
    }

    /// Gives a setting's default; of a `*`, all entries.
    fn value(&self, section: &Section, rule: &Rule) -> Option<&Value> {
        let section = self.section(section)?;
        let value = if rule.key == "*" { Some(section) } else { section.get(rule.key) };
        value.filter(|value| !value.is_null())
    }
}
