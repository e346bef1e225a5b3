//! The encoding of the files: JSON with checksums, readable by people and by `jq`.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Entry, Error, FORMAT, Stack};

/// The first line of a journal: which snapshot its entries follow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Header {
    pub(crate) format: u32,
    pub(crate) lineage: String,
    pub(crate) serial: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<T> {
    crc32: String,
    entry: T,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope<T> {
    format: u32,
    crc32: String,
    state: T,
}

/// Writes the header (when `header` is given) and the entries as journal lines.
pub fn encode_journal(after: Option<&Stack>, entries: &[Entry]) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(stack) = after {
        push_line(&mut bytes, &Header { format: FORMAT, lineage: stack.lineage.clone(), serial: stack.serial });
    }
    for entry in entries {
        push_line(&mut bytes, entry);
    }
    bytes
}

fn push_line<T: Serialize>(bytes: &mut Vec<u8>, entry: &T) {
    let value = serde_json::to_value(entry).expect("journal types serialise to JSON");
    let line = Line { crc32: checksum(&value), entry: value };
    serde_json::to_writer(&mut *bytes, &line).expect("writing to memory does not fail");
    bytes.push(b'\n');
}

/// A decoded journal: the snapshot it follows, its entries, and how many bytes of it are complete.
pub struct DecodedJournal {
    pub(crate) header: Option<Header>,
    /// The entries in order.
    pub entries: Vec<Entry>,
    /// The length without a torn last line, in bytes.
    pub whole: usize,
    /// A warning about a last line that is complete but damaged.
    pub dropped: Option<String>,
}

/// Reads a journal, and drops a torn last line, which a kill can leave.
///
/// # Errors
/// [`Error::Damaged`] with the line for any other damage, [`Error::Newer`] for a later format.
pub fn decode_journal(file: &str, bytes: &[u8]) -> Result<DecodedJournal, Error> {
    let mut decoded = DecodedJournal { header: None, entries: Vec::new(), whole: 0, dropped: None };
    let mut lines = bytes.split_inclusive(|byte| *byte == b'\n').enumerate().peekable();
    while let Some((index, line)) = lines.next() {
        let last = lines.peek().is_none();
        let parsed = if line.ends_with(b"\n") { parse_line(line) } else { Err("the line is cut off".to_owned()) };
        let value = match parsed {
            Ok(value) => value,
            Err(reason) => {
                let error = damaged(file, format!("line {}", index + 1), reason);
                if !last {
                    return Err(error);
                }
                decoded.dropped = line.ends_with(b"\n").then(|| format!("{error}; the line is dropped"));
                break;
            }
        };
        if index == 0 {
            decoded.header = Some(header(file, value)?);
        } else {
            let entry = serde_json::from_value(value)
                .map_err(|error| damaged(file, format!("line {}", index + 1), error.to_string()))?;
            decoded.entries.push(entry);
        }
        decoded.whole += line.len();
    }
    Ok(decoded)
}

fn header(file: &str, value: Value) -> Result<Header, Error> {
    refuse_newer(file, &value)?;
    serde_json::from_value(value).map_err(|error| damaged(file, "line 1".to_owned(), error.to_string()))
}

fn parse_line(line: &[u8]) -> Result<Value, String> {
    let line: Line<Value> = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    if checksum(&line.entry) == line.crc32 { Ok(line.entry) } else { Err("the checksum does not match".to_owned()) }
}

/// Writes a journal object: a head defined by the caller, which names the format, and the entries that it announces.
pub fn encode_object<H: Serialize>(head: &H, entries: &[Entry]) -> Vec<u8> {
    let mut bytes = Vec::new();
    push_line(&mut bytes, head);
    entries.iter().for_each(|entry| push_line(&mut bytes, entry));
    bytes
}

/// Reads a journal object. It was written in one piece, so nothing may be missing at its end.
///
/// # Errors
/// [`Error::Damaged`] with the line, or [`Error::Newer`] for a later format.
pub fn decode_object<H: DeserializeOwned>(file: &str, bytes: &[u8]) -> Result<(H, Vec<Entry>), Error> {
    let mut head = None;
    let mut entries = Vec::new();
    for (index, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let fail = |reason: String| damaged(file, format!("line {}", index + 1), reason);
        let whole = if line.ends_with(b"\n") { parse_line(line) } else { Err("the line is cut off".to_owned()) };
        let value = whole.map_err(fail)?;
        if index == 0 {
            refuse_newer(file, &value)?;
            head = Some(serde_json::from_value(value).map_err(|error| fail(error.to_string()))?);
        } else {
            entries.push(serde_json::from_value(value).map_err(|error| fail(error.to_string()))?);
        }
    }
    let head = head.ok_or_else(|| damaged(file, "line 1".to_owned(), "it is empty".to_owned()))?;
    Ok((head, entries))
}

/// Writes a snapshot.
pub fn encode_snapshot(stack: &Stack) -> Vec<u8> {
    encode_envelope(stack)
}

/// Reads a snapshot.
///
/// # Errors
/// [`Error::Damaged`] with the place, or [`Error::Newer`] for a later format.
pub fn decode_snapshot(file: &str, bytes: &[u8]) -> Result<Stack, Error> {
    decode_envelope(file, bytes)
}

/// Writes one value with format and checksum.
pub fn encode_envelope<T: Serialize>(content: &T) -> Vec<u8> {
    let value = serde_json::to_value(content).expect("state types serialise to JSON");
    let envelope = Envelope { format: FORMAT, crc32: checksum(&value), state: content };
    let mut bytes = serde_json::to_vec_pretty(&envelope).expect("state types serialise to JSON");
    bytes.push(b'\n');
    bytes
}

/// Reads one value with format and checksum.
///
/// # Errors
/// [`Error::Damaged`] with the place, or [`Error::Newer`] for a later format.
pub fn decode_envelope<T: Serialize + DeserializeOwned>(file: &str, bytes: &[u8]) -> Result<T, Error> {
    let value: Value =
        serde_json::from_slice(bytes).map_err(|error| damaged(file, place(&error), error.to_string()))?;
    refuse_newer(file, &value)?;
    let envelope: Envelope<T> =
        serde_json::from_value(value).map_err(|error| damaged(file, "its fields".to_owned(), error.to_string()))?;
    let state = serde_json::to_value(&envelope.state).expect("state types serialise to JSON");
    if checksum(&state) != envelope.crc32 {
        return Err(damaged(file, "crc32".to_owned(), "the checksum does not match".to_owned()));
    }
    Ok(envelope.state)
}

fn refuse_newer(file: &str, value: &Value) -> Result<(), Error> {
    match value.get("format").and_then(Value::as_u64) {
        Some(found) if found > u64::from(FORMAT) => {
            Err(Error::Newer { file: file.to_owned(), found, supported: FORMAT })
        }
        _ => Ok(()),
    }
}

fn place(error: &serde_json::Error) -> String {
    format!("line {} column {}", error.line(), error.column())
}

fn damaged(file: &str, place: String, reason: String) -> Error {
    Error::Damaged { file: file.to_owned(), place, reason }
}

fn checksum(value: &Value) -> String {
    format!("{:08x}", crc32fast::hash(value.to_string().as_bytes()))
}
