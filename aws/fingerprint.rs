//! Short hashes for names that must be the same at every run and differ where their text differs.

use ring::digest::{SHA256, digest};

/// Returns the first `bytes` bytes of the text's SHA-256 as lower-case hexadecimal digits; 32 is all of it.
pub fn fingerprint(text: &[u8], bytes: usize) -> String {
    digest(&SHA256, text).as_ref().iter().take(bytes).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_beginning_of_the_sha_256() {
        assert_eq!(fingerprint(b"abc", 4), "ba7816bf");
        assert_eq!(fingerprint(b"abc", 32), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
