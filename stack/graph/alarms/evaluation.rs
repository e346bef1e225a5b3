//! A model of how CloudWatch evaluates an alarm, for the tests: statistics, metric math and "M out of N".

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use payinfra_steps::monitoring::{Alarm, Metric};

/// What happens in one minute to what an alarm watches.
#[derive(Clone, Copy, Debug)]
pub(super) enum Minute {
    /// Nothing, so there is no data.
    Quiet,
    /// So many requests or runs, of which some are bad: failed, refused or slow, whatever the alarm is about.
    Runs { bad: u32, all: u32 },
    /// A value that is measured once, such as a number of connections.
    Value(f64),
}

/// Whether the alarm fires at any time during these minutes, with nothing before and after them.
pub(super) fn fires(alarm: &Alarm, minutes: &[Minute]) -> bool {
    let period = period(alarm);
    let looked = period * alarm.periods as usize;
    let quiet = vec![Minute::Quiet; looked];
    let minutes = [&quiet, minutes, &quiet].concat();
    // The window moves on by a minute, not by a period (docs/aws-behaviour.md, "CloudWatch: alarms").
    minutes.windows(looked).any(|window| {
        let bad = window.chunks(period).filter(|minutes| is_bad(alarm, minutes)).count();
        bad >= alarm.periods_to_alarm as usize
    })
}

/// The minutes that one data point covers.
pub(super) fn period(alarm: &Alarm) -> usize {
    let queried = alarm.queries.iter().find_map(|query| query.metric.as_ref());
    alarm.metric.as_ref().or(queried).unwrap().period_seconds as usize / 60
}

fn is_bad(alarm: &Alarm, minutes: &[Minute]) -> bool {
    let Some(point) = point(alarm, minutes) else { return alarm.missing_data == "breaching" };
    match alarm.comparison.as_str() {
        "GreaterThanThreshold" => point > alarm.threshold,
        "GreaterThanOrEqualToThreshold" => point >= alarm.threshold,
        "LessThanThreshold" => point < alarm.threshold,
        other => panic!("an unknown comparison: {other}"),
    }
}

/// The data point of one period; none if there is no data.
fn point(alarm: &Alarm, minutes: &[Minute]) -> Option<f64> {
    if let Some(metric) = &alarm.metric {
        return statistic(metric, minutes);
    }
    let mut values = BTreeMap::new();
    for query in &alarm.queries {
        if let Some(metric) = &query.metric {
            values.insert(query.id.as_str(), (statistic(metric, minutes), f64::from(metric.period_seconds)));
        }
    }
    let watched = alarm.queries.iter().find(|query| query.watched).unwrap();
    let mut math = Math { rest: watched.expression.as_deref().unwrap(), values };
    let value = math.comparison();
    assert_eq!(math.rest, "", "the end of an expression is not understood");
    value
}

fn statistic(metric: &Metric, minutes: &[Minute]) -> Option<f64> {
    let (mut bad, mut all, mut values) = (0_u32, 0_u32, Vec::new());
    for minute in minutes {
        match *minute {
            Minute::Quiet => {}
            Minute::Runs { bad: more_bad, all: more } => (bad, all) = (bad + more_bad, all + more),
            Minute::Value(value) => values.push(value),
        }
    }
    let (bad, all) = (f64::from(bad), f64::from(all));
    if values.is_empty() {
        let counts_all = matches!(metric.name.as_str(), "Count" | "Invocations");
        return (all > 0.0).then(|| match metric.statistic.as_str() {
            "SampleCount" => all,
            "Sum" if counts_all => all,
            "Sum" => bad,
            // The percentage of samples that are not above the value.
            rank if rank.starts_with("PR(:") => 100.0 * (all - bad) / all,
            other => panic!("{other} of runs"),
        });
    }
    Some(match metric.statistic.as_str() {
        "Average" => values.iter().sum::<f64>() / values.len() as f64,
        "Maximum" => values.into_iter().fold(f64::MIN, f64::max),
        "Minimum" => values.into_iter().fold(f64::MAX, f64::min),
        "Sum" => values.iter().sum(),
        other => panic!("{other} of values"),
    })
}

/// The metric math that the stack's alarms use, read from the left. Without data there is no result, except where
/// `FILL` gives one.
struct Math<'a> {
    rest: &'a str,
    /// The data point and the period of each metric.
    values: BTreeMap<&'a str, (Option<f64>, f64)>,
}

impl Math<'_> {
    fn takes(&mut self, sign: &str) -> bool {
        let after = self.rest.trim_start().strip_prefix(sign);
        self.rest = after.unwrap_or(self.rest).trim_start();
        after.is_some()
    }

    fn word(&mut self) -> &str {
        let end = self.rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '.').unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest.trim_start();
        word
    }

    fn comparison(&mut self) -> Option<f64> {
        let left = self.sum();
        if !self.takes(">=") {
            return left;
        }
        let right = self.sum();
        Some(f64::from(left? >= right?))
    }

    fn sum(&mut self) -> Option<f64> {
        let mut value = self.product();
        loop {
            let sign = if self.takes("+") {
                1.0
            } else if self.takes("-") {
                -1.0
            } else {
                return value;
            };
            let right = self.product();
            value = value.zip(right).map(|(left, right)| left + sign * right);
        }
    }

    fn product(&mut self) -> Option<f64> {
        let mut value = self.operand();
        loop {
            let divides = self.takes("/");
            if !divides && !self.takes("*") {
                return value;
            }
            let right = self.operand();
            value = value.zip(right).map(|(left, right)| if divides { left / right } else { left * right });
        }
    }

    fn operand(&mut self) -> Option<f64> {
        if self.takes("(") {
            let value = self.comparison();
            assert!(self.takes(")"));
            return value;
        }
        let word = self.word().to_owned();
        if let Ok(number) = word.parse() {
            return Some(number);
        }
        if !self.takes("(") {
            return self.values[word.as_str()].0;
        }
        if word == "PERIOD" {
            let metric = self.word().to_owned();
            assert!(self.takes(")"));
            return Some(self.values[metric.as_str()].1);
        }
        let mut arguments = vec![self.comparison()];
        while self.takes(",") {
            arguments.push(self.comparison());
        }
        assert!(self.takes(")"));
        match (word.as_str(), arguments.as_slice()) {
            ("FILL", [value, instead]) => value.or(*instead),
            ("IF", [condition, then, otherwise]) => {
                if (*condition)? == 0.0 {
                    *otherwise
                } else {
                    *then
                }
            }
            other => panic!("an unknown function: {other:?}"),
        }
    }
}

#[test]
fn the_math_is_what_cloudwatch_documents() {
    let evaluate = |expression: &str, m1: Option<f64>| {
        let values = BTreeMap::from([("m1", (m1, 60.0)), ("m2", (Some(40.0), 60.0))]);
        Math { rest: expression, values }.comparison()
    };
    assert_eq!(evaluate("IF(m1>=3, 100*m1/m2, 0)", Some(3.0)), Some(7.5));
    assert_eq!(evaluate("IF(m1>=3, 100*m1/m2, 0)", Some(2.0)), Some(0.0));
    assert_eq!(evaluate("IF(m2*(100-m1)/100>=2.5, 100-m1, 0)", Some(92.5)), Some(7.5));
    assert_eq!(evaluate("m2/PERIOD(m2) + FILL(m1, 1)", None), Some(40.0 / 60.0 + 1.0));
    assert_eq!(evaluate("m1/m2", None), None);
}
