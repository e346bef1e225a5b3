//! The VPC's door to the internet.

use aws_sdk_ec2::types::{InternetGateway as Found, ResourceType};
use payinfra_aws::{Owned, Tags, error};
use payinfra_engine::{Created, Durations, Error, Idempotency, Live, Progress, Resource, Select, Status};
use serde::{Deserialize, Serialize};

use super::tags::{filter, from_ec2, retag, specification};
use crate::{Cloud, Context};

/// An internet gateway; [`super::InternetGatewayAttachment`] says where it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InternetGateway {
    /// Its tags.
    pub tags: Tags,
}

/// What others use of an internet gateway.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outputs {
    /// Its id, `igw-…`.
    pub id: String,
}

impl Resource for InternetGateway {
    type Cloud = Cloud;
    type Outputs = Outputs;
    const KIND: &'static str = "internet_gateway";
    const FORCES_REPLACEMENT: &'static [&'static str] = &[];
    const IDEMPOTENCY: Idempotency = Idempotency::Tags;
    const DURATIONS: Durations = Durations::seconds(2, 2, 1200);

    async fn list(cloud: &Cloud, select: Select<'_>) -> Result<Vec<Live<Self>>, Error> {
        let live = |gateway: &Found| {
            let tags = from_ec2(gateway.tags());
            let id = gateway.internet_gateway_id().unwrap_or_default().to_owned();
            Live {
                address: tags.address_in(cloud.stack()),
                outputs: Outputs { id: id.clone() },
                spec: Self { tags },
                status: Status::Ready,
                id,
            }
        };
        Ok(gateways(cloud, select).await?.iter().map(live).collect())
    }

    async fn create(&self, cx: &Context<'_>) -> Result<Created<Self>, Error> {
        let request = cx.ec2.create_internet_gateway();
        let created = request
            .tag_specifications(specification(ResourceType::InternetGateway, &self.tags))
            .send()
            .await
            .map_err(error("CreateInternetGateway"))?;
        let id = created.internet_gateway().and_then(|gateway| gateway.internet_gateway_id());
        let id = id.unwrap_or_default().to_owned();
        Ok(Created { outputs: Some(Outputs { id: id.clone() }), id })
    }

    async fn update(&self, cx: &Context<'_>, live: &Live<Self>, changed: &[&str]) -> Result<(), Error> {
        if changed.contains(&"tags") {
            retag(cx, &live.id, &live.spec.tags, &self.tags).await?;
        }
        Ok(())
    }

    async fn delete(cx: &Context<'_>, live: &Live<Self>) -> Result<Progress, Error> {
        let request = cx.ec2.delete_internet_gateway().internet_gateway_id(&live.id);
        request.send().await.map_err(error("DeleteInternetGateway"))?;
        Ok(Progress::Going)
    }
}

/// Reads internet gateways; their attachments are in the same answer.
pub(super) async fn gateways(cloud: &Cloud, select: Select<'_>) -> Result<Vec<Found>, Error> {
    let request = cloud.ec2.describe_internet_gateways().filters(filter(cloud, select, "internet-gateway-id"));
    let found: Result<_, _> = request.into_paginator().items().send().collect().await;
    found.map_err(error("DescribeInternetGateways"))
}

#[cfg(test)]
mod tests {
    use payinfra_engine::{Address, Class};

    use super::*;

    const FOUND: &str = "<DescribeInternetGatewaysResponse><internetGatewaySet><item>
        <internetGatewayId>igw-1</internetGatewayId><attachmentSet/><tagSet>
        <item><key>payinfra:stack</key><value>prod</value></item>
        <item><key>payinfra:address</key><value>internet_gateway.main</value></item>
        </tagSet></item></internetGatewaySet></DescribeInternetGatewaysResponse>";

    #[tokio::test]
    async fn is_found_by_its_tags_and_an_absent_id_is_left_out() {
        let none = "<DescribeInternetGatewaysResponse><internetGatewaySet/></DescribeInternetGatewaysResponse>";
        let (cloud, replay) = Cloud::replaying([(200, FOUND), (200, none)]);
        let live = InternetGateway::list(&cloud, Select::Owned).await.expect("the answer is good");
        assert_eq!(live[0].address, Some(Address::new("internet_gateway", "main")));
        let absent = InternetGateway::list(&cloud, Select::Ids(&["igw-2".to_owned()])).await;
        assert_eq!(absent, Ok(Vec::new()));
        assert!(replay.sent()[0].has("Filter.1.Name=tag%3Apayinfra%3Astack&Filter.1.Value.1=prod"));
        assert!(replay.sent()[1].has("Filter.1.Name=internet-gateway-id&Filter.1.Value.1=igw-2"));
    }

    #[tokio::test]
    async fn carries_its_tags_in_the_create_call_and_names_a_full_quota() {
        let body = "<Response><Errors><Error><Code>InternetGatewayLimitExceeded</Code></Error></Errors></Response>";
        let (cloud, replay) = Cloud::replaying([(400, body)]);
        let gateway = InternetGateway { tags: Tags::from([("payinfra:stack".to_owned(), "prod".to_owned())]) };
        let address = Address::new("internet_gateway", "main");
        let refused = gateway.create(&Context { cloud: &cloud, address: &address, token: "t" }).await;
        assert_eq!(refused.expect_err("the quota is full").class, Class::Quota);
        assert!(replay.sent()[0].has("TagSpecification.1.Tag.1.Key=payinfra%3Astack"));
    }
}
