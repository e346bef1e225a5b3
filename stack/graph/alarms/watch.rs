//! How every alarm of the stack is built: it notifies one topic, has a description, and decides what missing data means.

use payinfra_aws::names::Kind;
use payinfra_engine::{Handle, Scope};
use payinfra_steps::messaging::Topic;
use payinfra_steps::monitoring::{Alarm, Metric, Query};

use super::super::blueprint::{Blueprint, node};
use super::super::design::Design;

/// Adds alarms and collects their names.
pub(super) struct Watch<'a> {
    pub(super) stack: &'a mut Blueprint,
    topic: Handle<Topic>,
    pub(super) names: Vec<String>,
}

/// The minutes over which failures are added up: long enough for the few requests of a quiet stack, and short enough that
/// an outage of a busy one is reported within minutes. CloudWatch moves the window on each time it evaluates the alarm
/// (docs/aws-behaviour.md, "CloudWatch: alarms").
pub(super) const WINDOW: u32 = 15;

/// What an alarm watches, when it fires, and what its notification says.
pub(super) struct Rule {
    watched: Watched,
    comparison: &'static str,
    threshold: f64,
    /// How many of how many periods.
    periods: (u32, u32),
    silence: Silence,
    description: String,
}

enum Watched {
    One(Metric),
    Computed(Vec<Query>),
}

/// What minutes without data mean.
#[derive(Clone, Copy)]
pub(super) enum Silence {
    /// Nothing happened, so nothing is wrong.
    Fine,
    /// What the alarm watches is gone, which is reported. A new alarm has no data yet and reports nothing.
    Reported,
    /// The last known state still applies.
    Unchanged,
}

impl Rule {
    /// Fires when one metric is above a value in 3 of 5 periods; missing data is fine.
    pub(super) fn metric(metric: Metric, threshold: f64, description: impl Into<String>) -> Self {
        Self::new(Watched::One(metric), threshold, description)
    }

    /// Fires on the value of an expression over several metrics, otherwise like [`Rule::metric`].
    pub(super) fn computed(
        metrics: Vec<(&str, Metric)>,
        expression: String,
        label: &str,
        threshold: f64,
        description: impl Into<String>,
    ) -> Self {
        let mut queries = vec![Query::watched("watched", expression, label)];
        queries.extend(metrics.into_iter().map(|(id, metric)| Query::metric(id, metric)));
        Self::new(Watched::Computed(queries), threshold, description)
    }

    /// Fires when more than `percent` of what happened in the last [`WINDOW`] failed, and at least `minimum` times.
    ///
    /// The minimum is one of failures. One of everything that happens would hide an outage of a stack with little
    /// traffic, in which nothing succeeds.
    pub(super) fn share_of_failures(
        [failures, all]: [Metric; 2],
        label: &str,
        minimum: u32,
        percent: f64,
        description: impl Into<String>,
    ) -> Self {
        let metrics = vec![("m1", failures.over_minutes(WINDOW)), ("m2", all.over_minutes(WINDOW))];
        let expression = format!("IF(m1>={minimum}, 100*m1/m2, 0)");
        Self::computed(metrics, expression, label, percent, description).of_periods(1, 1)
    }

    /// Fires when the 99th percentile of the last [`WINDOW`] is above `most`: when more than one in a hundred took longer,
    /// and at least `minimum` did.
    ///
    /// Instead of the percentile, which is the slowest one of a hundred samples or fewer, the alarm watches the percentile
    /// rank: which percentage took `most` or less.
    pub(super) fn share_of_slow(
        metric: impl Fn(&str) -> Metric,
        label: &str,
        minimum: u32,
        most: f64,
        description: impl Into<String>,
    ) -> Self {
        let metrics = vec![
            ("m1", metric(&format!("PR(:{most})")).over_minutes(WINDOW)),
            ("m2", metric("SampleCount").over_minutes(WINDOW)),
        ];
        // Half a sample less, because a count that is computed from a percentage is not whole.
        let count = f64::from(minimum) - 0.5;
        let expression = format!("IF(m2*(100-m1)/100>={count}, 100-m1, 0)");
        Self::computed(metrics, expression, label, 1.0, description).of_periods(1, 1)
    }

    fn new(watched: Watched, threshold: f64, description: impl Into<String>) -> Self {
        Self {
            watched,
            comparison: "GreaterThanThreshold",
            threshold,
            periods: (3, 5),
            silence: Silence::Fine,
            description: description.into(),
        }
    }

    /// Fires at the value already, not only above it.
    pub(super) fn at_threshold(mut self) -> Self {
        self.comparison = "GreaterThanOrEqualToThreshold";
        self
    }

    /// Fires below the value.
    pub(super) fn below(mut self) -> Self {
        self.comparison = "LessThanThreshold";
        self
    }

    /// Fires when `bad` of the last `looked` periods, which are minutes unless the metric says otherwise, are beyond the
    /// value.
    pub(super) fn of_periods(mut self, bad: u32, looked: u32) -> Self {
        self.periods = (bad, looked);
        self
    }

    /// Sets what minutes without data mean.
    pub(super) fn silence(mut self, silence: Silence) -> Self {
        self.silence = silence;
        self
    }
}

impl<'a> Watch<'a> {
    pub(super) fn new(stack: &'a mut Blueprint, topic: Handle<Topic>) -> Self {
        Self { stack, topic, names: Vec::new() }
    }

    /// Adds the alarm whose name ends in this role and the suffix.
    pub(super) fn add(
        &mut self,
        role: &str,
        rule: impl Fn(&Design, &Scope<'_>) -> Rule + Send + Sync + 'static,
    ) -> Handle<Alarm> {
        let name = self.stack.design().names.of(Kind::Alarm, role);
        self.names.push(name.clone());
        let topic = self.topic;
        self.stack.add(&node(role), move |design, scope| {
            let rule = rule(design, scope);
            let topic = vec![scope.get(topic, |topic| topic.arn.clone())];
            let (metric, queries) = match rule.watched {
                Watched::One(metric) => (Some(metric), Vec::new()),
                Watched::Computed(queries) => (None, queries),
            };
            Alarm {
                name: name.clone(),
                description: rule.description,
                metric,
                queries,
                comparison: rule.comparison.to_owned(),
                threshold: rule.threshold,
                periods_to_alarm: rule.periods.0,
                periods: rule.periods.1,
                missing_data: match rule.silence {
                    Silence::Fine => "notBreaching",
                    Silence::Reported => "missing",
                    Silence::Unchanged => "ignore",
                }
                .to_owned(),
                few_samples: None,
                actions_enabled: true,
                no_data_actions: match rule.silence {
                    Silence::Reported => topic.clone(),
                    Silence::Fine | Silence::Unchanged => Vec::new(),
                },
                alarm_actions: topic.clone(),
                ok_actions: topic,
                tags: design.tags(scope, &name),
            }
        })
    }
}
