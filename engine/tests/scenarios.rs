//! AWS's manners, one by one, at the figures of its documentation and of measurements.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

mod fake;

use std::time::Duration;

use payinfra_engine::{Action, Class, Event, Failure, Outcome, Reason, Summary};
use payinfra_state::Phase;
use serde_json::json;
use tokio::time::Instant;

use fake::cloud::{Delays, Fault};
use fake::kinds::*;
use fake::lab::{End, Findings, Lab, address, completed, demand_settled, failed, in_virtual_time};
use fake::stacks::{Plant, payments, small};

async fn demand_destroyed(lab: &Lab, plants: &[Plant]) -> Summary {
    let summary = completed(lab.destroy(plants).await);
    assert_eq!(lab.findings(), Findings::default());
    assert_eq!(lab.cloud.world.lock().unwrap().living().count(), 0);
    summary
}

#[test]
fn a_stack_takes_as_long_as_its_slowest_part_and_not_as_the_sum() {
    in_virtual_time(async {
        let lab = Lab::new(1, Delays::NONE);
        let up = completed(lab.up(&payments()).await).took.as_secs();
        // The database takes 740 s; one by one it would be more than 1,000 s.
        assert!((740..780).contains(&up), "{up} s");
        let down = demand_destroyed(&lab, &payments()).await.took.as_secs();
        assert!((660..720).contains(&down), "{down} s");
    });
}

#[test]
fn independent_resources_are_made_at_the_same_time_and_watched_with_one_call_per_tick() {
    in_virtual_time(async {
        let lab = Lab::new(1, Delays::NONE);
        let mut plants: Vec<Plant> = (0..30).map(|n| Plant::new(DATABASE, &format!("d{n}"))).collect();
        // A later start does not bring a rhythm of its own.
        plants.push(Plant::new(DATABASE, "late").uses_ready(&[0]));
        let took = completed(lab.up(&plants).await).took.as_secs();
        assert!((1480..1530).contains(&took), "{took} s");
        let starts: Vec<Instant> = lab.cloud.calls_of("create")[..30].iter().map(|call| call.at).collect();
        let spread = starts.iter().max().unwrap().duration_since(*starts.iter().min().unwrap());
        assert!(spread < Duration::from_millis(50), "{spread:?}");
        let looks =
            lab.cloud.calls_of("list").iter().filter(|call| call.kind == "database" && call.name == "ids").count();
        // One each 10 s in 1,480 s, and the first look at each of the 31; not 31 each 10 s.
        assert!((148..185).contains(&looks), "{looks} looks");
    });
}

#[test]
fn an_output_that_is_known_early_is_used_early() {
    in_virtual_time(async {
        for (plant, least, most) in [
            (Plant::new(FUNCTION, "pay").uses(&[0]), 740, 770),
            (Plant::new(FUNCTION, "pay").uses_ready(&[0]), 890, 930),
        ] {
            let lab = Lab::new(1, Delays::NONE);
            let took = completed(lab.up(&[Plant::new(DATABASE, "main"), plant]).await).took.as_secs();
            assert!((least..most).contains(&took), "{took} s");
        }
    });
}

#[test]
fn eventual_consistency_after_create_is_waited_out() {
    for seed in 0..20 {
        in_virtual_time(async {
            let lab = Lab::new(seed, Delays { marks: 55.0, ids: 50.0, calls: 50.0, settle: 50.0 });
            completed(lab.up(&payments()).await);
            demand_settled(&lab, &payments()).await;
            demand_destroyed(&lab, &payments()).await;
        });
    }
}

#[test]
fn an_unfinished_object_may_show_by_its_marks_before_it_shows_by_its_id() {
    for seed in 0..10 {
        for destroy in [false, true] {
            in_virtual_time(async {
                let lab = Lab::new(seed, Delays { marks: 0.0, ids: 50.0, calls: 40.0, settle: 50.0 });
                let plants = [Plant::new(NETWORK, "main").nested("public")];
                // Killed once the acquisition is on disk.
                lab.kill.arm(Some(7));
                assert!(matches!(lab.up(&plants).await, End::Killed));
                lab.kill.arm(None);
                if destroy {
                    demand_destroyed(&lab, &plants).await;
                } else {
                    completed(lab.up(&plants).await);
                    demand_settled(&lab, &plants).await;
                }
            });
        }
    }
}

#[test]
fn a_fresh_role_that_cannot_be_assumed_yet_is_waited_for_and_said() {
    in_virtual_time(async {
        let lab = Lab::new(1, Delays::NONE);
        let plants = [Plant::new(ROLE, "pay"), Plant::new(FUNCTION, "pay").uses(&[0])];
        let took = completed(lab.up(&plants).await).took.as_secs();
        // 10 s of propagation, then 150 s for the function.
        assert!((160..175).contains(&took), "{took} s");
        let phrase = "something it needs to become visible everywhere";
        assert!(lab.events().iter().any(|event| matches!(event, Event::Waiting { what, .. } if what == phrase)));
    });
}

#[test]
fn function_interfaces_hold_groups_and_networks_for_45_minutes() {
    in_virtual_time(async {
        let lab = Lab::new(1, Delays::AWS);
        completed(lab.up(&payments()).await);
        lab.cloud.world.lock().unwrap().lingers = Some(45 * 60);
        let took = demand_destroyed(&lab, &payments()).await.took.as_secs();
        assert!((2700..2800).contains(&took), "{took} s");
        // Everything else is long gone by then: they are waited out at the same time as the database.
        let refused = lab.cloud.calls_of("delete").iter().filter(|call| call.answer == Some(Class::InUse)).count();
        assert!(refused > 100, "{refused} refusals were waited out");
    });
}

#[test]
fn the_address_of_a_gateway_is_released_only_once_the_gateway_is_deleted() {
    in_virtual_time(async {
        let lab = Lab::new(1, Delays::NONE);
        let plants = [Plant::new(NETWORK, "main"), Plant::new(ADDRESS, "nat"), Plant::new(GATEWAY, "nat").on(&[0, 1])];
        completed(lab.up(&plants).await);
        let took = demand_destroyed(&lab, &plants).await.took.as_secs();
        assert!((60..70).contains(&took), "{took} s");
        let deletes: Vec<String> = lab.cloud.calls_of("delete").into_iter().map(|call| call.name).collect();
        assert_eq!(deletes[0], "gateway.nat");
        assert_eq!(deletes.len(), 3, "nothing was asked for before its time: {deletes:?}");
    });
}

#[test]
fn a_gateway_that_ends_failed_is_replaced_by_the_next_run() {
    in_virtual_time(async {
        let lab = Lab::new(1, Delays::AWS);
        lab.cloud.world.lock().unwrap().failing.insert("gateway", 1);
        let (summary, failures) = failed(lab.up(&payments()).await);
        assert_eq!((summary.failed, summary.skipped), (1, 0));
        assert!(matches!(&failures[0].1, Failure::Failed { address, .. } if address.as_str() == "gateway.nat"));
        let plan = lab.plan(&payments()).await.unwrap();
        let change = plan.change(&address("gateway.nat")).unwrap();
        assert_eq!(change.action, Action::Replace);
        assert!(matches!(change.because, Reason::Failed(_)));
        completed(lab.up(&payments()).await);
        demand_settled(&lab, &payments()).await;
        let mut tokens: Vec<String> = lab
            .cloud
            .calls_of("create")
            .into_iter()
            .filter(|call| call.kind == "gateway")
            .map(|call| call.token)
            .collect();
        tokens.dedup();
        assert_eq!(tokens.len(), 2, "the key of the dead one would bring the dead one back");
    });
}

#[test]
fn a_database_that_fails_to_create_stops_only_what_needs_it_ready() {
    in_virtual_time(async {
        let lab = Lab::new(1, Delays::AWS);
        let mut plants = payments();
        plants.push(Plant::new(ALARM, "database").uses_ready(&[9]));
        lab.cloud.world.lock().unwrap().failing.insert("database", 1);
        let (summary, _) = failed(lab.up(&plants).await);
        assert_eq!((summary.created, summary.skipped, summary.failed), (14, 1, 1));
        let skipped = Event::Skipped { address: address("alarm.database"), because: address("database.main") };
        assert!(lab.events().contains(&skipped));
        completed(lab.up(&plants).await);
        demand_settled(&lab, &plants).await;
    });
}

#[test]
fn a_log_group_that_a_late_writer_brings_back_is_deleted_again() {
    in_virtual_time(async {
        let lab = Lab::new(1, Delays::NONE);
        let plants = [Plant::new(LOGS, "pay")];
        completed(lab.up(&plants).await);
        let again = (Some(address("logs.pay")), 2);
        lab.cloud.world.lock().unwrap().resurrected.insert("logs.pay".to_owned(), again);
        let took = demand_destroyed(&lab, &plants).await.took.as_secs();
        assert!(took < 200, "{took} s");
        assert_eq!(lab.cloud.calls_of("delete").len(), 3);
    });
}

#[test]
fn a_stranger_that_takes_a_freed_name_is_left_alone() {
    in_virtual_time(async {
        let lab = Lab::new(1, Delays::NONE);
        let plants = [Plant::new(LOGS, "pay")];
        completed(lab.up(&plants).await);
        lab.cloud.world.lock().unwrap().resurrected.insert("logs.pay".to_owned(), (None, 1));
        demand_destroyed(&lab, &plants).await;
        assert!(lab.cloud.world.lock().unwrap().objects.contains_key("logs.pay"));
    });
}

#[test]
fn a_bucket_that_refills_is_emptied_until_its_writers_stop() {
    in_virtual_time(async {
        let lab = Lab::new(1, Delays::NONE);
        let plants = [Plant::new(BUCKET, "archive")];
        completed(lab.up(&plants).await);
        let stop = Instant::now() + seconds(300);
        // A writer so busy that the bucket is never empty when it is to be deleted.
        lab.cloud.world.lock().unwrap().writers = Some((stop, 0));
        let took = demand_destroyed(&lab, &plants).await.took.as_secs();
        assert!((300..310).contains(&took), "{took} s");
    });
}

#[test]
fn published_rates_delay_and_never_fail() {
    in_virtual_time(async {
        let lab = Lab::new(1, Delays::NONE);
        // 40 alarms at 3 a second, 20 gateways at 10 and then 1 a second.
        let mut plants: Vec<Plant> = (0..40).map(|n| Plant::new(ALARM, &format!("a{n}"))).collect();
        plants.extend((0..20).map(|n| Plant::new(GATEWAY, &format!("g{n}"))));
        let took = completed(lab.up(&plants).await).took.as_secs();
        assert!((105..180).contains(&took), "{took} s");
        let throttled =
            lab.cloud.calls_of("create").iter().filter(|call| call.answer == Some(Class::Throttled)).count();
        assert!(throttled > 0);
        demand_settled(&lab, &plants).await;
        demand_destroyed(&lab, &plants).await;
    });
}

#[test]
fn credentials_that_expire_mid_run_end_it_cleanly_and_nothing_is_doubled() {
    for after in [0, 1, 2, 5, 20, 100, 400] {
        in_virtual_time(async {
            let lab = Lab::new(after, Delays::AWS);
            *lab.cloud.expired_from.lock().unwrap() = Some(Instant::now() + seconds(after));
            let start = Instant::now();
            match lab.up(&payments()).await {
                End::Refused(failure) => assert_eq!(failure.class(), Some(Class::Credentials)),
                End::Ran(_, Outcome::Failed(_, failures)) => {
                    assert!(lab.since_first_failure().unwrap() < seconds(2), "the others do not go on asking");
                    let all = failures.iter().all(|(_, failure)| failure.class() == Some(Class::Credentials));
                    assert!(all, "{failures:?}");
                }
                other => panic!("{other:?}"),
            }
            assert!(start.elapsed() < seconds(after + 60), "it stops soon: {:?}", start.elapsed());
            *lab.cloud.expired_from.lock().unwrap() = None;
            completed(lab.up(&payments()).await);
            demand_settled(&lab, &payments()).await;
        });
    }
}

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
}

#[test]
fn two_objects_with_one_mark_are_an_error_that_names_both() {
    in_virtual_time(async {
        let lab = Lab::new(1, Delays::NONE);
        completed(lab.up(&small()).await);
        {
            let mut world = lab.cloud.world.lock().unwrap();
            let spec = world.objects["network-0000"].spec.clone();
            world.put("network-9999", "network", Some(address("network.main")), spec);
        }
        let calls = lab.cloud.mutating_calls();
        for end in [lab.up(&small()).await, lab.destroy(&small()).await] {
            let End::Refused(Failure::Duplicate { address, ids }) = end else { panic!("{end:?}") };
            assert_eq!(
                (address.as_str(), ids.as_slice()),
                ("network.main", &["network-0000".to_owned(), "network-9999".to_owned()][..])
            );
        }
        assert_eq!(lab.cloud.mutating_calls(), calls);
    });
}
