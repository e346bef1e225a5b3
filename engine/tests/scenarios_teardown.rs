//! What keeps a stack from going, one by one, at the figures of AWS's documentation and of measurements.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

mod fake;

use payinfra_engine::{Class, Outcome};
use serde_json::json;
use tokio::time::Instant;

use fake::cloud::Delays;
use fake::kinds::*;
use fake::lab::{End, Lab, address, completed, demand_destroyed, demand_settled, failed, in_virtual_time, scenario};
use fake::stacks::{Plant, payments};

/// The accepted deletions in the order in which they were asked for.
fn deletions(lab: &Lab) -> Vec<String> {
    let deletes = lab.cloud.calls_of("delete").into_iter();
    deletes.filter(|call| call.answer.is_none()).map(|call| call.name).collect()
}

/// How often the deletion of a kind was refused.
fn refusals(lab: &Lab, kind: &str) -> usize {
    let deletes = lab.cloud.calls_of("delete").into_iter();
    deletes.filter(|call| call.kind == kind && call.answer.is_some()).count()
}

fn place(of: &str, among: &[String]) -> usize {
    among.iter().rposition(|name| name == of).unwrap_or_else(|| panic!("{of} is not among {among:?}"))
}

#[test]
fn a_function_goes_only_when_its_interfaces_are_released_and_all_else_waits_for_it() {
    for minutes in [1, 20, 45] {
        in_virtual_time(async {
            let lab = Lab::new(1, Delays::AWS);
            completed(lab.up(&payments()).await);
            lab.cloud.world.lock().unwrap().lingers = Some(minutes * 60);
            let took = demand_destroyed(&lab, &payments()).await.took.as_secs();
            // Then the database, which the function used, goes for 660 s.
            assert!((minutes * 60 + 690..minutes * 60 + 790).contains(&took), "{took} s");
            // It is the function that is waited for, not the group and the networks that are hammered.
            assert_eq!((refusals(&lab, "group"), refusals(&lab, "network"), refusals(&lab, "role")), (0, 0, 0));
            let order = deletions(&lab);
            for later in ["role.pay", "group.functions", "network.a", "network.b", "logs.pay"] {
                assert!(place("function.pay", &order) < place(later, &order), "{later}: {order:?}");
            }
        });
    }
    scenario(8);
}

#[test]
fn a_destroy_killed_while_interfaces_are_released_waits_on() {
    for at in [40, 60, 80, 90] {
        in_virtual_time(async {
            let lab = Lab::new(at, Delays::AWS);
            completed(lab.up(&payments()).await);
            lab.cloud.world.lock().unwrap().lingers = Some(45 * 60);
            lab.kill.arm(Some(at));
            lab.destroy(&payments()).await;
            lab.kill.arm(None);
            demand_destroyed(&lab, &payments()).await;
        });
    }
    scenario(8);
}

#[test]
fn interfaces_of_a_proxy_hold_its_networks_for_two_minutes_after_it_is_gone() {
    in_virtual_time(async {
        let lab = Lab::new(1, Delays::AWS);
        let plants = [
            Plant::new(NETWORK, "main"),
            Plant::new(NETWORK, "a").on(&[0]),
            Plant::new(GROUP, "proxy").on(&[0]),
            Plant::new(DATABASE, "main").on(&[1]),
            Plant::new(PROXY, "main").on(&[1]).uses(&[2, 3]),
        ];
        completed(lab.up(&plants).await);
        let took = demand_destroyed(&lab, &plants).await.took.as_secs();
        // A minute for the proxy; what it held for two more went while the database did.
        assert!((720..800).contains(&took), "{took} s");
        assert!(refusals(&lab, "group") > 3, "the refusals were waited out");
    });
    scenario(8);
}

#[test]
fn groups_whose_rules_name_each_other_go_after_the_rules() {
    in_virtual_time(async {
        let lab = Lab::new(1, Delays::AWS);
        // A rule is a thing of its own: it stands on one group and names the other.
        let plants = [
            Plant::new(NETWORK, "main"),
            Plant::new(GROUP, "database").on(&[0]),
            Plant::new(GROUP, "functions").on(&[0]),
            Plant::new(API, "from_functions").on(&[1]).uses(&[2]),
            Plant::new(API, "to_database").on(&[2]).uses(&[1]),
        ];
        completed(lab.up(&plants).await);
        demand_destroyed(&lab, &plants).await;
        assert_eq!(refusals(&lab, "group"), 0);
    });
    scenario(8);
}

#[test]
fn groups_that_somebody_tied_to_each_other_end_the_run_with_the_refusal_and_not_in_a_hang() {
    in_virtual_time(async {
        let lab = Lab::new(1, Delays::NONE);
        let plants = [
            Plant::new(NETWORK, "main"),
            Plant::new(GROUP, "a").on(&[0]),
            Plant::new(GROUP, "b").on(&[0]),
            Plant::new(LOGS, "other"),
        ];
        completed(lab.up(&plants).await);
        let tie = |lab: &Lab, with: bool| {
            let mut world = lab.cloud.world.lock().unwrap();
            for (of, other) in [("group.a", "group.b"), ("group.b", "group.a")] {
                let names = if with { vec![other] } else { Vec::new() };
                world.objects.get_mut(of).unwrap().spec["uses"] = json!(names);
            }
        };
        tie(&lab, true);
        let (summary, failures) = failed(lab.destroy(&plants).await);
        assert_eq!((summary.deleted, summary.failed, summary.skipped), (1, 2, 1));
        assert!(failures.iter().all(|(_, failure)| failure.class() == Some(Class::InUse)), "{failures:?}");
        tie(&lab, false);
        demand_destroyed(&lab, &plants).await;
    });
    scenario(8);
}

#[test]
fn a_certificate_is_held_for_minutes_after_its_domain_is_gone() {
    in_virtual_time(async {
        let lab = Lab::new(1, Delays::AWS);
        let plants = [Plant::new(CERTIFICATE, "api"), Plant::new(DOMAIN, "main").uses_ready(&[0])];
        completed(lab.up(&plants).await);
        let took = demand_destroyed(&lab, &plants).await.took.as_secs();
        assert!((305..360).contains(&took), "{took} s");
        assert_eq!(deletions(&lab), ["domain.main", "certificate.api"]);
    });
    scenario(8);
}

#[test]
fn a_key_is_scheduled_after_all_that_it_encrypts_and_taken_back_by_the_next_up() {
    in_virtual_time(async {
        let lab = Lab::new(1, Delays::AWS);
        completed(lab.up(&payments()).await);
        let ids = |lab: &Lab| -> Vec<String> {
            let world = lab.cloud.world.lock().unwrap();
            world.objects.values().filter(|object| object.kind == "key").map(|object| object.id.clone()).collect()
        };
        let first = ids(&lab);
        demand_destroyed(&lab, &payments()).await;
        let order = deletions(&lab);
        for before in ["database.main", "logs.pay", "bucket.archive"] {
            assert!(place(before, &order) < place("key.data", &order), "{order:?}");
        }
        completed(lab.up(&payments()).await);
        assert_eq!(ids(&lab), first, "no second key is made while the first one can be had");
        demand_settled(&lab, &payments()).await;
    });
    scenario(8);
}

#[test]
fn a_database_that_is_still_being_made_goes_as_soon_as_it_can() {
    in_virtual_time(async {
        let lab = Lab::new(1, Delays::AWS);
        // Killed while the database is on its way up, ten minutes before it could be deleted.
        lab.kill.arm(Some(70));
        assert!(matches!(lab.up(&payments()).await, End::Killed));
        lab.kill.arm(None);
        let took = demand_destroyed(&lab, &payments()).await.took.as_secs();
        assert!(took < 740 + 660 + 120, "{took} s");
    });
    scenario(8);
}

#[test]
fn credentials_that_expire_while_a_stack_goes_end_the_run_cleanly() {
    for after in [1, 5, 30, 300] {
        in_virtual_time(async {
            let lab = Lab::new(after, Delays::AWS);
            completed(lab.up(&payments()).await);
            *lab.cloud.expired_from.lock().unwrap() = Some(Instant::now() + seconds(after));
            match lab.destroy(&payments()).await {
                End::Refused(failure) => assert_eq!(failure.class(), Some(Class::Credentials)),
                End::Ran(_, Outcome::Failed(..)) => assert!(lab.since_first_failure().unwrap() < seconds(2)),
                other => panic!("{other:?}"),
            }
            *lab.cloud.expired_from.lock().unwrap() = None;
            demand_destroyed(&lab, &payments()).await;
        });
    }
    scenario(3);
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
    scenario(8);
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
    scenario(8);
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
    scenario(8);
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
    scenario(5);
}
