//! A CloudWatch log group, made before anything writes to it (docs/requirements.md, R8).

use std::collections::BTreeSet;

use aws_sdk_cloudwatchlogs::types::LogGroup as Found;
use futures::future::try_join_all;
use futures::{StreamExt, TryStreamExt, stream};
use payinfra_aws::names::Kind;
use payinfra_aws::{Owned, TagChange, Tags, error, own_tags, unless};
use payinfra_engine::{Class, Created, Error, Idempotency, Live, Progress, Resource, Select, Status};
use serde::{Deserialize, Serialize};

use crate::api::rest_apis;
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
    /// The account's retention policy, where that decides how long events are kept instead of the log group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention_policy: Option<String>,
}

/// How the execution log of a REST API stage is named: by the API's id instead of our suffix.
const EXECUTION_LOG: &str = "API-Gateway-Execution-Logs_";

/// How many log groups are asked for their tags at a time, which is the rate of that call.
const LOOKS: usize = 5;

impl Resource for LogGroup {
    type Cloud = Cloud;
    type Outputs = Outputs;
    const KIND: &'static str = "log_group";
    const FORCES_REPLACEMENT: &'static [&'static str] = &["name"];
    const IDEMPOTENCY: Idempotency = Idempotency::Name;

    async fn list(cloud: &Cloud, select: Select<'_>) -> Result<Vec<Live<Self>>, Error> {
        let mut beginnings = beginnings(cloud);
        if let Select::Ids(ids) = select {
            // Another name is its own beginning.
            let others = ids.iter().filter(|id| !beginnings.iter().any(|start| id.starts_with(start))).cloned();
            let others: Vec<String> = others.collect();
            beginnings.retain(|start| ids.iter().any(|id| id.starts_with(start)));
            beginnings.extend(others);
        }
        let found = try_join_all(beginnings.into_iter().map(|start| groups(cloud, start))).await?;
        // One beginning may begin another.
        let mut seen = BTreeSet::new();
        let mut candidates: Vec<_> = found.into_iter().flatten().collect();
        candidates.retain(|group| {
            let name = group.log_group_name().unwrap_or_default();
            let wanted = match select {
                Select::Owned => cloud.names.is_our_log_group(name) || name.starts_with(EXECUTION_LOG),
                Select::Ids(ids) => ids.iter().any(|id| id == name),
            };
            wanted && seen.insert(name.to_owned())
        });
        if select == Select::Owned {
            leave_out_logs_of_others(cloud, &mut candidates).await?;
        }
        let looks = candidates.into_iter().map(|group| live(cloud, group));
        let live: Vec<_> = stream::iter(looks).buffered(LOOKS).try_collect().await?;
        let owned = |live: &Live<Self>| live.address.is_some() || select != Select::Owned;
        Ok(live.into_iter().flatten().filter(owned).collect())
    }

    async fn create(&self, cx: &Context<'_>) -> Result<Created<Self>, Error> {
        let tags = self.tags.clone().into_iter().collect();
        let request = cx.logs.create_log_group().log_group_name(&self.name).kms_key_id(&self.key_arn);
        request.set_tags(Some(tags)).send().await.map_err(error("CreateLogGroup"))?;
        let arn = cx.names.arn("logs", &format!("log-group:{}", self.name));
        let outputs = Outputs { name: self.name.clone(), arn, retention_policy: None };
        Ok(Created { id: self.name.clone(), outputs: Some(outputs) })
    }

    async fn update(&self, cx: &Context<'_>, live: &Live<Self>, changed: &[&str]) -> Result<(), Error> {
        if changed.contains(&"key_arn") {
            let request = cx.logs.associate_kms_key().log_group_name(&live.id).kms_key_id(&self.key_arn);
            request.send().await.map_err(error("AssociateKmsKey"))?;
        }
        if changed.contains(&"tags") {
            retag(cx, live, &self.tags).await?;
        }
        if changed.contains(&"retention_days") {
            // A retention of its own would not show: the account's policy is what DescribeLogGroups returns.
            if let Some(policy) = &live.outputs.retention_policy {
                let why = format!(
                    "the account's retention policy {policy} makes {} keep its events for {} days instead of {}",
                    live.id, live.spec.retention_days, self.retention_days
                );
                return Err(Error::new(Class::Invalid, "PutRetentionPolicy", why));
            }
            let days = i32::try_from(self.retention_days).unwrap_or(i32::MAX);
            let request = cx.logs.put_retention_policy().log_group_name(&live.id).retention_in_days(days);
            request.send().await.map_err(error("PutRetentionPolicy"))?;
        }
        Ok(())
    }

    async fn delete(cx: &Context<'_>, live: &Live<Self>) -> Result<Progress, Error> {
        cx.logs.delete_log_group().log_group_name(&live.id).send().await.map_err(error("DeleteLogGroup"))?;
        Ok(Progress::Going)
    }
}

/// How the names of this stack's log groups begin.
///
/// Only a read by the beginning of a name shows retention and key, and it is up to date; one by a part of the name is
/// neither (docs/aws-behaviour.md, "CloudWatch Logs: log groups").
fn beginnings(cloud: &Cloud) -> Vec<String> {
    vec![
        Kind::LogGroup.beginning(),
        format!("/aws/lambda/{}", Kind::Function.beginning()),
        cloud.names.database_log_group(),
        cloud.names.proxy_log_group(),
        format!("aws-waf-logs-{}", cloud.stack()),
        EXECUTION_LOG.to_owned(),
    ]
}

/// Lists log groups by the beginning of their name.
async fn groups(cloud: &Cloud, start: String) -> Result<Vec<Found>, Error> {
    let request = cloud.logs.describe_log_groups().log_group_name_prefix(start);
    let found = request.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
    found.map_err(error("DescribeLogGroups"))
}

/// Drops the execution logs of APIs that exist and are not ours: tags are read slowly, and an account may have hundreds.
async fn leave_out_logs_of_others(cloud: &Cloud, candidates: &mut Vec<Found>) -> Result<(), Error> {
    let api = |group: &Found| {
        let of = group.log_group_name()?.strip_prefix(EXECUTION_LOG)?;
        Some(of.split('/').next().unwrap_or(of).to_owned())
    };
    if !candidates.iter().any(|group| api(group).is_some()) {
        return Ok(());
    }
    let apis = rest_apis(cloud).await?;
    candidates.retain(|group| api(group).is_none_or(|api| apis.get(&api) != Some(&false)));
    Ok(())
}

/// Reads the tags of a group; nothing if it has gone meanwhile.
async fn live(cloud: &Cloud, group: Found) -> Result<Option<Live<LogGroup>>, Error> {
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
        outputs: Outputs { name, arn, retention_policy: group.retention_policy_name().map(ToOwned::to_owned) },
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

#[cfg(test)]
mod tests;
