//! What the kinds of RDS have in common: tags, and names of this stack.

use aws_sdk_rds::types::Tag;
use payinfra_aws::names::Kind;
use payinfra_aws::{Emulator, TagChange, Tags, error, own_tags};
use payinfra_engine::{Error, Select};

use crate::Cloud;

/// Tags as RDS wants them.
pub(super) fn to_rds(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

/// Tags as RDS has them, without AWS's own.
pub(super) fn from_rds(tags: &[Tag]) -> Tags {
    own_tags(tags.iter().filter_map(|tag| Some((tag.key()?, tag.value()?))))
}

/// The host name of an endpoint.
///
/// MiniStack makes up names, and turns a cluster's into `localhost` with its first instance; nothing listens behind
/// either. The sandbox's own database answers to `localhost`. AWS's names never change.
pub(super) fn host(cloud: &Cloud, name: Option<&str>) -> String {
    match cloud.emulator {
        Some(Emulator::MiniStack) => "localhost".to_owned(),
        _ => text(name),
    }
}

/// The tags of an object whose description does not carry them.
pub(super) async fn tags_of(cloud: &Cloud, arn: &str) -> Result<Tags, Error> {
    let request = cloud.rds.list_tags_for_resource().resource_name(arn);
    let found = request.send().await.map_err(error("ListTagsForResource"))?;
    Ok(from_rds(found.tag_list()))
}

/// Brings the tags of any object of RDS to `want`.
pub(super) async fn retag(cloud: &Cloud, arn: &str, have: &Tags, want: &Tags) -> Result<(), Error> {
    let change = TagChange::between(have, want);
    if !change.remove.is_empty() {
        let request = cloud.rds.remove_tags_from_resource().resource_name(arn).set_tag_keys(Some(change.remove));
        request.send().await.map_err(error("RemoveTagsFromResource"))?;
    }
    if !change.set.is_empty() {
        let request = cloud.rds.add_tags_to_resource().resource_name(arn).set_tags(Some(to_rds(&change.set)));
        request.send().await.map_err(error("AddTagsToResource"))?;
    }
    Ok(())
}

/// Whether an object of this name is wanted, before its tags are looked at: RDS cannot filter by tags.
pub(super) fn wanted(cloud: &Cloud, select: Select<'_>, kind: Kind, name: &str) -> bool {
    match select {
        Select::Owned => cloud.names.is_ours(kind, name),
        Select::Ids(ids) => ids.iter().any(|id| id == name),
    }
}

pub(super) fn text(value: Option<&str>) -> String {
    value.unwrap_or_default().to_owned()
}

pub(super) fn sorted<'a>(values: impl Iterator<Item = Option<&'a str>>) -> Vec<String> {
    let mut values: Vec<String> = values.flatten().map(ToOwned::to_owned).collect();
    values.sort();
    values
}

#[cfg(test)]
pub(super) mod samples {
    use payinfra_aws::Tags;

    pub(crate) const OWNERSHIP: &str = "<TagList><Tag><Key>payinfra:stack</Key><Value>prod</Value></Tag>
        <Tag><Key>payinfra:address</Key><Value>ADDRESS</Value></Tag></TagList>";

    pub(crate) fn ownership(address: &str) -> Tags {
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        Tags::from([pair("payinfra:stack", "prod"), pair("payinfra:address", address)])
    }

    pub(crate) fn tag_list(address: &str) -> String {
        OWNERSHIP.replace("ADDRESS", address)
    }

    /// The answer of ListTagsForResource.
    pub(crate) fn tags(address: &str) -> String {
        let list = tag_list(address);
        format!(
            "<ListTagsForResourceResponse><ListTagsForResourceResult>{list}</ListTagsForResourceResult></ListTagsForResourceResponse>"
        )
    }

    pub(crate) fn refusal(code: &str) -> String {
        format!("<ErrorResponse><Error><Code>{code}</Code></Error></ErrorResponse>")
    }
}
