//! What a plan shows and why, and that a run does nothing else.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

mod fake;

use payinfra_engine::{Action, ApplyError, Class, Outcome, Reason, Shutdown, execute, plan, plan_destroy};
use payinfra_state::Journal;
use serde_json::json;

use fake::cloud::Delays;
use fake::harness::{Findings, Harness, completed, demand_settled, in_virtual_time};
use fake::stacks::{graph, payments, small};

#[test]
fn drift_is_distinguished_from_a_changed_configuration() {
    in_virtual_time(async {
        let harness = Harness::new(1, Delays::NONE);
        let mut resources = small();
        completed(harness.up(&resources).await);
        {
            let mut world = harness.cloud.world.lock().unwrap();
            world.objects.get_mut("network-0000").unwrap().spec["size"] = json!(9);
            world.objects.remove("function.pay");
        }
        resources[1].size = 5;
        let plan = harness.plan(&resources).await.unwrap();
        let why: Vec<_> = plan.changes.iter().map(|change| (change.action, change.because.clone())).collect();
        assert_eq!(
            why,
            [(Action::Update, Reason::Drift), (Action::Update, Reason::Config), (Action::Create, Reason::Missing)]
        );
        completed(harness.up(&resources).await);
        demand_settled(&harness, &resources).await;
    });
}

#[test]
fn an_object_whose_tags_were_removed_is_still_found_by_its_id() {
    in_virtual_time(async {
        let harness = Harness::new(1, Delays::NONE);
        completed(harness.up(&small()).await);
        harness.cloud.world.lock().unwrap().objects.get_mut("network-0000").unwrap().address = None;
        demand_settled(&harness, &small()).await;
        completed(harness.destroy(&small()).await);
        assert_eq!(harness.findings(), Findings::default());
    });
}

#[test]
fn an_action_that_the_plan_did_not_show_is_refused() {
    in_virtual_time(async {
        let harness = Harness::new(1, Delays::NONE);
        let (journal, _) = Journal::open(Box::new(harness.disk.clone()), "test").await.unwrap();
        let shown = plan(&graph(&small()[..2]), &journal, &harness.base, &|_| {}).await.unwrap();
        let stop = Shutdown::default();
        let outcome = execute(&shown, &graph(&small()), &journal, &harness.base, &|_| {}, &stop).await;
        let Outcome::Failed(summary, failures) = outcome else { panic!("{outcome:?}") };
        assert_eq!((summary.created, summary.failed), (2, 1));
        assert!(matches!(failures[0].1, ApplyError::PlanChanged { act: "made", .. }));
    });
}

#[test]
fn outputs_that_cannot_be_decoded_are_an_error_that_names_both_resources() {
    in_virtual_time(async {
        let harness = Harness::new(1, Delays::NONE);
        completed(harness.up(&small()).await);
        let (journal, _) = Journal::open(Box::new(harness.disk.clone()), "test").await.unwrap();
        let mut shown = plan(&graph(&small()), &journal, &harness.base, &|_| {}).await.unwrap();
        shown.changes[1].live.as_mut().unwrap().outputs = json!({ "id": 7 });
        let calls = harness.cloud.mutating_calls();
        let stop = Shutdown::default();
        let outcome = execute(&shown, &graph(&small()), &journal, &harness.base, &|_| {}, &stop).await;
        let Outcome::Failed(_, failures) = outcome else { panic!("{outcome:?}") };
        let [(user, failure)] = failures.as_slice() else { panic!("{failures:?}") };
        assert_eq!((user.as_str(), failure.class()), ("function.pay", Some(Class::Invalid)));
        let says = failure.to_string();
        assert!(says.contains("the outputs of gateway.nat cannot be decoded: invalid type: integer `7`"), "{says}");
        assert_eq!(harness.cloud.mutating_calls(), calls, "nothing is called with a stand-in for them");
    });
}

#[test]
fn a_plan_for_either_purpose_only_reads() {
    in_virtual_time(async {
        let harness = Harness::new(1, Delays::NONE);
        completed(harness.up(&payments()).await);
        let (calls, written) = (harness.cloud.mutating_calls(), harness.disk.files.lock().unwrap().written);
        let (journal, _) = Journal::open(Box::new(harness.disk.clone()), "test").await.unwrap();
        let graph = graph(&payments());
        plan(&graph, &journal, &harness.base, &|_| {}).await.unwrap();
        plan_destroy(&graph, &journal, &harness.base, &|_| {}).await.unwrap();
        assert_eq!((harness.cloud.mutating_calls(), harness.disk.files.lock().unwrap().written), (calls, written));
    });
}
