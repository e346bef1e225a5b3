//! The REST API, its throttles and its domain.

use serde_json::Value;

use super::{general, https};
use crate::settings::error::Findings;
use crate::settings::{Domain, Key, REGION, Settings};

/// The document that the API is deployed from; it contains the routes that can be throttled.
const DOCUMENT: &str = include_str!("../../../steps/api/openapi.json");

/// The default quota of an account and region over all its APIs (L-8A5B8E43).
const DEFAULT_RATE: u32 = 10_000;

/// The burst that comes with [`DEFAULT_RATE`].
const DEFAULT_BURST: u32 = 5_000;

pub(super) fn check(settings: &Settings, findings: &mut Findings) {
    let api = &settings.api;
    let section = Key::of("api");
    let good_stage = (1..=128).contains(&api.stage.len())
        && api.stage.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if !good_stage {
        findings.refuse(&section.child("stage"), format!("{:?} is not a stage name", api.stage));
    }
    throttle(&section, Some(api.throttle_rate), Some(api.throttle_burst), findings);
    routes(settings, findings);
    match &api.domain {
        Some(domain) => check_domain(settings, domain, findings),
        None => findings
            .warn(&section.child("domain"), "no domain is configured; the API answers at its execute-api address only"),
    }
}

fn throttle(key: &Key, rate: Option<u32>, burst: Option<u32>, findings: &mut Findings) {
    for (name, value, default) in [("throttle_rate", rate, DEFAULT_RATE), ("throttle_burst", burst, DEFAULT_BURST)] {
        let Some(value) = value else { continue };
        let key = key.child(name);
        if findings.accepts(&key) && value > default {
            findings.warn(&key, format!("{value} has no effect unless the account's quota of {default} was raised"));
        }
    }
}

fn routes(settings: &Settings, findings: &mut Findings) {
    let known = known_routes();
    for (route, own) in &settings.api.routes {
        let key = Key::of("api.routes").child(route);
        if !known.contains(route) {
            findings.refuse_but(&key, format!("the API has no route {route:?}"), known.join(", "));
        }
        if own.throttle_rate.is_none() && own.throttle_burst.is_none() {
            findings.refuse_but(&key, "it overrides nothing", "throttle_rate, throttle_burst or both");
        }
        throttle(&key, own.throttle_rate, own.throttle_burst, findings);
    }
}

/// Gives every `METHOD /path` of the API document.
fn known_routes() -> Vec<String> {
    let document: Value = serde_json::from_str(DOCUMENT).unwrap_or_default();
    let mut routes = Vec::new();
    for (path, methods) in document.get("paths").and_then(Value::as_object).into_iter().flatten() {
        for method in methods.as_object().into_iter().flatten().map(|(method, _)| method) {
            routes.push(format!("{} {path}", method.to_uppercase()));
        }
    }
    routes
}

fn check_domain(settings: &Settings, domain: &Domain, findings: &mut Findings) {
    let section = Key::of("api.domain");
    if domain.name.is_empty() {
        findings.refuse(&section.child("name"), "it is missing");
    } else if domain.name.chars().any(|c| c.is_ascii_uppercase()) || !https::is_host_name(&domain.name) {
        findings.refuse(&section.child("name"), format!("{:?} is not a host name", domain.name));
    } else if domain.certificate_arn.is_none() && domain.name.len() > 64 {
        // RequestCertificate accepts 253 characters, but the first name is also the common name.
        findings.refuse_but(
            &section.child("name"),
            format!("{:?} is too long for a requested certificate", domain.name),
            "at most 64 characters, or a certificate_arn",
        );
    }
    if let Some(arn) = &domain.certificate_arn {
        certificate(settings, arn, findings);
    }
    if let Some(zone) = &domain.hosted_zone_id {
        let good = (2..=32).contains(&zone.len())
            && zone.starts_with('Z')
            && zone.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
        if !good {
            findings.refuse(&section.child("hosted_zone_id"), format!("{zone:?} is not a zone ID"));
        }
    }
    match (&domain.certificate_arn, &domain.hosted_zone_id) {
        (None, None) => findings.refuse_but(
            &section,
            "a domain needs a certificate, or a zone to validate one in",
            "certificate_arn, hosted_zone_id or both",
        ),
        (Some(_), None) => findings.warn(
            &section.child("hosted_zone_id"),
            format!("without a zone, you must create the DNS record for {} yourself", domain.name),
        ),
        _ => {}
    }
}

fn certificate(settings: &Settings, arn: &str, findings: &mut Findings) {
    let key = Key::of("api.domain.certificate_arn");
    let parts: Vec<&str> = arn.split(':').collect();
    let ["arn", "aws", "acm", region, account, resource] = parts[..] else {
        findings.refuse(&key, format!("{arn:?} is not a certificate's ARN"));
        return;
    };
    let id = resource.strip_prefix("certificate/").unwrap_or_default();
    if id.is_empty() || !id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') || !general::is_account(account) {
        findings.refuse(&key, format!("{arn:?} is not a certificate's ARN"));
    } else if region != REGION {
        findings.refuse(&key, format!("the certificate is in {region:?}; a regional API needs its own region's"));
    } else if settings.account.as_deref().is_some_and(|ours| ours != account) {
        findings.refuse_but(&key, format!("the certificate belongs to account {account}"), "one of `account`");
    }
}
