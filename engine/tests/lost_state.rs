//! The state is torn, cut, lost, or old, and the next run still converges.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]
#![allow(clippy::print_stdout, reason = "the summary line is what the sweep is for")]

mod fake;

use std::fs;
use std::path::Path;

use payinfra_state::{Backend, Holder, LocalBackend};

use fake::cloud::Delays;
use fake::disk::Files;
use fake::harness::{End, Findings, Harness, count_scenario, in_virtual_time};
use fake::kinds::{BUCKET, DATABASE, NETWORK, seconds};
use fake::stacks::{FakeResource, payments, small};
use fake::summary;

/// What an `up` that was killed at a point leaves on the disk, with the cloud it leaves behind.
async fn killed(seed: u64, resources: &[FakeResource], at: u64) -> Option<Harness> {
    let harness = Harness::new(seed, Delays::AWS);
    harness.kill.arm(Some(at));
    let end = harness.up(resources).await;
    harness.kill.arm(None);
    matches!(end, End::Killed).then_some(harness)
}

async fn recover(harness: &Harness, resources: &[FakeResource], case: &str) -> Findings {
    let end = harness.up(resources).await;
    assert!(end.is_complete(), "{case}: {end:?}");
    harness.settled(resources).await
}

fn report(counts: &str) {
    println!("{counts}");
    summary::line(4, counts);
}

fn demand_clean(findings: &Findings, case: &str) {
    assert!(findings.is_clean(), "{case}: {findings:#?}");
}

/// The length of a journal without its last line.
fn before_last_line(journal: &[u8]) -> usize {
    let body = journal.strip_suffix(b"\n").unwrap_or(journal);
    body.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1)
}

#[test]
fn a_journal_torn_at_every_byte_of_its_last_line_converges() {
    let resources = small();
    let mut torn = 0;
    // A kill at these points leaves an announcement, an acquisition, or a completion as the last line.
    for at in [3, 9, 14, 17, 23, 29, 31] {
        let journal = in_virtual_time(killed(at, &resources, at)).unwrap().disk.files.lock().unwrap().journal.clone();
        // The lines before differ by a few bytes from run to run.
        for cut in before_last_line(&journal).saturating_sub(50)..journal.len() {
            let tested = in_virtual_time(async {
                let harness = killed(at, &resources, at).await.unwrap();
                // A durable line can only be lost long after its call: what the call created has become visible.
                tokio::time::sleep(seconds(60)).await;
                {
                    let mut files = harness.disk.files.lock().unwrap();
                    if cut < before_last_line(&files.journal) {
                        return false;
                    }
                    files.journal.truncate(cut);
                }
                let case = format!("killed at {at}, cut to {cut} bytes");
                demand_clean(&recover(&harness, &resources, &case).await, &case);
                true
            });
            torn += u32::from(tested);
        }
    }
    report(&format!("{torn} cuts of a journal's last line, at every byte: 0 orphans, 0 duplicates, 0 phantoms"));
    assert!(torn > 1000, "only {torn} cuts");
}

/// Brings up a stack with its state in real files.
async fn in_files(folder: &Path, at: u64) -> Harness {
    let mut harness = Harness::new(at, Delays::AWS);
    harness.folder = Some(folder.to_owned());
    assert!(harness.up(&small()).await.is_complete());
    harness
}

#[test]
fn real_files_torn_or_cut_at_any_byte_are_read_and_rebuilt() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("state");
    let holder = Holder::this_process("test");
    in_virtual_time(async {
        let harness = in_files(&folder, 1).await;
        let mut changed = small();
        changed[2].size = 2;
        changed.push(FakeResource::new(BUCKET, "late"));
        // A run that fails leaves its journal beside the snapshot.
        harness.cloud.will("create", "bucket.late", [fake::cloud::Fault::Refused(payinfra_engine::Class::Denied)]);
        assert!(!harness.up(&changed).await.is_complete());
        let (snapshot, journal) = (folder.join("test/snapshot.json"), folder.join("test/journal.jsonl"));
        let (whole_snapshot, whole_journal) = (fs::read(&snapshot).unwrap(), fs::read(&journal).unwrap());
        let (mut cuts, mut runs) = (0, 0);
        for (path, whole, from) in
            [(&snapshot, &whole_snapshot, 0), (&journal, &whole_journal, before_last_line(&whole_journal))]
        {
            for cut in from..whole.len() {
                fs::write(&snapshot, &whole_snapshot).unwrap();
                fs::write(&journal, &whole_journal).unwrap();
                fs::write(path, &whole[..cut]).unwrap();
                let mut backend = LocalBackend::open(&folder, "test", &holder).unwrap();
                let loaded = backend.load("test").await.unwrap();
                drop(backend);
                cuts += 1;
                let says = loaded.warnings.join("; ");
                if path == &snapshot {
                    // The last byte is a line feed, so nothing is lost with it.
                    assert_eq!(
                        says.contains("snapshot.json is damaged at line"),
                        cut + 1 < whole.len(),
                        "{cut}: {says}"
                    );
                } else {
                    assert!(says.is_empty(), "{cut}: {says}");
                }
                if cut % 97 == 0 {
                    fs::write(&snapshot, &whole_snapshot).unwrap();
                    fs::write(path, &whole[..cut]).unwrap();
                    let case = format!("{} cut to {cut} bytes", path.display());
                    demand_clean(&recover(&harness, &changed, &case).await, &case);
                    runs += 1;
                    // Restore the stack for the next cut.
                    assert!(harness.up(&changed).await.is_complete());
                }
            }
        }
        report(&format!(
            "{cuts} cuts of snapshot and journal on disk, {runs} with runs: 0 orphans, 0 duplicates, 0 phantoms"
        ));
    });
}

#[test]
fn a_lost_state_is_rebuilt_and_the_plan_is_empty() {
    in_virtual_time(async {
        let harness = Harness::new(1, Delays::AWS);
        let resources = payments();
        assert!(harness.up(&resources).await.is_complete());
        tokio::time::sleep(seconds(60)).await;
        let before = harness.state().records;
        harness.disk.lose();
        assert!(harness.plan(&resources).await.unwrap().is_empty());
        let calls = harness.cloud.mutating_calls();
        assert!(harness.up(&resources).await.is_complete());
        assert_eq!(harness.cloud.mutating_calls(), calls);
        let after = harness.state().records;
        for (address, record) in &before {
            let again = &after[address];
            let same = (&again.id, &again.spec, &again.outputs, &again.deps, again.phase);
            assert_eq!((&record.id, &record.spec, &record.outputs, &record.deps, record.phase), same, "{address}");
        }
        demand_clean(&harness.settled(&resources).await, "rebuilt");
    });
    count_scenario(4);
}

#[test]
fn destroy_works_without_state() {
    in_virtual_time(async {
        let harness = Harness::new(2, Delays::AWS);
        assert!(harness.up(&payments()).await.is_complete());
        tokio::time::sleep(seconds(60)).await;
        harness.disk.lose();
        let end = harness.destroy(&payments()).await;
        assert!(end.is_complete(), "{end:?}");
        demand_clean(&harness.findings(), "destroyed without state");
        assert_eq!(harness.cloud.world.lock().unwrap().living().count(), 0);
    });
    count_scenario(4);
}

#[test]
fn a_state_lost_with_the_killed_run_is_rebuilt() {
    let mut points = 0;
    for at in (0..160).step_by(3) {
        for last in ["up", "destroy"] {
            points += in_virtual_time(async {
                let Some(harness) = killed(at, &payments(), at).await else { return 0 };
                harness.disk.lose();
                tokio::time::sleep(seconds(60)).await;
                let case = format!("killed at {at}, state lost, then {last}");
                if last == "up" {
                    demand_clean(&recover(&harness, &payments(), &case).await, &case);
                } else {
                    let end = harness.destroy(&payments()).await;
                    assert!(end.is_complete(), "{case}: {end:?}");
                    demand_clean(&harness.findings(), &case);
                }
                1
            });
        }
    }
    report(&format!("{points} runs killed and their state lost: 0 orphans, 0 duplicates, 0 phantoms"));
    assert!(points > 80, "only {points} points");
}

#[test]
fn an_older_state_restored_from_a_backup_is_brought_up_to_date() {
    for last in ["up", "destroy"] {
        in_virtual_time(async {
            let harness = Harness::new(3, Delays::AWS);
            let mut resources = payments();
            assert!(harness.up(&resources[..11]).await.is_complete());
            let backup: Files = harness.disk.files.lock().unwrap().clone();
            // Since then: more resources, one that changed, one that was replaced.
            resources[8].size = 2;
            resources[10].fixed = 2;
            assert!(harness.up(&resources).await.is_complete());
            tokio::time::sleep(seconds(60)).await;
            *harness.disk.files.lock().unwrap() = backup;
            if last == "up" {
                assert!(harness.plan(&resources).await.unwrap().is_empty());
                demand_clean(&recover(&harness, &resources, "restored").await, "restored");
            } else {
                let end = harness.destroy(&resources).await;
                assert!(end.is_complete(), "{end:?}");
                demand_clean(&harness.findings(), "restored and destroyed");
            }
        });
    }
    count_scenario(4);
}

#[test]
fn a_backup_from_before_a_destroy_resurrects_nothing() {
    in_virtual_time(async {
        let harness = Harness::new(4, Delays::AWS);
        assert!(harness.up(&payments()).await.is_complete());
        let backup: Files = harness.disk.files.lock().unwrap().clone();
        assert!(harness.destroy(&payments()).await.is_complete());
        *harness.disk.files.lock().unwrap() = backup;
        let end = harness.destroy(&payments()).await;
        assert!(end.is_complete(), "{end:?}");
        demand_clean(&harness.findings(), "destroyed twice");
        let plan = harness.plan(&payments()).await.unwrap();
        assert_eq!(plan.acting().count(), payments().len());
        demand_clean(&recover(&harness, &payments(), "up again").await, "up again");
    });
    count_scenario(4);
}

#[test]
fn a_resource_that_left_the_configuration_while_the_state_was_lost_is_found_as_an_orphan() {
    in_virtual_time(async {
        let harness = Harness::new(5, Delays::AWS);
        let mut resources = small();
        resources.push(FakeResource::new(DATABASE, "old").on(&[0]));
        resources.push(FakeResource::new(NETWORK, "old").on(&[0]));
        assert!(harness.up(&resources).await.is_complete());
        tokio::time::sleep(seconds(60)).await;
        harness.disk.lose();
        resources.truncate(3);
        let plan = harness.plan(&resources).await.unwrap();
        let orphans: Vec<String> =
            plan.acting().map(|change| format!("{} {:?}", change.address, change.because)).collect();
        assert_eq!(orphans, ["database.old Orphan", "network.old Orphan"]);
        demand_clean(&recover(&harness, &resources, "orphans").await, "orphans");
    });
    count_scenario(5);
}
