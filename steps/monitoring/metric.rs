//! Metrics as alarms watch them: one metric, or a computation over several.

use std::collections::BTreeMap;

use aws_sdk_cloudwatch::types::{Dimension, Metric as AwsMetric, MetricAlarm, MetricDataQuery, MetricStat, Statistic};
use serde::{Deserialize, Serialize};

/// One metric with its statistic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    /// The namespace, such as `AWS/Lambda`.
    pub namespace: String,
    /// The metric's name.
    pub name: String,
    /// Which object it is about.
    pub dimensions: BTreeMap<String, String>,
    /// `Average`, `Sum`, `Maximum`, `Minimum`, `SampleCount` or a percentile such as `p99`.
    pub statistic: String,
    /// Seconds that one data point covers.
    pub period_seconds: u32,
}

/// One line of a computation: a metric or an expression over other lines.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Query {
    /// The name that expressions use.
    pub id: String,
    /// The metric, where the line is one.
    pub metric: Option<Metric>,
    /// The expression, where the line is one.
    pub expression: Option<String>,
    /// What the line is called in graphs.
    pub label: Option<String>,
    /// Whether this line is what the alarm watches; exactly one is.
    pub watched: bool,
}

impl Metric {
    /// A metric per minute.
    pub fn new(namespace: &str, name: &str, dimensions: &[(&str, &str)], statistic: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            dimensions: dimensions.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            statistic: statistic.to_owned(),
            period_seconds: 60,
        }
    }

    /// The same metric with data points that cover so many minutes.
    #[must_use]
    pub fn over_minutes(mut self, minutes: u32) -> Self {
        self.period_seconds = minutes * 60;
        self
    }

    /// Whether its statistic is a percentile, which CloudWatch keeps apart from the plain ones.
    pub(super) fn is_percentile(&self) -> bool {
        self.statistic.starts_with('p')
    }

    pub(super) fn plain_statistic(&self) -> Option<Statistic> {
        (!self.is_percentile()).then(|| Statistic::from(self.statistic.as_str()))
    }

    pub(super) fn period(&self) -> i32 {
        i32::try_from(self.period_seconds).unwrap_or(i32::MAX)
    }

    pub(super) fn to_dimensions(&self) -> Vec<Dimension> {
        let dimension = |(name, value): (&String, &String)| Dimension::builder().name(name).value(value).build();
        self.dimensions.iter().map(dimension).collect()
    }

    /// Reads the metric of an alarm on a single one.
    pub(super) fn of_alarm(alarm: &MetricAlarm) -> Option<Self> {
        let plain = alarm.statistic().map(|statistic| statistic.as_str().to_owned());
        Some(Self {
            namespace: alarm.namespace().unwrap_or_default().to_owned(),
            name: alarm.metric_name()?.to_owned(),
            dimensions: from_dimensions(alarm.dimensions()),
            statistic: plain.or_else(|| alarm.extended_statistic().map(ToOwned::to_owned)).unwrap_or_default(),
            period_seconds: alarm.period().unwrap_or_default().unsigned_abs(),
        })
    }

    fn of_query(stat: &MetricStat) -> Self {
        let metric = stat.metric();
        Self {
            namespace: metric.and_then(|metric| metric.namespace()).unwrap_or_default().to_owned(),
            name: metric.and_then(|metric| metric.metric_name()).unwrap_or_default().to_owned(),
            dimensions: metric.map(|metric| from_dimensions(metric.dimensions())).unwrap_or_default(),
            statistic: stat.stat().unwrap_or_default().to_owned(),
            period_seconds: stat.period().unwrap_or_default().unsigned_abs(),
        }
    }

    fn to_query(&self) -> MetricStat {
        let metric = AwsMetric::builder().namespace(&self.namespace).metric_name(&self.name);
        let metric = metric.set_dimensions(Some(self.to_dimensions())).build();
        MetricStat::builder().metric(metric).stat(&self.statistic).period(self.period()).build()
    }
}

impl Query {
    /// A metric that only expressions use.
    pub fn metric(id: &str, metric: Metric) -> Self {
        Self { id: id.to_owned(), metric: Some(metric), expression: None, label: None, watched: false }
    }

    /// The expression that the alarm watches.
    pub fn watched(id: &str, expression: String, label: &str) -> Self {
        let label = Some(label.to_owned());
        Self { id: id.to_owned(), metric: None, expression: Some(expression), label, watched: true }
    }

    pub(super) fn to_aws(&self) -> MetricDataQuery {
        MetricDataQuery::builder()
            .id(&self.id)
            .set_metric_stat(self.metric.as_ref().map(Metric::to_query))
            .set_expression(self.expression.clone())
            .set_label(self.label.clone())
            .return_data(self.watched)
            .build()
    }

    pub(super) fn from_aws(query: &MetricDataQuery) -> Self {
        Self {
            id: query.id().unwrap_or_default().to_owned(),
            metric: query.metric_stat().map(Metric::of_query),
            expression: query.expression().map(ToOwned::to_owned),
            label: query.label().map(ToOwned::to_owned),
            // CloudWatch takes silence for yes.
            watched: query.return_data().unwrap_or(true),
        }
    }
}

fn from_dimensions(dimensions: &[Dimension]) -> BTreeMap<String, String> {
    dimensions.iter().filter_map(|of| Some((of.name()?.to_owned(), of.value()?.to_owned()))).collect()
}
