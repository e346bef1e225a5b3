//! What the log contains after faults, kills and take-overs, and that it keeps a paused run out.

use std::time::Duration;

use payinfra_state::Error as StateError;
use tokio::time::sleep;

use super::fake::{Fault, Run, Runner, Service, acquired, holder};
use crate::remote_state::records::{journal_name, sequence_of};
use crate::remote_state::{RemoteStateError, unlock};

const PREFIX: &str = "some/prefix/test/";
const LENGTH: Duration = Duration::from_secs(60);

fn sequences(service: &Service) -> Vec<u64> {
    service.keys().iter().filter_map(|key| sequence_of(key.strip_prefix(PREFIX).unwrap())).collect()
}

fn key(sequence: u64) -> String {
    format!("{PREFIX}{}", journal_name(sequence))
}

fn is_lost(ended: Result<(), StateError>) {
    assert!(matches!(ended, Err(StateError::LeaseLost(_))), "{ended:?}");
}

#[tokio::test(start_paused = true)]
async fn a_state_is_what_was_appended_and_compacted() {
    let service = Service::default();
    let run = Runner::new(&service).open(0).await.unwrap();
    run.announce(0..5).await.unwrap();
    assert_eq!(sequences(&service), [1, 2, 3, 4, 5, 6], "a fence marker and five appends");
    run.end().await;
    assert_eq!(sequences(&service), [1, 6], "the fence marker and the last one stay");
    let run = Runner::new(&service).open(0).await.unwrap();
    assert_eq!((run.known(), run.warnings.len()), ((0..5).collect(), 0));
    run.announce(5..7).await.unwrap();
    run.journal.release().await.unwrap();
    let run = Runner::new(&service).open(0).await.unwrap();
    assert_eq!((run.known(), run.warnings.len()), ((0..7).collect(), 0), "without a snapshot of the last run");
    run.end().await;
    assert_eq!(sequences(&service), [1, 7, 10], "three fence markers, of which one is the last object");
}

#[tokio::test(start_paused = true)]
async fn a_wave_of_calls_shares_one_object() {
    let service = Service::default();
    let mut runner = Runner::new(&service);
    runner.latency = Duration::from_millis(50);
    let run = std::sync::Arc::new(runner.open(0).await.unwrap());
    let before = service.writes();
    let tasks: Vec<_> = (0..100)
        .map(|number| {
            let run = std::sync::Arc::clone(&run);
            tokio::spawn(async move { run.journal.append(acquired(number)).await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(service.writes() - before, 2, "the first goes alone, the others together");
}

#[tokio::test(start_paused = true)]
async fn no_write_fault_loses_or_duplicates_anything() {
    // Lease, fence marker, three appends, snapshot, release.
    for number in 1..=7 {
        for fault in [Fault::Lost, Fault::Twice, Fault::Busy, Fault::Late(Duration::from_secs(12))] {
            let service = Service::default();
            let runner = Runner::new(&service);
            runner.fault(number, fault);
            let run = runner.open(0).await.unwrap();
            run.announce(0..3).await.unwrap();
            assert_eq!(sequences(&service), [1, 2, 3, 4], "{number} {fault:?}");
            run.end().await;
            let run = Runner::new(&service).open(0).await.unwrap();
            assert_eq!((run.known(), run.warnings.len()), ((0..3).collect(), 0), "{number} {fault:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_killed_at_any_write_loses_no_recorded_intent() {
    for number in 1..=12 {
        let service = Service::default();
        let first = Runner::new(&service).open(0).await.unwrap();
        first.announce(0..2).await.unwrap();
        first.end().await;
        let doomed = Runner::new(&service);
        doomed.fault(number, Fault::Killed);
        let announced = std::sync::Mutex::new(2);
        let work = async {
            let run = doomed.open(0).await.unwrap();
            for next in 2..6 {
                run.announce(next..next + 1).await.unwrap();
                *announced.lock().unwrap() = next + 1;
            }
            run.journal.compact().await.unwrap();
            run.journal.remove().await.unwrap();
            *announced.lock().unwrap() = 0;
            run.journal.release().await.unwrap();
        };
        let _ = tokio::time::timeout(Duration::from_secs(5), work).await;
        let run = Runner::new(&service).open(100).await.unwrap();
        let (known, least) = (run.known(), *announced.lock().unwrap());
        let removed = known.is_empty() && number >= 9;
        assert!(removed || known.len() >= least as usize, "{number}: {known:?} of {least}");
        assert_eq!(run.warnings, Vec::<String>::new(), "{number}");
        run.announce(10..11).await.unwrap();
        run.end().await;
        assert!(Runner::new(&service).open(0).await.unwrap().known().contains(&10), "{number}");
    }
}

/// A paused run: its lease is no longer renewed, and a successor has taken over.
async fn paused_and_taken_over(service: &Service) -> (Run, Run) {
    let runner = Runner::new(service);
    let old = runner.open(0).await.unwrap();
    old.announce(0..2).await.unwrap();
    // Its renewals never arrive, but its appends do: what a pause between check and call looks like from outside.
    let lease = crate::remote_state::Lease::seize(Runner::new(service).store(), holder("bob"), LENGTH).await.unwrap();
    lease.release().await.unwrap();
    let new = Runner::new(service).open(0).await.unwrap();
    assert_eq!(new.known(), [0, 1]);
    (old, new)
}

#[tokio::test(start_paused = true)]
async fn a_paused_run_cannot_append_once_another_has_taken_over() {
    let service = Service::default();
    let (old, new) = paused_and_taken_over(&service).await;
    assert!(old.lease.holds(), "it does not know yet");
    is_lost(old.announce(7..8).await);
    assert!(old.stop.requested() && !old.lease.holds());
    assert!(matches!(old.announce(8..9).await, Err(StateError::Broken(_))), "and nothing follows");
    new.announce(2..3).await.unwrap();
    new.end().await;
    assert_eq!(Runner::new(&service).open(0).await.unwrap().known(), [0, 1, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_paused_run_cannot_append_after_compaction_or_removal_either() {
    for removes in [false, true] {
        let service = Service::default();
        let (old, new) = paused_and_taken_over(&service).await;
        new.announce(2..9).await.unwrap();
        if removes {
            new.journal.remove().await.unwrap();
            new.journal.release().await.unwrap();
        } else {
            new.end().await;
        }
        for _ in 0..3 {
            Runner::new(&service).open(0).await.unwrap().end().await;
        }
        is_lost(old.announce(7..8).await);
        let known = Runner::new(&service).open(0).await.unwrap().known();
        assert_eq!(known, if removes { Vec::new() } else { (0..9).collect() });
    }
}

#[tokio::test(start_paused = true)]
async fn its_snapshot_neither_replaces_a_newer_one_nor_hides_what_follows() {
    let service = Service::default();
    let (old, new) = paused_and_taken_over(&service).await;
    new.announce(2..4).await.unwrap();
    // Before the successor has compacted, the old snapshot is correct up to its sequence.
    let before = old.journal.compact().await;
    new.announce(4..5).await.unwrap();
    new.end().await;
    is_lost(before.and(old.journal.compact().await));
    assert_eq!(Runner::new(&service).open(0).await.unwrap().known(), [0, 1, 2, 3, 4]);
}

#[tokio::test(start_paused = true)]
async fn an_append_that_arrives_long_after_its_run_was_replaced_has_no_effect() {
    let service = Service::default();
    let runner = Runner::new(&service);
    let old = runner.open(0).await.unwrap();
    // From now on, the append and every renewal are in flight for five minutes.
    (1..=30).for_each(|number| runner.fault(number, Fault::Late(Duration::from_secs(300))));
    let late = tokio::spawn(async move { (old.announce(0..1).await, old) });
    sleep(Duration::from_secs(70)).await;
    let new = Runner::new(&service).open(60).await.unwrap();
    new.announce(5..6).await.unwrap();
    is_lost(late.await.unwrap().0);
    sleep(Duration::from_secs(600)).await;
    assert!(new.lease.holds());
    new.end().await;
    assert_eq!(Runner::new(&service).open(0).await.unwrap().known(), [5]);
}

#[tokio::test(start_paused = true)]
async fn unlock_fences_off_the_holder_and_leaves_the_state_free() {
    let service = Service::default();
    let old = Runner::new(&service).open(0).await.unwrap();
    old.announce(0..2).await.unwrap();
    unlock(Runner::new(&service).store(), holder("bob"), LENGTH, "test").await.unwrap();
    is_lost(old.announce(2..3).await);
    let new = Runner::new(&service).open(0).await.unwrap();
    assert_eq!(new.known(), [0, 1]);
    assert_eq!(new.lease.fence(), 3);
}

#[tokio::test(start_paused = true)]
async fn damage_is_set_aside_with_a_warning_and_a_newer_format_is_not_touched() {
    let service = Service::default();
    let run = Runner::new(&service).open(0).await.unwrap();
    run.announce(0..4).await.unwrap();
    run.journal.release().await.unwrap();
    let good = service.bytes(&key(3));
    service.overwrite(&key(3), &good[..good.len() - 10]);
    let run = Runner::new(&service).open(0).await.unwrap();
    assert_eq!(run.known(), [0, 2, 3]);
    assert_eq!(run.warnings.len(), 1, "{:?}", run.warnings);
    assert!(run.warnings[0].contains("00003.jsonl is damaged at line 2"), "{:?}", run.warnings);
    assert_eq!(service.keys().iter().filter(|key| key.contains(".damaged-")).count(), 1);
    run.end().await;

    let snapshot = format!("{PREFIX}snapshot.json");
    let good = String::from_utf8(service.bytes(&snapshot)).unwrap();
    service.overwrite(&snapshot, good.replace("thing-2", "thing-9").as_bytes());
    let run = Runner::new(&service).open(0).await.unwrap();
    assert_eq!(run.known(), Vec::<u32>::new());
    assert!(run.warnings[0].contains("snapshot.json is damaged at crc32"), "{:?}", run.warnings);
    run.announce(0..1).await.unwrap();
    run.end().await;
    assert_eq!(Runner::new(&service).open(0).await.unwrap().known(), [0]);

    let newer = good.replace("\"format\": 1", "\"format\": 2");
    service.overwrite(&snapshot, newer.as_bytes());
    let refused = Runner::new(&service).open(100).await.err();
    assert!(matches!(refused, Some(RemoteStateError::State(StateError::Newer { found: 2, .. }))));
    assert_eq!(service.bytes(&snapshot), newer.as_bytes());
}

#[tokio::test(start_paused = true)]
async fn a_missing_object_gives_a_warning() {
    let service = Service::default();
    let run = Runner::new(&service).open(0).await.unwrap();
    run.announce(0..4).await.unwrap();
    run.journal.release().await.unwrap();
    service.forget(&key(3));
    let run = Runner::new(&service).open(0).await.unwrap();
    assert_eq!(run.known(), [0, 2, 3]);
    assert!(run.warnings[0].contains("objects are missing"), "{:?}", run.warnings);
}
