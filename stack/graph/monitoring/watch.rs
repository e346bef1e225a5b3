//! How every alarm of the stack is built: to one topic, with a description, and a deliberate meaning of silence.

use std::sync::Arc;

use payinfra_aws::names::Kind;
use payinfra_engine::{Graph, Handle, Scope};

use super::super::Design;
use payinfra_steps::Cloud;
use payinfra_steps::messaging::Topic;
use payinfra_steps::monitoring::{Alarm, Metric, Query};

/// Adds alarms and remembers their names.
pub(super) struct Watch<'a> {
    graph: &'a mut Graph<Cloud>,
    pub(super) design: &'a Arc<Design>,
    topic: Handle<Topic>,
    pub(super) names: Vec<String>,
}

/// What an alarm watches, when it goes off, and what it tells.
pub(super) struct Rule {
    watched: Watched,
    comparison: &'static str,
    threshold: f64,
    /// So many of so many minutes.
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
    /// The thing itself is gone.
    Alarming,
    /// What was last known still holds.
    Unchanged,
}

impl Rule {
    /// An alarm on one metric, above a value in 3 of 5 minutes; silence is fine.
    pub(super) fn metric(metric: Metric, threshold: f64, description: impl Into<String>) -> Self {
        Self::new(Watched::One(metric), threshold, description)
    }

    /// An alarm on what `expression` makes of other metrics, else as [`Rule::metric`].
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

    /// Goes off at the value already, not only above it.
    pub(super) fn at_threshold(mut self) -> Self {
        self.comparison = "GreaterThanOrEqualToThreshold";
        self
    }

    /// Goes off below the value.
    pub(super) fn below(mut self) -> Self {
        self.comparison = "LessThanThreshold";
        self
    }

    /// Goes off when `bad` of `looked` minutes are beyond the value.
    pub(super) fn minutes(mut self, bad: u32, looked: u32) -> Self {
        self.minutes = (bad, looked);
        self
    }

    /// Says what minutes without data mean.
    pub(super) fn silence(mut self, silence: Silence) -> Self {
        self.silence = silence;
        self
    }
}

impl<'a> Watch<'a> {
    pub(super) fn new(graph: &'a mut Graph<Cloud>, design: &'a Arc<Design>, topic: Handle<Topic>) -> Self {
        Self { graph, design, topic, names: Vec::new() }
    }

    /// Adds the alarm with this role in its name.
    pub(super) fn add(
        &mut self,
        role: &str,
        rule: impl Fn(&Design, &Scope<'_>) -> Rule + Send + Sync + 'static,
    ) -> Handle<Alarm> {
        let name = self.design.names.of(Kind::Alarm, role);
        self.names.push(name.clone());
        let (design, topic) = (Arc::clone(self.design), self.topic);
        self.graph.add(&role.replace('-', "_"), move |scope| {
            let rule = rule(&design, scope);
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
