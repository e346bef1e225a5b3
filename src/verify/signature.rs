//! The signature of a webhook, as a receiver checks it (docs/security.md).

use ring::hmac;

/// How old a signature may be, and how far ahead a clock may go, in seconds.
const TOLERANCE: i64 = 300;

/// Checks `t=<seconds>,v1=<hexadecimal HMAC-SHA256 of "<t>.<body>">` at a time, in seconds since 1970.
///
/// # Errors
/// What is wrong with it.
pub fn check(header: &str, body: &[u8], key: &str, now: i64) -> Result<(), String> {
    let field = |name: &str| header.split(',').find_map(|part| part.trim().strip_prefix(name));
    let (Some(time), Some(signature)) = (field("t="), field("v1=")) else {
        return Err("it does not have the form t=…,v1=…".to_owned());
    };
    let seconds: i64 = time.parse().map_err(|_| "its time is not a number".to_owned())?;
    let signature = bytes(signature).ok_or("it is not hexadecimal")?;
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
    let signed = [time.as_bytes(), b".", body].concat();
    hmac::verify(&key, &signed, &signature).map_err(|_| "it was not made with the stack's key".to_owned())?;
    if (now - seconds).abs() > TOLERANCE {
        return Err(format!("it is {} s old", now - seconds));
    }
    Ok(())
}

fn bytes(hexadecimal: &str) -> Option<Vec<u8>> {
    let digits = hexadecimal.as_bytes().chunks(2);
    digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed apart: `printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac key`.
    const GOOD: &str = "t=1700000000,v1=a438e398bfafc57e4396bb7fc2304422f0f768e965d073ca313cb52e22e6ad03";

    #[test]
    fn only_the_right_key_body_and_time_pass() {
        assert_eq!(check(GOOD, br#"{"a":1}"#, "key", 1_700_000_010), Ok(()));
        assert!(check(GOOD, br#"{"a":1}"#, "other", 1_700_000_010).is_err());
        assert!(check(GOOD, br#"{"a":2}"#, "key", 1_700_000_010).is_err());
        assert!(check(GOOD, br#"{"a":1}"#, "key", 1_700_000_301).is_err());
        assert!(check(&GOOD.replace("1700000000", "1700000001"), br#"{"a":1}"#, "key", 1_700_000_010).is_err());
        for bad in ["", "t=1,v1=", "t=x,v1=00", "v1=00", "t=1700000000,v1=zz", "t=1700000000,v1=é"] {
            assert!(check(bad, br#"{"a":1}"#, "key", 1_700_000_010).is_err(), "{bad}");
        }
    }
}
