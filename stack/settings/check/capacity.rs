//! The load that the stack is sized for.

use crate::settings::error::Findings;
use crate::settings::{Key, Settings};

pub(super) fn check(settings: &Settings, findings: &mut Findings) {
    let capacity = &settings.capacity;
    let held = Key::of("capacity.database_duration_ms");
    // An average of 0 is refused itself.
    if findings.accepts(&held) && capacity.database_duration_ms > capacity.average_duration_ms.max(1) {
        findings.refuse(&held, format!("{} is more than average_duration_ms", capacity.database_duration_ms));
    }
    if capacity.requests_per_second > settings.api.throttle_rate {
        findings.warn(
            &Key::of("capacity.requests_per_second"),
            format!(
                "{} is more than api.throttle_rate lets in ({})",
                capacity.requests_per_second, settings.api.throttle_rate
            ),
        );
    }
}
