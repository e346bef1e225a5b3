//! The functions' way out: outgoing connections only, from an address that stays the same.

use aws_sdk_ec2::types::{ConnectivityType, NatGateway as Found, NatGatewayState, ResourceType};
use payinfra_aws::{Owned, Tags, error};
use payinfra_engine::{Created, Durations, Error, Idempotency, Live, Progress, Resource, Select, Status};
use serde::{Deserialize, Serialize};

use super::tags::{filter, from_ec2, retag, specification};
use crate::{Cloud, Context};

/// A public NAT gateway in one zone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NatGateway {
    /// The public subnet that it is in.
    pub subnet_id: String,
    /// The allocation id of its Elastic IP address.
    pub allocation_id: String,
    /// Its tags.
    pub tags: Tags,
}

/// What others use of a NAT gateway.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outputs {
    /// Its id, `nat-…`.
    pub id: String,
}

impl Resource for NatGateway {
    type Cloud = Cloud;
    type Outputs = Outputs;
    const KIND: &'static str = "nat_gateway";
    const FORCES_REPLACEMENT: &'static [&'static str] = &["subnet_id", "allocation_id"];
    const IDEMPOTENCY: Idempotency = Idempotency::Token;
    const DURATIONS: Durations = Durations::seconds(105, 60, 900);

    async fn list(cloud: &Cloud, select: Select<'_>) -> Result<Vec<Live<Self>>, Error> {
        let request = cloud.ec2.describe_nat_gateways().filter(filter(cloud, select, "nat-gateway-id"));
        let found: Vec<_> = request
            .into_paginator()
            .items()
            .send()
            .collect::<Result<_, _>>()
            .await
            .map_err(error("DescribeNatGateways"))?;
        Ok(found.iter().filter_map(|gateway| live(cloud, gateway)).collect())
    }

    async fn create(&self, cx: &Context<'_>) -> Result<Created<Self>, Error> {
        let request = cx.ec2.create_nat_gateway().subnet_id(&self.subnet_id).allocation_id(&self.allocation_id);
        let created = request
            .connectivity_type(ConnectivityType::Public)
            .client_token(cx.token)
            .tag_specifications(specification(ResourceType::Natgateway, &self.tags))
            .send()
            .await
            .map_err(error("CreateNatGateway"))?;
        let id = created.nat_gateway().and_then(|gateway| gateway.nat_gateway_id()).unwrap_or_default().to_owned();
        Ok(Created { outputs: Some(Outputs { id: id.clone() }), id })
    }

    async fn update(&self, cx: &Context<'_>, live: &Live<Self>, changed: &[&str]) -> Result<(), Error> {
        if changed.contains(&"tags") {
            retag(cx, &live.id, &live.spec.tags, &self.tags).await?;
        }
        Ok(())
    }

    async fn delete(cx: &Context<'_>, live: &Live<Self>) -> Result<Progress, Error> {
        let request = cx.ec2.delete_nat_gateway().nat_gateway_id(&live.id);
        request.send().await.map_err(error("DeleteNatGateway"))?;
        Ok(Progress::Going)
    }
}

/// Reads a NAT gateway; a deleted one stays visible for an hour and is nothing.
fn live(cloud: &Cloud, gateway: &Found) -> Option<Live<NatGateway>> {
    let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
    let status = match gateway.state() {
        Some(NatGatewayState::Deleted) => return None,
        Some(NatGatewayState::Deleting) => Status::Deleting,
        Some(NatGatewayState::Failed) => {
            Status::Failed(format!("{}: {}", text(gateway.failure_code()), text(gateway.failure_message())))
        }
        Some(NatGatewayState::Available) | None => Status::Ready,
        Some(state) => Status::Pending(state.as_str().to_owned()),
    };
    let tags = from_ec2(gateway.tags());
    // The first address is the primary one; ours has no other.
    let address = gateway.nat_gateway_addresses().first();
    let id = text(gateway.nat_gateway_id());
    Some(Live {
        address: tags.address_in(cloud.stack()),
        spec: NatGateway {
            subnet_id: text(gateway.subnet_id()),
            allocation_id: text(address.and_then(|address| address.allocation_id())),
            tags,
        },
        outputs: Outputs { id: id.clone() },
        status,
        id,
    })
}

#[cfg(test)]
mod tests {
    use payinfra_engine::Address;

    use super::*;

    fn found(state: &str) -> String {
        format!(
            "<DescribeNatGatewaysResponse><natGatewaySet><item><natGatewayId>nat-1</natGatewayId><state>{state}</state>
            <subnetId>subnet-1</subnetId><failureCode>Gateway.NotAttached</failureCode><failureMessage>no gateway</failureMessage>
            <natGatewayAddressSet><item><allocationId>eipalloc-1</allocationId></item></natGatewayAddressSet><tagSet>
            <item><key>payinfra:stack</key><value>prod</value></item>
            <item><key>payinfra:address</key><value>nat_gateway.a</value></item>
            </tagSet></item></natGatewaySet></DescribeNatGatewaysResponse>"
        )
    }

    #[tokio::test]
    async fn is_found_by_its_tags_with_its_state_until_it_is_deleted() {
        let states = [found("pending"), found("available"), found("failed"), found("deleting"), found("deleted")];
        let (cloud, replay) = Cloud::replaying(states.each_ref().map(|body| (200, body.as_str())));
        let mut seen = Vec::new();
        for _ in states {
            let live = NatGateway::list(&cloud, Select::Owned).await.expect("the answers are good");
            seen.push(live.into_iter().next().map(|live| {
                assert_eq!(live.address, Some(Address::new("nat_gateway", "a")));
                assert_eq!(live.spec.allocation_id, "eipalloc-1");
                live.status
            }));
        }
        let failed = Status::Failed("Gateway.NotAttached: no gateway".to_owned());
        let pending = Status::Pending("pending".to_owned());
        assert_eq!(seen, [Some(pending), Some(Status::Ready), Some(failed), Some(Status::Deleting), None]);
        assert!(replay.sent()[0].has("Filter.1.Name=tag%3Apayinfra%3Astack&Filter.1.Value.1=prod"));
    }
}
