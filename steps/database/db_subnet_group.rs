//! The subnets that a database may use.

use aws_sdk_rds::types::DbSubnetGroup as Found;
use futures::future::try_join_all;
use payinfra_aws::names::Kind;
use payinfra_aws::{Owned, Tags, error};
use payinfra_engine::{Created, Durations, Error, Idempotency, Live, Progress, Resource, Select, Status};
use serde::{Deserialize, Serialize};

use super::rds::{retag, sorted, tags_of, text, to_rds, wanted};
use crate::{Cloud, Context};

/// A group of subnets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DbSubnetGroup {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// The VPC of the subnets: RDS finds it out, and never lets it change.
    pub vpc_id: String,
    /// The subnets, in alphabetical order.
    pub subnet_ids: Vec<String>,
    /// Its tags.
    pub tags: Tags,
}

/// What others use of a group of subnets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outputs {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
}

impl Resource for DbSubnetGroup {
    type Cloud = Cloud;
    type Outputs = Outputs;
    const KIND: &'static str = "db_subnet_group";
    const FORCES_REPLACEMENT: &'static [&'static str] = &["name", "vpc_id"];
    const IDEMPOTENCY: Idempotency = Idempotency::Name;
    const DURATIONS: Durations = Durations::seconds(2, 1, 600);

    async fn list(cloud: &Cloud, select: Select<'_>) -> Result<Vec<Live<Self>>, Error> {
        let groups = cloud.rds.describe_db_subnet_groups().into_paginator().items().send();
        let groups: Vec<Found> = groups.collect::<Result<_, _>>().await.map_err(error("DescribeDBSubnetGroups"))?;
        let groups = groups.iter().filter(|group| {
            wanted(cloud, select, Kind::DbSubnetGroup, group.db_subnet_group_name().unwrap_or_default())
        });
        let mut found = try_join_all(groups.map(|group| live(cloud, group))).await?;
        found.retain(|live| select != Select::Owned || live.address.is_some());
        Ok(found)
    }

    async fn create(&self, cx: &Context<'_>) -> Result<Created<Self>, Error> {
        let request = cx
            .rds
            .create_db_subnet_group()
            .db_subnet_group_name(&self.name)
            .db_subnet_group_description(&self.description)
            .set_subnet_ids(Some(self.subnet_ids.clone()))
            .set_tags(Some(to_rds(&self.tags)));
        let made = request.send().await.map_err(error("CreateDBSubnetGroup"))?;
        Ok(Created { id: self.name.clone(), outputs: made.db_subnet_group().map(outputs) })
    }

    async fn update(&self, cx: &Context<'_>, live: &Live<Self>, changed: &[&str]) -> Result<(), Error> {
        if changed.contains(&"subnet_ids") || changed.contains(&"description") {
            let request = cx.rds.modify_db_subnet_group().db_subnet_group_name(&live.id);
            let request = request.db_subnet_group_description(&self.description);
            let request = request.set_subnet_ids(Some(self.subnet_ids.clone()));
            request.send().await.map_err(error("ModifyDBSubnetGroup"))?;
        }
        if changed.contains(&"tags") {
            retag(cx, &live.outputs.arn, &live.spec.tags, &self.tags).await?;
        }
        Ok(())
    }

    async fn delete(cx: &Context<'_>, live: &Live<Self>) -> Result<Progress, Error> {
        let request = cx.rds.delete_db_subnet_group().db_subnet_group_name(&live.id);
        request.send().await.map_err(error("DeleteDBSubnetGroup"))?;
        Ok(Progress::Going)
    }
}

fn outputs(group: &Found) -> Outputs {
    Outputs { name: text(group.db_subnet_group_name()), arn: text(group.db_subnet_group_arn()) }
}

async fn live(cloud: &Cloud, group: &Found) -> Result<Live<DbSubnetGroup>, Error> {
    let outputs = outputs(group);
    let tags = tags_of(cloud, &outputs.arn).await?;
    Ok(Live {
        address: tags.address_in(cloud.stack()),
        id: outputs.name.clone(),
        status: match group.subnet_group_status() {
            Some("Complete") | None => Status::Ready,
            Some(status) => Status::Pending(status.to_owned()),
        },
        spec: DbSubnetGroup {
            name: outputs.name.clone(),
            description: text(group.db_subnet_group_description()),
            vpc_id: text(group.vpc_id()),
            subnet_ids: sorted(group.subnets().iter().map(|subnet| subnet.subnet_identifier())),
            tags,
        },
        outputs,
    })
}
