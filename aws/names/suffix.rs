//! The environment suffix, which distinguishes stacks.

use std::fmt;

use super::kind::{self, Kind};

/// The environment suffix: `[a-z][a-z0-9-]*`, at most 16 characters, no hyphen at the end or twice in a row.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Suffix(String);

/// Why a suffix is refused.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("suffix `{given}`: {reason}; allowed: {}", Suffix::ALLOWED)]
pub struct SuffixError {
    given: String,
    reason: String,
}

impl Suffix {
    /// The longest suffix.
    pub const LONGEST: usize = kind::SUFFIX;

    /// What is allowed, for messages.
    pub const ALLOWED: &str = "1 to 16 lower-case letters, digits and single hyphens, first a letter, last no hyphen";

    /// Checks a suffix against the rule and against every name it takes part in.
    ///
    /// # Errors
    /// The first rule it breaks.
    pub fn parse(given: &str) -> Result<Self, SuffixError> {
        match Self::objection(given) {
            Some(reason) => Err(SuffixError { given: given.to_owned(), reason }),
            None => Ok(Self(given.to_owned())),
        }
    }

    fn objection(given: &str) -> Option<String> {
        let first = given.chars().next();
        if first.is_none() {
            return Some("it is empty".to_owned());
        }
        if let Some(odd) = given.chars().find(|c| !matches!(c, 'a'..='z' | '0'..='9' | '-')) {
            return Some(format!("{odd:?} is not allowed in a name"));
        }
        if first.is_some_and(|c| !c.is_ascii_lowercase()) {
            return Some("it does not begin with a letter".to_owned());
        }
        if given.len() > Self::LONGEST {
            return Some(format!("it has {} characters", given.len()));
        }
        Kind::ALL.iter().find_map(|kind| kind.objection(&format!("{}-{given}", kind.prefix())))
    }

    /// The suffix as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Suffix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for Suffix {
    type Err = SuffixError;

    fn from_str(given: &str) -> Result<Self, SuffixError> {
        Self::parse(given)
    }
}
