//! The certificate of the API's custom domain, requested from ACM and validated by a DNS record (docs/requirements.md,
//! A4).

use aws_sdk_acm::types::{CertificateDetail, CertificateStatus, Tag, ValidationMethod};
use futures::future::try_join_all;
use payinfra_aws::{Owned, TagChange, Tags, error, own_tags, unless};
use payinfra_engine::{Class, Created, Durations, Error, Idempotency, Live, Progress, Resource, Select, Status};
use serde::{Deserialize, Serialize};

use super::gateway::all_certificates;
use super::host_name::host_name;
use crate::{Cloud, Context};

/// A requested certificate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Certificate {
    /// The domain that it is for.
    pub domain: String,
    /// Its tags.
    pub tags: Tags,
}

/// What others use of a certificate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outputs {
    /// Its ARN.
    pub arn: String,
    /// The name of the CNAME record that proves the domain to be ours.
    pub record_name: String,
    /// The value of that record.
    pub record_value: String,
}

impl Resource for Certificate {
    type Cloud = Cloud;
    type Outputs = Outputs;
    const KIND: &'static str = "certificate";
    const FORCES_REPLACEMENT: &'static [&'static str] = &["domain"];
    // ACM remembers a token for an hour; after that the ownership tags are found.
    const IDEMPOTENCY: Idempotency = Idempotency::Token;
    // Validation took up to nine minutes; API Gateway releases a certificate after up to 20 (docs/aws-behaviour.md,
    // "ACM: certificates").
    const DURATIONS: Durations = Durations::seconds(100, 10, 4500);

    async fn list(cloud: &Cloud, select: Select<'_>) -> Result<Vec<Live<Self>>, Error> {
        let found: Vec<(String, Tags)> = match select {
            Select::Owned => {
                let all = all_certificates(cloud).await?;
                all.iter().filter(|(_, tags)| tags.address_in(cloud.stack()).is_some()).cloned().collect()
            }
            Select::Ids(ids) => {
                let tagged = ids.iter().map(|arn| async {
                    let tags = unless(Class::Absent, tags_of(cloud, arn).await)?;
                    Ok(tags.map(|tags| (arn.clone(), tags)))
                });
                try_join_all(tagged).await?.into_iter().flatten().collect()
            }
        };
        let live = found.into_iter().map(|(arn, tags)| async move {
            let request = cloud.acm.describe_certificate().certificate_arn(&arn);
            let found = unless(Class::Absent, request.send().await.map_err(error("DescribeCertificate")))?;
            let detail = found.as_ref().and_then(|found| found.certificate());
            Ok(detail.and_then(|detail| live(cloud, arn, tags, detail)))
        });
        Ok(try_join_all(live).await?.into_iter().flatten().collect())
    }

    async fn create(&self, cx: &Context<'_>) -> Result<Created<Self>, Error> {
        let request = cx.acm.request_certificate().domain_name(&self.domain);
        let request = request.validation_method(ValidationMethod::Dns).idempotency_token(cx.token);
        let created = request.set_tags(to_acm(&self.tags)).send().await.map_err(error("RequestCertificate"))?;
        // The validation record follows some seconds later.
        Ok(Created { id: created.certificate_arn().unwrap_or_default().to_owned(), outputs: None })
    }

    async fn update(&self, cx: &Context<'_>, live: &Live<Self>, changed: &[&str]) -> Result<(), Error> {
        if changed.contains(&"tags") {
            let change = TagChange::between(&live.spec.tags, &self.tags);
            if !change.remove.is_empty() {
                let keys = change.remove.iter().map(|key| Tag::builder().key(key).build().ok()).collect();
                let request = cx.acm.remove_tags_from_certificate().certificate_arn(&live.id).set_tags(keys);
                request.send().await.map_err(error("RemoveTagsFromCertificate"))?;
            }
            if !change.set.is_empty() {
                let request = cx.acm.add_tags_to_certificate().certificate_arn(&live.id).set_tags(to_acm(&change.set));
                request.send().await.map_err(error("AddTagsToCertificate"))?;
            }
        }
        Ok(())
    }

    async fn delete(cx: &Context<'_>, live: &Live<Self>) -> Result<Progress, Error> {
        let request = cx.acm.delete_certificate().certificate_arn(&live.id);
        request.send().await.map_err(error("DeleteCertificate"))?;
        Ok(Progress::Going)
    }
}

fn to_acm(tags: &Tags) -> Option<Vec<Tag>> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build().ok()).collect()
}

async fn tags_of(cloud: &Cloud, arn: &str) -> Result<Tags, Error> {
    let request = cloud.acm.list_tags_for_certificate().certificate_arn(arn);
    let found = request.send().await.map_err(error("ListTagsForCertificate"))?;
    Ok(own_tags(found.tags().iter().map(|tag| (tag.key(), tag.value().unwrap_or_default()))))
}

/// `None` as long as the validation record is not known: the certificate then counts as not visible yet, so that nobody
/// takes empty outputs.
fn live(cloud: &Cloud, arn: String, tags: Tags, detail: &CertificateDetail) -> Option<Live<Certificate>> {
    let validation = detail.domain_validation_options().iter().find_map(|option| option.resource_record());
    let status = match detail.status()? {
        CertificateStatus::Issued => Status::Ready,
        CertificateStatus::PendingValidation => Status::Pending(CertificateStatus::PendingValidation.to_string()),
        status => {
            let reason = detail.failure_reason().map(|reason| format!(" ({})", reason.as_str())).unwrap_or_default();
            Status::Failed(format!("{}{reason}", status.as_str()))
        }
    };
    let (record_name, record_value) = match (validation, &status) {
        (Some(record), _) => (host_name(record.name()), host_name(record.value())),
        (None, Status::Failed(_)) => (String::new(), String::new()),
        (None, _) => return None,
    };
    Some(Live {
        address: tags.address_in(cloud.stack()),
        outputs: Outputs { arn: arn.clone(), record_name, record_value },
        id: arn,
        status,
        spec: Certificate { domain: detail.domain_name().unwrap_or_default().to_owned(), tags },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAGS: &str = r#"{"Tags":[{"Key":"payinfra:stack","Value":"prod"},
        {"Key":"payinfra:address","Value":"certificate.api"}]}"#;
    const FRESH: &str = r#"{"Certificate":{"DomainName":"pay.example.com","Status":"PENDING_VALIDATION"}}"#;

    #[tokio::test]
    async fn is_not_visible_before_its_record_is_known() {
        let (cloud, _) = Cloud::replaying([(200, TAGS), (200, FRESH)]);
        let live = Certificate::list(&cloud, Select::Ids(&["arn:c1".to_owned()])).await.expect("the answers are good");
        assert!(live.is_empty());
    }
}
