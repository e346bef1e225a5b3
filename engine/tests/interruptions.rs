//! A run is interrupted, runs out of disk space, or loses an object, and the next run continues.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

mod fake;

use std::time::Duration;

use payinfra_engine::{ApplyError, Outcome};
use payinfra_state::Phase;
use tokio::time::Instant;

use fake::cloud::Delays;
use fake::harness::{End, Findings, Harness, completed, count_scenario, demand_settled, failed, in_virtual_time};
use fake::kinds::*;
use fake::stacks::{FakeResource, payments};

#[test]
fn an_interrupt_starts_nothing_new_records_calls_in_flight_and_ends_soon() {
    for after in [0, 50, 100, 300, 1000, 3000, 20_000, 120_000, 400_000] {
        for destroy in [false, true] {
            in_virtual_time(async {
                let harness = Harness::new(after, Delays::AWS);
                let resources = payments();
                if destroy {
                    completed(harness.up(&resources).await);
                }
                let interrupt = async {
                    tokio::time::sleep(Duration::from_millis(after)).await;
                    harness.stop.lock().unwrap().request();
                    let calls = harness.cloud.mutating_calls();
                    tokio::time::sleep(seconds(30)).await;
                    assert_eq!(harness.cloud.mutating_calls(), calls, "no call is started after the interrupt");
                };
                let start = Instant::now();
                let run = async {
                    let end = if destroy { harness.destroy(&resources).await } else { harness.up(&resources).await };
                    (end, start.elapsed())
                };
                let ((end, took), ()) = tokio::join!(run, interrupt);
                assert!(matches!(end, End::Ran(_, Outcome::Interrupted(_))), "{end:?}");
                assert!(took < Duration::from_millis(after + 2000), "it ends soon: {took:?}");
                let unanswered =
                    harness.state().records.values().filter(|record| record.phase == Phase::Creating).count();
                let asked: usize = harness.cloud.calls_of("create").iter().filter(|call| call.answer.is_some()).count();
                assert!(unanswered <= asked, "calls in flight are recorded");
                completed(harness.up(&resources).await);
                demand_settled(&harness, &resources).await;
            });
        }
    }
    count_scenario(7);
}

#[test]
fn a_run_that_cannot_record_what_it_found_changes_nothing() {
    in_virtual_time(async {
        let harness = Harness::new(1, Delays::AWS);
        completed(harness.up(&payments()).await);
        harness.disk.lose();
        harness.disk.files.lock().unwrap().full_after = Some(0);
        let calls = harness.cloud.mutating_calls();
        let end = harness.up(&payments()).await;
        let End::Ran(_, Outcome::NotRecorded(summary, failure)) = end else { panic!("{end:?}") };
        assert!(failure.to_string().contains("the disk is full"), "{failure}");
        assert_eq!((summary.failed, harness.cloud.mutating_calls()), (0, calls));
        harness.disk.files.lock().unwrap().full_after = None;
        completed(harness.up(&payments()).await);
        demand_settled(&harness, &payments()).await;
    });
}

#[test]
fn a_full_disk_stops_everything_and_loses_nothing() {
    for full_after in 0..45 {
        for destroy in [false, true] {
            // A destroy writes two entries for each of the 15 resources.
            if destroy && full_after >= 30 {
                continue;
            }
            in_virtual_time(async {
                let harness = Harness::new(full_after, Delays::AWS);
                let resources = payments();
                if destroy {
                    completed(harness.up(&resources).await);
                }
                let written = harness.disk.files.lock().unwrap().written;
                harness.disk.files.lock().unwrap().full_after = Some(written + full_after);
                let end = if destroy { harness.destroy(&resources).await } else { harness.up(&resources).await };
                let (_, failures) = failed(end);
                assert!(
                    harness.since_first_failure().unwrap() < seconds(2),
                    "nothing is waited for that cannot be recorded"
                );
                assert!(failures.iter().all(|(_, failure)| matches!(failure, ApplyError::State(_))), "{failures:?}");
                assert!(failures[0].1.to_string().contains("the disk is full"), "{failures:?}");
                harness.disk.files.lock().unwrap().full_after = None;
                completed(harness.up(&resources).await);
                demand_settled(&harness, &resources).await;
            });
        }
    }
    count_scenario(9);
}

#[test]
fn an_object_that_vanishes_during_a_wait_is_created_by_the_next_run() {
    in_virtual_time(async {
        let harness = Harness::new(1, Delays::AWS);
        let meddler = async {
            tokio::time::sleep(seconds(300)).await;
            harness.cloud.world.lock().unwrap().objects.remove("database.main").unwrap();
        };
        let resources = payments();
        let (end, ()) = tokio::join!(harness.up(&resources), meddler);
        let (_, failures) = failed(end);
        assert!(matches!(&failures[0].1, ApplyError::Failed { address, .. } if address.as_str() == "database.main"));
        completed(harness.up(&resources).await);
        demand_settled(&harness, &resources).await;
    });
    count_scenario(3);
}

#[test]
fn a_killed_update_that_is_reverted_before_it_shows_is_written_again() {
    for seed in 0..10 {
        in_virtual_time(async {
            let harness = Harness::new(seed, Delays { settle: 55.0, ..Delays::NONE });
            let mut resources = [FakeResource::new(LOGS, "pay")];
            completed(harness.up(&resources).await);
            resources[0].size = 2;
            harness.kill.arm(Some(4));
            harness.up(&resources).await;
            assert_eq!(harness.kill.label().unwrap(), "after update logs.pay");
            harness.kill.arm(None);
            resources[0].size = 1;
            completed(harness.up(&resources).await);
            tokio::time::sleep(seconds(60)).await;
            demand_settled(&harness, &resources).await;
        });
    }
}

#[test]
fn a_pending_object_is_deleted_as_soon_as_the_cloud_allows() {
    in_virtual_time(async {
        for (kind, least, most) in [(DATABASE, 1380, 1450), (GATEWAY, 60, 80)] {
            let harness = Harness::new(1, Delays::NONE);
            let resources = [FakeResource::new(kind, "main")];
            // Killed after the acquisition is on disk, while the object is still being created.
            harness.kill.arm(Some(7));
            assert!(matches!(harness.up(&resources).await, End::Killed));
            harness.kill.arm(None);
            assert_eq!(harness.state().records[&resources[0].address()].phase, Phase::Acquired);
            let took = completed(harness.destroy(&resources).await).took.as_secs();
            assert!((least..most).contains(&took), "{took} s");
            assert_eq!(harness.findings(), Findings::default());
        }
    });
    count_scenario(8);
}
