//! The virtual network everything stands in.

use aws_sdk_ec2::types::{AttributeBooleanValue, Filter, ResourceType, SecurityGroup, VpcAttributeName, VpcState};
use futures::future::try_join_all;
use payinfra_aws::{Owned, Tags, error, unless};
use payinfra_engine::{Class, Created, Error, Idempotency, Live, Progress, Resource, Select, Status};
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
            let attributes = async {
                tokio::try_join!(
                    attribute(cloud, &id, VpcAttributeName::EnableDnsSupport),
                    attribute(cloud, &id, VpcAttributeName::EnableDnsHostnames),
                )
            };
            // DescribeVpcs may show a VPC that this call does not know yet, or no longer.
            let Some((dns_support, dns_hostnames)) = unless(Class::Absent, attributes.await)? else { return Ok(None) };
            let tags = tags::from_ec2(vpc.tags());
            let cidr = vpc.cidr_block().unwrap_or_default().to_owned();
            Ok(Some(Live {
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
            }))
        });
        Ok(try_join_all(live).await?.into_iter().flatten().collect())
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

/// Reads the security groups that VPCs are born with.
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

#[cfg(test)]
mod tests {
    use payinfra_engine::Address;

    use super::*;

    const FOUND: &str = r#"<DescribeVpcsResponse><vpcSet><item><vpcId>vpc-1</vpcId><state>available</state>
        <cidrBlock>10.0.0.0/16</cidrBlock><tagSet>
        <item><key>payinfra:stack</key><value>prod</value></item>
        <item><key>payinfra:address</key><value>vpc.main</value></item></tagSet></item></vpcSet></DescribeVpcsResponse>"#;
    const TRUE: &str = "<DescribeVpcAttributeResponse><enableDnsSupport><value>true</value></enableDnsSupport></DescribeVpcAttributeResponse>";
    const NAMES: &str = "<DescribeVpcAttributeResponse><enableDnsHostnames><value>true</value></enableDnsHostnames></DescribeVpcAttributeResponse>";

    const GROUPS: &str = "<DescribeSecurityGroupsResponse><securityGroupInfo><item><groupId>sg-1</groupId><vpcId>vpc-1</vpcId>
        <ipPermissionsEgress><item><ipProtocol>-1</ipProtocol><ipRanges><item><cidrIp>0.0.0.0/0</cidrIp></item></ipRanges>
        </item></ipPermissionsEgress></item></securityGroupInfo></DescribeSecurityGroupsResponse>";

    #[tokio::test]
    async fn is_found_by_its_tags_in_the_shape_of_its_spec() {
        let (cloud, replay) = Cloud::replaying([(200, FOUND), (200, GROUPS), (200, TRUE), (200, NAMES)]);
        let live = Vpc::list(&cloud, Select::Owned).await.expect("the answers are good");
        assert_eq!(live[0].address, Some(Address::new("vpc", "main")));
        assert_eq!((live[0].id.as_str(), live[0].spec.dns_hostnames, &live[0].status), ("vpc-1", true, &Status::Ready));
        assert!(!live[0].spec.default_group_closed, "a fresh group lets everything out");
        assert!(replay.sent()[0].has("Filter.1.Name=tag%3Apayinfra%3Astack&Filter.1.Value.1=prod"));
    }

    #[tokio::test]
    async fn a_new_object_whose_attributes_cannot_be_read_yet_is_left_out() {
        // terraform-provider-aws#31877.
        let unknown = "<Response><Errors><Error><Code>InvalidVpcID.NotFound</Code>
            <Message>The vpc ID 'vpc-1' does not exist</Message></Error></Errors></Response>";
        let (cloud, _) = Cloud::replaying([(200, FOUND), (200, GROUPS), (400, unknown), (200, NAMES)]);
        let live = Vpc::list(&cloud, Select::Ids(&["vpc-1".to_owned()])).await.expect("absence is an answer");
        assert!(live.is_empty());
    }

    #[tokio::test]
    async fn carries_its_tags_in_the_create_call_and_names_a_full_quota() {
        let body =
            "<Response><Errors><Error><Code>VpcLimitExceeded</Code><Message>5</Message></Error></Errors></Response>";
        let (cloud, replay) = Cloud::replaying([(400, body)]);
        let tags = Tags::from([("payinfra:stack".to_owned(), "prod".to_owned())]);
        let cidr = "10.0.0.0/16".to_owned();
        let vpc = Vpc { cidr, dns_hostnames: true, dns_support: true, default_group_closed: true, tags };
        let address = Address::new("vpc", "main");
        let refused = vpc.create(&Context { cloud: &cloud, address: &address, token: "t" }).await;
        assert_eq!(refused.expect_err("the quota is full").class, Class::Quota);
        assert!(replay.sent()[0].has("TagSpecification.1.Tag.1.Key=payinfra%3Astack"));
    }
}
