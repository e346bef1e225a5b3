//! The VPC that an internet gateway is attached to.
//!
//! A separate kind, because it must be gone before a VPC is replaced, while the gateway itself can stay.

use aws_sdk_ec2::types::{AttachmentStatus, InternetGateway as Found};
use payinfra_aws::{Owned, error};
use payinfra_engine::{Address, Created, Durations, Error, Idempotency, Live, Progress, Resource, Select, Status};
use serde::{Deserialize, Serialize};

use super::internet_gateway::{InternetGateway, gateways};
use super::tags::from_ec2;
use crate::{Cloud, Context};

/// The attachment of an internet gateway to a VPC.
///
/// It has no tags: its owner is the gateway's, and so is its name, which must therefore be the same in the graph.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InternetGatewayAttachment {
    /// The gateway, which is attached to one VPC at most.
    pub gateway_id: String,
    /// The VPC.
    pub vpc_id: String,
}

/// What others use of an attachment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outputs {
    /// The gateway, for routes that need it attached.
    pub gateway_id: String,
}

impl Resource for InternetGatewayAttachment {
    type Cloud = Cloud;
    type Outputs = Outputs;
    const KIND: &'static str = "internet_gateway_attachment";
    const FORCES_REPLACEMENT: &'static [&'static str] = &["gateway_id", "vpc_id"];
    // A second one is `Resource.AlreadyAssociated`.
    const IDEMPOTENCY: Idempotency = Idempotency::Name;
    // It cannot be detached while a NAT gateway is being deleted (docs/aws-behaviour.md, "VPC: NAT gateways").
    const DURATIONS: Durations = Durations::seconds(2, 2, 1200);

    async fn list(cloud: &Cloud, select: Select<'_>) -> Result<Vec<Live<Self>>, Error> {
        Ok(gateways(cloud, select).await?.iter().filter_map(|gateway| live(cloud, gateway)).collect())
    }

    async fn create(&self, cx: &Context<'_>) -> Result<Created<Self>, Error> {
        let request = cx.ec2.attach_internet_gateway().internet_gateway_id(&self.gateway_id).vpc_id(&self.vpc_id);
        request.send().await.map_err(error("AttachInternetGateway"))?;
        let outputs = Outputs { gateway_id: self.gateway_id.clone() };
        Ok(Created { id: self.gateway_id.clone(), outputs: Some(outputs) })
    }

    async fn update(&self, _: &Context<'_>, _: &Live<Self>, _: &[&str]) -> Result<(), Error> {
        // Both of its attributes make another attachment.
        Ok(())
    }

    async fn delete(cx: &Context<'_>, live: &Live<Self>) -> Result<Progress, Error> {
        let request = cx.ec2.detach_internet_gateway().internet_gateway_id(&live.id).vpc_id(&live.spec.vpc_id);
        request.send().await.map_err(error("DetachInternetGateway"))?;
        Ok(Progress::Going)
    }
}

fn live(cloud: &Cloud, gateway: &Found) -> Option<Live<InternetGatewayAttachment>> {
    let attachment = gateway.attachments().first()?;
    let status = match attachment.state() {
        Some(AttachmentStatus::Detached) => return None,
        Some(AttachmentStatus::Detaching) => Status::Deleting,
        Some(AttachmentStatus::Attaching) => Status::Pending("attaching".to_owned()),
        // Answers contain `available`, although the model only knows `attached`.
        _ => Status::Ready,
    };
    let owner = from_ec2(gateway.tags()).address_in(cloud.stack());
    let owner = owner.filter(|owner| owner.kind() == InternetGateway::KIND);
    let id = gateway.internet_gateway_id()?.to_owned();
    Some(Live {
        address: owner.map(|owner| Address::new(InternetGatewayAttachment::KIND, owner.name())),
        spec: InternetGatewayAttachment { gateway_id: id.clone(), vpc_id: attachment.vpc_id()?.to_owned() },
        outputs: Outputs { gateway_id: id.clone() },
        status,
        id,
    })
}
