//! The emulators, and what they do not keep. On AWS every attribute is compared.

use std::time::Duration;

use aws_smithy_http_client::Connector;
use aws_smithy_runtime_api::client::http::HttpConnector;
use aws_smithy_runtime_api::http::Request;
use aws_smithy_types::body::SdkBody;

use self::Emulator::{MiniStack, Moto};

/// A program that answers in place of AWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Emulator {
    /// MiniStack, the sandbox.
    MiniStack,
    /// moto, the second target of the tests.
    Moto,
    /// Something else that is not AWS.
    Other,
}

/// One attribute that an emulator loses or changes.
pub struct NotKept {
    /// Which emulator.
    pub emulator: Emulator,
    /// The kind of resource.
    pub kind: &'static str,
    /// The attribute of its spec.
    pub attribute: &'static str,
    /// What happens to it.
    pub reason: &'static str,
}

/// All attributes that are left out of comparisons on an emulator, sorted by kind, attribute and emulator.
#[rustfmt::skip]
pub const NOT_KEPT: &[NotKept] = &[
    not_kept(MiniStack, "alarm", "actions_enabled", "missing from the answer"),
    not_kept(MiniStack, "alarm", "alarm_actions", "missing from the answer"),
    not_kept(MiniStack, "alarm", "description", "missing from the answer"),
    not_kept(MiniStack, "alarm", "few_samples", "missing from the answer"),
    not_kept(MiniStack, "alarm", "metric", "the metric's dimensions and period are missing from the answer"),
    not_kept(MiniStack, "alarm", "missing_data", "missing from the answer"),
    not_kept(MiniStack, "alarm", "no_data_actions", "missing from the answer"),
    not_kept(MiniStack, "alarm", "ok_actions", "missing from the answer"),
    not_kept(MiniStack, "alarm", "queries", "missing from the answer"),
    not_kept(MiniStack, "api_domain", "tags", "TagResource does not change the tags that are listed"),
    not_kept(Moto, "api_domain", "tags", "TagResource works for stages only"),
    not_kept(MiniStack, "api_key", "enabled", "a patch makes it a string, and the list is unreadable"),
    not_kept(MiniStack, "api_key", "tags", "TagResource does not change the tags that are listed"),
    not_kept(Moto, "api_key", "tags", "TagResource works for stages only"),
    not_kept(Moto, "api_stage", "methods", "the settings of a single method cannot be removed"),
    not_kept(MiniStack, "api_stage", "tags", "TagResource does not change the tags that are listed"),
    not_kept(MiniStack, "bucket", "moves_small_objects", "the smallest size of a transition always reads as 128 KB"),
    not_kept(Moto, "bucket", "moves_small_objects", "the smallest size of a transition always reads as 128 KB"),
    not_kept(MiniStack, "db_cluster", "log_exports", "missing from the answer"),
    not_kept(MiniStack, "db_instance", "auto_minor_version_upgrade", "a change is accepted and ignored"),
    not_kept(MiniStack, "db_instance", "performance_insights", "its KMS key is missing from the answer"),
    not_kept(Moto, "db_instance", "performance_insights", "missing from the answer"),
    not_kept(Moto, "db_proxy", "auth_scheme", "the default scheme is dropped, and there is no ModifyDBProxy"),
    not_kept(MiniStack, "flow_log", "aggregation_seconds", "missing from the answer"),
    not_kept(MiniStack, "flow_log", "role_arn", "missing from the answer"),
    not_kept(Moto, "function", "dead_letter_arn", "missing from the answer"),
    not_kept(Moto, "function", "log_group", "missing from the answer"),
    not_kept(Moto, "function_alias", "dead_letter_arn", "missing from the answer"),
    not_kept(Moto, "function_alias", "log_group", "missing from the answer"),
    not_kept(Moto, "key", "rotation_days", "the days between two rotations are missing from the answer"),
    not_kept(MiniStack, "nat_gateway", "allocation_id", "missing from the answer"),
    not_kept(MiniStack, "rest_api", "execute_api_disabled", "a patch makes it a string, and the list is unreadable"),
    not_kept(Moto, "rest_api", "execute_api_disabled", "a patch disables the address, whatever its value"),
    not_kept(Moto, "rest_api", "security_policy", "missing from the answer"),
    not_kept(MiniStack, "rest_api", "tags", "TagResource does not change the tags that are listed"),
    not_kept(Moto, "rest_api", "tags", "TagResource works for stages only"),
    not_kept(MiniStack, "table", "warm_throughput", "always reads as 0"),
    not_kept(MiniStack, "usage_plan", "burst", "a patch makes it a string, and the list is unreadable"),
    not_kept(MiniStack, "usage_plan", "rate", "a patch makes it a string, and the list is unreadable"),
    not_kept(MiniStack, "usage_plan", "stages", "a patch makes it a string, and the list is unreadable"),
    not_kept(MiniStack, "usage_plan", "tags", "TagResource does not change the tags that are listed"),
    not_kept(Moto, "usage_plan", "tags", "TagResource works for stages only"),
    not_kept(MiniStack, "vpc_endpoint", "policy", "missing from the answer"),
    not_kept(MiniStack, "vpc_endpoint", "private_dns", "missing from the answer"),
    not_kept(MiniStack, "vpc_endpoint", "security_group_ids", "missing from the answer"),
    not_kept(MiniStack, "web_acl", "log_group_arn", "there is no PutLoggingConfiguration"),
    not_kept(MiniStack, "web_acl", "redacted_headers", "there is no PutLoggingConfiguration"),
];

const fn not_kept(emulator: Emulator, kind: &'static str, attribute: &'static str, reason: &'static str) -> NotKept {
    NotKept { emulator, kind, attribute, reason }
}

impl Emulator {
    /// Asks an endpoint that is not AWS which emulator it is.
    pub async fn recognise(endpoint: &str) -> Self {
        for (path, emulator) in [("/_ministack/health", Self::MiniStack), ("/moto-api/config", Self::Moto)] {
            if answers(&format!("{}{path}", endpoint.trim_end_matches('/'))).await {
                return emulator;
            }
        }
        Self::Other
    }
}

async fn answers(url: &str) -> bool {
    let connector = Connector::builder().build_http();
    let mut request = Request::new(SdkBody::empty());
    if request.set_uri(url).is_err() {
        return false;
    }
    let answer = tokio::time::timeout(Duration::from_secs(5), connector.call(request)).await;
    matches!(answer, Ok(Ok(response)) if response.status().is_success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exceptions_are_sorted_and_unique() {
        let order = |row: &NotKept| (row.kind, row.attribute, row.emulator);
        for pair in NOT_KEPT.windows(2) {
            assert!(order(&pair[0]) < order(&pair[1]), "{:?} is listed before {:?}", order(&pair[0]), order(&pair[1]));
        }
    }
}
