//! A stack's life on an emulator that behaves as AWS does.

#![allow(clippy::print_stderr, reason = "a sweep shows how far it is")]

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::support::aws_rules::{
    Asked, AwsRules, Row, Verdict, World, canonical, map_elements, rows, rows_of_any_world,
};
use crate::support::configurations::{chosen, in_zone};
use crate::support::inventory::inventory;
use crate::support::proxy::{Protocol, Seen};
use crate::support::sweep::turn;
use crate::support::written::{between, is_current};
use crate::support::{Emulator, Kind, Payinfra, Proxy};
use bytes::Bytes;

/// How many rules a run of the tests tries alone; `scripts/aws-rules` tries all of them.
const SAMPLE: usize = 1;

/// Rules that a life on moto cannot meet, each with the reason.
const NOT_MET: &[(&str, &str)] = &[
    ("rds-parameter-equal-to-its-default", "moto's answer names no source"),
    ("roles-listed-without-tags", "moto lists roles without their tags"),
    ("sns-topic-changing", "a life changes no tag of a topic"),
    ("sqs-name-deleted-recently", "a life has no second `up` after `destroy`"),
    ("sqs-queue-not-visible", "a life changes no attribute of a queue"),
    ("ssm-too-many-updates", "a life changes no tag of a parameter"),
];

/// Rules whose refusals are about what payinfra must not ask for.
const FORBIDDEN: &[&str] = &[
    "endpoint-not-in-use1-az3",
    "nat-not-in-use1-az3",
    "aws-tags-refused-ec2",
    "aws-tags-refused-kms",
    "lambda-not-in-use1-az3",
    "lambda-trust-by-function",
    "lambda-one-permission-at-a-time",
    "lambda-permission-of-an-event",
    "lambda-permission-of-a-topic",
    "api-account-role-emptied",
    "logs-pattern-or-prefix",
    "events-rule-with-targets",
    "rds-proxy-without-use1-az3",
];

#[test]
fn each_rule_says_what_aws_does_and_where_that_is_written() {
    let rows = rows();
    let ids: BTreeSet<&str> = rows.iter().map(|row| row.id).collect();
    assert_eq!(ids.len(), rows.len(), "an id is there twice");
    assert!(rows.len() >= 80, "{}", rows.len());
    for row in &rows {
        assert!(!row.does.is_empty() && !row.source.is_empty() && !row.shown.on().is_empty(), "{}", row.id);
    }
    for (id, _) in NOT_MET {
        assert!(ids.contains(id), "{id}");
    }
    assert!(FORBIDDEN.iter().all(|id| ids.contains(id)));
}

/// The lines around the table of rules in docs/aws-behaviour.md.
const BEGIN: &str = "<!-- The rules, written from tests/support/aws_rules. -->\n";
const END: &str = "<!-- The end of the rules. -->\n";

#[test]
fn the_table_of_rules_is_current() {
    let mut table = String::from("\n| rule | AWS … | shown on | source |\n|---|---|---|---|\n");
    for row in rows() {
        let only = if row.world == World::Aws { " (only in AWS's world)" } else { "" };
        let on = row.shown.on().iter().map(|operation| format!("`{operation}`")).collect::<Vec<_>>().join(", ");
        writeln!(table, "| `{}` | {}{only} | {on} | {} |", row.id, row.does, row.source).unwrap();
    }
    table.push('\n');
    is_current("docs/aws-behaviour.md", |current| between(current, BEGIN, END, &table));
}

#[test]
fn a_stack_of_another_configuration_lives_and_dies_under_all_rules() {
    for (name, text) in chosen() {
        eprintln!("{name}");
        let life = Life::begin(rows_of_any_world());
        life.payinfra.configure_with_functions(&in_zone(text, &life.emulator.endpoint()));
        life.lives_and_dies();
    }
}

#[test]
fn a_stack_lives_and_dies_under_all_rules() {
    let life = Life::begin(rows_of_any_world());
    life.lives_and_dies();
    let (met, _) = life.proxy.behaved();
    let expected = |row: &&Row| !FORBIDDEN.contains(&row.id) && !NOT_MET.iter().any(|(id, _)| *id == row.id);
    let missed: Vec<&str> =
        rows_of_any_world().iter().filter(expected).map(|row| row.id).filter(|id| !met.contains(id)).collect();
    assert_eq!(missed, Vec::<&str>::new(), "these rules were never met");
}

#[test]
fn a_stack_lives_and_dies_under_each_rule_of_a_sample() {
    for row in sample() {
        eprintln!("{}: {}", row.id, row.does);
        Life::begin(with_what_it_needs(row)).lives_and_dies();
    }
}

#[test]
fn policies_come_back_in_another_order_and_elements_one_by_one() {
    let policy = r#"{"Statement":[{"Action":["a","b"],"Resource":["c"],"Condition":{"Bool":{"k":["t"]}}}]}"#;
    let back = r#"{"Statement":[{"Action":["b","a"],"Condition":{"Bool":{"k":"t"}},"Resource":"c"}]}"#;
    assert_eq!(canonical(policy).as_deref(), Some(back));
    let items = "<set><item>a<item>b</item></item><item>c</item></set>";
    let mut seen = Vec::new();
    let doubled = map_elements(items, "item", |item| {
        seen.push(item.to_owned());
        item.repeat(2)
    });
    assert_eq!(seen, ["<item>a<item>b</item></item>", "<item>c</item>"]);
    assert_eq!(doubled.matches("<item>c</item>").count(), 2);
}

#[test]
fn a_fresh_object_is_unknown_to_one_read_of_each_operation() {
    let mut rules = only("fresh-key");
    let key = r#"{"KeyMetadata":{"KeyId":"k-1"}}"#;
    rules.after(&asked("kms", "CreateKey", "{}"), None, true, &key.into());
    for operation in ["DescribeKey", "GetKeyPolicy"] {
        let read = asked("kms", operation, r#"{"KeyId":"k-1"}"#);
        assert!(matches!(rules.before(&read), Verdict::Refused((400, "NotFoundException", _))), "{operation}");
        assert!(matches!(rules.before(&read), Verdict::Passes(None)), "{operation}");
    }
    let other = asked("kms", "DescribeKey", r#"{"KeyId":"k-2"}"#);
    assert!(matches!(rules.before(&other), Verdict::Passes(None)));
}

#[test]
fn a_repeated_request_is_refused_as_often_as_a_rule_says() {
    let mut rules = only("waf-entity-not-visible");
    let one = asked("wafv2", "AssociateWebACL", "one");
    assert!(matches!(rules.before(&one), Verdict::Refused(_)));
    assert!(matches!(rules.before(&one), Verdict::Passes(None)));
    assert!(matches!(rules.before(&asked("wafv2", "AssociateWebACL", "two")), Verdict::Refused(_)));
    assert_eq!(rules.met(), ["waf-entity-not-visible"]);
}

#[test]
fn two_permissions_of_one_function_at_a_time_collide() {
    let mut rules = only("lambda-one-permission-at-a-time");
    let at = |function: &str| {
        let path = format!("/2015-03-31/functions/{function}/policy?Qualifier=live");
        Asked::new(&seen("lambda", "AddPermission"), &path, &"{}".into())
    };
    let Verdict::Passes(Some(busy)) = rules.before(&at("f")) else { panic!("the first one passes") };
    assert!(matches!(rules.before(&at("f")), Verdict::Refused((409, "ResourceConflictException", _))));
    assert!(matches!(rules.before(&at("g")), Verdict::Passes(Some(_))), "another function");
    rules.after(&at("f"), Some(&busy), true, &"{}".into());
    assert!(matches!(rules.before(&at("f")), Verdict::Passes(Some(_))));
}

#[test]
fn what_aws_takes_and_then_does_not_do_is_written_down() {
    let mut rules = AwsRules::new(rows_of_any_world());
    let permission = r#"{"Principal":"events.amazonaws.com","SourceAccount":"123456789012"}"#;
    rules.before(&asked("lambda", "AddPermission", permission));
    rules.before(&asked("lambda", "AddPermission", r#"{"Principal":"events.amazonaws.com"}"#));
    assert_eq!(
        rules.wrong(),
        ["lambda-permission-of-an-event: lambda:AddPermission: EventBridge can never invoke the function"]
    );
}

#[test]
fn a_role_that_demands_its_function_makes_none_in_a_vpc() {
    let create = asked("lambda", "CreateFunction", r#"{"Role":"arn:aws:iam::123456789012:role/r"}"#);
    for (operator, refused) in [("ArnLike", true), ("ArnLikeIfExists", false)] {
        let mut rules = only("lambda-trust-by-function");
        let trust = serde_json::json!({ "Statement": [{
            "Principal": { "Service": "lambda.amazonaws.com" },
            "Condition": { operator: { "aws:SourceArn": "arn:aws:lambda:us-east-1:123456789012:function:f" } },
        }] });
        let form = format!("RoleName=r&AssumeRolePolicyDocument={trust}");
        rules.after(&asked("iam", "CreateRole", &form), None, true, &"".into());
        assert_eq!(matches!(rules.before(&create), Verdict::Refused(_)), refused, "{operator}");
    }
}

fn only(id: &str) -> AwsRules {
    let rows: Vec<Row> = rows().into_iter().filter(|row| row.id == id).collect();
    assert_eq!(rows.len(), 1, "{id}");
    AwsRules::new(rows)
}

fn seen(service: &str, operation: &str) -> Seen {
    let (service, operation) = (service.to_owned(), operation.to_owned());
    Seen { service, operation, protocol: Protocol::Json, mutates: true, token: None }
}

fn asked(service: &str, operation: &str, body: &str) -> Asked {
    Asked::new(&seen(service, operation), "/", &Bytes::from(body.to_owned()))
}

/// A rule, and the one without which it cannot be obeyed: the map of the zones says which one lacks services.
fn with_what_it_needs(row: Row) -> Vec<Row> {
    const ZONES: &str = "zone-use1-az3";
    let needed =
        rows().into_iter().filter(|other| row.id.ends_with("use1-az3") && other.id == ZONES && row.id != ZONES);
    needed.chain([row]).collect()
}

/// The rules to try alone: those that `PAYINFRA_AWS_RULES` names (`all`, or ids with commas), or each day others.
fn sample() -> Vec<Row> {
    let rows = rows_of_any_world();
    match std::env::var("PAYINFRA_AWS_RULES") {
        Ok(wanted) if wanted == "all" => rows,
        Ok(wanted) if !wanted.is_empty() => {
            let wanted: Vec<&str> = wanted.split(',').collect();
            rows.into_iter().filter(|row| wanted.contains(&row.id)).collect()
        }
        _ => {
            let first = turn() * SAMPLE;
            (first..first + SAMPLE).map(|number| rows[number % rows.len()]).collect()
        }
    }
}

/// A stack on moto, behind a proxy that behaves as some rules say.
struct Life {
    proxy: Proxy,
    emulator: Emulator,
    payinfra: Payinfra,
}

impl Life {
    fn begin(rules: Vec<Row>) -> Self {
        let emulator = Emulator::start(Kind::Moto);
        let proxy = Proxy::start(emulator.address());
        proxy.behave(rules);
        let payinfra = Payinfra::against(&proxy.endpoint());
        payinfra.configure_with_functions("");
        Self { proxy, emulator, payinfra }
    }

    fn lives_and_dies(&self) {
        self.run(&["up"]).expect(0);
        self.proxy.forget();
        self.run(&["up"]).expect(0);
        assert_eq!(self.written(), Vec::<String>::new(), "the second `up` has nothing to write");
        self.run(&["diff"]).demand_no_changes();
        self.run(&["destroy", "--yes"]).demand_nothing_left("rules");
        assert_eq!(inventory(&self.emulator.endpoint(), "rules"), Vec::new());
        let (_, wrong) = self.proxy.behaved();
        assert_eq!(wrong, Vec::<String>::new());
    }

    fn run(&self, arguments: &[&str]) -> crate::support::Finished {
        let finished = self.payinfra.run([&["--suffix", "rules"], arguments].concat());
        eprintln!("{arguments:?} took {:.1} s", finished.took.as_secs_f64());
        finished
    }

    fn written(&self) -> Vec<String> {
        let calls = self.proxy.calls();
        calls.iter().filter(|call| call.mutating.is_some()).map(crate::support::Call::name).collect()
    }
}
