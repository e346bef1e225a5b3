//! A DNS record in the user's own Route 53 zone: the proof for the certificate, and the way to the API
//! (docs/requirements.md, A4).
//!
//! Records have no tags, and the zone is the user's. So a record is ours only if it contains exactly what our certificate
//! or our domain needs; any other record is neither changed nor deleted.

use aws_sdk_route53::types::{
    AliasTarget, Change, ChangeAction, ChangeBatch, ResourceRecord, ResourceRecordSet, RrType,
};
use futures::future::{try_join, try_join_all};
use payinfra_aws::{Owned, Tags, error, unless};
use payinfra_engine::{
    Address, Class, Created, Durations, Error, Idempotency, Live, Progress, Resource, Select, Status,
};
use serde::{Deserialize, Serialize};

use super::certificate::Certificate;
use super::domain::ApiDomain;
use super::gateway::all_certificates;
use super::host_name::host_name;
use crate::{Cloud, Context};

/// A DNS record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DnsRecord {
    /// The zone.
    pub zone_id: String,
    /// Its name, without a dot at the end.
    pub name: String,
    /// Its type: `CNAME`, or `A` for an alias.
    pub kind: String,
    /// What it points to, without a dot at the end.
    pub target: String,
    /// The zone of the target of an alias; empty for a CNAME.
    pub target_zone_id: String,
    /// How long resolvers may keep it, in seconds; 0 for an alias, which has none.
    pub ttl: i64,
}

/// What others use of a record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outputs {
    /// Its name.
    pub name: String,
}

/// The tag of a certificate or domain that names the zone of its record.
pub const ZONE: &str = "payinfra:zone";

/// The name of the record that validates the certificate.
pub const VALIDATION: &str = "validation";

/// The name of the record that leads to the API.
pub const ALIAS: &str = "alias";

impl Resource for DnsRecord {
    type Cloud = Cloud;
    type Outputs = Outputs;
    const KIND: &'static str = "dns_record";
    const FORCES_REPLACEMENT: &'static [&'static str] = &["zone_id", "name", "kind"];
    // A second one is refused, because the create call is not an upsert.
    const IDEMPOTENCY: Idempotency = Idempotency::Name;
    const DURATIONS: Durations = Durations::seconds(2, 2, 600);

    async fn list(cloud: &Cloud, select: Select<'_>) -> Result<Vec<Live<Self>>, Error> {
        let expected = expected(cloud).await?;
        let ids: Vec<String> = match select {
            Select::Owned => expected.iter().map(|(_, record)| record.id()).collect(),
            Select::Ids(ids) => ids.to_vec(),
        };
        let found = try_join_all(ids.iter().map(|id| read(cloud, id))).await?;
        let live = found.into_iter().flatten().map(|spec| Live {
            address: expected.iter().find(|(_, want)| want.says_the_same(&spec)).map(|(address, _)| address.clone()),
            id: spec.id(),
            outputs: Outputs { name: spec.name.clone() },
            status: Status::Ready,
            spec,
        });
        Ok(live.filter(|live| live.address.is_some() || select != Select::Owned).collect())
    }

    async fn create(&self, cx: &Context<'_>) -> Result<Created<Self>, Error> {
        self.change(cx, ChangeAction::Create).await?;
        Ok(Created { id: self.id(), outputs: Some(Outputs { name: self.name.clone() }) })
    }

    async fn update(&self, cx: &Context<'_>, _: &Live<Self>, _: &[&str]) -> Result<(), Error> {
        self.change(cx, ChangeAction::Upsert).await
    }

    async fn delete(cx: &Context<'_>, live: &Live<Self>) -> Result<Progress, Error> {
        if live.address.is_none() {
            let reason = format!("the record {} says something else by now; it is left as it is", live.spec.name);
            return Err(Error::new(Class::Invalid, "ChangeResourceRecordSets", reason));
        }
        if live.spec.kind == RrType::Cname.as_str() && is_used_by_others(cx, &live.spec).await? {
            tracing::warn!(
                record = live.spec.name,
                "another certificate is renewed by this record; it is left as it is"
            );
            return Ok(Progress::Gone);
        }
        // Route 53 deletes only what still has exactly these values.
        live.spec.change(cx, ChangeAction::Delete).await?;
        Ok(Progress::Going)
    }
}

impl DnsRecord {
    fn id(&self) -> String {
        format!("{}/{}/{}", self.zone_id, self.kind, self.name)
    }

    /// Whether both say the same, however long it may be kept.
    fn says_the_same(&self, other: &Self) -> bool {
        Self { ttl: 0, ..self.clone() } == Self { ttl: 0, ..other.clone() }
    }

    async fn change(&self, cloud: &Cloud, action: ChangeAction) -> Result<(), Error> {
        let set = ResourceRecordSet::builder().name(&self.name).r#type(RrType::from(self.kind.as_str()));
        let set = if self.target_zone_id.is_empty() {
            let value = ResourceRecord::builder().value(&self.target).build().map_err(incomplete)?;
            set.ttl(self.ttl).resource_records(value)
        } else {
            let alias = AliasTarget::builder().dns_name(&self.target).hosted_zone_id(&self.target_zone_id);
            set.alias_target(alias.evaluate_target_health(false).build().map_err(incomplete)?)
        };
        let change = Change::builder().action(action).resource_record_set(set.build().map_err(incomplete)?);
        let batch = ChangeBatch::builder().changes(change.build().map_err(incomplete)?).build().map_err(incomplete)?;
        let request = cloud.route53.change_resource_record_sets().hosted_zone_id(&self.zone_id).change_batch(batch);
        request.send().await.map_err(error("ChangeResourceRecordSets"))?;
        Ok(())
    }
}

fn incomplete(error: aws_sdk_route53::error::BuildError) -> Error {
    Error::new(Class::Invalid, "ChangeResourceRecordSets", error.to_string())
}

/// The records that our certificates and domains need, from their zone tag.
async fn expected(cloud: &Cloud) -> Result<Vec<(Address, DnsRecord)>, Error> {
    let (certificates, domains) =
        try_join(Certificate::list(cloud, Select::Owned), ApiDomain::list(cloud, Select::Owned)).await?;
    let zone = |tags: &Tags| tags.get(ZONE).cloned();
    let validations = certificates.iter().filter_map(|live| {
        let record = DnsRecord {
            zone_id: zone(&live.spec.tags)?,
            name: live.outputs.record_name.clone(),
            kind: RrType::Cname.as_str().to_owned(),
            target: live.outputs.record_value.clone(),
            target_zone_id: String::new(),
            ttl: 0,
        };
        Some((Address::new(DnsRecord::KIND, VALIDATION), record))
    });
    let aliases = domains.iter().filter_map(|live| {
        let record = DnsRecord {
            zone_id: zone(&live.spec.tags)?,
            name: live.spec.domain.clone(),
            kind: RrType::A.as_str().to_owned(),
            target: live.outputs.target.clone(),
            target_zone_id: live.outputs.target_zone_id.clone(),
            ttl: 0,
        };
        Some((Address::new(DnsRecord::KIND, ALIAS), record))
    });
    Ok(validations.chain(aliases).collect())
}

/// Whether a certificate that is not this stack's is validated by the same record: it depends on account and domain only,
/// and AWS renews by it (docs/aws-behaviour.md, "ACM: certificates").
async fn is_used_by_others(cloud: &Cloud, record: &DnsRecord) -> Result<bool, Error> {
    let all = all_certificates(cloud).await?;
    let others = all.iter().filter(|(_, tags)| tags.address_in(cloud.stack()).is_none());
    let uses = others.map(|(arn, _)| async move {
        let request = cloud.acm.describe_certificate().certificate_arn(arn);
        let found = unless(Class::Absent, request.send().await.map_err(error("DescribeCertificate")))?;
        let detail = found.as_ref().and_then(|found| found.certificate());
        let options = detail.map(|detail| detail.domain_validation_options()).unwrap_or_default().iter();
        let mut records = options.filter_map(|option| option.resource_record());
        Ok::<_, Error>(records.any(|needed| host_name(needed.name()) == record.name))
    });
    Ok(try_join_all(uses).await?.contains(&true))
}

/// Reads one record; `None` where there is none.
async fn read(cloud: &Cloud, id: &str) -> Result<Option<DnsRecord>, Error> {
    let mut parts = id.splitn(3, '/');
    let (Some(zone_id), Some(kind), Some(name)) = (parts.next(), parts.next(), parts.next()) else { return Ok(None) };
    let request = cloud.route53.list_resource_record_sets().hosted_zone_id(zone_id).max_items(1);
    let request = request.start_record_name(name).start_record_type(RrType::from(kind));
    let found = unless(Class::Absent, request.send().await.map_err(error("ListResourceRecordSets")))?;
    // The list starts at the name or, where there is none, after it.
    let sets = found.as_ref().map(|found| found.resource_record_sets()).unwrap_or_default();
    let set = sets.iter().find(|set| host_name(set.name()) == name && set.r#type().as_str() == kind);
    Ok(set.map(|set| DnsRecord {
        zone_id: zone_id.to_owned(),
        name: name.to_owned(),
        kind: kind.to_owned(),
        target: match set.alias_target() {
            Some(alias) => host_name(alias.dns_name()),
            None => set.resource_records().iter().map(|record| host_name(record.value())).collect::<Vec<_>>().join(","),
        },
        target_zone_id: set.alias_target().map(|alias| alias.hosted_zone_id().to_owned()).unwrap_or_default(),
        ttl: set.ttl().unwrap_or_default(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NO_CERTIFICATE: &str = r#"{"CertificateSummaryList":[]}"#;
    const DOMAINS: &str = r#"{"item":[{"domainName":"pay.example.com","regionalDomainName":"d-1.execute-api.aws",
        "regionalHostedZoneId":"Z9","domainNameStatus":"AVAILABLE",
        "tags":{"payinfra:stack":"prod","payinfra:address":"api_domain.main","payinfra:zone":"Z1"}}]}"#;

    fn records(target: &str) -> String {
        format!(
            "<ListResourceRecordSetsResponse><ResourceRecordSets><ResourceRecordSet><Name>pay.example.com.</Name>\
             <Type>A</Type><AliasTarget><HostedZoneId>Z9</HostedZoneId><DNSName>{target}.</DNSName>\
             <EvaluateTargetHealth>false</EvaluateTargetHealth></AliasTarget></ResourceRecordSet></ResourceRecordSets>\
             <IsTruncated>false</IsTruncated><MaxItems>1</MaxItems></ListResourceRecordSetsResponse>"
        )
    }

    #[tokio::test]
    async fn a_record_with_another_value_is_never_deleted() {
        let theirs = records("elsewhere.example.com");
        let answers = [(200, NO_CERTIFICATE), (200, DOMAINS), (200, theirs.as_str())];
        let (cloud, replay) = Cloud::replaying(answers);
        let id = "Z1/A/pay.example.com".to_owned();
        let live = DnsRecord::list(&cloud, Select::Ids(&[id])).await.expect("the answers are good");
        assert_eq!(live[0].address, None);
        let address = Address::new("dns_record", "alias");
        let refused = DnsRecord::delete(&Context { cloud: &cloud, address: &address, token: "" }, &live[0]).await;
        assert_eq!(refused.expect_err("it is not ours").class, Class::Invalid);
        assert_eq!(replay.sent().len(), 3);
    }

    #[tokio::test]
    async fn an_existing_record_is_not_overwritten() {
        let taken = "<ErrorResponse><Error><Code>InvalidChangeBatch</Code><Message>[Tried to create resource record set \
            [name='_x.pay.example.com.', type='CNAME'] but it already exists]</Message></Error></ErrorResponse>";
        let (cloud, replay) = Cloud::replaying([(400, taken)]);
        let address = Address::new("dns_record", "validation");
        let refused = validation().create(&Context { cloud: &cloud, address: &address, token: "t" }).await;
        assert_eq!(refused.expect_err("it is taken").class, Class::Exists);
        assert!(replay.sent()[0].has("<Action>CREATE</Action>") && replay.sent()[0].has("<TTL>300</TTL>"));
    }

    fn validation() -> DnsRecord {
        DnsRecord {
            zone_id: "Z1".to_owned(),
            name: "_x.pay.example.com".to_owned(),
            kind: "CNAME".to_owned(),
            target: "_y.acm-validations.aws".to_owned(),
            target_zone_id: String::new(),
            ttl: 300,
        }
    }

    #[tokio::test]
    async fn a_validation_that_another_certificate_needs_for_its_renewal_stays() {
        let certificates =
            r#"{"CertificateSummaryList":[{"CertificateArn":"arn:theirs","DomainName":"pay.example.com"}]}"#;
        let untagged = r#"{"Tags":[]}"#;
        let describe = |name: &str| {
            format!(
                r#"{{"Certificate":{{"CertificateArn":"arn:theirs","DomainValidationOptions":[{{"DomainName":"pay.example.com",
                "ResourceRecord":{{"Name":"{name}.","Type":"CNAME","Value":"_y.acm-validations.aws."}}}}]}}}}"#
            )
        };
        for (needs, expected) in [("_x.pay.example.com", Progress::Gone), ("_z.example.org", Progress::Going)] {
            let theirs = describe(needs);
            let done = "<ChangeResourceRecordSetsResponse/>";
            let (cloud, _) = Cloud::replaying([(200, certificates), (200, untagged), (200, &theirs), (200, done)]);
            let address = Address::new("dns_record", "validation");
            let spec = validation();
            let live = Live {
                address: Some(address.clone()),
                id: spec.id(),
                outputs: Outputs { name: spec.name.clone() },
                status: Status::Ready,
                spec,
            };
            let cx = Context { cloud: &cloud, address: &address, token: "" };
            assert_eq!(DnsRecord::delete(&cx, &live).await.expect("the answers are good"), expected);
        }
    }
}
