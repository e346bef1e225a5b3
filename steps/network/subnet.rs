//! A slice of the VPC in one zone.

use aws_sdk_ec2::types::{AttributeBooleanValue, ResourceType, SubnetState};
use payinfra_aws::{Owned, Tags, error};
use payinfra_engine::{Created, Durations, Error, Idempotency, Live, Progress, Resource, Select, Status};
use serde::{Deserialize, Serialize};

use super::tags::{filter, from_ec2, retag, specification};
use crate::{Cloud, Context};

/// A subnet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Subnet {
    /// The VPC.
    pub vpc_id: String,
    /// The availability zone, `us-east-1a`.
    pub zone: String,
    /// Its address range.
    pub cidr: String,
    /// Whether new network interfaces get public addresses; never in this stack (FSBP EC2.15).
    pub public_addresses: bool,
    /// Its tags.
    pub tags: Tags,
}

/// What others use of a subnet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outputs {
    /// Its id, `subnet-…`.
    pub id: String,
    /// Its ARN.
    pub arn: String,
}

impl Resource for Subnet {
    type Cloud = Cloud;
    type Outputs = Outputs;
    const KIND: &'static str = "subnet";
    const FORCES_REPLACEMENT: &'static [&'static str] = &["vpc_id", "zone", "cidr"];
    // A second one with the same range is `InvalidSubnet.Conflict`.
    const IDEMPOTENCY: Idempotency = Idempotency::Name;
    // Interfaces of functions may use it for up to 45 minutes (docs/aws-behaviour.md, "Lambda: network interfaces").
    const DURATIONS: Durations = Durations::seconds(2, 2, 3600);

    async fn list(cloud: &Cloud, select: Select<'_>) -> Result<Vec<Live<Self>>, Error> {
        let request = cloud.ec2.describe_subnets().filters(filter(cloud, select, "subnet-id"));
        let found: Vec<_> = request
            .into_paginator()
            .items()
            .send()
            .collect::<Result<_, _>>()
            .await
            .map_err(error("DescribeSubnets"))?;
        Ok(found.iter().map(|subnet| live(cloud, subnet)).collect())
    }

    async fn create(&self, cx: &Context<'_>) -> Result<Created<Self>, Error> {
        let request = cx.ec2.create_subnet().vpc_id(&self.vpc_id).cidr_block(&self.cidr);
        let created = request
            .availability_zone(&self.zone)
            .tag_specifications(specification(ResourceType::Subnet, &self.tags))
            .send()
            .await
            .map_err(error("CreateSubnet"))?;
        let live = created.subnet().map(|subnet| live(cx, subnet));
        let (id, outputs) = live.map(|live| (live.id, live.outputs)).unzip();
        Ok(Created { id: id.unwrap_or_default(), outputs })
    }

    async fn update(&self, cx: &Context<'_>, live: &Live<Self>, changed: &[&str]) -> Result<(), Error> {
        if changed.contains(&"public_addresses") {
            let value = AttributeBooleanValue::builder().value(self.public_addresses).build();
            let request = cx.ec2.modify_subnet_attribute().subnet_id(&live.id).map_public_ip_on_launch(value);
            request.send().await.map_err(error("ModifySubnetAttribute"))?;
        }
        if changed.contains(&"tags") {
            retag(cx, &live.id, &live.spec.tags, &self.tags).await?;
        }
        Ok(())
    }

    async fn delete(cx: &Context<'_>, live: &Live<Self>) -> Result<Progress, Error> {
        cx.ec2.delete_subnet().subnet_id(&live.id).send().await.map_err(error("DeleteSubnet"))?;
        Ok(Progress::Going)
    }
}

fn live(cloud: &Cloud, subnet: &aws_sdk_ec2::types::Subnet) -> Live<Subnet> {
    let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
    let tags = from_ec2(subnet.tags());
    let id = text(subnet.subnet_id());
    Live {
        address: tags.address_in(cloud.stack()),
        outputs: Outputs { id: id.clone(), arn: text(subnet.subnet_arn()) },
        status: match subnet.state() {
            Some(SubnetState::Available) | None => Status::Ready,
            Some(state) => Status::Pending(state.as_str().to_owned()),
        },
        spec: Subnet {
            vpc_id: text(subnet.vpc_id()),
            zone: text(subnet.availability_zone()),
            cidr: text(subnet.cidr_block()),
            public_addresses: subnet.map_public_ip_on_launch().unwrap_or_default(),
            tags,
        },
        id,
    }
}
