//! Lost, doubled and refused answers, and objects of somebody else, one by one.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

mod fake;

use payinfra_engine::{Class, Failure};
use payinfra_state::Phase;
use serde_json::json;

use fake::cloud::{Delays, Fault};
use fake::kinds::*;
use fake::lab::{
    End, Findings, Lab, address, completed, demand_destroyed, demand_settled, failed, in_virtual_time, scenario,
};
use fake::stacks::{Plant, payments, small};

#[test]
fn every_lost_answer_of_a_create_is_made_good_in_the_same_run() {
    for plant in payments() {
        for fault in [Fault::LostAnswer(Class::NoAnswer), Fault::LostAnswer(Class::Transient), Fault::Twice] {
            if fault == Fault::Twice && MANNERS[plant.kind].identity == payinfra_engine::Identity::Marks {
                continue;
            }
            in_virtual_time(async {
                let lab = Lab::new(1, Delays::AWS);
                lab.cloud.will("create", plant.address().as_str(), [fault]);
                completed(lab.up(&payments()).await);
                demand_settled(&lab, &payments()).await;
                let calls = lab.cloud.calls_of("create");
                let mut tokens: Vec<&String> =
                    calls.iter().filter(|call| call.name == plant.address().as_str()).map(|call| &call.token).collect();
                tokens.dedup();
                assert_eq!(tokens.len(), 1, "every attempt sends the same key");
            });
        }
    }
    scenario(2);
}

#[test]
fn an_answer_that_does_not_tell_the_id_makes_no_second_object() {
    for plant in payments() {
        in_virtual_time(async {
            let lab = Lab::new(1, Delays::AWS);
            lab.cloud.nameless.lock().unwrap().insert(plant.address().to_string());
            completed(lab.up(&payments()).await);
            demand_settled(&lab, &payments()).await;
        });
    }
    scenario(2);
}

#[test]
fn an_announcement_outlives_the_end_of_all_attempts() {
    in_virtual_time(async {
        for last in [Class::Throttled, Class::Denied, Class::Credentials, Class::NoAnswer] {
            let lab = Lab::new(1, Delays::AWS);
            let plants = [Plant::new(GATEWAY, "nat")];
            // The first attempt makes the object; no later one says so.
            let faults = std::iter::once(Fault::LostAnswer(Class::NoAnswer)).chain([Fault::Refused(last); 400]);
            lab.cloud.will("create", "gateway.nat", faults);
            failed(lab.up(&plants).await);
            let record = lab.state().records[&address("gateway.nat")].clone();
            assert_eq!(record.phase, Phase::Creating, "{last:?}");
            lab.cloud.script.lock().unwrap().clear();
            completed(lab.up(&plants).await);
            demand_settled(&lab, &plants).await;
        }
    });
    scenario(2);
}

#[test]
fn a_refused_create_leaves_nothing_in_the_state() {
    in_virtual_time(async {
        for class in [Class::Denied, Class::Quota, Class::Invalid] {
            let lab = Lab::new(1, Delays::AWS);
            lab.cloud.will("create", "gateway.nat", [Fault::Refused(class)]);
            failed(lab.up(&small()).await);
            assert!(!lab.state().records.contains_key(&address("gateway.nat")), "{class:?}");
            completed(lab.up(&small()).await);
            demand_settled(&lab, &small()).await;
        }
    });
    scenario(2);
}

#[test]
fn an_unanswered_create_with_a_changed_configuration_makes_no_second_object() {
    for kind in [GATEWAY, NETWORK, LOGS] {
        for seed in 0..20 {
            in_virtual_time(async {
                let lab = Lab::new(seed, Delays::AWS);
                let mut plants = [Plant::new(kind, "main")];
                let name = plants[0].address();
                // Killed right after the effect: the second point after the three of the append.
                lab.kill.arm(Some(4));
                assert!(matches!(lab.up(&plants).await, End::Killed));
                assert_eq!(lab.kill.label().unwrap(), format!("after create {name}"));
                lab.kill.arm(None);
                plants[0].size = 2;
                completed(lab.up(&plants).await);
                demand_settled(&lab, &plants).await;
                assert_eq!(lab.cloud.world.lock().unwrap().objects.len(), 1);
            });
        }
    }
    scenario(2);
}

#[test]
fn an_unanswered_create_is_found_by_destroy_and_after_it_left_the_configuration() {
    for kind in [GATEWAY, NETWORK, LOGS] {
        for seed in 0..10 {
            for destroy in [true, false] {
                in_virtual_time(async {
                    let lab = Lab::new(seed, Delays::AWS);
                    lab.kill.arm(Some(4));
                    assert!(matches!(lab.up(&[Plant::new(kind, "main")]).await, End::Killed));
                    lab.kill.arm(None);
                    let end = if destroy { lab.destroy(&[]).await } else { lab.up(&[]).await };
                    completed(end);
                    assert_eq!(lab.findings(), Findings::default());
                    assert_eq!(lab.cloud.world.lock().unwrap().living().count(), 0);
                });
            }
        }
    }
    scenario(2);
}

#[test]
fn a_name_that_a_stranger_holds_is_neither_adopted_nor_deleted() {
    in_virtual_time(async {
        let lab = Lab::new(1, Delays::AWS);
        let blank = json!({ "size": 1, "fixed": 1, "nested": null, "on": [], "uses": [] });
        lab.cloud.world.lock().unwrap().put("bucket.archive", "bucket", None, blank);
        let (summary, failures) = failed(lab.up(&payments()).await);
        assert_eq!((summary.created, summary.failed), (14, 1));
        assert!(matches!(&failures[0].1, Failure::NotOurs { address, .. } if address.as_str() == "bucket.archive"));
        demand_destroyed(&lab, &payments()).await;
        assert!(lab.cloud.world.lock().unwrap().objects.contains_key("bucket.archive"));
    });
    scenario(5);
}

#[test]
fn a_name_of_ours_that_a_stranger_took_over_is_left_alone() {
    in_virtual_time(async {
        let lab = Lab::new(1, Delays::AWS);
        completed(lab.up(&payments()).await);
        tokio::time::sleep(seconds(60)).await;
        {
            let mut world = lab.cloud.world.lock().unwrap();
            let spec = world.objects.remove("bucket.archive").unwrap().spec;
            world.put("bucket.archive", "bucket", None, spec);
        }
        let (_, failures) = failed(lab.up(&payments()).await);
        assert!(matches!(&failures[0].1, Failure::NotOurs { .. }));
        demand_destroyed(&lab, &payments()).await;
        assert!(lab.cloud.world.lock().unwrap().objects.contains_key("bucket.archive"));
    });
    scenario(5);
}

#[test]
fn two_objects_with_one_mark_are_an_error_that_names_both_and_go_with_the_stack() {
    in_virtual_time(async {
        let lab = Lab::new(1, Delays::NONE);
        completed(lab.up(&small()).await);
        {
            let mut world = lab.cloud.world.lock().unwrap();
            let spec = world.objects["network-0000"].spec.clone();
            world.put("network-9999", "network", Some(address("network.main")), spec);
        }
        let calls = lab.cloud.mutating_calls();
        let end = lab.up(&small()).await;
        let End::Refused(Failure::Duplicate { address, ids }) = end else { panic!("{end:?}") };
        assert_eq!(
            (address.as_str(), ids.as_slice()),
            ("network.main", &["network-0000".to_owned(), "network-9999".to_owned()][..])
        );
        assert_eq!(lab.cloud.mutating_calls(), calls);

        let gone = demand_destroyed(&lab, &small()).await;
        assert_eq!(gone.deleted, small().len() + 1);
        let deletions = lab.cloud.calls_of("delete");
        let of_networks = deletions.iter().filter(|call| call.kind == "network").count();
        assert_eq!(of_networks, 2, "neither is asked to go before those that use it are gone");
    });
    scenario(5);
}

#[test]
fn a_destroy_of_two_objects_with_one_mark_is_completed_by_the_next() {
    for point in 0.. {
        let killed = in_virtual_time(async {
            let lab = Lab::new(1, Delays::NONE);
            completed(lab.up(&small()).await);
            {
                let mut world = lab.cloud.world.lock().unwrap();
                let spec = world.objects["network-0000"].spec.clone();
                world.put("network-9999", "network", Some(address("network.main")), spec);
            }
            lab.kill.arm(Some(point));
            let killed = matches!(lab.destroy(&small()).await, End::Killed);
            lab.kill.arm(None);
            demand_destroyed(&lab, &small()).await;
            killed
        });
        if !killed {
            break;
        }
    }
    scenario(5);
}
