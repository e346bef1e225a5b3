//! A state in S3 as a test sees it: its bucket, its objects, and runners of other machines.

use std::time::{Duration, Instant};

use payinfra_state::{decode_envelope, decode_object};
use serde_json::Value;

use super::inventory::script;
use super::{Call, Payinfra, Proxy};

/// The bucket of every test.
pub const BUCKET: &str = "payinfra-state";

/// Makes the bucket as it has to be.
pub fn make_bucket(endpoint: &str) {
    script("state_bucket.py", &[endpoint, "make", BUCKET, "versioning", "encryption", "closed"]);
}

/// A runner of its own, with a lease of so many seconds; nothing on its disk is shared with another.
pub fn runner(endpoint: &str, suffix: &str, lease: u32) -> Payinfra {
    let state = format!("s3://{BUCKET}/team");
    let arguments = ["--endpoint-url", endpoint, "--state", &state, "--suffix", suffix];
    let runner = arguments.into_iter().fold(Payinfra::alone(), Payinfra::argument);
    runner.configure_with_functions(&format!("state_lease_seconds = {lease}"));
    runner
}

/// The objects of a stack's state.
#[derive(Debug, Default)]
pub struct Stored {
    /// The lease.
    pub lease: Value,
    /// The snapshot.
    pub snapshot: Value,
    /// The journal objects: sequence and number of entries.
    pub journal: Vec<(u64, usize)>,
}

/// Reads all objects of the state with another SDK and demands that each is whole.
pub fn stored(endpoint: &str, suffix: &str) -> Stored {
    let mut stored = Stored::default();
    for object in script("state_bucket.py", &[endpoint, "read", BUCKET]) {
        let (key, bytes) = (object["key"].as_str().unwrap(), object["text"].as_str().unwrap().as_bytes());
        let Some(name) = key.strip_prefix(&format!("team/{suffix}/")) else { panic!("{key} is no object of ours") };
        match name {
            "lease.json" => stored.lease = decode_envelope(key, bytes).unwrap(),
            "snapshot.json" => stored.snapshot = decode_envelope(key, bytes).unwrap(),
            name => {
                let digits = name.strip_prefix("journal/").unwrap().strip_suffix(".jsonl").unwrap();
                let (head, entries) = decode_object::<Value>(key, bytes).unwrap();
                assert_eq!(head["sequence"], digits.parse::<u64>().unwrap(), "{key}");
                stored.journal.push((digits.parse().unwrap(), entries.len()));
            }
        }
    }
    stored
}

/// Whether a call belongs to the state.
pub fn is_state(call: &Call) -> bool {
    call.service == "s3" && call.path.trim_start_matches('/').starts_with(BUCKET)
}

/// The writes of journal objects so far.
pub fn journal_writes(proxy: &Proxy) -> usize {
    proxy
        .calls()
        .iter()
        .filter(|call| is_state(call) && call.method == "PUT" && call.path.contains("/journal/"))
        .count()
}

/// The calls that changed the stack itself so far.
pub fn changes(proxy: &Proxy) -> Vec<String> {
    let calls = proxy.calls();
    let calls = calls.iter().filter(|call| call.mutating.is_some() && !is_state(call));
    calls.map(|call| format!("{}:{}", call.service, call.operation)).collect()
}

/// Waits until so many calls have changed the stack.
pub fn until_changes(proxy: &Proxy, number: usize) {
    let begun = Instant::now();
    while changes(proxy).len() < number {
        assert!(begun.elapsed() < Duration::from_secs(120), "only {} changes", changes(proxy).len());
        std::thread::sleep(Duration::from_millis(20));
    }
}
