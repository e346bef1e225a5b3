//! What can block a teardown, case by case, with times from AWS's documentation and from measurements.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

mod fake;

use payinfra_engine::{Class, Outcome};
use serde_json::json;
use tokio::time::Instant;

use fake::cloud::Delays;
use fake::harness::{
    End, Harness, address, completed, count_scenario, demand_destroyed, demand_settled, failed, in_virtual_time,
};
use fake::kinds::*;
use fake::stacks::{FakeResource, payments};

/// The accepted deletions, in the order of their calls.
fn deletions(harness: &Harness) -> Vec<String> {
    let deletes = harness.cloud.calls_of("delete").into_iter();
    deletes.filter(|call| call.answer.is_none()).map(|call| call.name).collect()
}

/// How often the deletion of a kind was refused.
fn refusals(harness: &Harness, kind: &str) -> usize {
    let deletes = harness.cloud.calls_of("delete").into_iter();
    deletes.filter(|call| call.kind == kind && call.answer.is_some()).count()
}

fn place(of: &str, among: &[String]) -> usize {
    among.iter().rposition(|name| name == of).unwrap_or_else(|| panic!("{of} is not among {among:?}"))
}

#[test]
fn a_function_is_deleted_only_once_its_interfaces_are_released_and_everything_else_waits_for_it() {
    for minutes in [1, 20, 45] {
        in_virtual_time(async {
            let harness = Harness::new(1, Delays::AWS);
            completed(harness.up(&payments()).await);
            harness.cloud.world.lock().unwrap().lingers = Some(minutes * 60);
            let took = demand_destroyed(&harness, &payments()).await.took.as_secs();
            // Then the deletion of the database, which the function used, takes 660 s.
            assert!((minutes * 60 + 690..minutes * 60 + 790).contains(&took), "{took} s");
            // The run waits for the function and does not keep trying the group and the networks.
            assert_eq!(
                (refusals(&harness, "group"), refusals(&harness, "network"), refusals(&harness, "role")),
                (0, 0, 0)
            );
            let order = deletions(&harness);
            for later in ["role.pay", "group.functions", "network.a", "network.b", "logs.pay"] {
                assert!(place("function.pay", &order) < place(later, &order), "{later}: {order:?}");
            }
        });
    }
    count_scenario(8);
}

#[test]
fn a_destroy_killed_while_interfaces_are_released_keeps_waiting_when_resumed() {
    for at in [40, 60, 80, 90] {
        in_virtual_time(async {
            let harness = Harness::new(at, Delays::AWS);
            completed(harness.up(&payments()).await);
            harness.cloud.world.lock().unwrap().lingers = Some(45 * 60);
            harness.kill.arm(Some(at));
            harness.destroy(&payments()).await;
            harness.kill.arm(None);
            demand_destroyed(&harness, &payments()).await;
        });
    }
    count_scenario(8);
}

#[test]
fn the_interfaces_of_a_proxy_block_its_networks_for_two_minutes_after_its_deletion() {
    in_virtual_time(async {
        let harness = Harness::new(1, Delays::AWS);
        let resources = [
            FakeResource::new(NETWORK, "main"),
            FakeResource::new(NETWORK, "a").on(&[0]),
            FakeResource::new(GROUP, "proxy").on(&[0]),
            FakeResource::new(DATABASE, "main").on(&[1]),
            FakeResource::new(PROXY, "main").on(&[1]).uses(&[2, 3]),
        ];
        completed(harness.up(&resources).await);
        let took = demand_destroyed(&harness, &resources).await.took.as_secs();
        // A minute for the proxy; what it blocks for two more is deleted while the database is.
        assert!((720..800).contains(&took), "{took} s");
        assert!(refusals(&harness, "group") > 3, "the refusals were waited out");
    });
    count_scenario(8);
}

#[test]
fn groups_whose_rules_refer_to_each_other_are_deleted_after_the_rules() {
    in_virtual_time(async {
        let harness = Harness::new(1, Delays::AWS);
        // A rule is a separate object: it belongs to one group and refers to the other.
        let resources = [
            FakeResource::new(NETWORK, "main"),
            FakeResource::new(GROUP, "database").on(&[0]),
            FakeResource::new(GROUP, "functions").on(&[0]),
            FakeResource::new(API, "from_functions").on(&[1]).uses(&[2]),
            FakeResource::new(API, "to_database").on(&[2]).uses(&[1]),
        ];
        completed(harness.up(&resources).await);
        demand_destroyed(&harness, &resources).await;
        assert_eq!(refusals(&harness, "group"), 0);
    });
    count_scenario(8);
}

#[test]
fn groups_that_somebody_made_refer_to_each_other_end_the_run_with_the_refusal_and_not_in_a_hang() {
    in_virtual_time(async {
        let harness = Harness::new(1, Delays::NONE);
        let resources = [
            FakeResource::new(NETWORK, "main"),
            FakeResource::new(GROUP, "a").on(&[0]),
            FakeResource::new(GROUP, "b").on(&[0]),
            FakeResource::new(LOGS, "other"),
        ];
        completed(harness.up(&resources).await);
        let tie = |harness: &Harness, with: bool| {
            let mut world = harness.cloud.world.lock().unwrap();
            for (of, other) in [("group.a", "group.b"), ("group.b", "group.a")] {
                let names = if with { vec![other] } else { Vec::new() };
                world.objects.get_mut(of).unwrap().spec["uses"] = json!(names);
            }
        };
        tie(&harness, true);
        let (summary, failures) = failed(harness.destroy(&resources).await);
        assert_eq!((summary.deleted, summary.failed, summary.skipped), (1, 2, 1));
        assert!(failures.iter().all(|(_, failure)| failure.class() == Some(Class::InUse)), "{failures:?}");
        tie(&harness, false);
        demand_destroyed(&harness, &resources).await;
    });
    count_scenario(8);
}

#[test]
fn a_certificate_stays_in_use_for_minutes_after_its_domain_is_deleted() {
    in_virtual_time(async {
        let harness = Harness::new(1, Delays::AWS);
        let resources = [FakeResource::new(CERTIFICATE, "api"), FakeResource::new(DOMAIN, "main").uses_ready(&[0])];
        completed(harness.up(&resources).await);
        let took = demand_destroyed(&harness, &resources).await.took.as_secs();
        assert!((305..360).contains(&took), "{took} s");
        assert_eq!(deletions(&harness), ["domain.main", "certificate.api"]);
    });
    count_scenario(8);
}

#[test]
fn a_key_is_scheduled_for_deletion_after_everything_it_encrypts_and_restored_by_the_next_up() {
    in_virtual_time(async {
        let harness = Harness::new(1, Delays::AWS);
        completed(harness.up(&payments()).await);
        let ids = |harness: &Harness| -> Vec<String> {
            let world = harness.cloud.world.lock().unwrap();
            world.objects.values().filter(|object| object.kind == "key").map(|object| object.id.clone()).collect()
        };
        let first = ids(&harness);
        demand_destroyed(&harness, &payments()).await;
        let order = deletions(&harness);
        for before in ["database.main", "logs.pay", "bucket.archive"] {
            assert!(place(before, &order) < place("key.data", &order), "{order:?}");
        }
        completed(harness.up(&payments()).await);
        assert_eq!(ids(&harness), first, "no second key is created while the first one can be restored");
        demand_settled(&harness, &payments()).await;
    });
    count_scenario(8);
}

#[test]
fn a_database_still_being_created_is_deleted_as_soon_as_possible() {
    in_virtual_time(async {
        let harness = Harness::new(1, Delays::AWS);
        // Killed while the database is being created, ten minutes before it can be deleted.
        harness.kill.arm(Some(70));
        assert!(matches!(harness.up(&payments()).await, End::Killed));
        harness.kill.arm(None);
        let took = demand_destroyed(&harness, &payments()).await.took.as_secs();
        assert!(took < 740 + 660 + 120, "{took} s");
    });
    count_scenario(8);
}

#[test]
fn credentials_that_expire_during_a_destroy_end_the_run_cleanly() {
    for after in [1, 5, 30, 300] {
        in_virtual_time(async {
            let harness = Harness::new(after, Delays::AWS);
            completed(harness.up(&payments()).await);
            *harness.cloud.expired_from.lock().unwrap() = Some(Instant::now() + seconds(after));
            match harness.destroy(&payments()).await {
                End::Refused(failure) => assert_eq!(failure.class(), Some(Class::Credentials)),
                End::Ran(_, Outcome::Failed(..)) => assert!(harness.since_first_failure().unwrap() < seconds(2)),
                other => panic!("{other:?}"),
            }
            *harness.cloud.expired_from.lock().unwrap() = None;
            demand_destroyed(&harness, &payments()).await;
        });
    }
    count_scenario(3);
}

#[test]
fn the_address_of_a_gateway_is_released_only_once_the_gateway_is_deleted() {
    in_virtual_time(async {
        let harness = Harness::new(1, Delays::NONE);
        let resources = [
            FakeResource::new(NETWORK, "main"),
            FakeResource::new(ADDRESS, "nat"),
            FakeResource::new(GATEWAY, "nat").on(&[0, 1]),
        ];
        completed(harness.up(&resources).await);
        let took = demand_destroyed(&harness, &resources).await.took.as_secs();
        assert!((60..70).contains(&took), "{took} s");
        let deletes: Vec<String> = harness.cloud.calls_of("delete").into_iter().map(|call| call.name).collect();
        assert_eq!(deletes[0], "gateway.nat");
        assert_eq!(deletes.len(), 3, "no call was made too early: {deletes:?}");
    });
    count_scenario(8);
}

#[test]
fn a_log_group_recreated_by_a_late_writer_is_deleted_again() {
    in_virtual_time(async {
        let harness = Harness::new(1, Delays::NONE);
        let resources = [FakeResource::new(LOGS, "pay")];
        completed(harness.up(&resources).await);
        let again = (Some(address("logs.pay")), 2);
        harness.cloud.world.lock().unwrap().resurrected.insert("logs.pay".to_owned(), again);
        let took = demand_destroyed(&harness, &resources).await.took.as_secs();
        assert!(took < 200, "{took} s");
        assert_eq!(harness.cloud.calls_of("delete").len(), 3);
    });
    count_scenario(8);
}

#[test]
fn a_bucket_that_refills_is_emptied_until_its_writers_stop() {
    in_virtual_time(async {
        let harness = Harness::new(1, Delays::NONE);
        let resources = [FakeResource::new(BUCKET, "archive")];
        completed(harness.up(&resources).await);
        let stop = Instant::now() + seconds(300);
        // A writer so busy that the bucket is never empty when its deletion is due.
        harness.cloud.world.lock().unwrap().writers = Some((stop, 0));
        let took = demand_destroyed(&harness, &resources).await.took.as_secs();
        assert!((300..310).contains(&took), "{took} s");
        // A step that does not show is repeated once a second at most.
        let calls = harness.cloud.calls_of("delete").len();
        assert!((100..=310).contains(&calls), "{calls} calls");
    });
    count_scenario(8);
}

#[test]
fn an_object_of_somebody_else_that_takes_a_freed_name_is_left_alone() {
    in_virtual_time(async {
        let harness = Harness::new(1, Delays::NONE);
        let resources = [FakeResource::new(LOGS, "pay")];
        completed(harness.up(&resources).await);
        harness.cloud.world.lock().unwrap().resurrected.insert("logs.pay".to_owned(), (None, 1));
        demand_destroyed(&harness, &resources).await;
        assert!(harness.cloud.world.lock().unwrap().objects.contains_key("logs.pay"));
    });
    count_scenario(5);
}

#[test]
fn a_key_pending_deletion_is_restored_before_it_is_used() {
    in_virtual_time(async {
        let harness = Harness::new(1, Delays::AWS);
        completed(harness.up(&payments()).await);
        completed(harness.destroy(&payments()).await);
        completed(harness.up(&payments()).await);
        demand_settled(&harness, &payments()).await;
        let keys = harness.cloud.calls_of("create").iter().filter(|call| call.kind == "key").count();
        assert_eq!(keys, 1, "the same key is used again");
    });
    count_scenario(8);
}

#[test]
fn a_fresh_key_visible_only_by_its_id_is_not_mistaken_for_its_predecessor() {
    for seed in 0..10 {
        in_virtual_time(async {
            let harness = Harness::new(seed, Delays { tags: 55.0, ..Delays::NONE });
            let resources = [FakeResource::new(NETWORK, "main"), FakeResource::new(KEY, "data").on(&[0])];
            completed(harness.up(&resources).await);
            completed(harness.destroy(&resources).await);
            // The network is a new one, so the key cannot be restored.
            completed(harness.up(&resources).await);
            demand_settled(&harness, &resources).await;
        });
    }
    count_scenario(8);
}
