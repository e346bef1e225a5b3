//! The configuration changes, somebody interrupts, the disk fills up: orders, interrupts and refusals, one by one.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

mod fake;

use std::time::Duration;

use payinfra_engine::{Action, Class, Event, Failure, Graph, Outcome, Purpose, Reason, execute, plan, plan_destroy};
use payinfra_state::{Journal, Phase};
use serde_json::json;
use tokio::time::Instant;

use fake::cloud::{Delays, Fault};
use fake::kinds::*;
use fake::lab::{End, Findings, Lab, address, completed, demand_settled, failed, in_virtual_time, scenario};
use fake::stacks::{Plant, graph, payments, small};

/// The mutating calls since `since`, as "operation kind.name".
fn acts(lab: &Lab, since: usize) -> Vec<String> {
    let calls = lab.cloud.calls.lock().unwrap();
    calls[since..]
        .iter()
        .filter(|call| call.operation != "list" && call.answer.is_none())
        .map(|call| format!("{} {}", call.operation, call.name))
        .collect()
}

fn calls_so_far(lab: &Lab) -> usize {
    lab.cloud.calls.lock().unwrap().len()
}

#[test]
fn a_removed_resource_goes_after_its_former_users_have_let_go() {
    in_virtual_time(async {
        let lab = Lab::new(1, Delays::NONE);
        let mut plants = vec![Plant::new(GROUP, "new"), Plant::new(FUNCTION, "pay").uses(&[0, 2])];
        plants.insert(1, Plant::new(GROUP, "old"));
        plants[2].uses = Plant::new(FUNCTION, "pay").uses(&[0, 1]).uses;
        completed(lab.up(&plants).await);
        plants.remove(1);
        plants[1].uses.truncate(1);
        let since = calls_so_far(&lab);
        completed(lab.up(&plants).await);
        assert_eq!(acts(&lab, since), ["update function.pay", "delete group.old"]);
        demand_settled(&lab, &plants).await;
    });
}

#[test]
fn a_replacement_goes_down_users_first_and_comes_up_users_last() {
    in_virtual_time(async {
        let lab = Lab::new(1, Delays::NONE);
        let mut plants = vec![
            Plant::new(NETWORK, "main"),
            Plant::new(NETWORK, "a").on(&[0]),
            Plant::new(GATEWAY, "nat").on(&[1]),
            Plant::new(ALARM, "nat").uses(&[2]),
        ];
        completed(lab.up(&plants).await);
        plants[0].fixed = 2;
        let plan = lab.plan(&plants).await.unwrap();
        let planned: Vec<Action> = plan.changes.iter().map(|change| change.action).collect();
        assert_eq!(planned, [Action::Replace, Action::Replace, Action::Replace, Action::Update]);
        assert_eq!(plan.change(&address("alarm.nat")).unwrap().because, Reason::Dependency);
        let since = calls_so_far(&lab);
        completed(lab.up(&plants).await);
        assert_eq!(
            acts(&lab, since),
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
        demand_settled(&lab, &plants).await;
    });
}

#[test]
fn a_replacement_whose_users_are_only_updated_is_done_where_the_cloud_lets_it_go() {
    in_virtual_time(async {
        let lab = Lab::new(1, Delays::AWS);
        let mut plants = payments();
        completed(lab.up(&plants).await);
        plants[8].fixed = 2;
        completed(lab.up(&plants).await);
        demand_settled(&lab, &plants).await;
    });
}

#[test]
fn a_replacement_that_its_users_hold_ends_with_the_refusal_and_leaves_the_rest_in_place() {
    in_virtual_time(async {
        let lab = Lab::new(1, Delays::NONE);
        let mut plants = vec![Plant::new(GROUP, "pay"), Plant::new(FUNCTION, "pay").uses(&[0])];
        plants.push(Plant::new(BUCKET, "archive"));
        completed(lab.up(&plants).await);
        plants[0].fixed = 2;
        plants[2].size = 2;
        let start = Instant::now();
        let (summary, failures) = failed(lab.up(&plants).await);
        assert!(start.elapsed() < seconds(51 * 60));
        assert_eq!((summary.updated, summary.failed, summary.skipped), (1, 1, 1));
        assert_eq!(failures[0].1.class(), Some(Class::InUse), "the refusal says more than a time-out");
        plants[0].fixed = 1;
        completed(lab.up(&plants).await);
        demand_settled(&lab, &plants).await;
    });
}

#[test]
fn a_user_that_moves_from_a_removed_to_a_replaced_resource_does_not_hang_the_run() {
    in_virtual_time(async {
        let lab = Lab::new(1, Delays::NONE);
        let mut plants = vec![
            Plant::new(GATEWAY, "moved"),
            Plant::new(NETWORK, "removed").uses(&[0]),
            Plant::new(FUNCTION, "user").uses(&[1]),
        ];
        completed(lab.up(&plants).await);
        plants.remove(1);
        plants[0].fixed = 2;
        plants[1].uses = Plant::new(FUNCTION, "user").uses(&[0]).uses;
        completed(lab.up(&plants).await);
        demand_settled(&lab, &plants).await;
    });
}

#[test]
fn an_order_that_is_reversed_between_two_runs_does_not_hang_either_way() {
    for destroy in [true, false] {
        for at in 0..40 {
            in_virtual_time(async {
                let lab = Lab::new(1, Delays::NONE);
                let before = [Plant::new(LOGS, "a"), Plant::new(LOGS, "b").uses(&[0])];
                let after = [Plant::new(LOGS, "b"), Plant::new(LOGS, "a").uses(&[0])];
                completed(lab.up(&before).await);
                lab.kill.arm(Some(at));
                lab.up(&after).await;
                lab.kill.arm(None);
                if destroy {
                    completed(lab.destroy(&after).await);
                    assert_eq!(lab.cloud.world.lock().unwrap().living().count(), 0);
                } else {
                    completed(lab.up(&after).await);
                    demand_settled(&lab, &after).await;
                }
            });
        }
    }
}

#[test]
fn drift_is_told_from_a_changed_configuration() {
    in_virtual_time(async {
        let lab = Lab::new(1, Delays::NONE);
        let mut plants = small();
        completed(lab.up(&plants).await);
        {
            let mut world = lab.cloud.world.lock().unwrap();
            world.objects.get_mut("network-0000").unwrap().spec["size"] = json!(9);
            world.objects.remove("function.pay");
        }
        plants[1].size = 5;
        let plan = lab.plan(&plants).await.unwrap();
        let why: Vec<_> = plan.changes.iter().map(|change| (change.action, change.because.clone())).collect();
        assert_eq!(
            why,
            [(Action::Update, Reason::Drift), (Action::Update, Reason::Config), (Action::Create, Reason::Missing)]
        );
        completed(lab.up(&plants).await);
        demand_settled(&lab, &plants).await;
    });
}

#[test]
fn an_object_whose_marks_were_taken_off_is_still_known_by_its_id() {
    in_virtual_time(async {
        let lab = Lab::new(1, Delays::NONE);
        completed(lab.up(&small()).await);
        lab.cloud.world.lock().unwrap().objects.get_mut("network-0000").unwrap().address = None;
        demand_settled(&lab, &small()).await;
        completed(lab.destroy(&small()).await);
        assert_eq!(lab.findings(), Findings::default());
    });
}

#[test]
fn a_key_on_its_way_out_is_taken_back_before_it_is_used() {
    in_virtual_time(async {
        let lab = Lab::new(1, Delays::AWS);
        completed(lab.up(&payments()).await);
        completed(lab.destroy(&payments()).await);
        completed(lab.up(&payments()).await);
        demand_settled(&lab, &payments()).await;
        let keys = lab.cloud.calls_of("create").iter().filter(|call| call.kind == "key").count();
        assert_eq!(keys, 1, "the same key serves again");
    });
    scenario(8);
}

#[test]
fn a_fresh_key_that_only_its_id_shows_is_not_taken_for_its_dormant_predecessor() {
    for seed in 0..10 {
        in_virtual_time(async {
            let lab = Lab::new(seed, Delays { marks: 55.0, ..Delays::NONE });
            let plants = [Plant::new(NETWORK, "main"), Plant::new(KEY, "data").on(&[0])];
            completed(lab.up(&plants).await);
            completed(lab.destroy(&plants).await);
            // The network is another now, so the key cannot be taken back.
            completed(lab.up(&plants).await);
            demand_settled(&lab, &plants).await;
        });
    }
    scenario(8);
}

#[test]
fn an_unanswered_create_beside_a_dormant_predecessor_is_told_from_it() {
    for seed in 0..10 {
        in_virtual_time(async {
            let lab = Lab::new(seed, Delays::AWS);
            let mut plants = [Plant::new(KEY, "data")];
            completed(lab.up(&plants).await);
            plants[0].fixed = 2;
            lab.cloud.will("create", "key.data", [Fault::LostAnswer(Class::NoAnswer)]);
            completed(lab.up(&plants).await);
            demand_settled(&lab, &plants).await;
            assert_eq!(lab.cloud.calls_of("create").len(), 2);
        });
    }
}

#[test]
fn a_pending_object_is_deleted_as_soon_as_the_cloud_allows() {
    in_virtual_time(async {
        for (kind, least, most) in [(DATABASE, 1380, 1450), (GATEWAY, 60, 80)] {
            let lab = Lab::new(1, Delays::NONE);
            let plants = [Plant::new(kind, "main")];
            // Killed after the acquisition is on disk, while the object is still being made.
            lab.kill.arm(Some(7));
            assert!(matches!(lab.up(&plants).await, End::Killed));
            lab.kill.arm(None);
            assert_eq!(lab.state().records[&plants[0].address()].phase, Phase::Acquired);
            let took = completed(lab.destroy(&plants).await).took.as_secs();
            assert!((least..most).contains(&took), "{took} s");
            assert_eq!(lab.findings(), Findings::default());
        }
    });
    scenario(8);
}

#[test]
fn an_object_that_vanishes_while_it_is_waited_for_is_made_by_the_next_run() {
    in_virtual_time(async {
        let lab = Lab::new(1, Delays::AWS);
        let meddler = async {
            tokio::time::sleep(seconds(300)).await;
            lab.cloud.world.lock().unwrap().objects.remove("database.main").unwrap();
        };
        let plants = payments();
        let (end, ()) = tokio::join!(lab.up(&plants), meddler);
        let (_, failures) = failed(end);
        assert!(matches!(&failures[0].1, Failure::Failed { address, .. } if address.as_str() == "database.main"));
        completed(lab.up(&plants).await);
        demand_settled(&lab, &plants).await;
    });
    scenario(3);
}

#[test]
fn an_interrupt_starts_nothing_new_records_what_flies_and_ends_soon() {
    for after in [0, 50, 100, 300, 1000, 3000, 20_000, 120_000, 400_000] {
        for destroy in [false, true] {
            in_virtual_time(async {
                let lab = Lab::new(after, Delays::AWS);
                let plants = payments();
                if destroy {
                    completed(lab.up(&plants).await);
                }
                let interrupt = async {
                    tokio::time::sleep(Duration::from_millis(after)).await;
                    lab.stop.lock().unwrap().request();
                    let calls = lab.cloud.mutating_calls();
                    tokio::time::sleep(seconds(30)).await;
                    assert_eq!(lab.cloud.mutating_calls(), calls, "no call is started after the interrupt");
                };
                let start = Instant::now();
                let run = async {
                    let end = if destroy { lab.destroy(&plants).await } else { lab.up(&plants).await };
                    (end, start.elapsed())
                };
                let ((end, took), ()) = tokio::join!(run, interrupt);
                assert!(matches!(end, End::Ran(_, Outcome::Interrupted(_))), "{end:?}");
                assert!(took < Duration::from_millis(after + 2000), "it ends soon: {took:?}");
                let unanswered = lab.state().records.values().filter(|record| record.phase == Phase::Creating).count();
                let asked: usize = lab.cloud.calls_of("create").iter().filter(|call| call.answer.is_some()).count();
                assert!(unanswered <= asked, "what flew is recorded");
                completed(lab.up(&plants).await);
                demand_settled(&lab, &plants).await;
            });
        }
    }
    scenario(7);
}

#[test]
fn a_failed_resource_stops_its_dependents_only() {
    in_virtual_time(async {
        let lab = Lab::new(1, Delays::AWS);
        lab.cloud.will("create", "function.pay", [Fault::Refused(Class::Invalid)]);
        let (summary, failures) = failed(lab.up(&payments()).await);
        assert_eq!((summary.created, summary.failed, summary.skipped), (12, 1, 2));
        assert_eq!(failures[0].0.as_str(), "function.pay");
        let skipped: Vec<String> = lab
            .events()
            .into_iter()
            .filter_map(|event| match event {
                Event::Skipped { address, because } => Some(format!("{address} because {because}")),
                _ => None,
            })
            .collect();
        assert_eq!(skipped, ["api.main because function.pay", "alarm.errors because api.main"]);
        completed(lab.up(&payments()).await);
        demand_settled(&lab, &payments()).await;
    });
}

#[test]
fn a_failed_deletion_keeps_what_it_refers_to() {
    in_virtual_time(async {
        let lab = Lab::new(1, Delays::AWS);
        completed(lab.up(&payments()).await);
        lab.cloud.will("delete", "function.pay", [Fault::Refused(Class::Denied)]);
        failed(lab.destroy(&payments()).await);
        let left: Vec<String> = lab.state().records.keys().map(ToString::to_string).collect();
        for kept in ["function.pay", "role.pay", "network.main", "network.a", "group.functions"] {
            assert!(left.contains(&kept.to_owned()), "{kept} must wait: {left:?}");
        }
        completed(lab.destroy(&payments()).await);
        assert_eq!(lab.findings(), Findings::default());
    });
    scenario(8);
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
                let lab = Lab::new(full_after, Delays::AWS);
                let plants = payments();
                if destroy {
                    completed(lab.up(&plants).await);
                }
                let written = lab.disk.files.lock().unwrap().written;
                lab.disk.files.lock().unwrap().full_after = Some(written + full_after);
                let end = if destroy { lab.destroy(&plants).await } else { lab.up(&plants).await };
                let (_, failures) = failed(end);
                assert!(
                    lab.since_first_failure().unwrap() < seconds(2),
                    "nothing is waited for that cannot be recorded"
                );
                assert!(failures.iter().all(|(_, failure)| matches!(failure, Failure::State(_))), "{failures:?}");
                assert!(failures[0].1.to_string().contains("the disk is full"), "{failures:?}");
                lab.disk.files.lock().unwrap().full_after = None;
                completed(lab.up(&plants).await);
                demand_settled(&lab, &plants).await;
            });
        }
    }
    scenario(9);
}

#[test]
fn an_act_that_the_plan_did_not_show_is_refused() {
    in_virtual_time(async {
        let lab = Lab::new(1, Delays::NONE);
        let (journal, _) = Journal::open(Box::new(lab.disk.clone()), "test").await.unwrap();
        let shown = plan(&graph(&small()[..2]), &journal, &lab.base, &|_| {}).await.unwrap();
        let stop = payinfra_engine::Shutdown::default();
        let outcome = execute(&shown, &graph(&small()), &journal, &lab.base, &|_| {}, &stop).await;
        let Outcome::Failed(summary, failures) = outcome else { panic!("{outcome:?}") };
        assert_eq!((summary.created, summary.failed), (2, 1));
        assert!(matches!(failures[0].1, Failure::PlanChanged { act: "made", .. }));
    });
}

#[test]
fn a_plan_over_kinds_and_purposes_reads_only() {
    in_virtual_time(async {
        let lab = Lab::new(1, Delays::NONE);
        completed(lab.up(&payments()).await);
        let (calls, written) = (lab.cloud.mutating_calls(), lab.disk.files.lock().unwrap().written);
        let (journal, _) = Journal::open(Box::new(lab.disk.clone()), "test").await.unwrap();
        let graph = graph(&payments());
        plan(&graph, &journal, &lab.base, &|_| {}).await.unwrap();
        plan_destroy(&graph, &journal, &lab.base, &|_| {}).await.unwrap();
        assert_eq!((lab.cloud.mutating_calls(), lab.disk.files.lock().unwrap().written), (calls, written));
    });
}

#[test]
fn an_order_without_a_value_holds_both_ways() {
    in_virtual_time(async {
        let lab = Lab::new(1, Delays::NONE);
        let mut graph = Graph::new(kinds());
        let first = graph.add("first", |_| Spec::<GATEWAY>::default());
        let then = graph.add("then", |_| Spec::<LOGS>::default());
        graph.after(then, first);
        let took = completed(lab.run(&graph, Purpose::Up).await).took.as_secs();
        assert!((105..115).contains(&took), "{took} s");
        let since = calls_so_far(&lab);
        completed(lab.run(&graph, Purpose::Destroy).await);
        assert_eq!(acts(&lab, since), ["delete logs.then", "delete gateway.first"]);
    });
}

#[test]
fn a_killed_update_that_is_taken_back_before_it_shows_is_written_back() {
    for seed in 0..10 {
        in_virtual_time(async {
            let lab = Lab::new(seed, Delays { settle: 55.0, ..Delays::NONE });
            let mut plants = [Plant::new(LOGS, "pay")];
            completed(lab.up(&plants).await);
            plants[0].size = 2;
            lab.kill.arm(Some(4));
            lab.up(&plants).await;
            assert_eq!(lab.kill.label().unwrap(), "after update logs.pay");
            lab.kill.arm(None);
            plants[0].size = 1;
            completed(lab.up(&plants).await);
            tokio::time::sleep(seconds(60)).await;
            demand_settled(&lab, &plants).await;
        });
    }
}
