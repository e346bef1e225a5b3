//! A public address that stays ours.

use aws_sdk_ec2::types::{Address as Found, DomainType, ResourceType};
use payinfra_aws::{Owned, Tags, error};
use payinfra_engine::{Created, Durations, Error, Idempotency, Live, Progress, Resource, Select, Status};
use serde::{Deserialize, Serialize};

use super::tags::{filter, from_ec2, retag, specification};
use crate::{Cloud, Context};

/// An Elastic IP address.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ElasticIp {
    /// Its tags.
    pub tags: Tags,
}

/// What others use of an address.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outputs {
    /// Its id, `eipalloc-…`.
    pub id: String,
    /// The address itself, for the firewalls of those we call.
    pub public_ip: String,
}

impl Resource for ElasticIp {
    type Cloud = Cloud;
    type Outputs = Outputs;
    const KIND: &'static str = "elastic_ip";
    const FORCES_REPLACEMENT: &'static [&'static str] = &[];
    const IDEMPOTENCY: Idempotency = Idempotency::Tags;
    const DURATIONS: Durations = Durations::seconds(1, 1, 900);

    async fn list(cloud: &Cloud, select: Select<'_>) -> Result<Vec<Live<Self>>, Error> {
        // This answer has no pages: an account has five addresses, not thousands.
        let request = cloud.ec2.describe_addresses().filters(filter(cloud, select, "allocation-id"));
        let found = request.send().await.map_err(error("DescribeAddresses"))?;
        let live = |address: &Found| {
            let tags = from_ec2(address.tags());
            let outputs = outputs(address.allocation_id(), address.public_ip());
            Live {
                address: tags.address_in(cloud.stack()),
                id: outputs.id.clone(),
                spec: Self { tags },
                outputs,
                status: Status::Ready,
            }
        };
        Ok(found.addresses().iter().map(live).collect())
    }

    async fn create(&self, cx: &Context<'_>) -> Result<Created<Self>, Error> {
        let request = cx.ec2.allocate_address().domain(DomainType::Vpc);
        let created = request
            .tag_specifications(specification(ResourceType::ElasticIp, &self.tags))
            .send()
            .await
            .map_err(error("AllocateAddress"))?;
        let outputs = outputs(created.allocation_id(), created.public_ip());
        Ok(Created { id: outputs.id.clone(), outputs: Some(outputs) })
    }

    async fn update(&self, cx: &Context<'_>, live: &Live<Self>, changed: &[&str]) -> Result<(), Error> {
        if changed.contains(&"tags") {
            retag(cx, &live.id, &live.spec.tags, &self.tags).await?;
        }
        Ok(())
    }

    async fn delete(cx: &Context<'_>, live: &Live<Self>) -> Result<Progress, Error> {
        let request = cx.ec2.release_address().allocation_id(&live.id);
        request.send().await.map_err(error("ReleaseAddress"))?;
        Ok(Progress::Going)
    }
}

fn outputs(id: Option<&str>, public_ip: Option<&str>) -> Outputs {
    Outputs { id: id.unwrap_or_default().to_owned(), public_ip: public_ip.unwrap_or_default().to_owned() }
}
