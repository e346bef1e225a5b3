//! A state in memory, for tests and for a plan that must write nothing.

use std::sync::{Arc, Mutex, PoisonError};

use crate::frame::{decode_journal, decode_snapshot, encode_journal, encode_snapshot};
use crate::{Backend, BoxFuture, Entry, Error, Loaded, Stack};

/// Keeps the bytes that a folder would contain; clones share them, as two runs share a disk.
#[derive(Debug, Clone, Default)]
pub struct MemoryBackend {
    files: Arc<Mutex<Files>>,
}

#[derive(Debug, Default)]
struct Files {
    snapshot: Option<Vec<u8>>,
    journal: Vec<u8>,
}

impl Backend for MemoryBackend {
    fn load<'a>(&'a mut self, _suffix: &'a str) -> BoxFuture<'a, Result<Loaded, Error>> {
        Box::pin(async {
            let files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
            let mut stack = match &files.snapshot {
                Some(bytes) => Some(decode_snapshot("snapshot", bytes)?),
                None => None,
            };
            let journal = decode_journal("journal", &files.journal)?;
            if let Some(header) = &journal.header {
                let stack = stack.get_or_insert_with(|| Stack { lineage: header.lineage.clone(), ..Stack::default() });
                journal.entries.iter().for_each(|entry| stack.apply(entry));
            }
            Ok(Loaded { stack, warnings: Vec::new() })
        })
    }

    fn append<'a>(&'a mut self, stack: &'a Stack, entries: &'a [Entry]) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
            let header = files.journal.is_empty().then_some(stack);
            let bytes = encode_journal(header, entries);
            files.journal.extend(bytes);
            Ok(())
        })
    }

    fn replace<'a>(&'a mut self, stack: &'a Stack) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
            files.snapshot = Some(encode_snapshot(stack));
            files.journal.clear();
            Ok(())
        })
    }

    fn remove(&mut self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async {
            *self.files.lock().unwrap_or_else(PoisonError::into_inner) = Files::default();
            Ok(())
        })
    }
}
