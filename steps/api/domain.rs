//! The API's custom domain name (docs/requirements.md, A4).

use aws_sdk_apigateway::types::{DomainName, DomainNameStatus, EndpointConfiguration, EndpointType, SecurityPolicy};
use payinfra_aws::{Owned, Tags, error};
use payinfra_engine::{Created, Durations, Error, Idempotency, Live, Progress, Resource, Select, Status};
use serde::{Deserialize, Serialize};

use super::gateway::{all_domains, arn, from_gateway, replace, retag, to_gateway};
use super::host_name::host_name;
use crate::{Cloud, Context};

/// A regional custom domain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApiDomain {
    /// Its name.
    pub domain: String,
    /// Its certificate.
    pub certificate_arn: String,
    /// The oldest TLS that it takes: `TLS_1_2`.
    pub security_policy: String,
    /// Its tags.
    pub tags: Tags,
}

/// What others use of a domain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outputs {
    /// Its name.
    pub domain: String,
    /// Where its alias record points.
    pub target: String,
    /// The zone of that target.
    pub target_zone_id: String,
}

impl Resource for ApiDomain {
    type Cloud = Cloud;
    type Outputs = Outputs;
    const KIND: &'static str = "api_domain";
    const FORCES_REPLACEMENT: &'static [&'static str] = &["domain"];
    const IDEMPOTENCY: Idempotency = Idempotency::Name;
    // One change in 30 seconds; another certificate takes up to 15 minutes.
    const DURATIONS: Durations = Durations::seconds(15, 5, 1200);

    async fn list(cloud: &Cloud, select: Select<'_>) -> Result<Vec<Live<Self>>, Error> {
        let found = all_domains(cloud).await?;
        let live = found.iter().map(|domain| live(cloud, domain));
        let wanted = |live: &Live<Self>| match select {
            Select::Owned => live.address.is_some(),
            Select::Ids(ids) => ids.contains(&live.id),
        };
        Ok(live.filter(wanted).collect())
    }

    async fn create(&self, cx: &Context<'_>) -> Result<Created<Self>, Error> {
        let _turn = cx.gateway.turn().await;
        let endpoint = EndpointConfiguration::builder().types(EndpointType::Regional).build();
        let created = cx
            .apigateway
            .create_domain_name()
            .domain_name(&self.domain)
            .regional_certificate_arn(&self.certificate_arn)
            .endpoint_configuration(endpoint)
            .security_policy(SecurityPolicy::from(self.security_policy.as_str()))
            .set_tags(to_gateway(&self.tags))
            .send()
            .await
            .map_err(error("CreateDomainName"))?;
        let outputs = created.regional_domain_name().zip(created.regional_hosted_zone_id());
        let outputs = outputs.map(|(target, zone)| Outputs {
            domain: self.domain.clone(),
            target: host_name(target),
            target_zone_id: zone.to_owned(),
        });
        Ok(Created { id: self.domain.clone(), outputs })
    }

    async fn update(&self, cx: &Context<'_>, live: &Live<Self>, changed: &[&str]) -> Result<(), Error> {
        let _turn = cx.gateway.turn().await;
        let patches = changed.iter().filter_map(|name| match *name {
            "certificate_arn" => Some(replace("/regionalCertificateArn", &self.certificate_arn)),
            "security_policy" => Some(replace("/securityPolicy", &self.security_policy)),
            _ => None,
        });
        let patches: Vec<_> = patches.collect();
        if !patches.is_empty() {
            let request = cx.apigateway.update_domain_name().domain_name(&live.id);
            request.set_patch_operations(Some(patches)).send().await.map_err(error("UpdateDomainName"))?;
        }
        if changed.contains(&"tags") {
            retag(cx, &arn(&format!("domainnames/{}", live.id)), &live.spec.tags, &self.tags).await?;
        }
        Ok(())
    }

    async fn delete(cx: &Context<'_>, live: &Live<Self>) -> Result<Progress, Error> {
        let _turn = cx.gateway.turn().await;
        cx.apigateway.delete_domain_name().domain_name(&live.id).send().await.map_err(error("DeleteDomainName"))?;
        Ok(Progress::Going)
    }
}

fn live(cloud: &Cloud, domain: &DomainName) -> Live<ApiDomain> {
    let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
    let tags = from_gateway(domain.tags());
    let name = text(domain.domain_name());
    Live {
        address: tags.address_in(cloud.stack()),
        outputs: Outputs {
            domain: name.clone(),
            target: host_name(domain.regional_domain_name().unwrap_or_default()),
            target_zone_id: text(domain.regional_hosted_zone_id()),
        },
        status: match domain.domain_name_status() {
            Some(DomainNameStatus::Available) | None => Status::Ready,
            Some(DomainNameStatus::Failed) => Status::Failed(text(domain.domain_name_status_message())),
            Some(status) => Status::Pending(status.as_str().to_owned()),
        },
        spec: ApiDomain {
            domain: name.clone(),
            certificate_arn: text(domain.regional_certificate_arn()),
            security_policy: text(domain.security_policy().map(SecurityPolicy::as_str)),
            tags,
        },
        id: name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn is_pending_while_aws_works_on_it() {
        let found = r#"{"item":[{"domainName":"pay.example.com","domainNameStatus":"UPDATING"},{"domainName":"x"}]}"#;
        let (cloud, _) = Cloud::replaying([(200, found)]);
        let ids = ["pay.example.com".to_owned(), "absent.example.com".to_owned()];
        let live = ApiDomain::list(&cloud, Select::Ids(&ids)).await.expect("the answer is good");
        assert_eq!(live.len(), 1);
        assert_eq!(live[0].status, Status::Pending("UPDATING".to_owned()));
    }
}
