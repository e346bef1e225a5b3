//! What is wrong with a setting.

use std::fmt;

use super::Key;
use super::table::allowed;

/// A value that cannot work.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{key}: {}", self.reason())]
pub struct SettingError {
    /// The setting.
    pub key: Key,
    /// What is wrong with its value, a lower-case fragment that names the value.
    pub message: String,
    /// What is allowed; empty if the message says it all.
    pub allowed: String,
}

impl SettingError {
    /// Gives what is wrong and what is allowed, without the key.
    pub fn reason(&self) -> String {
        match self.allowed.as_str() {
            "" => self.message.clone(),
            allowed => format!("{}; allowed: {allowed}", self.message),
        }
    }
}

/// A value that works but is probably not meant.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SettingWarning {
    /// The setting.
    pub key: Key,
    /// What it leads to, a lower-case fragment.
    pub message: String,
}

impl fmt::Display for SettingWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.message)
    }
}

/// Gathers what the checks find.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) errors: Vec<SettingError>,
    pub(super) warnings: Vec<SettingWarning>,
}

impl Findings {
    /// Notes a value that cannot work; what is allowed comes from the table.
    pub(super) fn refuse(&mut self, key: &Key, message: impl Into<String>) {
        self.refuse_but(key, message, allowed(key).unwrap_or_default());
    }

    /// Notes a value that cannot work, with what is allowed in this place.
    pub(super) fn refuse_but(&mut self, key: &Key, message: impl Into<String>, allowed: impl Into<String>) {
        self.errors.push(SettingError { key: key.clone(), message: message.into(), allowed: allowed.into() });
    }

    /// Notes a value that works but is probably not meant.
    pub(super) fn warn(&mut self, key: &Key, message: impl Into<String>) {
        self.warnings.push(SettingWarning { key: key.clone(), message: message.into() });
    }

    /// Returns whether nothing is wrong with a value so far, so that it is worth a closer look.
    pub(super) fn accepts(&self, key: &Key) -> bool {
        self.errors.iter().all(|error| error.key != *key)
    }
}
