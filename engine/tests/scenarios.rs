//! How AWS behaves while a stack comes up, case by case, with times from its documentation and from measurements.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

mod fake;

use std::time::Duration;

use payinfra_engine::{Action, ApplyError, Class, Event, Outcome, Reason};
use tokio::time::Instant;

use fake::cloud::{Delays, Fault};
use fake::harness::{
    End, Harness, address, completed, count_scenario, demand_destroyed, demand_settled, failed, in_virtual_time,
};
use fake::kinds::*;
use fake::stacks::{FakeResource, payments};

#[test]
fn a_stack_takes_as_long_as_its_slowest_path_and_not_the_sum() {
    in_virtual_time(async {
        let harness = Harness::new(1, Delays::NONE);
        let up = completed(harness.up(&payments()).await).took.as_secs();
        // The database takes 740 s; one by one it would be more than 1,000 s.
        assert!((740..780).contains(&up), "{up} s");
        let down = demand_destroyed(&harness, &payments()).await.took.as_secs();
        // 130 s until the function has released the database, then 660 s.
        assert!((790..830).contains(&down), "{down} s");
    });
    count_scenario(3);
}

#[test]
fn independent_resources_are_created_concurrently_and_polled_with_one_call_per_tick() {
    in_virtual_time(async {
        let harness = Harness::new(1, Delays::NONE);
        let mut resources: Vec<FakeResource> = (0..30).map(|n| FakeResource::new(DATABASE, &format!("d{n}"))).collect();
        // A resource that starts later is polled at the same ticks.
        resources.push(FakeResource::new(DATABASE, "late").uses_ready(&[0]));
        let took = completed(harness.up(&resources).await).took.as_secs();
        assert!((1480..1530).contains(&took), "{took} s");
        let starts: Vec<Instant> = harness.cloud.calls_of("create")[..30].iter().map(|call| call.at).collect();
        let spread = starts.iter().max().unwrap().duration_since(*starts.iter().min().unwrap());
        assert!(spread < Duration::from_millis(50), "{spread:?}");
        let looks =
            harness.cloud.calls_of("list").iter().filter(|call| call.kind == "database" && call.name == "ids").count();
        // One every 10 s for 1,480 s, and the first look at each of the 31; not 31 every 10 s.
        assert!((148..185).contains(&looks), "{looks} looks");
    });
    count_scenario(3);
}

#[test]
fn an_output_that_is_known_early_is_used_early() {
    in_virtual_time(async {
        for (resource, least, most) in [
            (FakeResource::new(FUNCTION, "pay").uses(&[0]), 740, 770),
            (FakeResource::new(FUNCTION, "pay").uses_ready(&[0]), 890, 930),
        ] {
            let harness = Harness::new(1, Delays::NONE);
            let took = completed(harness.up(&[FakeResource::new(DATABASE, "main"), resource]).await).took.as_secs();
            assert!((least..most).contains(&took), "{took} s");
        }
    });
    count_scenario(3);
}

#[test]
fn eventual_consistency_after_create_is_waited_out() {
    for seed in 0..20 {
        in_virtual_time(async {
            let harness = Harness::new(seed, Delays { tags: 55.0, ids: 50.0, calls: 50.0, settle: 50.0 });
            completed(harness.up(&payments()).await);
            demand_settled(&harness, &payments()).await;
            demand_destroyed(&harness, &payments()).await;
        });
    }
    count_scenario(3);
}

#[test]
fn an_unfinished_object_may_be_visible_by_its_tags_before_its_id() {
    for seed in 0..10 {
        for destroy in [false, true] {
            in_virtual_time(async {
                let harness = Harness::new(seed, Delays { tags: 0.0, ids: 50.0, calls: 40.0, settle: 50.0 });
                let resources = [FakeResource::new(NETWORK, "main").nested("public")];
                // Killed once the acquisition is on disk.
                harness.kill.arm(Some(7));
                assert!(matches!(harness.up(&resources).await, End::Killed));
                harness.kill.arm(None);
                if destroy {
                    demand_destroyed(&harness, &resources).await;
                } else {
                    completed(harness.up(&resources).await);
                    demand_settled(&harness, &resources).await;
                }
            });
        }
    }
    count_scenario(3);
}

#[test]
fn the_run_waits_for_a_fresh_role_and_reports_it() {
    in_virtual_time(async {
        let harness = Harness::new(1, Delays::NONE);
        let resources = [FakeResource::new(ROLE, "pay"), FakeResource::new(FUNCTION, "pay").uses(&[0])];
        let took = completed(harness.up(&resources).await).took.as_secs();
        // 10 s of propagation, then 150 s for the function.
        assert!((160..175).contains(&took), "{took} s");
        let phrase = "something it needs to become visible everywhere";
        assert!(harness.events().iter().any(|event| matches!(event, Event::Waiting { what, .. } if what == phrase)));
    });
    count_scenario(3);
}

#[test]
fn a_gateway_that_fails_is_replaced_by_the_next_run() {
    in_virtual_time(async {
        let harness = Harness::new(1, Delays::AWS);
        harness.cloud.world.lock().unwrap().failing.insert("gateway", 1);
        let (summary, failures) = failed(harness.up(&payments()).await);
        assert_eq!((summary.failed, summary.skipped), (1, 0));
        assert!(matches!(&failures[0].1, ApplyError::Failed { address, .. } if address.as_str() == "gateway.nat"));
        let plan = harness.plan(&payments()).await.unwrap();
        let change = plan.change(&address("gateway.nat")).unwrap();
        assert_eq!(change.action, Action::Replace);
        assert!(matches!(change.because, Reason::Failed(_)));
        completed(harness.up(&payments()).await);
        demand_settled(&harness, &payments()).await;
        let mut tokens: Vec<String> = harness
            .cloud
            .calls_of("create")
            .into_iter()
            .filter(|call| call.kind == "gateway")
            .map(|call| call.token)
            .collect();
        tokens.dedup();
        assert_eq!(tokens.len(), 2, "the key of the failed one would return the failed one again");
    });
    count_scenario(3);
}

#[test]
fn a_database_that_fails_to_create_stops_only_what_needs_it_ready() {
    in_virtual_time(async {
        let harness = Harness::new(1, Delays::AWS);
        let mut resources = payments();
        resources.push(FakeResource::new(ALARM, "database").uses_ready(&[9]));
        harness.cloud.world.lock().unwrap().failing.insert("database", 1);
        let (summary, _) = failed(harness.up(&resources).await);
        assert_eq!((summary.created, summary.skipped, summary.failed), (14, 1, 1));
        let skipped = Event::Skipped { address: address("alarm.database"), because: address("database.main") };
        assert!(harness.events().contains(&skipped));
        completed(harness.up(&resources).await);
        demand_settled(&harness, &resources).await;
    });
    count_scenario(3);
}

#[test]
fn published_rates_delay_calls_and_never_fail_them() {
    in_virtual_time(async {
        let harness = Harness::new(1, Delays::NONE);
        // 40 alarms at 3 a second, 20 gateways at 10 and then 1 a second.
        let mut resources: Vec<FakeResource> = (0..40).map(|n| FakeResource::new(ALARM, &format!("a{n}"))).collect();
        resources.extend((0..20).map(|n| FakeResource::new(GATEWAY, &format!("g{n}"))));
        let took = completed(harness.up(&resources).await).took.as_secs();
        assert!((105..180).contains(&took), "{took} s");
        let throttled =
            harness.cloud.calls_of("create").iter().filter(|call| call.answer == Some(Class::Throttled)).count();
        assert!(throttled > 0);
        demand_settled(&harness, &resources).await;
        demand_destroyed(&harness, &resources).await;
    });
    count_scenario(3);
}

#[test]
fn credentials_that_expire_mid_run_end_it_cleanly_and_nothing_is_duplicated() {
    for after in [0, 1, 2, 5, 20, 100, 400] {
        in_virtual_time(async {
            let harness = Harness::new(after, Delays::AWS);
            *harness.cloud.expired_from.lock().unwrap() = Some(Instant::now() + seconds(after));
            let start = Instant::now();
            match harness.up(&payments()).await {
                End::Refused(failure) => assert_eq!(failure.class(), Some(Class::Credentials)),
                End::Ran(_, Outcome::Failed(_, failures)) => {
                    assert!(harness.since_first_failure().unwrap() < seconds(2), "the others make no further calls");
                    let all = failures.iter().all(|(_, failure)| failure.class() == Some(Class::Credentials));
                    assert!(all, "{failures:?}");
                }
                other => panic!("{other:?}"),
            }
            assert!(start.elapsed() < seconds(after + 60), "it stops soon: {:?}", start.elapsed());
            *harness.cloud.expired_from.lock().unwrap() = None;
            completed(harness.up(&payments()).await);
            demand_settled(&harness, &payments()).await;
        });
    }
    count_scenario(3);
}

#[test]
fn the_tightest_published_rate_is_waited_out() {
    in_virtual_time(async {
        let harness = Harness::new(1, Delays::NONE);
        let mut resources = vec![FakeResource::new(NETWORK, "main")];
        resources.extend((0..12).map(|n| FakeResource::new(ENDPOINT, &format!("e{n}")).on(&[0])));
        let took = completed(harness.up(&resources).await).took.as_secs();
        // Four at once and then one every 3.3 s, then a minute for the last; the back-off adds some more.
        assert!((85..220).contains(&took), "{took} s");
        demand_settled(&harness, &resources).await;
        demand_destroyed(&harness, &resources).await;
    });
    count_scenario(3);
}

#[test]
fn the_run_waits_for_a_service_that_throttles_or_fails_for_minutes_and_reports_it() {
    in_virtual_time(async {
        for (class, times, phrase) in
            [(Class::Throttled, 25, "the service's rate limit"), (Class::Transient, 15, "the service to recover")]
        {
            let harness = Harness::new(1, Delays::AWS);
            harness.cloud.will("create", "function.pay", [Fault::Refused(class)].repeat(times));
            harness.cloud.will("delete", "function.pay", [Fault::Refused(class)].repeat(times));
            completed(harness.up(&payments()).await);
            assert!(
                harness.events().iter().any(|event| matches!(event, Event::Waiting { what, .. } if what == phrase))
            );
            demand_settled(&harness, &payments()).await;
            demand_destroyed(&harness, &payments()).await;
        }
    });
    count_scenario(3);
}

#[test]
fn a_service_that_never_recovers_ends_the_run_and_leaves_the_rest_in_place() {
    in_virtual_time(async {
        for class in [Class::Throttled, Class::Transient, Class::NotYet] {
            let harness = Harness::new(1, Delays::AWS);
            harness.cloud.will("create", "gateway.nat", [Fault::Refused(class); 400]);
            let start = Instant::now();
            let (summary, failures) = failed(harness.up(&payments()).await);
            assert_eq!((summary.created, summary.failed), (14, 1));
            assert_eq!(failures[0].1.class(), Some(class));
            assert!(start.elapsed() < seconds(1500), "the run gives up: {:?}", start.elapsed());
            harness.cloud.script.lock().unwrap().clear();
            completed(harness.up(&payments()).await);
            demand_settled(&harness, &payments()).await;
        }
    });
    count_scenario(3);
}
