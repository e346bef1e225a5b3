//! Identifiers of sessions, transactions and events.

use ring::rand::{SecureRandom, SystemRandom};

/// The system's source of randomness gave nothing.
#[derive(Debug, thiserror::Error)]
#[error("the system gives no random numbers")]
pub struct NoRandomness;

/// What an identifier names; each kind has its own prefix.
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

/// Makes a fresh identifier: 128 random bits, written in sixteen letters.
///
/// Letters and no digits, because about one random UUID in two hundred contains what must be refused
/// as a card number.
pub fn fresh(kind: Kind) -> Result<String, NoRandomness> {
    let mut bits = [0_u8; 16];
    SystemRandom::new().fill(&mut bits).map_err(|_| NoRandomness)?;
    let mut text = String::from(kind.prefix());
    for byte in bits {
        for nibble in [byte >> 4, byte & 15] {
            text.push(char::from(LETTERS[usize::from(nibble)]));
        }
    }
    Ok(text)
}

/// Says whether a text has the form of such an identifier.
pub fn is(kind: Kind, text: &str) -> bool {
    text.strip_prefix(kind.prefix()).is_some_and(|rest| rest.len() == 32 && rest.bytes().all(|b| LETTERS.contains(&b)))
}

/// Gives the SHA-256 of the parts in lower-case hexadecimal; each part is preceded by its length, so
/// that no two lists of parts are hashed alike.
pub fn fingerprint(parts: &[&str]) -> String {
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part.as_bytes());
    }
    hexadecimal(context.finish().as_ref())
}

/// Writes bytes in lower-case hexadecimal.
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
    fn a_fresh_identifier_has_its_form_and_is_not_repeated() {
        let (one, two) = (fresh(Kind::Session).unwrap(), fresh(Kind::Session).unwrap());
        assert!(is(Kind::Session, &one) && !is(Kind::Event, &one));
        assert_ne!(one, two);
        assert!(!is(Kind::Session, "ses_1234") && !is(Kind::Session, ""));
    }

    #[test]
    fn fingerprints_keep_parts_apart() {
        assert_ne!(fingerprint(&["ab", "c"]), fingerprint(&["a", "bc"]));
        assert_eq!(fingerprint(&["a"]).len(), 64);
    }
}
