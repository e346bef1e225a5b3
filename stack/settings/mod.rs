//! The configuration of one stack.
//!
//! The structs are plain data with the defaults. The table (`table.rs`) has one row per setting: what it allows and
//! what it means. [`Settings::validate`] finds everything that cannot work before a call is made, by the table and by
//! the rules in `check/`; [`Settings::warnings`] finds what works but is probably not meant.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

mod api;
mod archive;
mod capacity;
mod check;
mod classes;
mod database;
mod encryption;
mod error;
mod functions;
mod key;
mod limits;
mod logs;
mod monitoring;
mod network;
pub mod reference;
mod rule;
mod sessions;
mod table;
#[cfg(test)]
mod tests;

pub use api::{Api, ApiAuth, Domain, ExecutionLog, RouteThrottle};
pub use archive::Archive;
pub use capacity::Capacity;
pub use check::check_state;
pub use classes::InstanceClass;
pub use database::Database;
pub use encryption::Encryption;
pub use error::{SettingError, SettingWarning};
pub use functions::{FunctionOverride, FunctionSettings, Functions, LogLevel};
pub use key::Key;
pub use limits::Limits;
pub use logs::Logs;
pub use monitoring::{Monitoring, Thresholds};
pub use network::{Nat, Network, ZONES};
pub use payinfra_aws::REGION;
pub use sessions::{Sessions, WarmThroughput};
pub use table::allowed;

/// The configuration of one stack, with the defaults that deploy without a file.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The value of the `Project` tag.
    pub project: String,
    /// The environment suffix in every name, unless the command line names another.
    pub suffix: Option<String>,
    /// The account that the stack belongs to; `None` accepts any.
    pub account: Option<String>,
    /// The region.
    pub region: String,
    /// Where the state is stored: a folder or `s3://bucket/prefix`.
    pub state: String,
    /// How long a lease on S3 state outlives the last heartbeat, in seconds.
    pub state_lease_seconds: u32,
    /// Whether a CloudTrail trail records the stack.
    pub trail: bool,
    /// Extra tags on everything that can be tagged, by name.
    pub tags: BTreeMap<String, String>,
    /// Feature flags by name, published under `/payments/<suffix>/features/`.
    #[serde(deserialize_with = "over_default_features")]
    pub features: BTreeMap<String, bool>,
    /// The webhook of each merchant, by merchant ID.
    pub webhooks: BTreeMap<String, String>,
    /// What the functions refuse.
    pub limits: Limits,
    /// The VPC and its subnets.
    pub network: Network,
    /// The Aurora PostgreSQL cluster and its proxy.
    pub database: Database,
    /// The DynamoDB table of sessions.
    pub sessions: Sessions,
    /// The archive bucket and the log bucket.
    pub archive: Archive,
    /// The stack's KMS key.
    pub encryption: Encryption,
    /// The three functions.
    pub functions: Functions,
    /// The REST API.
    pub api: Api,
    /// The log groups.
    pub logs: Logs,
    /// Where alarms are sent, and when they fire.
    pub monitoring: Monitoring,
    /// The load that the stack is sized for.
    pub capacity: Capacity,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            project: "payments".to_owned(),
            suffix: None,
            account: None,
            region: REGION.to_owned(),
            state: ".payinfra".to_owned(),
            state_lease_seconds: 60,
            trail: true,
            tags: BTreeMap::new(),
            features: default_features(),
            webhooks: BTreeMap::new(),
            limits: Limits::default(),
            network: Network::default(),
            database: Database::default(),
            sessions: Sessions::default(),
            archive: Archive::default(),
            encryption: Encryption::default(),
            functions: Functions::default(),
            api: Api::default(),
            logs: Logs::default(),
            monitoring: Monitoring::default(),
            capacity: Capacity::default(),
        }
    }
}

fn default_features() -> BTreeMap<String, bool> {
    BTreeMap::from([("refunds-enabled".to_owned(), true), ("notifications-enabled".to_owned(), true)])
}

/// Reads flags on top of the default ones: a file that adds a flag must not remove those that the functions ask for.
fn over_default_features<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, bool>, D::Error> {
    let mut features = default_features();
    features.extend(BTreeMap::<String, bool>::deserialize(deserializer)?);
    Ok(features)
}
