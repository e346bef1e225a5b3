//! Tags of parameters.

use aws_sdk_ssm::types::{ResourceTypeForTagging, Tag};
use payinfra_aws::{TagChange, Tags, error, own_tags};
use payinfra_engine::{Class, Error};

use crate::Cloud;

pub(super) fn to_ssm(tags: &Tags) -> Result<Vec<Tag>, Error> {
    let tag = |(key, value): (&String, &String)| Tag::builder().key(key).value(value).build();
    let tags: Result<_, _> = tags.iter().map(tag).collect();
    tags.map_err(|error| Error::new(Class::Invalid, "AddTagsToResource", error.to_string()))
}

/// A parameter's tags: no bulk call returns them.
pub(super) async fn tags_of(cloud: &Cloud, name: &str) -> Result<Tags, Error> {
    let request = cloud.ssm.list_tags_for_resource().resource_type(ResourceTypeForTagging::Parameter);
    let found = request.resource_id(name).send().await.map_err(error("ListTagsForResource"))?;
    Ok(own_tags(found.tag_list().iter().map(|tag| (tag.key(), tag.value()))))
}

/// Brings the tags of a parameter to `want`.
pub(super) async fn retag(cloud: &Cloud, name: &str, have: &Tags, want: &Tags) -> Result<(), Error> {
    let change = TagChange::between(have, want);
    if !change.remove.is_empty() {
        let request = cloud.ssm.remove_tags_from_resource().resource_type(ResourceTypeForTagging::Parameter);
        let request = request.resource_id(name).set_tag_keys(Some(change.remove));
        request.send().await.map_err(error("RemoveTagsFromResource"))?;
    }
    if !change.set.is_empty() {
        let request = cloud.ssm.add_tags_to_resource().resource_type(ResourceTypeForTagging::Parameter);
        let request = request.resource_id(name).set_tags(Some(to_ssm(&change.set)?));
        request.send().await.map_err(error("AddTagsToResource"))?;
    }
    Ok(())
}
