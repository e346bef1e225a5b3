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

/// What an alarm watches, when it fires, and what its notification says.
pub(super) struct Rule {
    watched: Watched,
    comparison: &'static str,
    threshold: f64,
    /// How many of how many minutes.
    minutes: (u32, u32),
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
    /// What the alarm watches is gone.
    Alarming,
    /// The last known state still applies.
    Unchanged,
}

impl Rule {
    /// Fires when one metric is above a value in 3 of 5 minutes; missing data is fine.
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

    fn new(watched: Watched, threshold: f64, description: impl Into<String>) -> Self {
        Self {
            watched,
            comparison: "GreaterThanThreshold",
            threshold,
            minutes: (3, 5),
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

    /// Fires when `bad` of the last `looked` minutes are beyond the value.
    pub(super) fn minutes(mut self, bad: u32, looked: u32) -> Self {
        self.minutes = (bad, looked);
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
            let percentile = metric.as_ref().is_some_and(|metric| metric.statistic.starts_with('p'));
            Alarm {
                name: name.clone(),
                description: rule.description,
                metric,
                queries,
                comparison: rule.comparison.to_owned(),
                threshold: rule.threshold,
                periods_to_alarm: rule.minutes.0,
                periods: rule.minutes.1,
                missing_data: match rule.silence {
                    Silence::Fine => "notBreaching",
                    Silence::Alarming => "breaching",
                    Silence::Unchanged => "ignore",
                }
                .to_owned(),
                // A percentile of a handful of samples is one of them.
                few_samples: percentile.then(|| "ignore".to_owned()),
                actions_enabled: true,
                alarm_actions: topic.clone(),
                ok_actions: topic,
                tags: design.tags(scope, &name),
            }
        })
    }
}
