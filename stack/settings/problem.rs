//! What is wrong with a setting, and where it stands.

use std::fmt;

use super::allowed::allowed;

/// The path of a setting, such as `network.cidr`.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Key(Vec<String>);

impl Key {
    /// Makes a key from its dotted form; no part may itself contain a dot.
    pub fn of(dotted: &str) -> Self {
        Self(dotted.split('.').map(str::to_owned).collect())
    }

    /// Makes the key of the whole configuration.
    pub const fn root() -> Self {
        Self(Vec::new())
    }

    /// Gives the key of `part` below this one.
    pub fn child(&self, part: &str) -> Self {
        let mut parts = self.0.clone();
        parts.push(part.to_owned());
        Self(parts)
    }

    /// Gives the parts.
    pub fn parts(&self) -> &[String] {
        &self.0
    }
}

impl fmt::Display for Key {
    /// Writes the key as TOML does: parts that are not bare words stand in quotes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, part) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(".")?;
            }
            let bare = !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
            if bare { f.write_str(part)? } else { write!(f, "{part:?}")? }
        }
        Ok(())
    }
}

/// What is wrong with one setting.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Problem {
    /// The setting.
    pub key: Key,
    /// What is wrong with its value, a lower-case fragment that names the value.
    pub message: String,
    /// What is allowed; empty if the message says it all.
    pub allowed: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.message)?;
        if !self.allowed.is_empty() {
            write!(f, "; allowed: {}", self.allowed)?;
        }
        Ok(())
    }
}

/// Gathers what the checks find.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) problems: Vec<Problem>,
    pub(super) warnings: Vec<Problem>,
}

impl Findings {
    /// Notes a value that cannot work; what is allowed comes from the table.
    pub(super) fn refuse(&mut self, key: &Key, message: impl Into<String>) {
        let allowed = allowed(key).unwrap_or_default().to_owned();
        self.problems.push(Problem { key: key.clone(), message: message.into(), allowed });
    }

    /// Notes a value that cannot work, with what is allowed in this place.
    pub(super) fn refuse_but(&mut self, key: &Key, message: impl Into<String>, allowed: impl Into<String>) {
        self.problems.push(Problem { key: key.clone(), message: message.into(), allowed: allowed.into() });
    }

    /// Notes a value that works but is probably not meant.
    pub(super) fn warn(&mut self, key: &Key, message: impl Into<String>) {
        self.warnings.push(Problem { key: key.clone(), message: message.into(), allowed: String::new() });
    }

    /// Refuses a number outside `range`.
    pub(super) fn range<N: PartialOrd + fmt::Display>(
        &mut self,
        key: &Key,
        value: N,
        range: std::ops::RangeInclusive<N>,
    ) -> bool {
        let inside = range.contains(&value);
        if !inside {
            let side = if value < *range.start() { "small" } else { "large" };
            self.refuse(key, format!("{value} is too {side}"));
        }
        inside
    }
}
