//! The parts of the settings table: a row for each setting, in sections.

use std::ops::RangeInclusive;

use serde_json::Value;

/// What a setting allows.
#[derive(Debug, PartialEq)]
pub(super) enum Range {
    /// A whole number; both bounds are allowed.
    Int(RangeInclusive<u64>),
    /// One of these whole numbers.
    OneOf(&'static [u64]),
    /// A number above 0, at most 100.
    Percent,
    /// A number above 0.
    Positive,
    /// `true` or `false`. The type enforces it.
    Bool,
    /// One of these words. The type enforces it.
    Word(&'static [&'static str]),
    /// What the text says. Code in `check/` enforces it.
    Checked(&'static str),
}

impl Range {
    /// Gives what is wrong with a value, a lower-case fragment; nothing if it is inside, or if this range is enforced
    /// elsewhere.
    pub(super) fn objection(&self, value: &Value) -> Option<String> {
        match self {
            Self::Int(range) => {
                let number = value.as_u64()?;
                let side = if number < *range.start() { "small" } else { "large" };
                (!range.contains(&number)).then(|| format!("{number} is too {side}"))
            }
            Self::OneOf(numbers) => {
                let number = value.as_u64()?;
                (!numbers.contains(&number)).then(|| format!("{number} is not offered"))
            }
            // JSON has no infinity and no NaN and writes both as null; no optional setting has one of these ranges.
            Self::Percent => match value.as_f64() {
                Some(number) if number > 0.0 && number <= 100.0 => None,
                Some(number) => Some(format!("{number} is not a percentage")),
                None => Some("the value is not a percentage".to_owned()),
            },
            Self::Positive => match value.as_f64() {
                Some(number) if number > 0.0 => None,
                Some(number) => Some(format!("{number} is not above 0")),
                None => Some("the value is not a number above 0".to_owned()),
            },
            Self::Bool | Self::Word(_) | Self::Checked(_) => None,
        }
    }
}

/// One setting: a row of the table.
#[derive(Debug, PartialEq)]
pub(super) struct Rule {
    /// The name in its section, or `*` for names that the user chooses.
    pub(super) key: &'static str,
    /// What it allows.
    pub(super) range: Range,
    /// What it means: one or more sentences without the last full stop.
    pub(super) meaning: &'static str,
    /// What it must satisfy besides the range, which code in `check/` enforces.
    pub(super) condition: Option<&'static str>,
    /// A value to show in `payinfra.toml` for a setting without a default; for `*`, the whole line.
    pub(super) example: Option<&'static str>,
}

/// Makes a row.
pub(super) const fn rule(key: &'static str, range: Range, meaning: &'static str) -> Rule {
    Rule { key, range, meaning, condition: None, example: None }
}

impl Rule {
    /// Adds a condition that refers to something other than the value itself.
    pub(super) const fn with_condition(mut self, condition: &'static str) -> Self {
        self.condition = Some(condition);
        self
    }

    /// Adds an example, for a setting without a default.
    pub(super) const fn with_example(mut self, example: &'static str) -> Self {
        self.example = Some(example);
        self
    }

    /// Gives what the setting allows, as messages and documents say it.
    pub(super) fn allowed(&self) -> String {
        let range = match &self.range {
            Range::Int(range) => format!("{} to {}{}", range.start(), range.end(), self.unit()),
            Range::OneOf(numbers) => either(numbers.iter().map(u64::to_string).collect()),
            Range::Percent => "above 0, at most 100".to_owned(),
            Range::Positive => "a number above 0".to_owned(),
            Range::Bool => "true or false".to_owned(),
            Range::Word(words) => either(words.iter().map(|word| (*word).to_owned()).collect()),
            Range::Checked(text) => (*text).to_owned(),
        };
        self.condition.map_or_else(|| range.clone(), |condition| format!("{range}, {condition}"))
    }

    /// Gives the unit, which the end of the name says.
    fn unit(&self) -> &'static str {
        match self.key.rsplit('_').next() {
            Some("mb") => " MB",
            Some("ms") => " ms",
            Some("seconds") => " seconds",
            Some("minutes") => " minutes",
            Some("days") => " days",
            Some("percent") => " percent",
            _ => "",
        }
    }
}

fn either(mut items: Vec<String>) -> String {
    match items.pop() {
        Some(last) if !items.is_empty() => format!("{} or {last}", items.join(", ")),
        last => last.unwrap_or_default(),
    }
}

/// A section of the configuration.
#[derive(Debug)]
pub(super) struct Section {
    /// The path, with `*` for a name that the user chooses; empty for the keys above all sections.
    pub(super) name: &'static str,
    /// What it is about, in whole sentences.
    pub(super) meaning: &'static str,
    /// Its settings, in the order of the documents.
    pub(super) rules: &'static [Rule],
    /// A name to show for `*`.
    pub(super) example: &'static str,
}

/// Makes a section.
pub(super) const fn section(name: &'static str, meaning: &'static str, rules: &'static [Rule]) -> Section {
    Section { name, meaning, rules, example: "" }
}

impl Section {
    /// Adds the name to show for `*`.
    pub(super) const fn with_example(mut self, example: &'static str) -> Self {
        self.example = example;
        self
    }

    /// Gives the path as TOML writes it, with the example for `*`.
    pub(super) fn title(&self) -> String {
        self.name.replace('*', &format!("{:?}", self.example))
    }

    /// Gives the path of one of the section's settings: its parts, with `*` for names that the user chooses.
    pub(super) fn parts<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.name.split('.').filter(|part| !part.is_empty()).chain(std::iter::once(key))
    }
}
