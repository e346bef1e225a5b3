//! Where alarms are sent.

use std::collections::BTreeSet;

use super::https;
use crate::settings::error::Findings;
use crate::settings::{Key, Settings};

pub(super) fn check(settings: &Settings, findings: &mut Findings) {
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
            findings.refuse(&emails, format!("{address:?} is listed twice"));
        }
    }
    let webhooks = Key::of("monitoring.alarm_webhooks");
    for address in &monitoring.alarm_webhooks {
        if let Err(reason) = https::host(address) {
            findings.refuse(&webhooks, reason);
        } else if !seen.insert(address) {
            findings.refuse(&webhooks, format!("{address:?} is listed twice"));
        }
    }
    if monitoring.alarm_emails.is_empty() && monitoring.alarm_webhooks.is_empty() {
        findings
            .warn(&Key::of("monitoring"), "nobody is notified of alarms: alarm_emails and alarm_webhooks are empty");
    }
}
