//! How long archived objects and logs are kept.

use crate::settings::error::Findings;
use crate::settings::{Key, Settings};

/// PCI DSS 4.0, requirement 10.5.1: a year of audit trail.
const YEAR: u32 = 365;

/// GLACIER charges for at least this many days per object.
const GLACIER_MINIMUM: u32 = 90;

pub(super) fn check(settings: &Settings, findings: &mut Findings) {
    noncurrent_versions(settings, findings);
    for (key, days) in [
        ("archive.log_expiry_days", settings.archive.log_expiry_days),
        ("logs.retention_days", settings.logs.retention_days),
    ] {
        let key = Key::of(key);
        if findings.accepts(&key) && days < YEAR {
            findings.warn(&key, format!("{days} is less than the year that PCI DSS requires"));
        }
    }
}

fn noncurrent_versions(settings: &Settings, findings: &mut Findings) {
    let key = Key::of("archive.noncurrent_expiry_days");
    let glacier = settings.archive.glacier_after_days;
    let Some(days) = settings.archive.noncurrent_expiry_days.filter(|_| findings.accepts(&key)) else { return };
    if days <= glacier {
        findings.refuse(&key, format!("{days} is not more than glacier_after_days = {glacier}"));
    } else if days - glacier < GLACIER_MINIMUM {
        findings.warn(&key, format!("GLACIER charges {GLACIER_MINIMUM} days even if a version is removed earlier"));
    }
}
