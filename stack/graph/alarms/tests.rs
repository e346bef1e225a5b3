//! From what on each alarm fires: on a quiet stack too, and not on a single failure.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use payinfra_steps::monitoring::Alarm;

use super::super::tests::{default_graph, wanted};
use super::evaluation::{Minute, fires, period};
use crate::written::{between, is_current};

/// The lines around the table in the runbook.
const BEGIN: &str = "<!-- The least traffic, written from stack/graph/alarms/tests.rs. -->\n";
const END: &str = "<!-- The end of the least traffic. -->\n";

/// Alarms that report a single failure, because nothing else would: an event that needs a person.
const ONE_IS_ENOUGH: [&str; 2] = ["dead-letters", "event-delivery"];

/// From what on an alarm fires.
enum Least {
    /// So many bad ones within the window, if they are more than a share of all: `most` is the most at which they are.
    Failures { bad: u32, most: u32, what: &'static str },
    /// So many bad ones of so many in each of some minutes, and never below this number.
    Busy { minutes: usize, bad: u32, all: u32, what: &'static str },
    /// So often within the window.
    Times { times: u32, what: &'static str },
    /// A value beyond the threshold in so many minutes, whatever the traffic; the second value is not beyond it. In the
    /// text, `{}` is the threshold.
    Minutes { minutes: usize, beyond: f64, within: f64, what: &'static str },
}

use Least::{Busy, Failures, Minutes, Times};

/// Every alarm of a stack with the default settings; those that exist several times once.
const TABLE: &[(&[&str], Least)] = &[
    (&["api-5xx"], Failures { bad: 3, most: 299, what: "requests answered with 5xx" }),
    (&["api-4xx"], Busy { minutes: 5, bad: 11, all: 100, what: "refused requests" }),
    (&["api-latency"], Failures { bad: 3, most: 299, what: "slow requests" }),
    (
        &["api-rate"],
        Minutes { minutes: 3, beyond: 480_001.0, within: 480_000.0, what: "more than {} requests a second" },
    ),
    (
        &["payment-validation-errors", "transaction-processing-errors", "notifications-errors"],
        Failures { bad: 3, most: 59, what: "failed runs" },
    ),
    (
        &["payment-validation-throttles", "transaction-processing-throttles", "notifications-throttles"],
        Times { times: 3, what: "throttled runs" },
    ),
    (
        &["payment-validation-duration", "transaction-processing-duration", "notifications-duration"],
        Failures { bad: 3, most: 299, what: "slow runs" },
    ),
    (&["database-response"], Failures { bad: 3, most: 299, what: "slow responses" }),
    (
        &["session-reads-throttled", "session-writes-throttled"],
        Minutes { minutes: 3, beyond: 1.0, within: 0.0, what: "a throttled request" },
    ),
    (&["session-errors"], Minutes { minutes: 3, beyond: 1.0, within: 0.0, what: "an error" }),
    (&["dead-letters"], Times { times: 1, what: "a message in the queue" }),
    (&["sweep-invocations"], Times { times: 3, what: "sweeps that could not be started" }),
    (&["event-delivery"], Times { times: 1, what: "an event that could not be delivered" }),
    (&["nat-ports-1"], Minutes { minutes: 3, beyond: 1.0, within: 0.0, what: "a connection without a port" }),
    (&["database-cpu-1"], Minutes { minutes: 3, beyond: 80.1, within: 80.0, what: "more than {} % of the processor" }),
    (
        &["database-connections-1"],
        Minutes { minutes: 3, beyond: 1_378.0, within: 1_377.0, what: "more than {} connections" },
    ),
    (
        &["database-proxy-connections"],
        Minutes { minutes: 3, beyond: 965.0, within: 964.0, what: "more than {} connections" },
    ),
    (
        &["database-commit-latency-1", "database-select-latency-1"],
        Minutes { minutes: 3, beyond: 100.1, within: 100.0, what: "more than {} ms on average" },
    ),
    (
        &["database-memory-1"],
        Minutes { minutes: 3, beyond: 1.7e9, within: 1.8e9, what: "less than {} bytes of free memory" },
    ),
    (&["database-load-1"], Minutes { minutes: 5, beyond: 2.1, within: 2.0, what: "more than {} active sessions" }),
    (&["database-replica-lag"], Minutes { minutes: 3, beyond: 2_001.0, within: 2_000.0, what: "more than {} ms" }),
    (&["database-deadlocks"], Minutes { minutes: 3, beyond: 1.1, within: 1.0, what: "more than {} deadlock a second" }),
    (
        &["database-transaction-ids"],
        Minutes { minutes: 1, beyond: 1.1e9, within: 1e9, what: "more than {} transactions without a vacuum" },
    ),
];

fn alarm(role: &str) -> Alarm {
    serde_json::from_value(wanted(&default_graph("prod"), "alarm", &role.replace('-', "_"))).unwrap()
}

/// The same in each of so many minutes.
fn each(minutes: usize, minute: Minute) -> Vec<Minute> {
    vec![minute; minutes]
}

fn runs(bad: u32, all: u32) -> Minute {
    Minute::Runs { bad, all }
}

/// One minute after the other with one bad run each, as on a quiet stack.
fn one_by_one(bad: u32) -> Vec<Minute> {
    each(bad as usize, runs(1, 1))
}

#[test]
fn each_alarm_fires_from_its_least_traffic_on_and_not_below() {
    for (role, least) in TABLE.iter().flat_map(|(roles, least)| roles.iter().map(move |role| (role, least))) {
        let alarm = alarm(role);
        let (firing, silent) = match *least {
            Failures { bad, most, .. } => (
                vec![one_by_one(bad), each(1, runs(bad, bad)), each(1, runs(bad, most)), each(15, runs(1_000, 1_000))],
                vec![one_by_one(bad - 1), each(1, runs(bad - 1, bad - 1)), each(1, runs(bad, most + 1))],
            ),
            Busy { minutes, bad, all, .. } => (
                vec![each(minutes, runs(bad, all))],
                vec![
                    each(minutes, runs(bad - 1, all)),
                    each(minutes, runs(all - 1, all - 1)),
                    each(minutes - 1, runs(all, all)),
                ],
            ),
            // A measured number, such as that of messages in a queue, is one value however long it stays.
            Times { times: 1, .. } => (vec![each(1, Minute::Value(1.0))], vec![each(60, Minute::Value(0.0))]),
            Times { times, .. } => {
                let spread = [one_by_one(1), each(5, Minute::Quiet)].concat().repeat(times as usize - 1);
                (vec![one_by_one(times), [spread, one_by_one(1)].concat()], vec![one_by_one(times - 1)])
            }
            Minutes { minutes, beyond, within, .. } => (
                vec![each(minutes, Minute::Value(beyond))],
                vec![each(minutes - 1, Minute::Value(beyond)), each(60, Minute::Value(within))],
            ),
        };
        for minutes in firing {
            assert!(fires(&alarm, &minutes), "{role} does not fire on {minutes:?}");
        }
        for minutes in silent {
            assert!(!fires(&alarm, &minutes), "{role} fires on {minutes:?}");
        }
    }
}

/// One failure in the night, with nothing before and after it.
#[test]
fn a_single_failure_pages_nobody() {
    for (role, least) in TABLE.iter().flat_map(|(roles, least)| roles.iter().map(move |role| (role, least))) {
        let single = match least {
            Failures { .. } | Busy { .. } => runs(1, 1),
            Times { times: 1, .. } => Minute::Value(1.0),
            Times { .. } => runs(1, 1),
            // What is measured all the time is no failure; one minute of it is not enough either, except for what
            // only grows.
            Minutes { .. } if *role == "database-transaction-ids" => continue,
            Minutes { beyond, .. } => Minute::Value(*beyond),
        };
        assert_eq!(fires(&alarm(role), &[single]), ONE_IS_ENOUGH.contains(role), "{role}");
    }
}

/// A share alone would be above any threshold, since the only run failed.
#[test]
fn the_least_number_of_failures_cannot_be_set_to_one() {
    let mut settings = crate::settings::Settings::default();
    settings.monitoring.thresholds.minimum_failures = 1;
    assert!(settings.validate().iter().any(|error| error.to_string().contains("minimum_failures")));
}

#[test]
fn the_table_has_every_alarm() {
    let graph = default_graph("prod");
    let of_graph: BTreeSet<String> = graph
        .addresses()
        .iter()
        .filter(|address| address.kind() == "alarm")
        .map(|address| address.name().replace('_', "-"))
        .filter(|role| !role.ends_with("-2") && !role.ends_with("-3"))
        .collect();
    let of_table: BTreeSet<String> =
        TABLE.iter().flat_map(|(roles, _)| roles.iter().map(|role| (*role).to_owned())).collect();
    assert_eq!(of_table, of_graph);
}

/// A new alarm has no data yet; it reports only that it had some and has none any more.
#[test]
fn an_instance_that_reports_nothing_is_reported_and_a_new_one_is_not() {
    let alarm = alarm("database-cpu-1");
    assert_eq!(alarm.missing_data, "missing");
    assert_eq!(alarm.no_data_actions, alarm.alarm_actions);
    assert!(!alarm.alarm_actions.is_empty());
    assert!(!fires(&alarm, &[Minute::Quiet]));
}

/// Readers have no deadlocks: an average over the instances would hide those of the writer.
#[test]
fn deadlocks_of_all_instances_are_added_up() {
    assert_eq!(alarm("database-deadlocks").metric.unwrap().statistic, "Sum");
}

#[test]
fn the_runbook_has_the_table() {
    is_current("docs/monitoring.md", |current| between(current, BEGIN, END, &table()));
}

fn table() -> String {
    let mut text = "\n| alarm | fires from | on a quiet stack | a single one |\n|---|---|---|---|\n".to_owned();
    for (roles, least) in TABLE {
        let alarm = alarm(roles[0]);
        let window = period(&alarm) * alarm.periods as usize;
        let names: Vec<String> = roles.iter().map(|role| format!("`{}`", role.replace("-1", "-<n>"))).collect();
        let (from, quiet, single) = match least {
            Failures { bad, most, what } => (
                format!("{bad} {what} of at most {most} in {window} minutes; the same share of more"),
                format!("{bad} of {bad}"),
                "does not fire",
            ),
            Busy { minutes, bad, all, what } => (
                format!("{bad} {what} of {all} in each of {minutes} of {window} minutes"),
                "never".to_owned(),
                "does not fire",
            ),
            Times { times: 1, what } => ((*what).to_owned(), "the same".to_owned(), "fires"),
            Times { times, what } => {
                (format!("{times} {what} in {window} minutes"), "the same".to_owned(), "does not fire")
            }
            Minutes { minutes, what, .. } => {
                let what = what.replace("{}", &number(alarm.threshold));
                let (when, single) = match minutes {
                    1 => (String::new(), "fires"),
                    minutes => (format!(" in {minutes} of {window} minutes"), "does not fire"),
                };
                (format!("{what}{when}"), "the same".to_owned(), single)
            }
        };
        text.push_str(&format!("| {} | {from} | {quiet} | {single} |\n", names.join(", ")));
    }
    text.push('\n');
    text
}

/// A number with commas between its thousands.
fn number(value: f64) -> String {
    let text = value.to_string();
    let (whole, fraction) = text.split_once('.').map_or((text.as_str(), None), |(whole, rest)| (whole, Some(rest)));
    let groups: Vec<&str> =
        whole.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap()).collect();
    let whole = groups.join(",");
    fraction.map_or(whole.clone(), |fraction| format!("{whole}.{fraction}"))
}
