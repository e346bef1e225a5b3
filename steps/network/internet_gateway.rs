//! The VPC's door to the internet.

use aws_sdk_ec2::types::{InternetGateway as Found, ResourceType};
use payinfra_aws::{Owned, Tags, error};
use payinfra_engine::{Created, Durations, Error, Idempotency, Live, Progress, Resource, Select, Status};
use serde::{Deserialize, Serialize};

use super::tags::{filter, from_ec2, retag, specification};
use crate::{Cloud, Context};

/// An internet gateway; [`super::InternetGatewayAttachment`] attaches it to a VPC.
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
