//! The log of connections in the VPC.

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

/// Both calls answer 200 even if they did nothing: the answer lists what they rejected.
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
