//! Who has locked a state, for people and programs.

use std::time::Duration;

use payinfra_state::Holder;
use serde_json::json;

use super::Screen;
use super::style::seconds;
use crate::remote_state::LeaseRecord;

/// The run that has locked a state.
#[derive(Debug, Clone)]
pub struct Held {
    pub holder: Holder,
    /// The lease, if the state is shared, and how long ago it was renewed, by the server's clock.
    pub lease: Option<(LeaseRecord, Option<Duration>)>,
}

impl Screen {
    /// Writes who has locked the state of a suffix, or that nobody has.
    pub fn lock(&self, root: &str, suffix: &str, held: Option<&Held>) {
        if self.is_json() {
            let lease = held.and_then(|held| held.lease.as_ref());
            return self.object(
                "lock",
                json!({
                    "state": root,
                    "suffix": suffix,
                    "holder": held.map(|held| &held.holder),
                    "fence": lease.map(|(lease, _)| lease.fence),
                    "lease_seconds": lease.map(|(lease, _)| lease.length_seconds),
                    "renewed_seconds_ago": lease.and_then(|(_, age)| age.map(|age| age.as_secs())),
                }),
            );
        }
        let Some(Held { holder, lease }) = held else {
            return self.line(&format!("nobody holds the state of {suffix} in {root}"));
        };
        self.line(&format!("the state of {suffix} in {root} is held by"));
        let since = jiff::Timestamp::now().duration_since(holder.since);
        let age = seconds(Duration::try_from(since).unwrap_or_default());
        let mut rows = vec![
            ("host", holder.host.clone()),
            ("user", holder.user.clone()),
            ("process", holder.pid.to_string()),
            ("command", format!("payinfra {}", holder.command)),
            ("age", format!("{age} (since {:.0})", holder.since)),
        ];
        if let Some((lease, age)) = lease {
            let ago = age.map_or_else(|| "at an unknown time".to_owned(), |age| format!("{} ago", seconds(age)));
            rows.push(("renewed", format!("{ago}; the lease expires {} s after that", lease.length_seconds)));
            rows.push(("fence", lease.fence.to_string()));
        }
        rows.iter().for_each(|(name, value)| self.line(&format!("  {name:8} {value}")));
    }
}
