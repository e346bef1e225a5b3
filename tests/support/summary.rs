//! The lines that `scripts/test` prints at its end: what was counted, one line for each promise.

use std::fs::OpenOptions;
use std::io::Write;

/// Appends a line for a numbered promise to the file that `PAYINFRA_SUMMARY` names; without it, does nothing.
pub fn line(item: u8, text: &str) {
    append(&format!("item {item:2}: {text}\n"));
}

/// Appends a line about the way of a payment, as the functions' tests do.
pub fn payments(what: &str, text: &str) {
    append(&format!("payments, {what}: {text}\n"));
}

/// Tests run in processes of their own, so the line goes out in one write.
fn append(line: &str) {
    let Some(path) = std::env::var_os("PAYINFRA_SUMMARY") else { return };
    let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
    file.write_all(line.as_bytes()).unwrap();
}
