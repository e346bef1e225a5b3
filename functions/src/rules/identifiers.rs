//! Identifiers of sessions, transactions, and events.

use ring::rand::{SecureRandom, SystemRandom};

/// The system's random number generator failed.
#[derive(Debug, thiserror::Error)]
#[error("the system's random number generator failed")]
pub struct RandomnessError;

/// The kind of object that an identifier names. Each has its own prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `ses_…`
    Session,
    /// `txn_…`
    Transaction,
    /// `evt_…`
    Event,
}

impl Kind {
    const fn prefix(self) -> &'static str {
        match self {
            Self::Session => "ses_",
            Self::Transaction => "txn_",
            Self::Event => "evt_",
        }
    }
}

const LETTERS: &[u8; 16] = b"abcdefghijklmnop";

/// Generates an identifier: 128 random bits, written in sixteen different letters.
///
/// It contains no digits, because about one random UUID in two hundred contains what would be rejected as a card
/// number.
pub fn generate(kind: Kind) -> Result<String, RandomnessError> {
    let mut bits = [0_u8; 16];
    SystemRandom::new().fill(&mut bits).map_err(|_| RandomnessError)?;
    let mut text = String::from(kind.prefix());
    for byte in bits {
        for nibble in [byte >> 4, byte & 15] {
            text.push(char::from(LETTERS[usize::from(nibble)]));
        }
    }
    Ok(text)
}

/// Reports whether a text has the form of an identifier of this kind.
pub fn is_valid(kind: Kind, text: &str) -> bool {
    text.strip_prefix(kind.prefix()).is_some_and(|rest| rest.len() == 32 && rest.bytes().all(|b| LETTERS.contains(&b)))
}

/// Returns the SHA-256 hash of the parts in lower-case hexadecimal. Each part is preceded by its length, so that
/// different lists of parts have different hashes.
pub fn fingerprint(parts: &[&str]) -> String {
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part.as_bytes());
    }
    hexadecimal(context.finish().as_ref())
}

/// Formats bytes in lower-case hexadecimal.
pub fn hexadecimal(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn a_generated_identifier_is_valid_and_unique() {
        let (one, two) = (generate(Kind::Session).unwrap(), generate(Kind::Session).unwrap());
        assert!(is_valid(Kind::Session, &one) && !is_valid(Kind::Event, &one));
        assert_ne!(one, two);
        assert!(!is_valid(Kind::Session, "ses_1234") && !is_valid(Kind::Session, ""));
    }

    #[test]
    fn fingerprints_distinguish_lists_of_parts() {
        assert_ne!(fingerprint(&["ab", "c"]), fingerprint(&["a", "bc"]));
        assert_eq!(fingerprint(&["a"]).len(), 64);
    }
}
