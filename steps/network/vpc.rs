//! The virtual network that contains everything else.

use aws_sdk_ec2::types::{AttributeBooleanValue, Filter, ResourceType, SecurityGroup, VpcAttributeName, VpcState};
use futures::future::try_join_all;
use payinfra_aws::{Owned, Tags, error};
use payinfra_engine::{Created, Error, Idempotency, Live, Progress, Resource, Select, Status};
use serde::{Deserialize, Serialize};

use super::rules::{Direction, from_ec2, revoke};
use super::tags::{self, filter, retag, specification};
use crate::{Cloud, Context};

/// A VPC.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Vpc {
    /// Its address range.
    pub cidr: String,
    /// Whether instances get DNS names; private DNS of interface endpoints needs it.
    pub dns_hostnames: bool,
    /// Whether the VPC's resolver answers.
    pub dns_support: bool,
    /// Whether the group that AWS puts interfaces in that name none lets nothing through (FSBP EC2.2).
    pub default_group_closed: bool,
    /// Its tags.
    pub tags: Tags,
}

/// What others use of a VPC.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outputs {
    /// Its id, `vpc-…`.
    pub id: String,
}

impl Resource for Vpc {
    type Cloud = Cloud;
    type Outputs = Outputs;
    const KIND: &'static str = "vpc";
    const FORCES_REPLACEMENT: &'static [&'static str] = &["cidr"];
    const IDEMPOTENCY: Idempotency = Idempotency::Tags;

    async fn list(cloud: &Cloud, select: Select<'_>) -> Result<Vec<Live<Self>>, Error> {
        let request = cloud.ec2.describe_vpcs().filters(filter(cloud, select, "vpc-id"));
        let found: Vec<_> =
            request.into_paginator().items().send().collect::<Result<_, _>>().await.map_err(error("DescribeVpcs"))?;
        let ids: Vec<&str> = found.iter().filter_map(|vpc| vpc.vpc_id()).collect();
        let groups = &default_groups(cloud, &ids).await?;
        let live = found.iter().map(|vpc| async move {
            let id = vpc.vpc_id().unwrap_or_default().to_owned();
            let group = groups.iter().find(|group| group.vpc_id() == Some(&id));
            let (dns_support, dns_hostnames) = tokio::try_join!(
                attribute(cloud, &id, VpcAttributeName::EnableDnsSupport),
                attribute(cloud, &id, VpcAttributeName::EnableDnsHostnames),
            )?;
            let tags = tags::from_ec2(vpc.tags());
            let cidr = vpc.cidr_block().unwrap_or_default().to_owned();
            Ok(Live {
                address: tags.address_in(cloud.stack()),
                outputs: Outputs { id: id.clone() },
                status: match vpc.state() {
                    Some(VpcState::Available) | None => Status::Ready,
                    Some(state) => Status::Pending(state.as_str().to_owned()),
                },
                spec: Self {
                    cidr,
                    dns_hostnames,
                    dns_support,
                    default_group_closed: group.is_some_and(is_closed),
                    tags,
                },
                id,
            })
        });
        try_join_all(live).await
    }

    async fn create(&self, cx: &Context<'_>) -> Result<Created<Self>, Error> {
        let request = cx.ec2.create_vpc().cidr_block(&self.cidr);
        let created = request
            .tag_specifications(specification(ResourceType::Vpc, &self.tags))
            .send()
            .await
            .map_err(error("CreateVpc"))?;
        let id = created.vpc().and_then(|vpc| vpc.vpc_id()).unwrap_or_default().to_owned();
        Ok(Created { outputs: Some(Outputs { id: id.clone() }), id })
    }

    async fn update(&self, cx: &Context<'_>, live: &Live<Self>, changed: &[&str]) -> Result<(), Error> {
        // AWS takes one attribute a call, and hostnames only where support is on.
        if changed.contains(&"dns_support") {
            let request = cx.ec2.modify_vpc_attribute().vpc_id(&live.id).enable_dns_support(boolean(self.dns_support));
            request.send().await.map_err(error("ModifyVpcAttribute"))?;
        }
        if changed.contains(&"dns_hostnames") {
            let request = cx.ec2.modify_vpc_attribute().vpc_id(&live.id);
            let request = request.enable_dns_hostnames(boolean(self.dns_hostnames));
            request.send().await.map_err(error("ModifyVpcAttribute"))?;
        }
        if changed.contains(&"default_group_closed") && self.default_group_closed {
            for group in default_groups(cx, &[&live.id]).await? {
                let id = group.group_id().unwrap_or_default();
                let (ingress, egress) = (from_ec2(group.ip_permissions()), from_ec2(group.ip_permissions_egress()));
                revoke(cx, id, Direction::Ingress, &ingress.iter().collect::<Vec<_>>()).await?;
                revoke(cx, id, Direction::Egress, &egress.iter().collect::<Vec<_>>()).await?;
            }
        }
        if changed.contains(&"tags") {
            retag(cx, &live.id, &live.spec.tags, &self.tags).await?;
        }
        Ok(())
    }

    async fn delete(cx: &Context<'_>, live: &Live<Self>) -> Result<Progress, Error> {
        cx.ec2.delete_vpc().vpc_id(&live.id).send().await.map_err(error("DeleteVpc"))?;
        Ok(Progress::Going)
    }
}

fn boolean(value: bool) -> AttributeBooleanValue {
    AttributeBooleanValue::builder().value(value).build()
}

/// Reads the default security groups of VPCs.
async fn default_groups(cloud: &Cloud, vpcs: &[&str]) -> Result<Vec<SecurityGroup>, Error> {
    if vpcs.is_empty() {
        return Ok(Vec::new());
    }
    let values = vpcs.iter().map(|vpc| (*vpc).to_owned()).collect();
    let vpcs = Filter::builder().name("vpc-id").set_values(Some(values)).build();
    let name = Filter::builder().name("group-name").values("default").build();
    let request = cloud.ec2.describe_security_groups().filters(vpcs).filters(name);
    let found: Result<_, _> = request.into_paginator().items().send().collect().await;
    found.map_err(error("DescribeSecurityGroups"))
}

fn is_closed(group: &SecurityGroup) -> bool {
    group.ip_permissions().is_empty() && group.ip_permissions_egress().is_empty()
}

async fn attribute(cloud: &Cloud, id: &str, name: VpcAttributeName) -> Result<bool, Error> {
    let request = cloud.ec2.describe_vpc_attribute().vpc_id(id).attribute(name.clone());
    let found = request.send().await.map_err(error("DescribeVpcAttribute"))?;
    let value = match name {
        VpcAttributeName::EnableDnsSupport => found.enable_dns_support(),
        _ => found.enable_dns_hostnames(),
    };
    Ok(value.and_then(|value| value.value()).unwrap_or_default())
}
