//! The path of a setting.

use std::fmt;

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
    /// Writes the key as TOML does: parts that are not bare words are in quotes.
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
