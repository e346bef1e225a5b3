//! The state is torn, cut, lost or old, and the next run converges all the same.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]
#![allow(clippy::print_stdout, reason = "the summary line is what the sweep is for")]

mod fake;

use std::fs;
use std::path::Path;

use payinfra_state::{Backend, Holder, LocalBackend};

use fake::cloud::Delays;
use fake::disk::Files;
use fake::kinds::{BUCKET, DATABASE, NETWORK, seconds};
use fake::lab::{End, Findings, Lab, in_virtual_time, scenario};
use fake::stacks::{Plant, payments, small};
use fake::summary;

/// What an `up` that was killed at a point leaves on the disk, with the cloud it leaves behind.
async fn killed(seed: u64, plants: &[Plant], at: u64) -> Option<Lab> {
    let lab = Lab::new(seed, Delays::AWS);
    lab.kill.arm(Some(at));
    let end = lab.up(plants).await;
    lab.kill.arm(None);
    matches!(end, End::Killed).then_some(lab)
}

async fn recover(lab: &Lab, plants: &[Plant], told: &str) -> Findings {
    let end = lab.up(plants).await;
    assert!(end.is_complete(), "{told}: {end:?}");
    lab.settled(plants).await
}

fn told(counts: &str) {
    println!("{counts}");
    summary::line(4, counts);
}

fn demand_clean(findings: &Findings, told: &str) {
    assert!(findings.is_clean(), "{told}: {findings:#?}");
}

/// The length of a journal without its last line.
fn before_last_line(journal: &[u8]) -> usize {
    let body = journal.strip_suffix(b"\n").unwrap_or(journal);
    body.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1)
}

#[test]
fn a_journal_torn_at_every_byte_of_its_last_line_converges() {
    let plants = small();
    let mut torn = 0;
    // The kill at these points leaves an announcement, an acquisition and a completion as the last line.
    for at in [3, 9, 14, 17, 23, 29, 31] {
        let length = in_virtual_time(killed(at, &plants, at)).unwrap().disk.files.lock().unwrap().journal.len();
        for cut in 0..length {
            let tested = in_virtual_time(async {
                let lab = killed(at, &plants, at).await.unwrap();
                // A line that was durable can only be lost with its call long past: what it made has become visible.
                tokio::time::sleep(seconds(60)).await;
                {
                    let mut files = lab.disk.files.lock().unwrap();
                    if cut < before_last_line(&files.journal) {
                        return false;
                    }
                    files.journal.truncate(cut);
                }
                let told = format!("killed at {at}, cut to {cut} bytes");
                demand_clean(&recover(&lab, &plants, &told).await, &told);
                true
            });
            torn += u32::from(tested);
        }
    }
    told(&format!("{torn} cuts of a journal's last line, at every byte: 0 orphans, 0 duplicates, 0 phantoms"));
    assert!(torn > 1000, "only {torn} cuts");
}

/// Brings a stack up with its state in real files, and changes it once more so that snapshot and journal both matter.
async fn in_files(folder: &Path, at: u64) -> Lab {
    let mut lab = Lab::new(at, Delays::AWS);
    lab.folder = Some(folder.to_owned());
    assert!(lab.up(&small()).await.is_complete());
    lab
}

#[test]
fn real_files_torn_or_cut_at_any_byte_are_read_and_rebuilt() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("state");
    let holder = Holder::this_process("test");
    in_virtual_time(async {
        let lab = in_files(&folder, 1).await;
        let mut changed = small();
        changed[2].size = 2;
        changed.push(Plant::new(BUCKET, "late"));
        // A run that fails leaves its journal beside the snapshot.
        lab.cloud.will("create", "bucket.late", [fake::cloud::Fault::Refused(payinfra_engine::Class::Denied)]);
        assert!(!lab.up(&changed).await.is_complete());
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
                    // The last byte is a line feed: nothing is lost with it.
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
                    let told = format!("{} cut to {cut} bytes", path.display());
                    demand_clean(&recover(&lab, &changed, &told).await, &told);
                    runs += 1;
                    // Back to where it was, for the next cut.
                    assert!(lab.up(&changed).await.is_complete());
                }
            }
        }
        told(&format!(
            "{cuts} cuts of snapshot and journal on disk, {runs} with runs: 0 orphans, 0 duplicates, 0 phantoms"
        ));
    });
}

#[test]
fn a_lost_state_is_rebuilt_and_the_plan_is_empty() {
    in_virtual_time(async {
        let lab = Lab::new(1, Delays::AWS);
        let plants = payments();
        assert!(lab.up(&plants).await.is_complete());
        tokio::time::sleep(seconds(60)).await;
        let before = lab.state().records;
        lab.disk.lose();
        assert!(lab.plan(&plants).await.unwrap().is_empty());
        let calls = lab.cloud.mutating_calls();
        assert!(lab.up(&plants).await.is_complete());
        assert_eq!(lab.cloud.mutating_calls(), calls);
        let after = lab.state().records;
        for (address, record) in &before {
            let again = &after[address];
            let same = (&again.id, &again.spec, &again.outputs, &again.deps, again.phase);
            assert_eq!((&record.id, &record.spec, &record.outputs, &record.deps, record.phase), same, "{address}");
        }
        demand_clean(&lab.settled(&plants).await, "rebuilt");
    });
    scenario(4);
}

#[test]
fn destroy_works_without_state() {
    in_virtual_time(async {
        let lab = Lab::new(2, Delays::AWS);
        assert!(lab.up(&payments()).await.is_complete());
        tokio::time::sleep(seconds(60)).await;
        lab.disk.lose();
        let end = lab.destroy(&payments()).await;
        assert!(end.is_complete(), "{end:?}");
        demand_clean(&lab.findings(), "destroyed without state");
        assert_eq!(lab.cloud.world.lock().unwrap().living().count(), 0);
    });
    scenario(4);
}

#[test]
fn a_state_lost_with_the_killed_run_is_rebuilt() {
    let mut points = 0;
    for at in (0..160).step_by(3) {
        for last in ["up", "destroy"] {
            points += in_virtual_time(async {
                let Some(lab) = killed(at, &payments(), at).await else { return 0 };
                lab.disk.lose();
                tokio::time::sleep(seconds(60)).await;
                let told = format!("killed at {at}, state lost, then {last}");
                if last == "up" {
                    demand_clean(&recover(&lab, &payments(), &told).await, &told);
                } else {
                    let end = lab.destroy(&payments()).await;
                    assert!(end.is_complete(), "{told}: {end:?}");
                    demand_clean(&lab.findings(), &told);
                }
                1
            });
        }
    }
    told(&format!("{points} runs killed and their state lost: 0 orphans, 0 duplicates, 0 phantoms"));
    assert!(points > 80, "only {points} points");
}

#[test]
fn an_older_state_restored_from_a_backup_is_brought_up_to_date() {
    for last in ["up", "destroy"] {
        in_virtual_time(async {
            let lab = Lab::new(3, Delays::AWS);
            let mut plants = payments();
            assert!(lab.up(&plants[..11]).await.is_complete());
            let backup: Files = lab.disk.files.lock().unwrap().clone();
            // Since then: more resources, one that changed, one that was replaced.
            plants[8].size = 2;
            plants[10].fixed = 2;
            assert!(lab.up(&plants).await.is_complete());
            tokio::time::sleep(seconds(60)).await;
            *lab.disk.files.lock().unwrap() = backup;
            if last == "up" {
                assert!(lab.plan(&plants).await.unwrap().is_empty());
                demand_clean(&recover(&lab, &plants, "restored").await, "restored");
            } else {
                let end = lab.destroy(&plants).await;
                assert!(end.is_complete(), "{end:?}");
                demand_clean(&lab.findings(), "restored and destroyed");
            }
        });
    }
    scenario(4);
}

#[test]
fn a_backup_from_before_a_destroy_does_not_bring_anything_back_to_life() {
    in_virtual_time(async {
        let lab = Lab::new(4, Delays::AWS);
        assert!(lab.up(&payments()).await.is_complete());
        let backup: Files = lab.disk.files.lock().unwrap().clone();
        assert!(lab.destroy(&payments()).await.is_complete());
        *lab.disk.files.lock().unwrap() = backup;
        let end = lab.destroy(&payments()).await;
        assert!(end.is_complete(), "{end:?}");
        demand_clean(&lab.findings(), "destroyed twice");
        let plan = lab.plan(&payments()).await.unwrap();
        assert_eq!(plan.acting().count(), payments().len());
        demand_clean(&recover(&lab, &payments(), "up again").await, "up again");
    });
    scenario(4);
}

#[test]
fn a_resource_that_left_the_configuration_while_the_state_was_lost_is_found_as_an_orphan() {
    in_virtual_time(async {
        let lab = Lab::new(5, Delays::AWS);
        let mut plants = small();
        plants.push(Plant::new(DATABASE, "old").on(&[0]));
        plants.push(Plant::new(NETWORK, "old").on(&[0]));
        assert!(lab.up(&plants).await.is_complete());
        tokio::time::sleep(seconds(60)).await;
        lab.disk.lose();
        plants.truncate(3);
        let plan = lab.plan(&plants).await.unwrap();
        let orphans: Vec<String> =
            plan.acting().map(|change| format!("{} {:?}", change.address, change.because)).collect();
        assert_eq!(orphans, ["database.old Orphan", "network.old Orphan"]);
        demand_clean(&recover(&lab, &plants, "orphans").await, "orphans");
    });
    scenario(5);
}
