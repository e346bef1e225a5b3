//! The figures that `scripts/test` prints at the end.

use std::fs::OpenOptions;
use std::io::Write;

/// Appends a line to the file that `PAYINFRA_SUMMARY` names. Does nothing without that variable.
///
/// Tests run in separate processes, so the line is written in a single write.
pub fn line(what: &str, text: &str) {
    let Some(path) = std::env::var_os("PAYINFRA_SUMMARY") else { return };
    let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
    file.write_all(format!("payments, {what}: {text}\n").as_bytes()).unwrap();
}
