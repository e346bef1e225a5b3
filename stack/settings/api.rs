//! The REST API.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How callers authenticate.
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
    /// The name of the stage.
    pub stage: String,
    /// Requests per second over all callers.
    pub throttle_rate: u32,
    /// Requests at once above the rate.
    pub throttle_burst: u32,
    /// How callers authenticate.
    pub auth: ApiAuth,
    /// Whether a WAF web ACL protects the stage.
    pub waf: bool,
    /// Requests that one address may make in five minutes.
    pub waf_rate_limit: u32,
    /// What API Gateway writes to its execution log.
    pub execution_log: ExecutionLog,
    /// Your own domain; without it, the API has its execute-api address.
    pub domain: Option<Domain>,
    /// Throttles of single routes, by `"METHOD /path"` as in the OpenAPI document.
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

/// Your own domain.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Domain {
    /// The name, such as `pay.example.com`.
    pub name: String,
    /// The ACM certificate; without it, one is requested and validated in the zone.
    pub certificate_arn: Option<String>,
    /// The Route 53 zone for the alias and the validation record.
    pub hosted_zone_id: Option<String>,
}

/// The throttle of one route; `None` leaves it as for all routes.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct RouteThrottle {
    /// Requests per second.
    pub throttle_rate: Option<u32>,
    /// Requests at once above the rate.
    pub throttle_burst: Option<u32>,
}
