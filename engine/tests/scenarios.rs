//! AWS's manners while a stack comes up, one by one, at the figures of its documentation and of measurements.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

mod fake;

use std::time::Duration;

use payinfra_engine::{Action, Class, Event, Failure, Outcome, Reason};
use tokio::time::Instant;

use fake::cloud::{Delays, Fault};
use fake::kinds::*;
use fake::lab::{End, Lab, address, completed, demand_destroyed, demand_settled, failed, in_virtual_time, scenario};
use fake::stacks::{Plant, payments};

#[test]
fn a_stack_takes_as_long_as_its_slowest_part_and_not_as_the_sum() {
    in_virtual_time(async {
        let lab = Lab::new(1, Delays::NONE);
        let up = completed(lab.up(&payments()).await).took.as_secs();
        // The database takes 740 s; one by one it would be more than 1,000 s.
        assert!((740..780).contains(&up), "{up} s");
        let down = demand_destroyed(&lab, &payments()).await.took.as_secs();
        // 130 s until the function has let go of the database, then 660 s.
        assert!((790..830).contains(&down), "{down} s");
    });
    scenario(3);
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
    scenario(3);
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
    scenario(3);
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
    scenario(3);
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
    scenario(3);
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
    scenario(3);
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
    scenario(3);
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
    scenario(3);
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
    scenario(3);
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
    scenario(3);
}

#[test]
fn the_tightest_published_rate_is_waited_out() {
    in_virtual_time(async {
        let lab = Lab::new(1, Delays::NONE);
        let mut plants = vec![Plant::new(NETWORK, "main")];
        plants.extend((0..12).map(|n| Plant::new(ENDPOINT, &format!("e{n}")).on(&[0])));
        let took = completed(lab.up(&plants).await).took.as_secs();
        // Four at once and one each 3.3 s from then on, then a minute for the last; the back-off costs some more.
        assert!((85..220).contains(&took), "{took} s");
        demand_settled(&lab, &plants).await;
        demand_destroyed(&lab, &plants).await;
    });
    scenario(3);
}

#[test]
fn a_service_that_throttles_or_fails_for_minutes_is_waited_for_and_said() {
    in_virtual_time(async {
        for (class, times, phrase) in
            [(Class::Throttled, 25, "the service's rate limit"), (Class::Transient, 15, "the service to recover")]
        {
            let lab = Lab::new(1, Delays::AWS);
            lab.cloud.will("create", "function.pay", [Fault::Refused(class)].repeat(times));
            lab.cloud.will("delete", "function.pay", [Fault::Refused(class)].repeat(times));
            completed(lab.up(&payments()).await);
            assert!(lab.events().iter().any(|event| matches!(event, Event::Waiting { what, .. } if what == phrase)));
            demand_settled(&lab, &payments()).await;
            demand_destroyed(&lab, &payments()).await;
        }
    });
    scenario(3);
}

#[test]
fn a_service_that_never_recovers_ends_the_run_and_leaves_the_rest_in_place() {
    in_virtual_time(async {
        for class in [Class::Throttled, Class::Transient, Class::NotYet] {
            let lab = Lab::new(1, Delays::AWS);
            lab.cloud.will("create", "gateway.nat", [Fault::Refused(class); 400]);
            let start = Instant::now();
            let (summary, failures) = failed(lab.up(&payments()).await);
            assert_eq!((summary.created, summary.failed), (14, 1));
            assert_eq!(failures[0].1.class(), Some(class));
            assert!(start.elapsed() < seconds(1500), "it is given up: {:?}", start.elapsed());
            lab.cloud.script.lock().unwrap().clear();
            completed(lab.up(&payments()).await);
            demand_settled(&lab, &payments()).await;
        }
    });
    scenario(3);
}
