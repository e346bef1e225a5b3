//! The REST API.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How callers prove who they are (A5).
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ApiAuth {
    /// Requests signed with AWS credentials (SigV4).
    Iam,
    /// An API key with a usage plan.
    ApiKey,
}

/// What API Gateway writes to its execution log; bodies are never written.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExecutionLog {
    /// Nothing.
    Off,
    /// Failed requests.
    Error,
    /// Every request.
    Info,
}

impl ExecutionLog {
    /// Gives the value of the stage's `logging/loglevel`.
    pub const fn level(self) -> &'static str {
        match self {
            Self::Off => "OFF",
            Self::Error => "ERROR",
            Self::Info => "INFO",
        }
    }
}

/// The REST API.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Api {
    /// The name of the stage. Default `live`. A change replaces the stage.
    pub stage: String,
    /// Requests per second over all callers; the account's default quota is 10,000. Default 10,000.
    pub throttle_rate: u32,
    /// Requests at once above the rate; the account's default is 5,000. Default 5,000.
    pub throttle_burst: u32,
    /// How callers prove who they are. Default `iam`.
    pub auth: ApiAuth,
    /// Whether a WAF web ACL stands before the stage (A6). Default true.
    pub waf: bool,
    /// Requests one address may make in five minutes; 10 to 2,000,000,000. Default 100,000.
    pub waf_rate_limit: u32,
    /// What API Gateway writes to its execution log. Default `error`.
    pub execution_log: ExecutionLog,
    /// A domain name of your own; absent means the execute-api address. No default.
    pub domain: Option<Domain>,
    /// Throttles of single routes, by `"METHOD /path"` as in the OpenAPI document. Default none.
    pub routes: BTreeMap<String, RouteThrottle>,
}

impl Default for Api {
    fn default() -> Self {
        Self {
            stage: "live".to_owned(),
            throttle_rate: 10_000,
            throttle_burst: 5_000,
            auth: ApiAuth::Iam,
            waf: true,
            waf_rate_limit: 100_000,
            execution_log: ExecutionLog::Error,
            domain: None,
            routes: BTreeMap::new(),
        }
    }
}

/// A domain name of your own (A4).
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Domain {
    /// The name, such as `pay.example.com`. Required in `[api.domain]`.
    pub name: String,
    /// The ACM certificate in us-east-1; absent means one is requested and validated in the zone. No default.
    pub certificate_arn: Option<String>,
    /// The Route 53 zone for the alias and the validation record. No default.
    pub hosted_zone_id: Option<String>,
}

/// The throttle of one route; what is absent holds as for all routes.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct RouteThrottle {
    /// Requests per second. No default.
    pub throttle_rate: Option<u32>,
    /// Requests at once above the rate. No default.
    pub throttle_burst: Option<u32>,
}
