//! The CloudTrail trail: who did what in the account, and who touched the stack's data.

use std::collections::BTreeMap;

use aws_sdk_cloudtrail::types::{DataResource, EventSelector, ReadWriteType, Tag, Trail as Found};
use futures::future::try_join_all;
use payinfra_aws::names::Kind;
use payinfra_aws::{ADDRESS, Emulator, Owned, STACK, TagChange, Tags, error, own_tags, unless};
use payinfra_engine::{
    Address, Class, Created, Durations, Error, Idempotency, Live, Progress, Resource, Select, Status,
};
use serde::{Deserialize, Serialize};

use crate::{Cloud, Context};

/// A trail.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trail {
    /// Its name.
    pub name: String,
    /// The bucket that its files go to.
    pub bucket: String,
    /// What the names of its files begin with.
    pub prefix: String,
    /// The KMS key of its files; empty means keys of S3.
    pub key_arn: String,
    /// The log group that gets its events as well; empty means none.
    pub log_group_arn: String,
    /// The role that writes to the log group.
    pub log_role_arn: String,
    /// Whether it records all regions.
    pub multi_region: bool,
    /// Whether it records global services such as IAM.
    pub global_services: bool,
    /// Whether it signs digests of its files, so that a changed or missing file shows.
    pub validation: bool,
    /// Whether it records what is done to resources.
    pub management_events: bool,
    /// Whose data events it records: ARNs, or beginnings of ARNs, by resource type.
    pub data_events: BTreeMap<String, Vec<String>>,
    /// Whether it is recording.
    pub logging: bool,
    /// Its tags.
    pub tags: Tags,
}

/// What others use of a trail.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outputs {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
}

impl Resource for Trail {
    type Cloud = Cloud;
    type Outputs = Outputs;
    const KIND: &'static str = "trail";
    const FORCES_REPLACEMENT: &'static [&'static str] = &["name"];
    const IDEMPOTENCY: Idempotency = Idempotency::Name;
    const DURATIONS: Durations = Durations::seconds(4, 2, 600);

    async fn list(cloud: &Cloud, select: Select<'_>) -> Result<Vec<Live<Self>>, Error> {
        // Others' trails that only show here are left out; an account has five at most.
        let request = cloud.cloudtrail.describe_trails().include_shadow_trails(false);
        let trails = request.send().await.map_err(error("DescribeTrails"))?;
        let ours = trails.trail_list().iter().filter(|trail| {
            let name = trail.name().unwrap_or_default();
            match select {
                Select::Owned => cloud.names.is_ours(Kind::Trail, name),
                Select::Ids(ids) => ids.iter().any(|id| id == name),
            }
        });
        let found = ours.map(|trail| async move { unless(Class::Absent, look(cloud, trail).await) });
        let mut found: Vec<_> = try_join_all(found).await?.into_iter().flatten().collect();
        found.retain(|live| select != Select::Owned || live.address.is_some());
        Ok(found)
    }

    async fn create(&self, cx: &Context<'_>) -> Result<Created<Self>, Error> {
        let request = cx
            .cloudtrail
            .create_trail()
            .name(&self.name)
            .s3_bucket_name(&self.bucket)
            .s3_key_prefix(&self.prefix)
            .set_kms_key_id(some(&self.key_arn))
            .set_cloud_watch_logs_log_group_arn(some(&self.log_group_arn).map(|arn| format!("{arn}:*")))
            .set_cloud_watch_logs_role_arn(some(&self.log_role_arn))
            .is_multi_region_trail(self.multi_region)
            .include_global_service_events(self.global_services)
            .enable_log_file_validation(self.validation)
            .set_tags_list(Some(to_cloudtrail(&self.tags)?));
        let made = request.send().await.map_err(error("CreateTrail"))?;
        let arn = made.trail_arn().unwrap_or_default().to_owned();
        Ok(Created { id: self.name.clone(), outputs: Some(Outputs { name: self.name.clone(), arn }) })
    }

    async fn update(&self, cx: &Context<'_>, live: &Live<Self>, changed: &[&str]) -> Result<(), Error> {
        let any = |names: &[&str]| names.iter().any(|name| changed.contains(name));
        if any(&["tags"]) {
            retag(cx, &live.outputs.arn, &live.spec.tags, &self.tags).await?;
        }
        if any(&["bucket", "prefix", "key_arn", "log_group_arn", "log_role_arn"])
            || any(&["multi_region", "global_services", "validation"])
        {
            // An empty text takes away what was set.
            let group = some(&self.log_group_arn).map(|arn| format!("{arn}:*")).unwrap_or_default();
            let request = cx
                .cloudtrail
                .update_trail()
                .name(&live.id)
                .s3_bucket_name(&self.bucket)
                .s3_key_prefix(&self.prefix)
                .kms_key_id(&self.key_arn)
                .cloud_watch_logs_log_group_arn(group)
                .cloud_watch_logs_role_arn(&self.log_role_arn)
                .is_multi_region_trail(self.multi_region)
                .include_global_service_events(self.global_services)
                .enable_log_file_validation(self.validation);
            request.send().await.map_err(error("UpdateTrail"))?;
        }
        if any(&["management_events", "data_events"]) {
            let data = self
                .data_events
                .iter()
                .map(|(kind, arns)| DataResource::builder().r#type(kind).set_values(Some(arns.clone())).build());
            let selector = EventSelector::builder()
                .read_write_type(ReadWriteType::All)
                .include_management_events(self.management_events)
                .set_data_resources(Some(data.collect()));
            let request = cx.cloudtrail.put_event_selectors().trail_name(&live.id).event_selectors(selector.build());
            request.send().await.map_err(error("PutEventSelectors"))?;
        }
        if any(&["logging"]) {
            switch(cx, &live.id, self.logging).await?;
        }
        Ok(())
    }

    async fn delete(cx: &Context<'_>, live: &Live<Self>) -> Result<Progress, Error> {
        if live.spec.logging {
            switch(cx, &live.id, false).await?;
            return Ok(Progress::More);
        }
        cx.cloudtrail.delete_trail().name(&live.id).send().await.map_err(error("DeleteTrail"))?;
        Ok(Progress::Going)
    }
}

async fn switch(cloud: &Cloud, name: &str, on: bool) -> Result<(), Error> {
    if on {
        cloud.cloudtrail.start_logging().name(name).send().await.map_err(error("StartLogging")).map(drop)
    } else {
        cloud.cloudtrail.stop_logging().name(name).send().await.map_err(error("StopLogging")).map(drop)
    }
}

async fn look(cloud: &Cloud, trail: &Found) -> Result<Live<Trail>, Error> {
    let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
    let (name, arn) = (text(trail.name()), text(trail.trail_arn()));
    let (tags, selectors, status) = tokio::try_join!(
        async { cloud.cloudtrail.list_tags().resource_id_list(&arn).send().await.map_err(error("ListTags")) },
        async {
            let request = cloud.cloudtrail.get_event_selectors().trail_name(&name);
            request.send().await.map_err(error("GetEventSelectors"))
        },
        async { cloud.cloudtrail.get_trail_status().name(&name).send().await.map_err(error("GetTrailStatus")) },
    )?;
    let tags = tags.resource_tag_list().iter().flat_map(|resource| resource.tags_list());
    let tags = own_tags(tags.map(|tag| (tag.key(), text(tag.value()))));
    let selectors = selectors.event_selectors();
    // A selector that leaves events out does not count as one that records them.
    let all = || {
        let all = Some(&ReadWriteType::All);
        selectors.iter().filter(move |selector| selector.read_write_type() == all)
    };
    let mut data_events: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for resource in all().flat_map(|selector| selector.data_resources()) {
        data_events.entry(text(resource.r#type())).or_default().extend_from_slice(resource.values());
    }
    data_events.values_mut().for_each(|arns| arns.sort());
    let group = text(trail.cloud_watch_logs_log_group_arn());
    Ok(Live {
        address: address_of(cloud, &tags, &name),
        id: name.clone(),
        outputs: Outputs { name: name.clone(), arn },
        status: Status::Ready,
        spec: Trail {
            bucket: text(trail.s3_bucket_name()),
            prefix: text(trail.s3_key_prefix()),
            key_arn: text(trail.kms_key_id()),
            log_group_arn: group.strip_suffix(":*").unwrap_or(&group).to_owned(),
            log_role_arn: text(trail.cloud_watch_logs_role_arn()),
            multi_region: trail.is_multi_region_trail().unwrap_or_default(),
            global_services: trail.include_global_service_events().unwrap_or_default(),
            validation: trail.log_file_validation_enabled().unwrap_or_default(),
            management_events: all().any(|selector| {
                selector.include_management_events().unwrap_or_default()
                    && selector.exclude_management_event_sources().is_empty()
            }),
            data_events,
            logging: status.is_logging().unwrap_or_default(),
            tags,
            name,
        },
    })
}

/// Whose a trail is, by its tags. MiniStack drops the tags of a create call: there, and until the tags follow, the name
/// shows the owner.
fn address_of(cloud: &Cloud, tags: &Tags, name: &str) -> Option<Address> {
    let untagged = !tags.contains_key(STACK) && !tags.contains_key(ADDRESS);
    if untagged && cloud.emulator == Some(Emulator::MiniStack) && name == cloud.names.only(Kind::Trail) {
        return Some(Address::new(Trail::KIND, "main"));
    }
    tags.address_in(cloud.stack())
}

async fn retag(cloud: &Cloud, arn: &str, have: &Tags, want: &Tags) -> Result<(), Error> {
    let TagChange { remove, set } = TagChange::between(have, want);
    if !remove.is_empty() {
        // The call takes whole tags and looks at their keys.
        let surplus = have.iter().filter(|(key, _)| remove.contains(key));
        let surplus = surplus.map(|(key, value)| (key.clone(), value.clone())).collect();
        let request = cloud.cloudtrail.remove_tags().resource_id(arn).set_tags_list(Some(to_cloudtrail(&surplus)?));
        request.send().await.map_err(error("RemoveTags"))?;
    }
    if !set.is_empty() {
        let request = cloud.cloudtrail.add_tags().resource_id(arn).set_tags_list(Some(to_cloudtrail(&set)?));
        request.send().await.map_err(error("AddTags"))?;
    }
    Ok(())
}

fn to_cloudtrail(tags: &Tags) -> Result<Vec<Tag>, Error> {
    let tag = |(key, value): (&String, &String)| Tag::builder().key(key).value(value).build();
    let tags: Result<_, _> = tags.iter().map(tag).collect();
    tags.map_err(|error| Error::new(Class::Invalid, "AddTags", error.to_string()))
}

fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests;
