//! Documents of the repository that the tests write.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;

/// Compares a document with what it should be, or writes it if `PAYINFRA_WRITE_DOCUMENTS` is set.
#[track_caller]
pub fn is_current(file: &str, expected: impl Fn(&str) -> String) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().find(|folder| folder.join("Cargo.lock").exists());
    let path = root.unwrap().join(file);
    let current = fs::read_to_string(&path).unwrap();
    let expected = expected(&current);
    if std::env::var_os("PAYINFRA_WRITE_DOCUMENTS").is_some() {
        fs::write(&path, expected).unwrap();
    } else {
        assert!(current == expected, "{file} is out of date; run these tests with PAYINFRA_WRITE_DOCUMENTS=1");
    }
}

/// The document with another text between two lines.
pub fn between(document: &str, begin: &str, end: &str, text: &str) -> String {
    let (before, rest) = document.split_once(begin).unwrap();
    let (_, after) = rest.split_once(end).unwrap();
    [before, begin, text, end, after].concat()
}
