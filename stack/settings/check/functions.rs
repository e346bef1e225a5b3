//! The three functions.

use crate::settings::error::Findings;
use crate::settings::{Key, Settings};
use payinfra_steps::functions::FunctionName;

/// How long an API Gateway REST API waits for an integration, in seconds.
const API_WAITS: u32 = 29;

/// Concurrent runs that Lambda keeps unreserved in every account ("Configuring reserved concurrency").
const UNRESERVED: u32 = 100;

/// The default quota of concurrent runs in an account and region (L-B99A9384).
const DEFAULT_CONCURRENCY: u32 = 1_000;

pub(super) fn check(settings: &Settings, findings: &mut Findings) {
    let functions = &settings.functions;
    let section = Key::of("functions");
    if functions.artifacts.as_os_str().is_empty() {
        findings.refuse(&section.child("artifacts"), "it is empty");
    }
    let timeout_key = section.child("timeout_seconds");
    let mut waits_too_long = false;
    for function in FunctionName::ALL {
        let own = functions.override_of(function);
        let key = section.child(function.name()).child("timeout_seconds");
        if let Some(timeout) = own.timeout_seconds
            && findings.accepts(&key)
            && function.behind_api()
            && timeout > API_WAITS
        {
            findings.refuse(&key, format!("{timeout} is longer than the API waits"));
        }
        waits_too_long |=
            function.behind_api() && own.timeout_seconds.is_none() && functions.timeout_seconds > API_WAITS;
    }
    if findings.accepts(&timeout_key) && waits_too_long {
        findings.refuse(&timeout_key, format!("{} is longer than the API waits", functions.timeout_seconds));
    }
    reserved(settings, findings);
}

fn reserved(settings: &Settings, findings: &mut Findings) {
    let functions = &settings.functions;
    let total = functions.reserved_concurrency();
    if total > u64::from(DEFAULT_CONCURRENCY - UNRESERVED) {
        for function in
            FunctionName::ALL.into_iter().filter(|f| functions.override_of(*f).reserved_concurrency.is_some())
        {
            findings.warn(
                &Key::of("functions").child(function.name()).child("reserved_concurrency"),
                format!(
                    "{total} are reserved in all; an account has {DEFAULT_CONCURRENCY} unless its quota was raised, \
                     and {UNRESERVED} must stay unreserved"
                ),
            );
        }
    }
}
