//! A CloudWatch log group, created before anything writes to it (docs/requirements.md, R8).

use std::collections::BTreeSet;

use futures::future::try_join_all;
use payinfra_aws::{Owned, TagChange, Tags, error, own_tags, unless};
use payinfra_engine::{Class, Created, Error, Idempotency, Live, Progress, Resource, Select, Status};
use serde::{Deserialize, Serialize};

use crate::{Cloud, Context};

/// A log group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogGroup {
    /// Its name: ours to choose, or the one that its writer looks for.
    pub name: String,
    /// Days it keeps its events; 0 means for ever.
    pub retention_days: u32,
    /// The KMS key that encrypts it.
    pub key_arn: String,
    /// Its tags.
    pub tags: Tags,
}

/// What others use of a log group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outputs {
    /// Its name.
    pub name: String,
    /// Its ARN, without the `:*` that policies need.
    pub arn: String,
}

/// How the execution log of a REST API stage is named: by the API's id instead of our suffix.
const EXECUTION_LOG: &str = "API-Gateway-Execution-Logs_";

impl Resource for LogGroup {
    type Cloud = Cloud;
    type Outputs = Outputs;
    const KIND: &'static str = "log_group";
    const FORCES_REPLACEMENT: &'static [&'static str] = &["name"];
    const IDEMPOTENCY: Idempotency = Idempotency::Name;

    async fn list(cloud: &Cloud, select: Select<'_>) -> Result<Vec<Live<Self>>, Error> {
        let (ours, execution) = tokio::try_join!(
            groups(cloud, Some(cloud.names.log_group_pattern()), None),
            groups(cloud, None, Some(EXECUTION_LOG)),
        )?;
        // An execution log's name may hold the suffix as well.
        let mut seen = BTreeSet::new();
        let candidates = ours.into_iter().chain(execution).filter(|group| {
            let name = group.log_group_name().unwrap_or_default();
            let wanted = match select {
                Select::Owned => cloud.names.is_our_log_group(name) || name.starts_with(EXECUTION_LOG),
                Select::Ids(ids) => ids.iter().any(|id| id == name),
            };
            wanted && seen.insert(name.to_owned())
        });
        let live = try_join_all(candidates.map(|group| live(cloud, group))).await?;
        let owned = |live: &Live<Self>| live.address.is_some() || select != Select::Owned;
        Ok(live.into_iter().flatten().filter(owned).collect())
    }

    async fn create(&self, cx: &Context<'_>) -> Result<Created<Self>, Error> {
        let tags = self.tags.clone().into_iter().collect();
        let request = cx.logs.create_log_group().log_group_name(&self.name).kms_key_id(&self.key_arn);
        request.set_tags(Some(tags)).send().await.map_err(error("CreateLogGroup"))?;
        let arn = cx.names.arn("logs", &format!("log-group:{}", self.name));
        Ok(Created { id: self.name.clone(), outputs: Some(Outputs { name: self.name.clone(), arn }) })
    }

    async fn update(&self, cx: &Context<'_>, live: &Live<Self>, changed: &[&str]) -> Result<(), Error> {
        if changed.contains(&"key_arn") {
            let request = cx.logs.associate_kms_key().log_group_name(&live.id).kms_key_id(&self.key_arn);
            request.send().await.map_err(error("AssociateKmsKey"))?;
        }
        if changed.contains(&"retention_days") {
            let days = i32::try_from(self.retention_days).unwrap_or(i32::MAX);
            let request = cx.logs.put_retention_policy().log_group_name(&live.id).retention_in_days(days);
            request.send().await.map_err(error("PutRetentionPolicy"))?;
        }
        if changed.contains(&"tags") {
            retag(cx, live, &self.tags).await?;
        }
        Ok(())
    }

    async fn delete(cx: &Context<'_>, live: &Live<Self>) -> Result<Progress, Error> {
        cx.logs.delete_log_group().log_group_name(&live.id).send().await.map_err(error("DeleteLogGroup"))?;
        Ok(Progress::Going)
    }
}

/// Lists log groups by a part or by the beginning of their name.
async fn groups(
    cloud: &Cloud,
    part: Option<String>,
    beginning: Option<&str>,
) -> Result<Vec<aws_sdk_cloudwatchlogs::types::LogGroup>, Error> {
    let request = cloud.logs.describe_log_groups().set_log_group_name_pattern(part);
    let request = request.set_log_group_name_prefix(beginning.map(ToOwned::to_owned));
    let found = request.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
    found.map_err(error("DescribeLogGroups"))
}

/// Reads the tags of a group; nothing if it has gone meanwhile.
async fn live(cloud: &Cloud, group: aws_sdk_cloudwatchlogs::types::LogGroup) -> Result<Option<Live<LogGroup>>, Error> {
    let name = group.log_group_name().unwrap_or_default().to_owned();
    let arn = group.arn().unwrap_or_default().trim_end_matches(":*").to_owned();
    let request = cloud.logs.list_tags_for_resource().resource_arn(&arn);
    let Some(tags) = unless(Class::Absent, request.send().await.map_err(error("ListTagsForResource")))? else {
        return Ok(None);
    };
    let tags = own_tags(tags.tags.unwrap_or_default());
    Ok(Some(Live {
        address: tags.address_in(cloud.stack()),
        id: name.clone(),
        status: Status::Ready,
        spec: LogGroup {
            name: name.clone(),
            retention_days: group.retention_in_days().unwrap_or_default().unsigned_abs(),
            key_arn: group.kms_key_id().unwrap_or_default().to_owned(),
            tags,
        },
        outputs: Outputs { name, arn },
    }))
}

async fn retag(cloud: &Cloud, live: &Live<LogGroup>, want: &Tags) -> Result<(), Error> {
    let (arn, change) = (&live.outputs.arn, TagChange::between(&live.spec.tags, want));
    if !change.remove.is_empty() {
        let request = cloud.logs.untag_resource().resource_arn(arn).set_tag_keys(Some(change.remove));
        request.send().await.map_err(error("UntagResource"))?;
    }
    if !change.set.is_empty() {
        let tags = change.set.into_iter().collect();
        let request = cloud.logs.tag_resource().resource_arn(arn).set_tags(Some(tags));
        request.send().await.map_err(error("TagResource"))?;
    }
    Ok(())
}
