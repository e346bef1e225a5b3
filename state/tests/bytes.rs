//! The bytes of the files: whatever they are, reading returns what was written or an error that names the place.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]
#![allow(clippy::print_stdout, reason = "the seed must be seen")]

mod support;

use payinfra_state::{Error, FORMAT, Stack, decode_journal, decode_snapshot, encode_journal, encode_snapshot};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use support::{any_entry, end, life, property, summary};

fn stack_of(entries: &[payinfra_state::Entry]) -> Stack {
    let mut stack = Stack { lineage: "cafe".to_owned(), suffix: "test".to_owned(), ..Stack::default() };
    entries.iter().for_each(|entry| stack.apply(entry));
    stack
}

/// Runs a property and adds its count to the summary.
fn fuzz<S: Strategy>(what: &str, values: &S, test: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    let counts = property::holds(512, values, test);
    println!("{what}: {counts}");
    summary::line(9, &format!("{what}, {counts}: 0 panics, 0 lost"));
}

#[test]
fn any_bytes_are_read_without_a_panic() {
    fuzz("bytes read as a state", &proptest::collection::vec(any::<u8>(), 0..400), |bytes| {
        for (error, file) in [
            (decode_journal("dir/journal", &bytes).err(), "dir/journal"),
            (decode_snapshot("dir/snapshot", &bytes).err(), "dir/snapshot"),
        ] {
            prop_assert!(error.is_none_or(|error| error.to_string().starts_with(file)));
        }
        Ok(())
    });
}

#[test]
fn any_damage_to_good_bytes_is_noticed_or_harmless() {
    let values = (proptest::collection::vec(any_entry(), 1..5), any::<prop::sample::Index>(), any::<u8>());
    fuzz("damaged states", &values, |(entries, place, byte)| {
        let stack = stack_of(&entries);
        let mut snapshot = encode_snapshot(&stack);
        let at = place.index(snapshot.len());
        snapshot[at] = byte;
        match decode_snapshot("snapshot", &snapshot) {
            Ok(read) => prop_assert_eq!(read, stack.clone()),
            Err(error) => prop_assert!(error.to_string().starts_with("snapshot "), "{}", error),
        }
        let mut journal = encode_journal(Some(&stack), &entries);
        let at = place.index(journal.len());
        journal[at] = byte;
        if let Ok(read) = decode_journal("journal", &journal) {
            // At most the last line can be missing, or the last two if the line feed between them was hit. What is
            // read is what was written, and a warning reports more than a torn last line.
            prop_assert!(read.entries.len() + 2 >= entries.len());
            prop_assert!(read.dropped.is_some() || read.entries.len() + 1 >= entries.len());
            prop_assert_eq!(&read.entries[..], &entries[..read.entries.len()]);
        }
        Ok(())
    });
}

#[test]
fn what_is_written_is_read() {
    fuzz("written states read back", &proptest::collection::vec(any_entry(), 0..8), |entries| {
        let stack = stack_of(&entries);
        prop_assert_eq!(&decode_snapshot("snapshot", &encode_snapshot(&stack)).unwrap(), &stack);
        let bytes = encode_journal(Some(&stack), &entries);
        let read = decode_journal("journal", &bytes).unwrap();
        prop_assert_eq!(read.entries, entries);
        prop_assert_eq!(read.whole, bytes.len());
        Ok(())
    });
}

#[test]
fn a_journal_cut_anywhere_gives_its_whole_lines() {
    let values = (proptest::collection::vec(any_entry(), 0..5), any::<prop::sample::Index>());
    fuzz("cut journals", &values, |(entries, place)| {
        let bytes = encode_journal(Some(&stack_of(&[])), &entries);
        let cut = place.index(bytes.len() + 1);
        let read = decode_journal("journal", &bytes[..cut]).unwrap();
        let lines = bytes[..cut].iter().filter(|byte| **byte == b'\n').count();
        prop_assert_eq!(read.entries.len(), lines.saturating_sub(1));
        prop_assert_eq!(&read.entries[..], &entries[..read.entries.len()]);
        prop_assert_eq!(read.dropped, None);
        Ok(())
    });
}

#[test]
fn entries_that_are_replayed_once_more_change_nothing() {
    fuzz("journals replayed twice", &proptest::collection::vec(any_entry(), 0..12), |entries| {
        let once = stack_of(&entries);
        let twice = stack_of(&[entries.clone(), entries].concat());
        prop_assert_eq!(once.records, twice.records);
        Ok(())
    });
}

#[test]
fn damage_in_the_middle_names_file_and_line() {
    let entries = [life(1), life(2)].concat();
    let good = encode_journal(Some(&stack_of(&[])), &entries);
    let text = String::from_utf8(good).unwrap();
    let changed = text.replacen("10.0.1.0", "10.9.1.0", 1);
    let error = decode_journal("dir/journal.jsonl", changed.as_bytes()).err().unwrap();
    assert_eq!(error.to_string(), "dir/journal.jsonl is damaged at line 2: the checksum does not match");
    let lost = text.replacen("{\"crc32\"", "{\"crc\"", 3).replacen("{\"crc\"", "{\"crc32\"", 2);
    let error = decode_journal("dir/journal.jsonl", lost.as_bytes()).err().unwrap();
    assert!(error.to_string().starts_with("dir/journal.jsonl is damaged at line 3: "), "{error}");
}

#[test]
fn a_complete_but_damaged_last_line_is_dropped_with_a_warning() {
    let entries = life(1);
    let text = String::from_utf8(encode_journal(Some(&stack_of(&[])), &entries)).unwrap();
    let changed = text.replacen("\"took_ms\":1500", "\"took_ms\":1501", 1);
    let read = decode_journal("journal.jsonl", changed.as_bytes()).unwrap();
    assert_eq!(read.entries, entries[..3]);
    let says = read.dropped.unwrap();
    assert_eq!(says, "journal.jsonl is damaged at line 5: the checksum does not match; the line is dropped");
}

#[test]
fn a_damaged_snapshot_names_the_place() {
    let text = String::from_utf8(encode_snapshot(&stack_of(&life(1)))).unwrap();
    let changed = text.replacen("10.0.1.0", "10.9.1.0", 1);
    let error = decode_snapshot("snapshot.json", changed.as_bytes()).err().unwrap();
    assert_eq!(error.to_string(), "snapshot.json is damaged at crc32: the checksum does not match");
    let error = decode_snapshot("snapshot.json", &text.as_bytes()[..text.len() / 2]).err().unwrap();
    assert!(error.to_string().starts_with("snapshot.json is damaged at line "), "{error}");
}

#[test]
fn a_newer_format_is_refused_and_not_mistaken_for_damage() {
    let stack = stack_of(&life(1));
    let (old, new) = (format!("\"format\": {FORMAT}"), format!("\"format\": {}", FORMAT + 1));
    let snapshot = String::from_utf8(encode_snapshot(&stack)).unwrap().replacen(&old, &new, 1);
    let error = decode_snapshot("snapshot.json", snapshot.as_bytes()).err().unwrap();
    assert!(matches!(error, Error::Newer { found: 2, supported: FORMAT, .. }), "{error}");
    // The newer program's checksum is correct; only the number is unknown.
    let header = serde_json::json!({ "format": FORMAT + 1, "lineage": "cafe", "serial": 0, "more": true });
    let crc32 = format!("{:08x}", crc32fast::hash(header.to_string().as_bytes()));
    let line = serde_json::json!({ "crc32": crc32, "entry": header }).to_string() + "\n";
    let error = decode_journal("journal.jsonl", line.as_bytes()).err().unwrap();
    assert!(matches!(error, Error::Newer { .. }), "{error}");
}

/// The files of each released format stay readable forever. A change of what is written needs a new format.
#[test]
fn the_files_of_format_1_are_read_and_still_written_the_same_way() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/format-1");
    let stack = stack_of(&[life(1), life(2), end(2)].concat());
    let entries =
        [life(3), end(1), vec![payinfra_state::Entry::Abandoned { address: "nat.a".parse().unwrap() }]].concat();
    let snapshot = std::fs::read(folder.join("snapshot.json")).unwrap();
    let journal = std::fs::read(folder.join("journal.jsonl")).unwrap();
    assert_eq!(decode_snapshot("snapshot.json", &snapshot).unwrap(), stack);
    assert_eq!(decode_journal("journal.jsonl", &journal).unwrap().entries, entries);
    assert_eq!(FORMAT, 1, "a new format keeps the lines above and gets its own files");
    assert_eq!(encode_snapshot(&stack), snapshot);
    assert_eq!(encode_journal(Some(&stack), &entries), journal);
}
