//! The configuration of one stack: every tunable, its default and what AWS allows.
//!
//! The structs are plain data. [`Settings::validate`] finds everything that cannot work before a
//! call is made, [`Settings::warnings`] what works but is probably not meant.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

mod allowed;
mod api;
mod check;
mod classes;
mod data;
mod database;
mod functions;
mod monitoring;
mod network;
mod problem;

pub use allowed::allowed;
pub use api::{Api, ApiAuth, Domain, ExecutionLog, RouteThrottle};
pub use check::check_state;
pub use classes::InstanceClass;
pub use data::{Archive, Capacity, Encryption, Limits, Logs, Sessions, WarmThroughput};
pub use database::Database;
pub use functions::{FunctionOverride, FunctionSettings, Functions, LogLevel};
pub use monitoring::{Monitoring, Thresholds};
pub use network::{Nat, Network, ZONES};
pub use payinfra_aws::REGION;
pub use problem::{Key, Problem};

/// The configuration of one stack, with the defaults that deploy without a file.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The value of the `Project` tag. Default `payments`.
    pub project: String,
    /// The environment suffix in every name; `--suffix` and `PAYINFRA_SUFFIX` win over it. No default.
    pub suffix: Option<String>,
    /// The twelve-digit account the stack belongs to; with it, every other account is refused. No default.
    pub account: Option<String>,
    /// The region; only `us-east-1`.
    pub region: String,
    /// Where the state lives: a folder or `s3://bucket/prefix`. Default `.payinfra`.
    pub state: String,
    /// How long a state in S3 stays held by a run that no longer says that it lives, in seconds. Default 60.
    pub state_lease_seconds: u32,
    /// Whether a CloudTrail trail records the stack (S3). Default true.
    pub trail: bool,
    /// Extra tags on everything that can be tagged. Default none.
    pub tags: BTreeMap<String, String>,
    /// Feature flags, published under `/payments/<suffix>/features/`. A flag flipped in Parameter
    /// Store works without a deploy. Default `refunds-enabled` and `notifications-enabled`, both true.
    #[serde(deserialize_with = "over_default_features")]
    pub features: BTreeMap<String, bool>,
    /// The webhook of each merchant, by merchant id. Default none.
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
    /// Log groups.
    pub logs: Logs,
    /// Alarms and who hears of them.
    pub monitoring: Monitoring,
    /// The load the stack is sized for.
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

/// Reads flags on top of the default ones: a file that adds a flag of its own must not remove those
/// the functions ask for.
fn over_default_features<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, bool>, D::Error> {
    let mut features = default_features();
    features.extend(BTreeMap::<String, bool>::deserialize(deserializer)?);
    Ok(features)
}
