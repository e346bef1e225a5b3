//! A firewall around network interfaces. Its rules are [`super::SecurityGroupRules`].

use aws_sdk_ec2::types::{ResourceType, SecurityGroup as Found};
use payinfra_aws::{Owned, Tags, error};
use payinfra_engine::{Created, Durations, Error, Idempotency, Live, Progress, Resource, Select, Status};
use serde::{Deserialize, Serialize};

use super::tags::{filter, from_ec2, retag, specification};
use crate::{Cloud, Context};

/// A security group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SecurityGroup {
    /// The VPC.
    pub vpc_id: String,
    /// Its name, unique in the VPC.
    pub name: String,
    /// What it is for; EC2 never changes it.
    pub description: String,
    /// Its tags.
    pub tags: Tags,
}

/// What others use of a security group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outputs {
    /// Its id, `sg-…`.
    pub id: String,
    /// Its ARN.
    pub arn: String,
}

impl Resource for SecurityGroup {
    type Cloud = Cloud;
    type Outputs = Outputs;
    const KIND: &'static str = "security_group";
    const FORCES_REPLACEMENT: &'static [&'static str] = &["vpc_id", "name", "description"];
    // A second one of the name in the VPC is `InvalidGroup.Duplicate`.
    const IDEMPOTENCY: Idempotency = Idempotency::Name;
    // Interfaces of functions may use it for up to 45 minutes (docs/aws-behaviour.md, "Lambda: network interfaces").
    const DURATIONS: Durations = Durations::seconds(2, 2, 3600);

    async fn list(cloud: &Cloud, select: Select<'_>) -> Result<Vec<Live<Self>>, Error> {
        let live = |group: &Found| {
            let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
            let tags = from_ec2(group.tags());
            let id = text(group.group_id());
            Live {
                address: tags.address_in(cloud.stack()),
                outputs: outputs(cloud, &id),
                spec: Self {
                    vpc_id: text(group.vpc_id()),
                    name: text(group.group_name()),
                    description: text(group.description()),
                    tags,
                },
                status: Status::Ready,
                id,
            }
        };
        Ok(groups(cloud, select).await?.iter().map(live).collect())
    }

    async fn create(&self, cx: &Context<'_>) -> Result<Created<Self>, Error> {
        let request = cx.ec2.create_security_group().group_name(&self.name).description(&self.description);
        let created = request
            .vpc_id(&self.vpc_id)
            .tag_specifications(specification(ResourceType::SecurityGroup, &self.tags))
            .send()
            .await
            .map_err(error("CreateSecurityGroup"))?;
        let id = created.group_id().unwrap_or_default().to_owned();
        Ok(Created { outputs: Some(outputs(cx, &id)), id })
    }

    async fn update(&self, cx: &Context<'_>, live: &Live<Self>, changed: &[&str]) -> Result<(), Error> {
        if changed.contains(&"tags") {
            retag(cx, &live.id, &live.spec.tags, &self.tags).await?;
        }
        Ok(())
    }

    async fn delete(cx: &Context<'_>, live: &Live<Self>) -> Result<Progress, Error> {
        let request = cx.ec2.delete_security_group().group_id(&live.id);
        request.send().await.map_err(error("DeleteSecurityGroup"))?;
        Ok(Progress::Going)
    }
}

/// Reads security groups; their rules are in the same answer.
pub(super) async fn groups(cloud: &Cloud, select: Select<'_>) -> Result<Vec<Found>, Error> {
    let request = cloud.ec2.describe_security_groups().filters(filter(cloud, select, "group-id"));
    let found: Result<_, _> = request.into_paginator().items().send().collect().await;
    found.map_err(error("DescribeSecurityGroups"))
}

fn outputs(cloud: &Cloud, id: &str) -> Outputs {
    let arn = cloud.names.arn("ec2", &format!("security-group/{id}"));
    Outputs { id: id.to_owned(), arn }
}
