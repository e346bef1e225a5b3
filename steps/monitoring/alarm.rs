//! A CloudWatch alarm.

use aws_sdk_cloudwatch::types::{ComparisonOperator, MetricAlarm, Tag};
use futures::future::try_join_all;
use payinfra_aws::names::Kind;
use payinfra_aws::{Owned, TagChange, Tags, error, own_tags, unless};
use payinfra_engine::{Class, Created, Error, Idempotency, Live, Progress, Resource, Select, Status};
use serde::{Deserialize, Serialize, Serializer};

use super::metric::{Metric, Query};
use crate::{Cloud, Context};

/// An alarm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alarm {
    /// Its name.
    pub name: String,
    /// What it means and what to do first.
    pub description: String,
    /// The metric it watches, where it watches a single one.
    pub metric: Option<Metric>,
    /// The computation it watches otherwise.
    #[serde(serialize_with = "sorted")]
    pub queries: Vec<Query>,
    /// `GreaterThanThreshold`, `GreaterThanOrEqualToThreshold` or `LessThanThreshold`.
    pub comparison: String,
    /// The value compared with, in the metric's unit.
    pub threshold: f64,
    /// How many of the periods must be beyond the threshold.
    pub periods_to_alarm: u32,
    /// How many periods are looked at.
    pub periods: u32,
    /// What a period without data counts as: `breaching`, `notBreaching`, `ignore` or `missing`.
    pub missing_data: String,
    /// `ignore` keeps the state of a percentile alarm while there are too few samples.
    pub few_samples: Option<String>,
    /// Whether the actions are taken.
    pub actions_enabled: bool,
    /// The topics notified of an alarm.
    pub alarm_actions: Vec<String>,
    /// The topics notified when the alarm returns to OK.
    pub ok_actions: Vec<String>,
    /// The topics notified when the alarm has no data any more. A new alarm begins without data, which notifies nobody.
    #[serde(default)]
    pub no_data_actions: Vec<String>,
    /// Its tags.
    pub tags: Tags,
}

/// What others use of an alarm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outputs {
    /// Its ARN.
    pub arn: String,
}

/// As many names as `DescribeAlarms` takes.
const NAMES: usize = 100;

impl Resource for Alarm {
    type Cloud = Cloud;
    type Outputs = Outputs;
    const KIND: &'static str = "alarm";
    const FORCES_REPLACEMENT: &'static [&'static str] = &["name"];
    const IDEMPOTENCY: Idempotency = Idempotency::Name;
    const BLOCKS_DELETION: bool = false;

    async fn list(cloud: &Cloud, select: Select<'_>) -> Result<Vec<Live<Self>>, Error> {
        let alarms = match select {
            Select::Owned => {
                let request =
                    cloud.cloudwatch.describe_alarms().alarm_name_prefix(Kind::Alarm.beginning()).into_paginator();
                let pages = request.send().collect::<Result<Vec<_>, _>>().await.map_err(error("DescribeAlarms"))?;
                let alarms = pages.into_iter().flat_map(|page| page.metric_alarms.unwrap_or_default());
                alarms
                    .filter(|alarm| alarm.alarm_name().is_some_and(|name| cloud.names.is_ours(Kind::Alarm, name)))
                    .collect()
            }
            Select::Ids(names) => try_join_all(names.chunks(NAMES).map(|names| named(cloud, names))).await?.concat(),
        };
        let live = try_join_all(alarms.into_iter().map(|alarm| live(cloud, alarm))).await?;
        let owned = |live: &Live<Self>| live.address.is_some() || select != Select::Owned;
        Ok(live.into_iter().flatten().filter(owned).collect())
    }

    async fn create(&self, cx: &Context<'_>) -> Result<Created<Self>, Error> {
        // Putting an alarm overwrites one of the same name, whoever owns it.
        if !named(cx, std::slice::from_ref(&self.name)).await?.is_empty() {
            return Err(Error::new(
                Class::Exists,
                "PutMetricAlarm",
                format!("there is an alarm {} already", self.name),
            ));
        }
        let request = self.put(cx).set_tags(Some(to_aws(&self.tags)));
        request.send().await.map_err(error("PutMetricAlarm"))?;
        let arn = cx.names.arn("cloudwatch", &format!("alarm:{}", self.name));
        Ok(Created { id: self.name.clone(), outputs: Some(Outputs { arn }) })
    }

    async fn update(&self, cx: &Context<'_>, live: &Live<Self>, changed: &[&str]) -> Result<(), Error> {
        if changed.iter().any(|name| *name != "tags") {
            // Tags are taken only when the alarm is new.
            self.put(cx).send().await.map_err(error("PutMetricAlarm"))?;
        }
        if changed.contains(&"tags") {
            let (arn, change) = (&live.outputs.arn, TagChange::between(&live.spec.tags, &self.tags));
            if !change.remove.is_empty() {
                let request = cx.cloudwatch.untag_resource().resource_arn(arn).set_tag_keys(Some(change.remove));
                request.send().await.map_err(error("UntagResource"))?;
            }
            if !change.set.is_empty() {
                let request = cx.cloudwatch.tag_resource().resource_arn(arn).set_tags(Some(to_aws(&change.set)));
                request.send().await.map_err(error("TagResource"))?;
            }
        }
        Ok(())
    }

    async fn delete(cx: &Context<'_>, live: &Live<Self>) -> Result<Progress, Error> {
        cx.cloudwatch.delete_alarms().alarm_names(&live.id).send().await.map_err(error("DeleteAlarms"))?;
        Ok(Progress::Going)
    }
}

impl Alarm {
    /// The whole alarm; what is not in the request is gone afterwards.
    fn put(
        &self,
        cloud: &Cloud,
    ) -> aws_sdk_cloudwatch::operation::put_metric_alarm::builders::PutMetricAlarmFluentBuilder {
        let count = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
        let request = cloud.cloudwatch.put_metric_alarm().alarm_name(&self.name).alarm_description(&self.description);
        let request = request.comparison_operator(ComparisonOperator::from(self.comparison.as_str()));
        let request = request.threshold(self.threshold).datapoints_to_alarm(count(self.periods_to_alarm));
        let request = request.evaluation_periods(count(self.periods)).treat_missing_data(&self.missing_data);
        let request = request.set_evaluate_low_sample_count_percentile(self.few_samples.clone());
        let request = request.actions_enabled(self.actions_enabled);
        let request = request.set_alarm_actions(Some(self.alarm_actions.clone()));
        let request = request.set_ok_actions(Some(self.ok_actions.clone()));
        let request = request.set_insufficient_data_actions(Some(self.no_data_actions.clone()));
        let Some(metric) = &self.metric else {
            return request.set_metrics(Some(self.queries.iter().map(Query::to_aws).collect()));
        };
        let request = request.namespace(&metric.namespace).metric_name(&metric.name).period(metric.period());
        let request = request.set_dimensions(Some(metric.to_dimensions())).set_statistic(metric.plain_statistic());
        request.set_extended_statistic(metric.is_percentile().then(|| metric.statistic.clone()))
    }
}

/// Reads the alarms with these names; absent ones are left out.
async fn named(cloud: &Cloud, names: &[String]) -> Result<Vec<MetricAlarm>, Error> {
    let request = cloud.cloudwatch.describe_alarms().set_alarm_names(Some(names.to_vec()));
    let found = request.max_records(100).send().await.map_err(error("DescribeAlarms"))?;
    Ok(found.metric_alarms.unwrap_or_default())
}

/// Reads the tags of an alarm; nothing if it has gone meanwhile.
async fn live(cloud: &Cloud, alarm: MetricAlarm) -> Result<Option<Live<Alarm>>, Error> {
    let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
    let count = |number: Option<i32>| number.unwrap_or_default().unsigned_abs();
    let arn = text(alarm.alarm_arn());
    let request = cloud.cloudwatch.list_tags_for_resource().resource_arn(&arn);
    let Some(tags) = unless(Class::Absent, request.send().await.map_err(error("ListTagsForResource")))? else {
        return Ok(None);
    };
    let tags = own_tags(tags.tags().iter().filter_map(|tag| Some((tag.key()?, tag.value()?))));
    let name = text(alarm.alarm_name());
    Ok(Some(Live {
        address: tags.address_in(cloud.stack()),
        id: name.clone(),
        status: Status::Ready,
        spec: Alarm {
            name,
            description: text(alarm.alarm_description()),
            metric: Metric::of_alarm(&alarm),
            queries: by_id(alarm.metrics().iter().map(Query::from_aws).collect()),
            comparison: text(alarm.comparison_operator().map(ComparisonOperator::as_str)),
            threshold: alarm.threshold().unwrap_or_default(),
            // Without it, every period counts.
            periods_to_alarm: count(alarm.datapoints_to_alarm().or(alarm.evaluation_periods())),
            periods: count(alarm.evaluation_periods()),
            missing_data: alarm.treat_missing_data().unwrap_or("missing").to_owned(),
            few_samples: alarm.evaluate_low_sample_count_percentile().map(ToOwned::to_owned),
            actions_enabled: alarm.actions_enabled().unwrap_or(true),
            alarm_actions: alarm.alarm_actions().to_vec(),
            ok_actions: alarm.ok_actions().to_vec(),
            no_data_actions: alarm.insufficient_data_actions().to_vec(),
            tags,
        },
        outputs: Outputs { arn },
    }))
}

/// Sorts queries: CloudWatch does not promise to keep their order.
fn by_id(mut queries: Vec<Query>) -> Vec<Query> {
    queries.sort_by(|one, other| one.id.cmp(&other.id));
    queries
}

fn sorted<S: Serializer>(queries: &[Query], serializer: S) -> Result<S::Ok, S::Error> {
    by_id(queries.to_vec()).serialize(serializer)
}

fn to_aws(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

#[cfg(test)]
mod tests {
    use payinfra_engine::Address;

    use super::*;

    const FOUND: &str = "<DescribeAlarmsResponse><DescribeAlarmsResult><MetricAlarms><member>
        <AlarmName>alarm-api-5xx-prod</AlarmName><AlarmArn>arn:alarm</AlarmArn><Threshold>1.0</Threshold>
        <ComparisonOperator>GreaterThanThreshold</ComparisonOperator><EvaluationPeriods>5</EvaluationPeriods>
        <TreatMissingData>notBreaching</TreatMissingData><ActionsEnabled>true</ActionsEnabled>
        <InsufficientDataActions><member>arn:topic</member></InsufficientDataActions>
        <Metrics><member><Id>m1</Id><ReturnData>false</ReturnData><MetricStat><Metric><Namespace>AWS/Lambda</Namespace>
        <MetricName>Errors</MetricName></Metric><Period>60</Period><Stat>Sum</Stat></MetricStat></member>
        <member><Id>rate</Id><Expression>100*m1</Expression></member></Metrics>
        </member></MetricAlarms></DescribeAlarmsResult></DescribeAlarmsResponse>";
    const NONE: &str =
        "<DescribeAlarmsResponse><DescribeAlarmsResult><MetricAlarms/></DescribeAlarmsResult></DescribeAlarmsResponse>";
    const TAGS: &str = "<ListTagsForResourceResponse><ListTagsForResourceResult><Tags>
        <member><Key>payinfra:stack</Key><Value>prod</Value></member>
        <member><Key>payinfra:address</Key><Value>alarm.api_5xx</Value></member>
        </Tags></ListTagsForResourceResult></ListTagsForResourceResponse>";

    fn alarm() -> Alarm {
        Alarm {
            name: "alarm-dead-letters-prod".to_owned(),
            description: "Something is undeliverable.".to_owned(),
            metric: Some(Metric::new(
                "AWS/SQS",
                "ApproximateNumberOfMessagesVisible",
                &[("QueueName", "q")],
                "Maximum",
            )),
            queries: Vec::new(),
            comparison: "GreaterThanOrEqualToThreshold".to_owned(),
            threshold: 1.0,
            periods_to_alarm: 1,
            periods: 1,
            missing_data: "notBreaching".to_owned(),
            few_samples: None,
            actions_enabled: true,
            alarm_actions: vec!["arn:topic".to_owned()],
            ok_actions: vec!["arn:topic".to_owned()],
            no_data_actions: vec!["arn:topic".to_owned()],
            tags: Tags::from([("payinfra:stack".to_owned(), "prod".to_owned())]),
        }
    }

    #[tokio::test]
    async fn is_found_by_name_and_tags_with_the_services_defaults_undone() {
        let (cloud, _) = Cloud::replaying([(200, FOUND), (200, TAGS)]);
        let live = Alarm::list(&cloud, Select::Owned).await.expect("the answers are good");
        assert_eq!(live[0].address, Some(Address::new("alarm", "api_5xx")));
        assert_eq!((live[0].spec.periods_to_alarm, &live[0].spec.metric), (5, &None));
        assert_eq!(live[0].spec.queries.iter().map(|query| query.watched).collect::<Vec<_>>(), [false, true]);
        assert_eq!(live[0].spec.no_data_actions, ["arn:topic"]);
    }

    #[tokio::test]
    async fn carries_its_tags_in_the_create_call_and_never_takes_over_a_name() {
        let made = "<PutMetricAlarmResponse/>";
        let (cloud, replay) = Cloud::replaying([(200, NONE), (200, made), (200, FOUND)]);
        let address = Address::new("alarm", "dead_letters");
        let cx = Context { cloud: &cloud, address: &address, token: "" };
        assert_eq!(alarm().create(&cx).await.expect("the name is free").id, "alarm-dead-letters-prod");
        assert!(replay.sent()[1].has("Tags.member.1.Key=payinfra%3Astack"));
        assert!(replay.sent()[1].has("InsufficientDataActions.member.1=arn%3Atopic"));
        assert_eq!(alarm().create(&cx).await.expect_err("the name is taken").class, Class::Exists);
        assert_eq!(replay.sent().len(), 3, "nothing was put over the other alarm");
    }

    #[tokio::test]
    async fn queries_that_come_back_in_another_order_are_the_same() {
        let at = FOUND.find("<member><Id>rate").expect("the second query");
        let first = FOUND.find("<member><Id>m1").expect("the first query");
        let end = FOUND.find("</Metrics>").expect("the end of the queries");
        let swapped = [&FOUND[..first], &FOUND[at..end], &FOUND[first..at], &FOUND[end..]].concat();
        let mut specs = Vec::new();
        for found in [FOUND, &swapped] {
            let (cloud, _) = Cloud::replaying([(200, found), (200, TAGS)]);
            specs.push(Alarm::list(&cloud, Select::Owned).await.expect("the answers are good").remove(0).spec);
        }
        assert_eq!(specs[0].queries.len(), 2);
        assert_eq!(specs[0], specs[1]);
        // What the graph wants is compared in the same order, however it is written.
        let mut wanted = specs[0].clone();
        wanted.queries.reverse();
        let json = |spec: &Alarm| serde_json::to_value(spec).expect("it is data");
        assert_eq!(json(&wanted), json(&specs[0]));
    }
}
