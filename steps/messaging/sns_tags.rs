//! Tags as SNS wants them.

use aws_sdk_sns::types::Tag;
use payinfra_aws::{TagChange, Tags, error, own_tags};
use payinfra_engine::Error;

use crate::Cloud;

pub(super) fn to_sns(tags: &Tags) -> Result<Vec<Tag>, Error> {
    let tag = |(key, value): (&String, &String)| Tag::builder().key(key).value(value).build();
    tags.iter()
        .map(tag)
        .collect::<Result<_, _>>()
        .map_err(|missing| Error::new(payinfra_engine::Class::Invalid, "TagResource", missing.to_string()))
}

pub(super) fn from_sns(tags: &[Tag]) -> Tags {
    own_tags(tags.iter().map(|tag| (tag.key(), tag.value())))
}

/// Brings the tags of a topic to `want`.
pub(super) async fn retag(cloud: &Cloud, arn: &str, have: &Tags, want: &Tags) -> Result<(), Error> {
    let change = TagChange::between(have, want);
    if !change.remove.is_empty() {
        let request = cloud.sns.untag_resource().resource_arn(arn).set_tag_keys(Some(change.remove));
        request.send().await.map_err(error("UntagResource"))?;
    }
    if !change.set.is_empty() {
        let request = cloud.sns.tag_resource().resource_arn(arn).set_tags(Some(to_sns(&change.set)?));
        request.send().await.map_err(error("TagResource"))?;
    }
    Ok(())
}
