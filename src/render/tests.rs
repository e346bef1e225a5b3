//! What people and pipelines see, as snapshots: once as text without colours, once as the JSON lines of version 1.
//!
//! A change of a JSON snapshot that breaks readers raises `JSON_VERSION`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use payinfra_engine::{
    Action, Address, ApplyError, AttributeChange, Change, Class, Error, Event, LiveValue, Plan, Purpose, Reason,
    Status, Summary,
};
use payinfra_stack::settings::ApiAuth;
use payinfra_state::Holder;
use serde_json::{Value, json};

use super::{CheckLine, CheckState, Held, Progress, Screen, commands};
use crate::command_error::{CommandError, Exit};
use crate::remote_state::LeaseRecord;

/// What `show` writes, as text and then as JSON lines; each line begins with its stream.
fn both(show: impl Fn(&Screen)) -> String {
    [false, true].map(|json| transcript(json, &show)).join("\n")
}

fn transcript(json: bool, show: impl Fn(&Screen)) -> String {
    let (screen, transcript) = Screen::transcript(json);
    show(&screen);
    let text = transcript.lock().unwrap().clone();
    if json {
        let lines = text.lines().map(|line| line.strip_prefix("stdout: ").expect("JSON goes to standard output"));
        assert!(lines.clone().all(is_versioned_object), "{text}");
    }
    text
}

fn is_versioned_object(line: &str) -> bool {
    let object: Value = serde_json::from_str(line).expect("one object per line");
    object["version"] == 1 && object["type"].is_string()
}

fn address(text: &str) -> Address {
    text.parse().unwrap()
}

fn live(id: &str) -> LiveValue {
    LiveValue { address: None, id: id.to_owned(), spec: json!({}), outputs: json!({}), status: Status::Ready }
}

fn attribute(name: &str, old: Option<Value>, new: Value, because: Reason) -> AttributeChange {
    AttributeChange { name: name.to_owned(), old, new, because, replaces: false }
}

fn change(text: &str, action: Action, because: Reason) -> Change {
    let live = (action != Action::Create).then(|| live(&format!("id-of-{text}")));
    Change { address: address(text), action, because, attributes: Vec::new(), live, deps: Vec::new() }
}

/// A policy as two versions of a function's role have it.
fn policy(actions: &[&str]) -> Value {
    json!({
        "Version": "2012-10-17",
        "Statement": [
            {
                "Action": actions,
                "Effect": "Allow",
                "Resource": "arn:aws:dynamodb:us-east-1:123456789012:table/dynamodb-sessions-dev",
                "Sid": "Sessions",
            },
            { "Action": ["kms:Decrypt"], "Effect": "Allow", "Resource": "*", "Sid": "Key" },
        ],
    })
}

/// Every action and every reason.
fn plan() -> Plan {
    let mut created = change("subnet.private-a", Action::Create, Reason::New);
    created.attributes = vec![
        attribute("vpc", None, json!("(known after apply)"), Reason::New),
        attribute("cidr", None, json!("10.0.1.0/24"), Reason::New),
        attribute("public", None, json!(false), Reason::New),
        attribute("policy", None, policy(&["dynamodb:GetItem", "dynamodb:PutItem"]), Reason::New),
    ];
    let mut updated = change("role.notifications", Action::Update, Reason::Config);
    updated.attributes = vec![
        attribute("description", None, json!("sends webhooks"), Reason::Config),
        attribute("max_session_seconds", Some(json!(3600)), json!(7200), Reason::Drift),
        attribute(
            "policy",
            Some(policy(&["dynamodb:GetItem"])),
            policy(&["dynamodb:GetItem", "dynamodb:PutItem"]),
            Reason::Code,
        ),
    ];
    let mut replaced = change("db_cluster.payments", Action::Replace, Reason::Config);
    let forcing = attribute("engine", Some(json!("16.4")), json!("17.2"), Reason::Config);
    replaced.attributes = vec![AttributeChange { replaces: true, ..forcing }];
    let mut adopted = change("topic.payment-events", Action::Update, Reason::Unrecorded);
    adopted.attributes = vec![attribute("key", Some(json!("other")), json!("(known after apply)"), Reason::Dependency)];
    let changes = vec![
        change("vpc.main", Action::NoOp, Reason::Config),
        created,
        change("bucket.archive", Action::Create, Reason::Missing),
        updated,
        adopted,
        replaced,
        change("queue.dead", Action::Replace, Reason::Failed("CREATE_FAILED".to_owned())),
        change("key.main", Action::Update, Reason::Leaving),
        change("alarm.api-5xx", Action::Update, Reason::Unfinished),
        change("alarm.former", Action::Delete, Reason::Removed),
        change("alarm.unknown", Action::Delete, Reason::Orphan),
    ];
    Plan { purpose: Purpose::Up, changes }
}

#[test]
fn a_plan_shows_each_action_with_its_reason_and_attributes() {
    insta::assert_snapshot!(both(|screen| screen.plan(&plan(), "dev in AWS account 123456789012, us-east-1")));
}

#[test]
fn a_plan_without_changes_says_so() {
    let unchanged = vec![change("vpc.main", Action::NoOp, Reason::Config)];
    insta::assert_snapshot!(both(|screen| {
        screen.plan(&Plan { purpose: Purpose::Up, changes: unchanged.clone() }, "dev in the sandbox");
        screen.plan(&Plan { purpose: Purpose::Destroy, changes: Vec::new() }, "dev in the sandbox");
        let changes = vec![change("vpc.main", Action::Delete, Reason::Destroy)];
        screen.plan(&Plan { purpose: Purpose::Destroy, changes }, "dev in the sandbox");
    }));
}

/// One event of each kind, and of `Finished` one of each action.
fn events() -> Vec<Event> {
    let usually = Duration::from_secs(5);
    let started = |text: &str, action| Event::Started { address: address(text), action, usually };
    let finished = |text: &str, action, took| Event::Finished {
        address: address(text),
        action,
        took: Duration::from_millis(took),
    };
    vec![
        Event::Reading,
        started("vpc.main", Action::Create),
        Event::Acquired { address: address("vpc.main"), id: "vpc-1".to_owned() },
        Event::Waiting { address: address("vpc.main"), what: "it to become available".to_owned() },
        finished("vpc.main", Action::Create, 1234),
        finished("role.notifications", Action::Update, 12_345),
        finished("db_cluster.payments", Action::Delete, 754_321),
        started("table.sessions", Action::Create),
        Event::Failed { address: address("table.sessions"), error: "CreateTable: LimitExceeded".to_owned() },
        Event::Skipped { address: address("function.notifications"), because: address("table.sessions") },
    ]
}

#[tokio::test(start_paused = true)]
async fn progress_has_a_line_for_each_event() {
    insta::assert_snapshot!(both(|screen| {
        let progress = Progress::start(screen, &plan());
        events().into_iter().for_each(|event| progress.event(event));
        progress.finish();
    }));
}

#[tokio::test(start_paused = true)]
async fn every_ten_seconds_progress_shows_what_is_running() {
    let (screen, transcript) = Screen::transcript(false);
    let progress = Progress::start(&screen, &plan());
    let usually = Duration::from_secs(600);
    for text in ["db_cluster.payments", "proxy.payments"] {
        progress.event(Event::Started { address: address(text), action: Action::Create, usually });
    }
    let what = "its dependents to release it".to_owned();
    progress.event(Event::Waiting { address: address("proxy.payments"), what });
    tokio::time::sleep(Duration::from_secs(21)).await;
    progress.finish();
    insta::assert_snapshot!(transcript.lock().unwrap());
}

#[test]
fn a_summary_counts_what_was_done() {
    let summary = Summary {
        created: 41,
        updated: 2,
        deleted: 1,
        unchanged: 30,
        skipped: 4,
        failed: 1,
        took: Duration::from_millis(754_321),
    };
    insta::assert_snapshot!(both(|screen| {
        screen.summary(&summary);
        screen.summary(&Summary::default());
    }));
}

#[test]
fn an_error_has_its_causes_and_a_hint() {
    insta::assert_snapshot!(both(|screen| {
        let refused = Error::new(Class::Denied, "CreateVpc", "not authorized");
        screen.error(&CommandError::from(ApplyError::Call(refused)).context("failed to apply vpc.main"));
        screen.error(&CommandError::new(Exit::Failed, "not confirmed"));
    }));
}

#[test]
fn notes_and_warnings_go_to_standard_error_or_into_the_json_lines() {
    insta::assert_snapshot!(both(|screen| {
        screen.note("installing MiniStack (once)");
        screen.warning("the lease on the state is lost");
    }));
}

#[test]
fn outputs_the_inventory_and_commands_are_results() {
    let outputs = BTreeMap::from([
        ("api/url".to_owned(), "https://abc.execute-api.us-east-1.amazonaws.com/live".to_owned()),
        ("storage/archive-bucket".to_owned(), "s3-archive-dev".to_owned()),
    ]);
    let left = [(address("bucket.archive"), live("s3-archive-dev"))];
    insta::assert_snapshot!(both(|screen| {
        screen.outputs(&outputs);
        screen.inventory("dev", &left);
        screen.inventory("dev", &[]);
    }));
    let url = "http://abc.execute-api.localhost:4566/live";
    insta::assert_snapshot!(
        "commands",
        both(|screen| {
            screen.commands(&commands(url, ApiAuth::Iam, "dev"));
            screen.commands(&commands(url, ApiAuth::ApiKey, "dev"));
        })
    );
}

#[test]
fn a_lock_shows_its_holder_and_the_lease() {
    let since: Timestamp = "2026-11-23T08:00:00Z".parse().unwrap();
    let (user, host, command) = ("ada".to_owned(), "laptop".to_owned(), "up".to_owned());
    let holder = Holder { user, host, pid: 4711, command, since };
    let lease = LeaseRecord {
        fence: 7,
        run: "run".to_owned(),
        holder: holder.clone(),
        length_seconds: 60,
        renewed_at: since,
        beat: 3,
        released: false,
    };
    let shown = both(|screen| {
        screen.lock("s3://bucket/team", "dev", None);
        screen.lock(".payinfra", "dev", Some(&Held { holder: holder.clone(), lease: None }));
        for age in [Some(Duration::from_secs(12)), None] {
            let held = Held { holder: holder.clone(), lease: Some((lease.clone(), age)) };
            screen.lock("s3://bucket/team", "dev", Some(&held));
        }
    });
    // The age is the only text that the clock decides.
    insta::with_settings!({ filters => vec![(r"age      .* \(", "age      [age] (")] }, {
        insta::assert_snapshot!(shown);
    });
}

#[test]
fn checks_have_a_line_each_and_a_verification_at_the_end() {
    let took = Duration::from_millis(83);
    let lines = [
        CheckLine { check: "health", state: CheckState::Ok, took, text: None },
        CheckLine { check: "payment booked", state: CheckState::Broken, took, text: Some("expected 201, got 503") },
        CheckLine {
            check: "events archived",
            state: CheckState::Skipped,
            took,
            text: Some("because of: payment booked"),
        },
        CheckLine { check: "webhooks signed", state: CheckState::NotChecked, took, text: Some("not this machine") },
    ];
    let counts = [(CheckState::Ok, 11), (CheckState::Broken, 1), (CheckState::Skipped, 1), (CheckState::NotChecked, 1)];
    insta::assert_snapshot!(both(|screen| {
        lines.iter().for_each(|line| screen.check(line));
        screen.verification(Some("payment booked"), &counts, Duration::from_millis(4100));
        screen.verification(None, &[(CheckState::Ok, 14)], Duration::from_millis(4100));
    }));
}
