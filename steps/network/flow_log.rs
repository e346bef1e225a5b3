//! The record of who talked to whom in the VPC.

use aws_sdk_ec2::types::{
    FlowLog as Found, FlowLogsResourceType, LogDestinationType, ResourceType, TrafficType, UnsuccessfulItem,
};
use payinfra_aws::{Owned, Tags, error, refused};
use payinfra_engine::{Created, Durations, Error, Idempotency, Live, Progress, Resource, Select, Status};
use serde::{Deserialize, Serialize};

use super::tags::{filter, from_ec2, retag, specification};
use crate::{Cloud, Context};

/// A VPC's flow log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FlowLog {
    /// The VPC.
    pub vpc_id: String,
    /// Which traffic: `ALL`, `ACCEPT` or `REJECT`.
    pub traffic: String,
    /// The log group that it is written to.
    pub log_group: String,
    /// The role that the service writes as.
    pub role_arn: String,
    /// The longest time that a flow is gathered before it is written, in seconds: 60 or 600.
    pub aggregation_seconds: i32,
    /// Its tags.
    pub tags: Tags,
}

/// What others use of a flow log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outputs {
    /// Its id, `fl-…`.
    pub id: String,
}

impl Resource for FlowLog {
    type Cloud = Cloud;
    type Outputs = Outputs;
    const KIND: &'static str = "flow_log";
    const FORCES_REPLACEMENT: &'static [&'static str] =
        &["vpc_id", "traffic", "log_group", "role_arn", "aggregation_seconds"];
    const IDEMPOTENCY: Idempotency = Idempotency::Token;
    const DURATIONS: Durations = Durations::seconds(2, 1, 600);

    async fn list(cloud: &Cloud, select: Select<'_>) -> Result<Vec<Live<Self>>, Error> {
        let request = cloud.ec2.describe_flow_logs().filter(filter(cloud, select, "flow-log-id"));
        let found: Vec<_> = request
            .into_paginator()
            .items()
            .send()
            .collect::<Result<_, _>>()
            .await
            .map_err(error("DescribeFlowLogs"))?;
        Ok(found.iter().map(|log| live(cloud, log)).collect())
    }

    async fn create(&self, cx: &Context<'_>) -> Result<Created<Self>, Error> {
        let request = cx.ec2.create_flow_logs().resource_type(FlowLogsResourceType::Vpc).resource_ids(&self.vpc_id);
        let created = request
            .traffic_type(TrafficType::from(self.traffic.as_str()))
            .log_destination_type(LogDestinationType::CloudWatchLogs)
            .log_group_name(&self.log_group)
            .deliver_logs_permission_arn(&self.role_arn)
            .max_aggregation_interval(self.aggregation_seconds)
            .client_token(cx.token)
            .tag_specifications(specification(ResourceType::VpcFlowLog, &self.tags))
            .send()
            .await
            .map_err(error("CreateFlowLogs"))?;
        all_done("CreateFlowLogs", created.unsuccessful())?;
        let id = created.flow_log_ids().first().cloned().unwrap_or_default();
        Ok(Created { outputs: Some(Outputs { id: id.clone() }), id })
    }

    async fn update(&self, cx: &Context<'_>, live: &Live<Self>, changed: &[&str]) -> Result<(), Error> {
        if changed.contains(&"tags") {
            retag(cx, &live.id, &live.spec.tags, &self.tags).await?;
        }
        Ok(())
    }

    async fn delete(cx: &Context<'_>, live: &Live<Self>) -> Result<Progress, Error> {
        let request = cx.ec2.delete_flow_logs().flow_log_ids(&live.id);
        let answer = request.send().await.map_err(error("DeleteFlowLogs"))?;
        all_done("DeleteFlowLogs", answer.unsuccessful())?;
        Ok(Progress::Going)
    }
}

/// Both calls answer 200 also where they did nothing: what they refused stands in the answer.
fn all_done(operation: &'static str, unsuccessful: &[UnsuccessfulItem]) -> Result<(), Error> {
    match unsuccessful.first().map(|item| item.error()) {
        None => Ok(()),
        Some(why) => Err(refused(operation, why.and_then(|why| why.code()), why.and_then(|why| why.message()))),
    }
}

fn live(cloud: &Cloud, log: &Found) -> Live<FlowLog> {
    let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
    let tags = from_ec2(log.tags());
    let id = text(log.flow_log_id());
    Live {
        address: tags.address_in(cloud.stack()),
        spec: FlowLog {
            vpc_id: text(log.resource_id()),
            traffic: text(log.traffic_type().map(TrafficType::as_str)),
            log_group: text(log.log_group_name().or(log.log_destination().and_then(|arn| arn.rsplit(':').next()))),
            role_arn: text(log.deliver_logs_permission_arn()),
            aggregation_seconds: log.max_aggregation_interval().unwrap_or_default(),
            tags,
        },
        outputs: Outputs { id: id.clone() },
        // Failed deliveries (`DeliverLogsStatus`) are repeated by the service itself, once the role lets it.
        status: Status::Ready,
        id,
    }
}

#[cfg(test)]
mod tests {
    use payinfra_engine::{Address, Class};

    use super::*;

    fn log() -> FlowLog {
        FlowLog {
            vpc_id: "vpc-1".to_owned(),
            traffic: "ALL".to_owned(),
            log_group: "log-group-flow-logs-prod".to_owned(),
            role_arn: "arn:aws:iam::123456789012:role/payinfra/prod/role-flow-logs-prod".to_owned(),
            aggregation_seconds: 60,
            tags: Tags::from([("payinfra:stack".to_owned(), "prod".to_owned())]),
        }
    }

    #[tokio::test]
    async fn is_found_by_its_tags_in_the_shape_of_its_spec_and_an_absent_id_is_left_out() {
        let found = "<DescribeFlowLogsResponse><flowLogSet><item><flowLogId>fl-1</flowLogId><resourceId>vpc-1</resourceId>
            <trafficType>ALL</trafficType><logGroupName>log-group-flow-logs-prod</logGroupName>
            <deliverLogsPermissionArn>arn:aws:iam::123456789012:role/payinfra/prod/role-flow-logs-prod</deliverLogsPermissionArn>
            <maxAggregationInterval>60</maxAggregationInterval>
            <tagSet><item><key>payinfra:stack</key><value>prod</value></item>
            <item><key>payinfra:address</key><value>flow_log.main</value></item></tagSet></item></flowLogSet></DescribeFlowLogsResponse>";
        let none = "<DescribeFlowLogsResponse><flowLogSet/></DescribeFlowLogsResponse>";
        let (cloud, replay) = Cloud::replaying([(200, found), (200, none)]);
        let live = FlowLog::list(&cloud, Select::Owned).await.expect("the answer is good");
        assert_eq!(live[0].address, Some(Address::new("flow_log", "main")));
        let tags = live[0].spec.tags.clone();
        assert_eq!(live[0].spec, FlowLog { tags, ..log() });
        assert_eq!(FlowLog::list(&cloud, Select::Ids(&["fl-2".to_owned()])).await, Ok(Vec::new()));
        assert!(replay.sent()[1].has("Filter.1.Name=flow-log-id&Filter.1.Value.1=fl-2"));
    }

    #[tokio::test]
    async fn carries_its_tags_and_token_and_a_refusal_inside_a_good_answer_is_an_error() {
        let body = "<CreateFlowLogsResponse><unsuccessful><item><resourceId>vpc-1</resourceId><error>
            <code>FlowLogAlreadyExists</code><message>there</message></error></item></unsuccessful></CreateFlowLogsResponse>";
        let (cloud, replay) = Cloud::replaying([(200, body)]);
        let address = Address::new("flow_log", "main");
        let refused = log().create(&Context { cloud: &cloud, address: &address, token: "0123" }).await;
        assert_eq!(refused.expect_err("there is one").class, Class::Exists);
        assert!(replay.sent()[0].has("ClientToken=0123") && replay.sent()[0].has("ResourceType=VPC"));
        assert!(replay.sent()[0].has("TagSpecification.1.Tag.1.Key=payinfra%3Astack"));
    }
}
