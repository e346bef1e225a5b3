//! The journal under concurrency: parallel appends, failing writes, and futures that are dropped midway.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

mod support;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::{join_all, poll_immediate};
use payinfra_state::{Address, Backend, BoxFuture, Entry, Error, Journal, Loaded, MemoryBackend, Stack};

use support::life;

/// Takes a while for each write, and fails from a given one on.
#[derive(Clone, Default)]
struct Slow {
    written: Arc<Mutex<Vec<Entry>>>,
    calls: Arc<Mutex<usize>>,
    fails_from: Option<usize>,
    snapshot_fails: bool,
}

impl Slow {
    fn written(&self) -> Vec<String> {
        self.written.lock().unwrap().iter().map(|entry| entry.address().to_string()).collect()
    }
}

fn full() -> Error {
    Error::Remote { action: "write", object: "journal".to_owned(), reason: "the disk is full".to_owned() }
}

impl Backend for Slow {
    fn load<'a>(&'a mut self, _suffix: &'a str) -> BoxFuture<'a, Result<Loaded, Error>> {
        Box::pin(async { Ok(Loaded { stack: None, warnings: Vec::new() }) })
    }

    fn append<'a>(&'a mut self, _stack: &'a Stack, entries: &'a [Entry]) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let number = {
                let mut calls = self.calls.lock().unwrap();
                *calls += 1;
                *calls
            };
            tokio::time::sleep(Duration::from_millis(10)).await;
            if self.fails_from.is_some_and(|from| number >= from) {
                return Err(full());
            }
            self.written.lock().unwrap().extend_from_slice(entries);
            Ok(())
        })
    }

    fn replace<'a>(&'a mut self, _stack: &'a Stack) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async { if self.snapshot_fails { Err(full()) } else { Ok(()) } })
    }

    fn remove(&mut self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async { Ok(()) })
    }
}

fn gone(n: u32) -> Entry {
    Entry::Gone { address: Address::new("n", &n.to_string()), took_ms: None }
}

async fn open(backend: &Slow) -> Journal {
    Journal::open(Box::new(backend.clone()), "test").await.unwrap().0
}

#[tokio::test(start_paused = true)]
async fn a_wave_of_appends_costs_two_writes_and_keeps_its_order() {
    let backend = Slow::default();
    let journal = open(&backend).await;
    let done = join_all((0..100).map(|n| journal.append(gone(n)))).await;
    assert!(done.iter().all(Result::is_ok));
    assert_eq!(*backend.calls.lock().unwrap(), 2, "the first goes alone, the others together");
    assert_eq!(backend.written(), (0..100).map(|n| format!("n.{n}")).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn nothing_is_reported_durable_after_a_failed_write() {
    let backend = Slow { fails_from: Some(2), ..Slow::default() };
    let journal = open(&backend).await;
    let done = join_all((0..10).map(|n| journal.append(gone(n)))).await;
    // The first was written; the others were in the batch that failed, whoever wrote it.
    assert!(done[0].is_ok());
    assert!(done[1..].iter().all(Result::is_err));
    assert_eq!(done[1].as_ref().unwrap_err().to_string(), full().to_string());
    assert!(matches!(&done[2], Err(Error::Broken(reason)) if reason.contains("the disk is full")));
    assert_eq!(backend.written(), ["n.0"]);
    let calls = *backend.calls.lock().unwrap();
    assert!(matches!(journal.append(gone(11)).await, Err(Error::Broken(_))));
    assert!(matches!(journal.compact().await, Err(Error::Broken(_))), "a snapshot would make durable what was refused");
    assert_eq!(*backend.calls.lock().unwrap(), calls, "the backend is not asked any more");
}

#[tokio::test(start_paused = true)]
async fn an_entry_in_a_batch_dropped_midway_is_never_reported_durable() {
    let backend = Slow::default();
    let journal = open(&backend).await;
    let mut first = Box::pin(journal.append(gone(0)));
    assert!(poll_immediate(&mut first).await.is_none());
    // These two are queued; the second writes both and is dropped midway.
    let waiting = journal.append(gone(1));
    let mut writing = Box::pin(journal.append(gone(2)));
    assert!(poll_immediate(&mut writing).await.is_none());
    let mut waiting = Box::pin(waiting);
    assert!(poll_immediate(&mut waiting).await.is_none());
    first.await.unwrap();
    assert!(poll_immediate(&mut writing).await.is_none());
    assert_eq!(*backend.calls.lock().unwrap(), 2);
    drop(writing);
    assert!(matches!(waiting.await, Err(Error::Broken(_))), "its entry went down with the other's write");
    assert_eq!(backend.written(), ["n.0"]);
}

#[tokio::test(start_paused = true)]
async fn an_append_dropped_while_queued_is_written_by_the_next() {
    let backend = Slow::default();
    let journal = open(&backend).await;
    let mut first = Box::pin(journal.append(gone(0)));
    assert!(poll_immediate(&mut first).await.is_none());
    let mut dropped = Box::pin(journal.append(gone(1)));
    assert!(poll_immediate(&mut dropped).await.is_none());
    drop(dropped);
    let (first, third) = futures::join!(first, journal.append(gone(2)));
    first.unwrap();
    third.unwrap();
    assert_eq!(backend.written(), ["n.0", "n.1", "n.2"]);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_appended_after_a_failed_snapshot() {
    let backend = Slow { snapshot_fails: true, ..Slow::default() };
    let journal = open(&backend).await;
    journal.append(gone(0)).await.unwrap();
    assert!(matches!(journal.compact().await, Err(Error::Remote { .. })));
    assert!(matches!(journal.append(gone(1)).await, Err(Error::Broken(_))));
}

#[tokio::test(start_paused = true)]
async fn what_was_appended_is_there_after_reopening() {
    let backend = MemoryBackend::default();
    let (journal, _) = Journal::open(Box::new(backend.clone()), "test").await.unwrap();
    for entry in life(1) {
        journal.append(entry).await.unwrap();
    }
    let before = journal.read(Clone::clone);
    let (again, _) = Journal::open(Box::new(backend.clone()), "test").await.unwrap();
    assert_eq!(again.read(Clone::clone), before);
    journal.compact().await.unwrap();
    for entry in life(2) {
        journal.append(entry).await.unwrap();
    }
    let (again, _) = Journal::open(Box::new(backend), "test").await.unwrap();
    assert_eq!(again.read(Clone::clone), journal.read(Clone::clone));
    assert_eq!(again.read(|stack| (stack.records.len(), stack.serial)), (2, 1));
}
