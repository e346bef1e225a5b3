//! Lost, duplicated, and refused answers, and objects of somebody else, case by case.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

mod fake;

use payinfra_engine::{ApplyError, Class};
use payinfra_state::Phase;
use serde_json::json;

use fake::cloud::{Delays, Fault};
use fake::harness::{
    End, Findings, Harness, address, completed, count_scenario, demand_destroyed, demand_settled, failed,
    in_virtual_time,
};
use fake::kinds::*;
use fake::stacks::{FakeResource, payments, small};

#[test]
fn the_same_run_recovers_from_every_lost_answer_of_a_create() {
    for resource in payments() {
        for fault in [Fault::LostAnswer(Class::NoAnswer), Fault::LostAnswer(Class::Transient), Fault::Twice] {
            if fault == Fault::Twice && BEHAVIOURS[resource.kind].idempotency == payinfra_engine::Idempotency::Tags {
                continue;
            }
            in_virtual_time(async {
                let harness = Harness::new(1, Delays::AWS);
                harness.cloud.will("create", resource.address().as_str(), [fault]);
                completed(harness.up(&payments()).await);
                demand_settled(&harness, &payments()).await;
                let calls = harness.cloud.calls_of("create");
                let mut tokens: Vec<&String> = calls
                    .iter()
                    .filter(|call| call.name == resource.address().as_str())
                    .map(|call| &call.token)
                    .collect();
                tokens.dedup();
                assert_eq!(tokens.len(), 1, "every attempt sends the same key");
            });
        }
    }
    count_scenario(2);
}

#[test]
fn an_answer_without_the_id_creates_no_second_object() {
    for resource in payments() {
        in_virtual_time(async {
            let harness = Harness::new(1, Delays::AWS);
            harness.cloud.nameless.lock().unwrap().insert(resource.address().to_string());
            completed(harness.up(&payments()).await);
            demand_settled(&harness, &payments()).await;
        });
    }
    count_scenario(2);
}

#[test]
fn an_announced_create_stays_recorded_after_the_last_attempt_fails() {
    in_virtual_time(async {
        for last in [Class::Throttled, Class::Denied, Class::Credentials, Class::NoAnswer] {
            let harness = Harness::new(1, Delays::AWS);
            let resources = [FakeResource::new(GATEWAY, "nat")];
            // The first attempt creates the object; no later answer confirms it.
            let faults = std::iter::once(Fault::LostAnswer(Class::NoAnswer)).chain([Fault::Refused(last); 400]);
            harness.cloud.will("create", "gateway.nat", faults);
            failed(harness.up(&resources).await);
            let record = harness.state().records[&address("gateway.nat")].clone();
            assert_eq!(record.phase, Phase::Creating, "{last:?}");
            harness.cloud.script.lock().unwrap().clear();
            completed(harness.up(&resources).await);
            demand_settled(&harness, &resources).await;
        }
    });
    count_scenario(2);
}

#[test]
fn a_refused_create_leaves_nothing_in_the_state() {
    in_virtual_time(async {
        for class in [Class::Denied, Class::Quota, Class::Invalid] {
            let harness = Harness::new(1, Delays::AWS);
            harness.cloud.will("create", "gateway.nat", [Fault::Refused(class)]);
            failed(harness.up(&small()).await);
            assert!(!harness.state().records.contains_key(&address("gateway.nat")), "{class:?}");
            completed(harness.up(&small()).await);
            demand_settled(&harness, &small()).await;
        }
    });
    count_scenario(2);
}

#[test]
fn an_unanswered_create_with_a_changed_configuration_creates_no_second_object() {
    for kind in [GATEWAY, NETWORK, LOGS] {
        for seed in 0..20 {
            in_virtual_time(async {
                let harness = Harness::new(seed, Delays::AWS);
                let mut resources = [FakeResource::new(kind, "main")];
                let name = resources[0].address();
                // Killed right after the effect: the second point after the three of the append.
                harness.kill.arm(Some(4));
                assert!(matches!(harness.up(&resources).await, End::Killed));
                assert_eq!(harness.kill.label().unwrap(), format!("after create {name}"));
                harness.kill.arm(None);
                resources[0].size = 2;
                completed(harness.up(&resources).await);
                demand_settled(&harness, &resources).await;
                assert_eq!(harness.cloud.world.lock().unwrap().objects.len(), 1);
            });
        }
    }
    count_scenario(2);
}

#[test]
fn an_unanswered_create_is_found_by_destroy_and_after_its_resource_was_removed() {
    for kind in [GATEWAY, NETWORK, LOGS] {
        for seed in 0..10 {
            for destroy in [true, false] {
                in_virtual_time(async {
                    let harness = Harness::new(seed, Delays::AWS);
                    harness.kill.arm(Some(4));
                    assert!(matches!(harness.up(&[FakeResource::new(kind, "main")]).await, End::Killed));
                    harness.kill.arm(None);
                    let end = if destroy { harness.destroy(&[]).await } else { harness.up(&[]).await };
                    completed(end);
                    assert_eq!(harness.findings(), Findings::default());
                    assert_eq!(harness.cloud.world.lock().unwrap().living().count(), 0);
                });
            }
        }
    }
    count_scenario(2);
}

#[test]
fn a_name_taken_by_somebody_else_is_neither_adopted_nor_deleted() {
    in_virtual_time(async {
        let harness = Harness::new(1, Delays::AWS);
        let blank = json!({ "size": 1, "fixed": 1, "nested": null, "on": [], "uses": [] });
        harness.cloud.world.lock().unwrap().put("bucket.archive", "bucket", None, blank);
        let (summary, failures) = failed(harness.up(&payments()).await);
        assert_eq!((summary.created, summary.failed), (14, 1));
        assert!(matches!(&failures[0].1, ApplyError::NotOurs { address, .. } if address.as_str() == "bucket.archive"));
        demand_destroyed(&harness, &payments()).await;
        assert!(harness.cloud.world.lock().unwrap().objects.contains_key("bucket.archive"));
    });
    count_scenario(5);
}

#[test]
fn a_name_that_a_deleted_object_still_holds_is_asked_for_once_more() {
    in_virtual_time(async {
        let harness = Harness::new(1, Delays::AWS);
        harness.cloud.will("create", "bucket.archive", [Fault::Refused(Class::Exists)]);
        completed(harness.up(&payments()).await);
        demand_settled(&harness, &payments()).await;
        let asked = harness.cloud.calls_of("create");
        let asked: Vec<_> = asked.iter().filter(|call| call.name == "bucket.archive").collect();
        assert_eq!(asked.len(), 2);
    });
    in_virtual_time(async {
        let harness = Harness::new(1, Delays::AWS);
        harness.cloud.will("create", "bucket.archive", [Fault::Refused(Class::Exists); 3]);
        let (_, failures) = failed(harness.up(&payments()).await);
        assert!(matches!(&failures[0].1, ApplyError::NotOurs { address, .. } if address.as_str() == "bucket.archive"));
        assert_eq!(harness.cloud.script.lock().unwrap().values().map(|left| left.len()).sum::<usize>(), 1);
    });
    count_scenario(2);
}

#[test]
fn a_name_of_ours_that_somebody_else_took_over_is_left_alone() {
    in_virtual_time(async {
        let harness = Harness::new(1, Delays::AWS);
        completed(harness.up(&payments()).await);
        tokio::time::sleep(seconds(60)).await;
        {
            let mut world = harness.cloud.world.lock().unwrap();
            let spec = world.objects.remove("bucket.archive").unwrap().spec;
            world.put("bucket.archive", "bucket", None, spec);
        }
        let (_, failures) = failed(harness.up(&payments()).await);
        assert!(matches!(&failures[0].1, ApplyError::NotOurs { .. }));
        demand_destroyed(&harness, &payments()).await;
        assert!(harness.cloud.world.lock().unwrap().objects.contains_key("bucket.archive"));
    });
    count_scenario(5);
}

#[test]
fn two_objects_with_the_same_tags_are_an_error_that_names_both_and_are_destroyed_with_the_stack() {
    in_virtual_time(async {
        let harness = Harness::new(1, Delays::NONE);
        completed(harness.up(&small()).await);
        {
            let mut world = harness.cloud.world.lock().unwrap();
            let spec = world.objects["network-0000"].spec.clone();
            world.put("network-9999", "network", Some(address("network.main")), spec);
        }
        let calls = harness.cloud.mutating_calls();
        let end = harness.up(&small()).await;
        let End::Refused(ApplyError::Duplicate { address, ids }) = end else { panic!("{end:?}") };
        assert_eq!(
            (address.as_str(), ids.as_slice()),
            ("network.main", &["network-0000".to_owned(), "network-9999".to_owned()][..])
        );
        assert_eq!(harness.cloud.mutating_calls(), calls);

        let gone = demand_destroyed(&harness, &small()).await;
        assert_eq!(gone.deleted, small().len() + 1);
        let deletions = harness.cloud.calls_of("delete");
        let of_networks = deletions.iter().filter(|call| call.kind == "network").count();
        assert_eq!(of_networks, 2, "neither is deleted before those that use it are gone");
    });
    count_scenario(5);
}

#[test]
fn a_killed_destroy_of_two_objects_with_the_same_tags_is_completed_by_the_next() {
    for point in 0.. {
        let killed = in_virtual_time(async {
            let harness = Harness::new(1, Delays::NONE);
            completed(harness.up(&small()).await);
            {
                let mut world = harness.cloud.world.lock().unwrap();
                let spec = world.objects["network-0000"].spec.clone();
                world.put("network-9999", "network", Some(address("network.main")), spec);
            }
            harness.kill.arm(Some(point));
            let killed = matches!(harness.destroy(&small()).await, End::Killed);
            harness.kill.arm(None);
            demand_destroyed(&harness, &small()).await;
            killed
        });
        if !killed {
            break;
        }
    }
    count_scenario(5);
}

#[test]
fn an_unanswered_create_is_not_mistaken_for_a_predecessor_pending_deletion() {
    for seed in 0..10 {
        in_virtual_time(async {
            let harness = Harness::new(seed, Delays::AWS);
            let mut resources = [FakeResource::new(KEY, "data")];
            completed(harness.up(&resources).await);
            resources[0].fixed = 2;
            harness.cloud.will("create", "key.data", [Fault::LostAnswer(Class::NoAnswer)]);
            completed(harness.up(&resources).await);
            demand_settled(&harness, &resources).await;
            assert_eq!(harness.cloud.calls_of("create").len(), 2);
        });
    }
}
