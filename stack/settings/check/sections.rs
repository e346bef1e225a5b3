//! The smaller sections.

use std::collections::BTreeSet;

use super::https;
use crate::settings::problem::Findings;
use crate::settings::{Key, Settings};

/// The retentions CloudWatch Logs takes (PutRetentionPolicy).
const RETENTIONS: [u32; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

/// PCI DSS 4.0, requirement 10.5.1: a year of audit trail.
const YEAR: u32 = 365;

/// GLACIER is charged for at least so many days per object.
const GLACIER_MINIMUM: u32 = 90;

pub(super) fn check(settings: &Settings, findings: &mut Findings) {
    findings.range(
        &Key::of("limits.maximum_amount_minor"),
        settings.limits.maximum_amount_minor,
        1..=crate::settings::Limits::LARGEST_AMOUNT,
    );
    if let Some(warm) = settings.sessions.warm_throughput {
        findings.range(&Key::of("sessions.warm_throughput.read_units"), warm.read_units, 12_000..=40_000);
        findings.range(&Key::of("sessions.warm_throughput.write_units"), warm.write_units, 4_000..=40_000);
    }
    archive(settings, findings);
    findings.range(&Key::of("encryption.key_deletion_days"), settings.encryption.key_deletion_days, 7..=30);
    findings.range(&Key::of("encryption.key_rotation_days"), settings.encryption.key_rotation_days, 90..=2_560);
    let retention = settings.logs.retention_days;
    if !RETENTIONS.contains(&retention) {
        findings.refuse(&Key::of("logs.retention_days"), format!("{retention} is not offered by CloudWatch Logs"));
    } else if retention < YEAR {
        findings.warn(&Key::of("logs.retention_days"), format!("{retention} is below the year PCI DSS asks for"));
    }
    capacity(settings, findings);
    monitoring(settings, findings);
}

fn archive(settings: &Settings, findings: &mut Findings) {
    let archive = &settings.archive;
    findings.range(&Key::of("archive.glacier_after_days"), archive.glacier_after_days, 1..=3_650);
    findings.range(&Key::of("archive.abort_uploads_after_days"), archive.abort_uploads_after_days, 1..=365);
    if findings.range(&Key::of("archive.log_expiry_days"), archive.log_expiry_days, 1..=36_500)
        && archive.log_expiry_days < YEAR
    {
        findings.warn(
            &Key::of("archive.log_expiry_days"),
            format!("{} is below the year PCI DSS asks for", archive.log_expiry_days),
        );
    }
    if let Some(days) = archive.noncurrent_expiry_days {
        let key = Key::of("archive.noncurrent_expiry_days");
        if days <= archive.glacier_after_days || days > 36_500 {
            findings.refuse(&key, format!("{days} with glacier_after_days = {}", archive.glacier_after_days));
        } else if days - archive.glacier_after_days < GLACIER_MINIMUM {
            findings.warn(&key, format!("GLACIER charges {GLACIER_MINIMUM} days even if a version goes earlier"));
        }
    }
}

fn capacity(settings: &Settings, findings: &mut Findings) {
    let capacity = &settings.capacity;
    let section = Key::of("capacity");
    findings.range(&section.child("requests_per_second"), capacity.requests_per_second, 1..=1_000_000);
    findings.range(&section.child("average_duration_ms"), capacity.average_duration_ms, 1..=29_000);
    findings.range(&section.child("headroom_percent"), capacity.headroom_percent, 0..=500);
    findings.range(
        &section.child("database_duration_ms"),
        capacity.database_duration_ms,
        1..=capacity.average_duration_ms.max(1),
    );
    if capacity.requests_per_second > settings.api.throttle_rate {
        findings.warn(
            &section.child("requests_per_second"),
            format!(
                "{} are planned for, but api.throttle_rate lets {} in",
                capacity.requests_per_second, settings.api.throttle_rate
            ),
        );
    }
}

fn monitoring(settings: &Settings, findings: &mut Findings) {
    let monitoring = &settings.monitoring;
    let emails = Key::of("monitoring.alarm_emails");
    let mut seen = BTreeSet::new();
    for address in &monitoring.alarm_emails {
        let good = address.split_once('@').is_some_and(|(user, host)| {
            !user.is_empty()
                && !address.chars().any(|c| c.is_whitespace() || c.is_control())
                && https::is_host_name(host)
        });
        if !good {
            findings.refuse(&emails, format!("{address:?} is not an e-mail address"));
        } else if !seen.insert(address) {
            findings.refuse(&emails, format!("{address:?} stands there twice"));
        }
    }
    let webhooks = Key::of("monitoring.alarm_webhooks");
    for address in &monitoring.alarm_webhooks {
        if let Err(reason) = https::host(address) {
            findings.refuse(&webhooks, reason);
        } else if !seen.insert(address) {
            findings.refuse(&webhooks, format!("{address:?} stands there twice"));
        }
    }
    if monitoring.alarm_emails.is_empty() && monitoring.alarm_webhooks.is_empty() {
        findings.warn(&Key::of("monitoring"), "nobody hears the alarms: alarm_emails and alarm_webhooks are empty");
    }
    thresholds(settings, findings);
}

fn thresholds(settings: &Settings, findings: &mut Findings) {
    let section = Key::of("monitoring.thresholds");
    let t = &settings.monitoring.thresholds;
    for (name, percent) in [
        ("database_cpu_percent", t.database_cpu_percent),
        ("database_connections_percent", t.database_connections_percent),
        ("function_error_percent", t.function_error_percent),
        ("api_5xx_percent", t.api_5xx_percent),
        ("function_duration_percent", t.function_duration_percent),
        ("database_free_memory_percent", t.database_free_memory_percent),
    ] {
        if !(percent > 0.0 && percent <= 100.0) {
            findings.refuse(&section.child(name), format!("{percent} is not a percentage"));
        }
    }
    for (name, value) in [
        ("api_latency_p99_ms", t.api_latency_p99_ms),
        ("function_throttles", t.function_throttles),
        ("database_commit_latency_ms", t.database_commit_latency_ms),
        ("database_select_latency_ms", t.database_select_latency_ms),
        ("database_response_ms", t.database_response_ms),
        ("database_replica_lag_ms", t.database_replica_lag_ms),
        ("session_throttles", t.session_throttles),
        ("dead_letters", t.dead_letters),
        ("nat_port_errors", t.nat_port_errors),
    ] {
        if !(value > 0.0 && value.is_finite()) {
            findings.refuse(&section.child(name), format!("{value} is not above 0"));
        }
    }
    findings.range(&section.child("minimum_function_runs"), t.minimum_function_runs, 1..=1_000_000);
    findings.range(&section.child("minimum_api_requests"), t.minimum_api_requests, 1..=1_000_000);
}
