//! A disk that can be killed at every write, and the switch that kills.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use payinfra_state::{
    Backend, BoxFuture, Entry, Error, Holder, Loaded, LocalBackend, Stack, decode_journal, decode_snapshot,
    encode_journal, encode_snapshot,
};
use serde_json::Value;
use tokio::sync::Notify;

/// Counts the points at which a process can die, and kills it at one of them.
#[derive(Default)]
pub struct Kill {
    at: Mutex<Option<u64>>,
    count: AtomicU64,
    pub hit: Notify,
    label: Mutex<Option<String>>,
}

impl Kill {
    /// Restarts the count; the run dies at point `at`.
    pub fn arm(&self, at: Option<u64>) {
        *self.at.lock().unwrap() = at;
        self.count.store(0, Ordering::SeqCst);
        *self.label.lock().unwrap() = None;
    }

    /// How many points were passed since [`Kill::arm`].
    pub fn passed(&self) -> u64 {
        self.count.load(Ordering::SeqCst)
    }

    /// Where the run died.
    pub fn label(&self) -> Option<String> {
        self.label.lock().unwrap().clone()
    }

    /// Whether this is the point; the caller may still act, and then calls [`Kill::die`].
    pub fn is_here(&self, label: impl FnOnce() -> String) -> bool {
        let here = Some(self.count.fetch_add(1, Ordering::SeqCst)) == *self.at.lock().unwrap();
        if here {
            *self.label.lock().unwrap() = Some(label());
        }
        here
    }

    /// Never returns: whoever waits for the hit drops the run.
    pub async fn die(&self) {
        self.hit.notify_one();
        std::future::pending::<()>().await;
    }

    pub async fn point(&self, label: impl FnOnce() -> String) {
        if self.is_here(label) {
            self.die().await;
        }
    }
}

/// What is on the disk; it outlives the runs.
#[derive(Default, Clone)]
pub struct Files {
    pub snapshot: Option<Vec<u8>>,
    pub journal: Vec<u8>,
    /// The state that the bytes add up to.
    pub durable: Stack,
    /// How many entries were ever written.
    pub written: u64,
    /// The number of entries after which the disk is full.
    pub full_after: Option<u64>,
}

/// The backend over [`Files`]; clones share them.
#[derive(Clone)]
pub struct Disk {
    pub files: Arc<Mutex<Files>>,
    pub kill: Arc<Kill>,
}

/// A fixed name, so that the engine's jitter is the same in every run of a test.
const LINEAGE: &str = "0000000000000000000000000000cafe";

impl Disk {
    pub fn new(kill: Arc<Kill>) -> Self {
        let disk = Self { files: Arc::default(), kill };
        disk.lose();
        disk
    }

    /// Loses the whole state.
    pub fn lose(&self) {
        *self.files.lock().unwrap() =
            Files { durable: Stack { lineage: LINEAGE.to_owned(), ..Stack::default() }, ..Files::default() };
    }

    /// Reads what is there, and drops a torn last line or a journal that the snapshot already covers.
    fn read(&self) -> Result<Stack, Error> {
        let mut files = self.files.lock().unwrap();
        let mut stack = match &files.snapshot {
            Some(bytes) => decode_snapshot("snapshot", bytes)?,
            None => Stack { lineage: LINEAGE.to_owned(), ..Stack::default() },
        };
        let journal = decode_journal("journal", &files.journal)?;
        files.journal.truncate(journal.whole);
        if journal.whole > 0 && serial_of(&files.journal) < stack.serial {
            files.journal.clear();
        } else {
            journal.entries.iter().for_each(|entry| stack.apply(entry));
        }
        Ok(stack)
    }

    fn write(&self, stack: &Stack, entries: &[Entry], cut: Option<f64>) {
        let mut files = self.files.lock().unwrap();
        let header = files.journal.is_empty().then_some(stack);
        let head = encode_journal(header, &[]).len();
        let mut bytes = encode_journal(header, entries);
        if let Some(cut) = cut {
            bytes.truncate(head + ((bytes.len() - head) as f64 * cut) as usize);
        }
        let lines = bytes[head..].iter().filter(|byte| **byte == b'\n').count();
        for entry in &entries[..lines] {
            files.durable.apply(entry);
        }
        files.written += lines as u64;
        files.journal.extend(bytes);
    }
}

fn serial_of(journal: &[u8]) -> u64 {
    let line = journal.split(|byte| *byte == b'\n').next().unwrap();
    serde_json::from_slice::<Value>(line).unwrap()["entry"]["serial"].as_u64().unwrap()
}

impl Backend for Disk {
    fn load<'a>(&'a mut self, _suffix: &'a str) -> BoxFuture<'a, Result<Loaded, Error>> {
        Box::pin(async {
            let stack = self.read()?;
            self.files.lock().unwrap().durable = stack.clone();
            Ok(Loaded { stack: Some(stack), warnings: Vec::new() })
        })
    }

    fn append<'a>(&'a mut self, stack: &'a Stack, entries: &'a [Entry]) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let what = || entries.iter().map(|entry| format!("{entry:?}")).collect::<Vec<_>>().join(", ");
            self.kill.point(|| format!("before the append of {}", what())).await;
            tokio::time::sleep(Duration::from_millis(2)).await;
            if self.kill.is_here(|| format!("inside the append of {}", what())) {
                self.write(stack, entries, Some(0.6));
                self.kill.die().await;
            }
            let full = {
                let files = self.files.lock().unwrap();
                files.full_after.is_some_and(|limit| files.written + entries.len() as u64 > limit)
            };
            if full {
                self.write(stack, entries, Some(0.5));
                return Err(Error::Remote {
                    action: "write",
                    object: "journal".to_owned(),
                    reason: "the disk is full".to_owned(),
                });
            }
            self.write(stack, entries, None);
            self.kill.point(|| format!("after the append of {}", what())).await;
            Ok(())
        })
    }

    fn replace<'a>(&'a mut self, stack: &'a Stack) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            self.kill.point(|| "before the snapshot".to_owned()).await;
            self.files.lock().unwrap().snapshot = Some(encode_snapshot(stack));
            self.kill.point(|| "between snapshot and journal".to_owned()).await;
            self.files.lock().unwrap().journal.clear();
            self.kill.point(|| "after the snapshot".to_owned()).await;
            Ok(())
        })
    }

    fn remove(&mut self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async {
            self.lose();
            Ok(())
        })
    }
}

/// Real files in a folder. What is written there is also recorded on the fake disk, which the cloud checks.
pub struct Mirrored {
    local: LocalBackend,
    disk: Disk,
}

impl Mirrored {
    pub fn open(folder: &Path, disk: Disk) -> Self {
        Self { local: LocalBackend::open(folder, "test", &Holder::this_process("test")).unwrap(), disk }
    }
}

impl Backend for Mirrored {
    fn load<'a>(&'a mut self, suffix: &'a str) -> BoxFuture<'a, Result<Loaded, Error>> {
        Box::pin(async move {
            let loaded = self.local.load(suffix).await?;
            self.disk.files.lock().unwrap().durable = loaded.stack.clone().unwrap_or_default();
            Ok(loaded)
        })
    }

    fn append<'a>(&'a mut self, stack: &'a Stack, entries: &'a [Entry]) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            self.local.append(stack, entries).await?;
            self.disk.write(stack, entries, None);
            Ok(())
        })
    }

    fn replace<'a>(&'a mut self, stack: &'a Stack) -> BoxFuture<'a, Result<(), Error>> {
        self.local.replace(stack)
    }

    fn remove(&mut self) -> BoxFuture<'_, Result<(), Error>> {
        self.local.remove()
    }
}
