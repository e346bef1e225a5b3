//! The lines that `scripts/test` prints at its end: what was counted.

use std::fs::OpenOptions;
use std::io::Write;

/// Appends a line to the file that `PAYINFRA_SUMMARY` names; without it, does nothing.
///
/// Tests run in processes of their own, so the line goes out in one write.
pub fn line(what: &str, text: &str) {
    let Some(path) = std::env::var_os("PAYINFRA_SUMMARY") else { return };
    let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
    file.write_all(format!("payments, {what}: {text}\n").as_bytes()).unwrap();
}
