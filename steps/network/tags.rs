//! Tags as EC2 wants them.

use aws_sdk_ec2::types::{Filter, ResourceType, Tag, TagSpecification};
use payinfra_aws::{STACK, TagChange, Tags, error, own_tags};
use payinfra_engine::{Error, Select};

use crate::Cloud;

/// The tags for a create call.
pub(super) fn specification(kind: ResourceType, tags: &Tags) -> TagSpecification {
    TagSpecification::builder().resource_type(kind).set_tags(Some(to_ec2(tags))).build()
}

pub(super) fn from_ec2(tags: &[Tag]) -> Tags {
    own_tags(tags.iter().filter_map(|tag| Some((tag.key()?, tag.value()?))))
}

fn to_ec2(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

/// The filter for a selection; `id` is the service's filter for the object's id.
///
/// A filter, unlike a list of ids, answers an id that does not exist with nothing instead of an error.
pub(super) fn filter(cloud: &Cloud, select: Select<'_>, id: &str) -> Filter {
    match select {
        Select::Owned => Filter::builder().name(format!("tag:{STACK}")).values(cloud.stack()).build(),
        Select::Ids(ids) => Filter::builder().name(id).set_values(Some(ids.to_vec())).build(),
    }
}

/// Brings the tags of any EC2 object to `want`.
pub(super) async fn retag(cloud: &Cloud, id: &str, have: &Tags, want: &Tags) -> Result<(), Error> {
    let change = TagChange::between(have, want);
    if !change.remove.is_empty() {
        let keys = change.remove.into_iter().map(|key| Tag::builder().key(key).build()).collect();
        cloud.ec2.delete_tags().resources(id).set_tags(Some(keys)).send().await.map_err(error("DeleteTags"))?;
    }
    if !change.set.is_empty() {
        let request = cloud.ec2.create_tags().resources(id).set_tags(Some(to_ec2(&change.set)));
        request.send().await.map_err(error("CreateTags"))?;
    }
    Ok(())
}
