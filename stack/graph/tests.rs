#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use payinfra_aws::names::{Names, Suffix};
use payinfra_engine::Address;
use payinfra_steps::functions::{Artifacts, FunctionName};
use serde_json::Value;

use super::*;
use crate::settings::Settings;

/// The graph of a stack with the default settings.
pub(super) fn default_graph(suffix: &str) -> Graph<Cloud> {
    graph_of(Settings::default(), suffix)
}

/// The graph of a stack with these settings.
fn graph_of(settings: Settings, suffix: &str) -> Graph<Cloud> {
    let (cloud, _) = Cloud::replaying([]);
    let design = Design {
        settings,
        names: Names::new(Suffix::parse(suffix).unwrap(), "123456789012".to_owned()),
        zones: ["us-east-1a", "us-east-1b", "us-east-1c"].map(str::to_owned).to_vec(),
        artifacts: Artifacts::none(),
        foreign_log_role: None,
        sandbox_environment: BTreeMap::new(),
    };
    graph(&Arc::new(design), &cloud)
}

pub(super) fn wanted(graph: &Graph<Cloud>, kind: &str, name: &str) -> Value {
    graph.wanted(&Address::new(kind, name)).unwrap_or_else(|| panic!("there is no {kind}.{name}"))
}

/// The actions that a policy allows.
fn allowed(policy: &Value) -> BTreeSet<String> {
    let statements = policy["Statement"].as_array().unwrap().iter().filter(|statement| statement["Effect"] == "Allow");
    let actions = statements.flat_map(|statement| match &statement["Action"] {
        Value::String(one) => vec![one.clone()],
        many => many.as_array().unwrap().iter().map(|action| action.as_str().unwrap().to_owned()).collect(),
    });
    actions.collect()
}

/// Whether Lambda itself calls the action with the function's role, or a service calls it to use the key.
fn is_lambdas_own(action: &str) -> bool {
    ["ec2:", "kms:", "logs:", "xray:"].iter().any(|service| action.starts_with(service))
}

#[test]
fn a_function_may_do_what_its_code_does_and_nothing_else() {
    let called: BTreeMap<String, BTreeSet<String>> =
        serde_json::from_str(include_str!("../../functions/permissions.json")).unwrap();
    let graph = default_graph("prod");
    for function in FunctionName::ALL {
        let role = wanted(&graph, "role", &function.name().replace('-', "_"));
        let policies = role["policies"].as_object().unwrap();
        let allowed: BTreeSet<String> =
            policies.values().flat_map(allowed).filter(|action| !is_lambdas_own(action)).collect();
        assert_eq!(allowed, called[function.name()], "{}", function.name());
    }
}

/// The functions' own metrics are the only ones whose dimensions are not named by AWS.
#[test]
fn two_stacks_do_not_share_a_metric_of_their_own() {
    for suffix in ["prod", "dev"] {
        let graph = default_graph(suffix);
        let alarm = wanted(&graph, "alarm", "database_response");
        let function = format!("lambda-transaction-processing-{suffix}");
        let watched: Vec<&Value> = alarm["queries"].as_array().unwrap().iter().map(|query| &query["metric"]).collect();
        let watched: Vec<_> = watched.into_iter().filter(|metric| !metric.is_null()).collect();
        assert_eq!(watched.len(), 2);
        for metric in watched {
            assert_eq!(metric["dimensions"]["Function"], function.as_str(), "{metric}");
        }
        let dashboard = wanted(&graph, "dashboard", "main").to_string();
        let own = format!(r#"["Payments","DatabaseResponseTime","Function","{function}","#);
        assert_eq!(dashboard.matches(r#"["Payments","#).count(), dashboard.matches(&own).count(), "{dashboard}");
        assert!(dashboard.contains(&own));
    }
}

#[test]
fn everything_with_a_name_carries_the_suffix() {
    let (prod, dev) = (default_graph("prod"), default_graph("dev"));
    // What belongs to an API is named within it.
    for address in prod.addresses().iter().filter(|address| !address.kind().starts_with("api_")) {
        // Some addresses contain a hash of names.
        let (Some(one), Some(other)) = (prod.wanted(address), dev.wanted(address)) else { continue };
        for field in ["name", "identifier", "function_name"] {
            let Some(name) = one[field].as_str().filter(|name| !name.contains("(known after apply)")) else { continue };
            assert_ne!(Some(name), other[field].as_str(), "{address} has the same {field} in both stacks");
        }
    }
}

/// CloudWatch takes 1 to 100 alarms in a widget (docs/aws-behaviour.md, "CloudWatch: dashboards").
#[test]
fn the_dashboard_shows_every_alarm_with_as_many_instances_as_there_may_be() {
    for instances in [2, 12, 13, 16] {
        let mut settings = Settings::default();
        settings.database.instances = instances;
        let graph = graph_of(settings, "prod");
        let alarms = graph.addresses().iter().filter(|address| address.kind() == "alarm").count();
        let dashboard = wanted(&graph, "dashboard", "main");
        let widgets = dashboard["body"]["widgets"].as_array().unwrap();
        let shown: Vec<usize> = widgets
            .iter()
            .filter(|widget| widget["type"] == "alarm")
            .map(|widget| widget["properties"]["alarms"].as_array().unwrap().len())
            .collect();
        assert!(shown.iter().all(|count| (1..=100).contains(count)), "{instances} instances: {shown:?}");
        assert_eq!(shown.iter().sum::<usize>(), alarms, "{instances} instances");
        for widget in widgets {
            let end = widget["x"].as_u64().unwrap() + widget["width"].as_u64().unwrap();
            assert!(end <= 24, "a widget is wider than the dashboard: {widget}");
        }
    }
}

/// S3 reports the size of a bucket once a day.
#[test]
fn a_daily_metric_is_shown_over_days() {
    let dashboard = wanted(&default_graph("prod"), "dashboard", "main");
    let widgets = dashboard["body"]["widgets"].as_array().unwrap();
    let daily: Vec<&Value> = widgets.iter().filter(|widget| widget["properties"]["period"] == 86_400).collect();
    assert_eq!(daily.len(), 1);
    assert_eq!(daily[0]["properties"]["start"], "-P14D");
    assert_eq!(dashboard["body"]["periodOverride"], "inherit", "otherwise the range of the dashboard sets the period");
}

#[test]
fn the_outbox_is_swept_from_when_it_exists() {
    let graph = default_graph("prod");
    let deps = graph.deps(&Address::new("schedule", "outbox_sweep"));
    assert!(deps.contains(&Address::new("schema", "main")), "{deps:?}");
}

/// The statements of a role's policies and of an endpoint's policy that allow something in S3.
fn statements_on_s3(policies: &[&Value]) -> Vec<Value> {
    let statements = policies.iter().flat_map(|policy| policy["Statement"].as_array().unwrap().clone());
    statements.filter(|statement| statement["Resource"].to_string().contains("arn:aws:s3:::")).collect()
}

/// A bucket's ARN names no account, and its name is free for everybody once the bucket is deleted.
#[test]
fn the_functions_reach_only_buckets_of_this_account() {
    let graph = default_graph("prod");
    let role = wanted(&graph, "role", "notifications");
    let of_role: Vec<&Value> = role["policies"].as_object().unwrap().values().collect();
    let endpoint = wanted(&graph, "vpc_endpoint", "s3");
    for policies in [of_role, vec![&endpoint["policy"]]] {
        let statements = statements_on_s3(&policies);
        assert!(!statements.is_empty());
        for statement in statements {
            assert_eq!(statement["Condition"]["StringEquals"]["aws:ResourceAccount"], "123456789012", "{statement}");
        }
    }
}

/// Nothing says that SNS sends the account; its ARN names it (docs/aws-behaviour.md, "All services: condition keys that are
/// sent"). A condition on a key that is not sent would be false.
#[test]
fn nothing_that_sns_does_hangs_on_an_account_that_it_may_not_send() {
    let graph = default_graph("prod");
    let mut seen = 0;
    for address in graph.addresses() {
        let Some(wanted) = graph.wanted(address) else { continue };
        let Some(statements) = wanted["policy"]["Statement"].as_array() else { continue };
        for statement in statements.iter().filter(|statement| statement["Principal"]["Service"] == "sns.amazonaws.com")
        {
            seen += 1;
            let condition = statement["Condition"].to_string();
            assert!(
                condition.contains("aws:SourceArn") && !condition.contains("aws:SourceAccount"),
                "{address}: {statement}"
            );
        }
    }
    assert_eq!(seen, 3, "the key and two queues");
}

/// The API documents 413 above 16 KiB, so the firewall must let the API refuse what is smaller than that, or larger.
#[test]
fn the_firewall_refuses_no_body_that_the_api_takes() {
    let acl = wanted(&default_graph("prod"), "web_acl", "api");
    let rules = acl["rules"].as_array().unwrap();
    let common = rules.iter().find(|rule| rule["statement"]["managed"]["group"] == "AWSManagedRulesCommonRuleSet");
    assert_eq!(common.unwrap()["statement"]["managed"]["exceptions"], serde_json::json!(["SizeRestrictions_BODY"]));
}
