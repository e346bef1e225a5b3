//! The API's own domain: certificate, domain name, records, mapping (`docs/requirements.md`, A4).

use std::sync::Arc;

use payinfra_aws::Tags;
use payinfra_aws::names::Kind;
use payinfra_engine::{Handle, Scope};
use payinfra_steps::api::{
    ALIAS, ALL_PATHS, ApiDomain, ApiMapping, Certificate, DnsRecord, RestApi, Stage, VALIDATION, ZONE,
};

use super::super::blueprint::Blueprint;
use super::super::design::Design;
use crate::settings::Domain;

/// How long resolvers may keep the validation record, in seconds.
const VALIDATION_TTL: i64 = 300;

pub(super) fn add(
    stack: &mut Blueprint,
    own: &Domain,
    api: Handle<RestApi>,
    stage: Handle<Stage>,
) -> Handle<ApiMapping> {
    let own = Arc::new(own.clone());
    let requested = match (&own.certificate_arn, &own.hosted_zone_id) {
        (None, Some(zone)) => Some(certificate(stack, Arc::clone(&own), zone.clone())),
        _ => None,
    };
    let zone = own.hosted_zone_id.clone();
    let domain = stack.add("main", move |design, scope| ApiDomain {
        domain: own.name.clone(),
        certificate_arn: match requested {
            Some(certificate) => scope.ready(certificate, |certificate| certificate.arn.clone()),
            None => own.certificate_arn.clone().unwrap_or_default(),
        },
        security_policy: "TLS_1_2".to_owned(),
        tags: tags(design, scope, &own, &own.name),
    });
    if let Some(zone) = zone {
        stack.add(ALIAS, move |_, scope| DnsRecord {
            zone_id: zone.clone(),
            name: scope.get(domain, |domain| domain.domain.clone()),
            kind: "A".to_owned(),
            target: scope.get(domain, |domain| domain.target.clone()),
            target_zone_id: scope.get(domain, |domain| domain.target_zone_id.clone()),
            ttl: 0,
        });
    }
    stack.add("all", move |_, scope| ApiMapping {
        domain: scope.ready(domain, |domain| domain.domain.clone()),
        base_path: ALL_PATHS.to_owned(),
        api_id: scope.get(api, |api| api.id.clone()),
        stage: scope.get(stage, |stage| stage.name.clone()),
    })
}

/// The certificate, and the record that proves who owns the domain: ACM issues the certificate once it finds the record.
fn certificate(stack: &mut Blueprint, own: Arc<Domain>, zone: String) -> Handle<Certificate> {
    let certificate = stack.add("api", move |design, scope| Certificate {
        domain: own.name.clone(),
        tags: tags(design, scope, &own, &design.names.only(Kind::Certificate)),
    });
    stack.add(VALIDATION, move |_, scope| DnsRecord {
        zone_id: zone.clone(),
        name: scope.get(certificate, |certificate| certificate.record_name.clone()),
        kind: "CNAME".to_owned(),
        target: scope.get(certificate, |certificate| certificate.record_value.clone()),
        target_zone_id: String::new(),
        ttl: VALIDATION_TTL,
    });
    certificate
}

/// The common tags, and the zone: records have no tags, so they are found through those of the domain.
fn tags(design: &Design, scope: &Scope<'_>, own: &Domain, name: &str) -> Tags {
    let mut tags = design.tags(scope, name);
    if let Some(zone) = &own.hosted_zone_id {
        tags.insert(ZONE.to_owned(), zone.clone());
    }
    tags
}
