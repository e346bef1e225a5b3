//! What the kinds of API Gateway share: reads that several of them need, tags and patches.

use std::collections::{BTreeSet, HashMap};
use std::future::Future;
use std::sync::Arc;

use aws_sdk_acm::types::CertificateType;
use aws_sdk_apigateway::types::{DomainName, Op, PatchOperation, Resource as PathResource, RestApi};
use futures::future::try_join_all;
use payinfra_aws::{Owned, REGION, TagChange, Tags, error, own_tags, unless};
use payinfra_engine::{Address, Class, Error, Live, Resource, Select};

use crate::Cloud;

/// All REST APIs of the account.
pub(super) async fn all_apis(cloud: &Cloud) -> Result<Arc<Vec<RestApi>>, Error> {
    let client = cloud.apigateway.clone();
    let call = || async move {
        let pages = client.get_rest_apis().limit(500).into_paginator().items().send();
        pages.collect::<Result<Vec<_>, _>>().await.map_err(error("GetRestApis"))
    };
    cloud.gateway.apis.read((), call).await
}

/// The ids of the account's REST APIs, each with whether it is this stack's.
pub(crate) async fn rest_apis(cloud: &Cloud) -> Result<HashMap<String, bool>, Error> {
    let all = all_apis(cloud).await?;
    let known = all.iter().filter_map(|api| Some((api.id()?.to_owned(), from_gateway(api.tags()))));
    Ok(known.map(|(id, tags)| (id, tags.address_in(cloud.stack()).is_some())).collect())
}

/// All paths of an API with their methods.
pub(super) async fn all_resources(cloud: &Cloud, api_id: &str) -> Result<Arc<Vec<PathResource>>, Error> {
    let (client, id) = (cloud.apigateway.clone(), api_id.to_owned());
    let call = || async move {
        let pages = client.get_resources().rest_api_id(id).embed("methods").limit(500).into_paginator().items().send();
        pages.collect::<Result<Vec<_>, _>>().await.map_err(error("GetResources"))
    };
    cloud.gateway.resources.read(api_id.to_owned(), call).await
}

/// All custom domains of the account.
pub(super) async fn all_domains(cloud: &Cloud) -> Result<Arc<Vec<DomainName>>, Error> {
    let client = cloud.apigateway.clone();
    let call = || async move {
        let pages = client.get_domain_names().limit(500).into_paginator().items().send();
        pages.collect::<Result<Vec<_>, _>>().await.map_err(error("GetDomainNames"))
    };
    cloud.gateway.domains.read((), call).await
}

/// The ARNs and tags of all certificates that ACM has issued or shall issue.
pub(super) async fn all_certificates(cloud: &Cloud) -> Result<Arc<Vec<(String, Tags)>>, Error> {
    let client = cloud.acm.clone();
    let call = || async move {
        let pages = client.list_certificates().into_paginator().items().send();
        let found: Vec<_> = pages.collect::<Result<_, _>>().await.map_err(error("ListCertificates"))?;
        let own = found.iter().filter(|found| found.r#type() != Some(&CertificateType::Imported));
        // ACM lists certificates without their tags.
        let tagged = own.filter_map(|found| found.certificate_arn()).map(|arn| {
            let request = client.list_tags_for_certificate().certificate_arn(arn);
            async move {
                let found = unless(Class::Absent, request.send().await.map_err(error("ListTagsForCertificate")))?;
                let tags = found.as_ref().map(|found| found.tags()).unwrap_or_default().iter();
                let tags = own_tags(tags.map(|tag| (tag.key(), tag.value().unwrap_or_default())));
                Ok((arn.to_owned(), tags))
            }
        });
        try_join_all(tagged).await
    };
    cloud.gateway.certificates.read((), call).await
}

/// The ids of this stack's APIs.
pub(super) async fn owned_apis(cloud: &Cloud) -> Result<Vec<String>, Error> {
    let all = all_apis(cloud).await?;
    let owned = all.iter().filter(|api| from_gateway(api.tags()).address_in(cloud.stack()).is_some());
    Ok(owned.filter_map(|api| api.id().map(ToOwned::to_owned)).collect())
}

/// Lists the parts of APIs: of this stack's own, or of those that the ids `<api>/…` name.
///
/// A part of an API has no tags. It belongs to the owner of the API, and its address is made from its path
/// or name. An id needs no tags: it begins with the API's id, which AWS never gives twice.
pub(super) async fn children<R, F>(
    cloud: &Cloud,
    select: Select<'_>,
    read: impl Fn(String) -> F + Send,
) -> Result<Vec<Live<R>>, Error>
where
    R: Resource,
    F: Future<Output = Result<Vec<Live<R>>, Error>> + Send,
{
    let apis: Vec<String> = match select {
        Select::Owned => owned_apis(cloud).await?,
        Select::Ids(ids) => {
            let apis: BTreeSet<&str> = ids.iter().map(|id| split(id).0).collect();
            apis.into_iter().map(ToOwned::to_owned).collect()
        }
    };
    let reads: Vec<F> = apis.into_iter().map(read).collect();
    let found = try_join_all(reads.into_iter().map(|read| async { unless(Class::Absent, read.await) })).await?;
    let wanted = |live: &Live<R>| match select {
        Select::Owned => live.address.is_some(),
        Select::Ids(ids) => ids.contains(&live.id),
    };
    Ok(found.into_iter().flatten().flatten().filter(wanted).collect())
}

/// Splits the id of something inside an API into the API's id and the rest.
pub(super) fn split(id: &str) -> (&str, &str) {
    id.split_once('/').unwrap_or((id, ""))
}

/// The name of a path in addresses: `payments_transactions_id` for `/payments/transactions/{id}`.
pub fn path_name(path: &str) -> String {
    let words = path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let name = words.collect::<Vec<_>>().join("_").to_lowercase();
    if name.is_empty() { "root".to_owned() } else { name }
}

/// The name of a method in addresses: `post_payments_validate`.
pub fn method_name(method: &str, path: &str) -> String {
    format!("{}_{}", method.to_lowercase(), path_name(path))
}

/// The address of something inside an API.
pub(super) fn address<R: Resource>(name: &str) -> Option<Address> {
    Some(Address::new(R::KIND, name))
}

/// The ARN of something of API Gateway, which has no account in it.
pub(super) fn arn(path: &str) -> String {
    format!("arn:aws:apigateway:{REGION}::/{path}")
}

/// Tags as read, without AWS's own.
pub(super) fn from_gateway(tags: Option<&HashMap<String, String>>) -> Tags {
    own_tags(tags.into_iter().flatten())
}

/// Tags as API Gateway wants them.
pub(super) fn to_gateway(tags: &Tags) -> Option<HashMap<String, String>> {
    Some(tags.iter().map(|(key, value)| (key.clone(), value.clone())).collect())
}

/// Brings the tags of any object of API Gateway to `want`.
pub(super) async fn retag(cloud: &Cloud, arn: &str, have: &Tags, want: &Tags) -> Result<(), Error> {
    let change = TagChange::between(have, want);
    if !change.remove.is_empty() {
        let request = cloud.apigateway.untag_resource().resource_arn(arn).set_tag_keys(Some(change.remove));
        request.send().await.map_err(error("UntagResource"))?;
    }
    if !change.set.is_empty() {
        let request = cloud.apigateway.tag_resource().resource_arn(arn).set_tags(to_gateway(&change.set));
        request.send().await.map_err(error("TagResource"))?;
    }
    Ok(())
}

/// A patch that sets a value.
pub(super) fn replace(path: impl Into<String>, value: impl ToString) -> PatchOperation {
    PatchOperation::builder().op(Op::Replace).path(path).value(value.to_string()).build()
}

/// A patch that adds to a set or map.
pub(super) fn add(path: impl Into<String>, value: impl ToString) -> PatchOperation {
    PatchOperation::builder().op(Op::Add).path(path).value(value.to_string()).build()
}

/// A patch that takes something away.
pub(super) fn remove(path: impl Into<String>) -> PatchOperation {
    PatchOperation::builder().op(Op::Remove).path(path).build()
}

/// A text as one step of a patch's path (RFC 6901).
pub(super) fn pointer(text: &str) -> String {
    text.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_made_from_paths() {
        assert_eq!(method_name("POST", "/payments/transactions/{id}/refunds"), "post_payments_transactions_id_refunds");
        assert_eq!(path_name("/"), "root");
        assert_eq!(pointer("application/json"), "application~1json");
    }

    #[tokio::test]
    async fn kinds_that_read_at_once_share_one_call_and_later_ones_do_not() {
        let (cloud, replay) = Cloud::replaying([(200, r#"{"item":[{"id":"a"}]}"#), (200, r#"{"item":[]}"#)]);
        let (one, two) = tokio::join!(all_apis(&cloud), all_apis(&cloud));
        assert_eq!((one.expect("an answer").len(), two.expect("an answer").len()), (1, 1));
        assert_eq!(all_apis(&cloud).await.expect("an answer").len(), 0);
        assert_eq!(replay.sent().len(), 2);
    }
}
