//! In which order resources are created, changed, and deleted, and what a failure stops.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

mod fake;

use payinfra_engine::{Action, Class, Event, Graph, Purpose, Reason};
use tokio::time::Instant;

use fake::cloud::{Delays, Fault};
use fake::harness::{Findings, Harness, address, completed, count_scenario, demand_settled, failed, in_virtual_time};
use fake::kinds::*;
use fake::stacks::{FakeResource, payments};

/// The mutating calls since `since`, as "operation kind.name".
fn acts(harness: &Harness, since: usize) -> Vec<String> {
    let calls = harness.cloud.calls.lock().unwrap();
    calls[since..]
        .iter()
        .filter(|call| call.operation != "list" && call.answer.is_none())
        .map(|call| format!("{} {}", call.operation, call.name))
        .collect()
}

fn calls_so_far(harness: &Harness) -> usize {
    harness.cloud.calls.lock().unwrap().len()
}

#[test]
fn a_removed_resource_is_deleted_after_its_former_users_have_released_it() {
    in_virtual_time(async {
        let harness = Harness::new(1, Delays::NONE);
        let mut resources = vec![FakeResource::new(GROUP, "new"), FakeResource::new(FUNCTION, "pay").uses(&[0, 2])];
        resources.insert(1, FakeResource::new(GROUP, "old"));
        resources[2].uses = FakeResource::new(FUNCTION, "pay").uses(&[0, 1]).uses;
        completed(harness.up(&resources).await);
        resources.remove(1);
        resources[1].uses.truncate(1);
        let since = calls_so_far(&harness);
        completed(harness.up(&resources).await);
        assert_eq!(acts(&harness, since), ["update function.pay", "delete group.old"]);
        demand_settled(&harness, &resources).await;
    });
}

#[test]
fn a_replacement_deletes_users_first_and_creates_them_last() {
    in_virtual_time(async {
        let harness = Harness::new(1, Delays::NONE);
        let mut resources = vec![
            FakeResource::new(NETWORK, "main"),
            FakeResource::new(NETWORK, "a").on(&[0]),
            FakeResource::new(GATEWAY, "nat").on(&[1]),
            FakeResource::new(ALARM, "nat").uses(&[2]),
        ];
        completed(harness.up(&resources).await);
        resources[0].fixed = 2;
        let plan = harness.plan(&resources).await.unwrap();
        let planned: Vec<Action> = plan.changes.iter().map(|change| change.action).collect();
        assert_eq!(planned, [Action::Replace, Action::Replace, Action::Replace, Action::Update]);
        assert_eq!(plan.change(&address("alarm.nat")).unwrap().because, Reason::Dependency);
        let since = calls_so_far(&harness);
        completed(harness.up(&resources).await);
        assert_eq!(
            acts(&harness, since),
            [
                "delete gateway.nat",
                "delete network.a",
                "delete network.main",
                "create network.main",
                "create network.a",
                "create gateway.nat",
                "update alarm.nat"
            ]
        );
        demand_settled(&harness, &resources).await;
    });
}

#[test]
fn a_resource_whose_users_are_only_updated_is_replaced_where_the_cloud_allows_its_deletion() {
    in_virtual_time(async {
        let harness = Harness::new(1, Delays::AWS);
        let mut resources = payments();
        completed(harness.up(&resources).await);
        resources[8].fixed = 2;
        completed(harness.up(&resources).await);
        demand_settled(&harness, &resources).await;
    });
}

#[test]
fn a_replacement_blocked_by_its_users_ends_with_the_refusal_and_leaves_the_rest_in_place() {
    in_virtual_time(async {
        let harness = Harness::new(1, Delays::NONE);
        let mut resources = vec![FakeResource::new(GROUP, "pay"), FakeResource::new(FUNCTION, "pay").uses(&[0])];
        resources.push(FakeResource::new(BUCKET, "archive"));
        completed(harness.up(&resources).await);
        resources[0].fixed = 2;
        resources[2].size = 2;
        let start = Instant::now();
        let (summary, failures) = failed(harness.up(&resources).await);
        assert!(start.elapsed() < seconds(51 * 60));
        assert_eq!((summary.updated, summary.failed, summary.skipped), (1, 1, 1));
        assert_eq!(failures[0].1.class(), Some(Class::InUse), "the refusal explains more than a timeout");
        resources[0].fixed = 1;
        completed(harness.up(&resources).await);
        demand_settled(&harness, &resources).await;
    });
}

#[test]
fn a_user_that_moves_from_a_removed_to_a_replaced_resource_does_not_hang_the_run() {
    in_virtual_time(async {
        let harness = Harness::new(1, Delays::NONE);
        let mut resources = vec![
            FakeResource::new(GATEWAY, "moved"),
            FakeResource::new(NETWORK, "removed").uses(&[0]),
            FakeResource::new(FUNCTION, "user").uses(&[1]),
        ];
        completed(harness.up(&resources).await);
        resources.remove(1);
        resources[0].fixed = 2;
        resources[1].uses = FakeResource::new(FUNCTION, "user").uses(&[0]).uses;
        completed(harness.up(&resources).await);
        demand_settled(&harness, &resources).await;
    });
}

#[test]
fn an_order_that_is_reversed_between_two_runs_does_not_hang_either_way() {
    for destroy in [true, false] {
        for at in 0..40 {
            in_virtual_time(async {
                let harness = Harness::new(1, Delays::NONE);
                let before = [FakeResource::new(LOGS, "a"), FakeResource::new(LOGS, "b").uses(&[0])];
                let after = [FakeResource::new(LOGS, "b"), FakeResource::new(LOGS, "a").uses(&[0])];
                completed(harness.up(&before).await);
                harness.kill.arm(Some(at));
                harness.up(&after).await;
                harness.kill.arm(None);
                if destroy {
                    completed(harness.destroy(&after).await);
                    assert_eq!(harness.cloud.world.lock().unwrap().living().count(), 0);
                } else {
                    completed(harness.up(&after).await);
                    demand_settled(&harness, &after).await;
                }
            });
        }
    }
}

#[test]
fn an_explicit_order_applies_to_creation_and_deletion() {
    in_virtual_time(async {
        let harness = Harness::new(1, Delays::NONE);
        let mut graph = Graph::new(kinds());
        let first = graph.add("first", |_| Spec::<GATEWAY>::default());
        let then = graph.add("then", |_| Spec::<LOGS>::default());
        graph.after(then, first);
        let took = completed(harness.run(&graph, Purpose::Up).await).took.as_secs();
        assert!((105..115).contains(&took), "{took} s");
        let since = calls_so_far(&harness);
        completed(harness.run(&graph, Purpose::Destroy).await);
        assert_eq!(acts(&harness, since), ["delete logs.then", "delete gateway.first"]);
    });
}

#[test]
fn a_failed_resource_stops_only_its_dependents() {
    in_virtual_time(async {
        let harness = Harness::new(1, Delays::AWS);
        harness.cloud.will("create", "function.pay", [Fault::Refused(Class::Invalid)]);
        let (summary, failures) = failed(harness.up(&payments()).await);
        assert_eq!((summary.created, summary.failed, summary.skipped), (12, 1, 2));
        assert_eq!(failures[0].0.as_str(), "function.pay");
        let skipped: Vec<String> = harness
            .events()
            .into_iter()
            .filter_map(|event| match event {
                Event::Skipped { address, because } => Some(format!("{address} because {because}")),
                _ => None,
            })
            .collect();
        assert_eq!(skipped, ["api.main because function.pay", "alarm.errors because api.main"]);
        completed(harness.up(&payments()).await);
        demand_settled(&harness, &payments()).await;
    });
}

#[test]
fn a_failed_deletion_keeps_what_it_refers_to() {
    in_virtual_time(async {
        let harness = Harness::new(1, Delays::AWS);
        completed(harness.up(&payments()).await);
        harness.cloud.will("delete", "function.pay", [Fault::Refused(Class::Denied)]);
        failed(harness.destroy(&payments()).await);
        let left: Vec<String> = harness.state().records.keys().map(ToString::to_string).collect();
        for kept in ["function.pay", "role.pay", "network.main", "network.a", "group.functions"] {
            assert!(left.contains(&kept.to_owned()), "{kept} must wait: {left:?}");
        }
        completed(harness.destroy(&payments()).await);
        assert_eq!(harness.findings(), Findings::default());
    });
    count_scenario(8);
}
