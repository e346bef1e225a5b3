//! What the emulators do not keep. AWS itself is compared without exception.

use std::time::Duration;

use aws_smithy_http_client::Connector;
use aws_smithy_runtime_api::client::http::HttpConnector;
use aws_smithy_runtime_api::http::Request;
use aws_smithy_types::body::SdkBody;

/// A program that answers in AWS's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

/// All attributes that are left out of comparisons on an emulator, each with its reason.
pub const NOT_KEPT: &[NotKept] = &[
    NotKept {
        emulator: Emulator::Moto,
        kind: "key",
        attribute: "rotation_days",
        reason: "the days between two rotations are not shown",
    },
    NotKept {
        emulator: Emulator::MiniStack,
        kind: "flow_log",
        attribute: "role_arn",
        reason: "flow logs are shown without their role",
    },
    NotKept {
        emulator: Emulator::MiniStack,
        kind: "flow_log",
        attribute: "aggregation_seconds",
        reason: "flow logs are shown without their aggregation interval",
    },
    NotKept {
        emulator: Emulator::MiniStack,
        kind: "nat_gateway",
        attribute: "allocation_id",
        reason: "NAT gateways are shown without their addresses",
    },
    NotKept {
        emulator: Emulator::MiniStack,
        kind: "vpc_endpoint",
        attribute: "policy",
        reason: "endpoints are shown without their policy",
    },
    NotKept {
        emulator: Emulator::MiniStack,
        kind: "vpc_endpoint",
        attribute: "private_dns",
        reason: "interface endpoints are shown without private names",
    },
    NotKept {
        emulator: Emulator::MiniStack,
        kind: "vpc_endpoint",
        attribute: "security_group_ids",
        reason: "interface endpoints are shown without their security groups",
    },
    NotKept {
        emulator: Emulator::MiniStack,
        kind: "bucket",
        attribute: "moves_small_objects",
        reason: "the smallest size of a transition is always shown as 128 KB",
    },
    NotKept {
        emulator: Emulator::Moto,
        kind: "bucket",
        attribute: "moves_small_objects",
        reason: "the smallest size of a transition is always shown as 128 KB",
    },
    NotKept {
        emulator: Emulator::MiniStack,
        kind: "db_cluster",
        attribute: "log_exports",
        reason: "the exported logs are left out of the answer",
    },
    NotKept {
        emulator: Emulator::MiniStack,
        kind: "db_instance",
        attribute: "auto_minor_version_upgrade",
        reason: "a change of it is taken and ignored",
    },
    NotKept {
        emulator: Emulator::MiniStack,
        kind: "db_instance",
        attribute: "performance_insights",
        reason: "the KMS key of Performance Insights is left out of the answer",
    },
    NotKept {
        emulator: Emulator::Moto,
        kind: "db_instance",
        attribute: "performance_insights",
        reason: "Performance Insights is left out of the answer",
    },
    NotKept {
        emulator: Emulator::Moto,
        kind: "db_proxy",
        attribute: "auth_scheme",
        reason: "the default scheme is dropped, and ModifyDBProxy is missing",
    },
    NotKept {
        emulator: Emulator::MiniStack,
        kind: "table",
        attribute: "warm_throughput",
        reason: "the warm throughput is always shown as 0",
    },
    NotKept {
        emulator: Emulator::MiniStack,
        kind: "alarm",
        attribute: "actions_enabled",
        reason: "alarms are shown without whether they tell anybody",
    },
    NotKept {
        emulator: Emulator::MiniStack,
        kind: "alarm",
        attribute: "alarm_actions",
        reason: "alarms are shown without whom they tell",
    },
    NotKept {
        emulator: Emulator::MiniStack,
        kind: "alarm",
        attribute: "description",
        reason: "alarms are shown without their description",
    },
    NotKept {
        emulator: Emulator::MiniStack,
        kind: "alarm",
        attribute: "few_samples",
        reason: "alarms are shown without what few samples mean",
    },
    NotKept {
        emulator: Emulator::MiniStack,
        kind: "alarm",
        attribute: "metric",
        reason: "alarms are shown without the metric's dimensions and period",
    },
    NotKept {
        emulator: Emulator::MiniStack,
        kind: "alarm",
        attribute: "missing_data",
        reason: "alarms are shown without what missing data mean",
    },
    NotKept {
        emulator: Emulator::MiniStack,
        kind: "alarm",
        attribute: "ok_actions",
        reason: "alarms are shown without whom they tell that all is well",
    },
    NotKept {
        emulator: Emulator::MiniStack,
        kind: "alarm",
        attribute: "queries",
        reason: "alarms are shown without the metrics that they compute with",
    },
    NotKept {
        emulator: Emulator::Moto,
        kind: "function",
        attribute: "dead_letter_arn",
        reason: "functions are shown without their dead-letter queue",
    },
    NotKept {
        emulator: Emulator::Moto,
        kind: "function",
        attribute: "log_group",
        reason: "functions are shown without their log group",
    },
    NotKept {
        emulator: Emulator::Moto,
        kind: "function_alias",
        attribute: "dead_letter_arn",
        reason: "functions are shown without their dead-letter queue",
    },
    NotKept {
        emulator: Emulator::Moto,
        kind: "function_alias",
        attribute: "log_group",
        reason: "functions are shown without their log group",
    },
    NotKept {
        emulator: Emulator::MiniStack,
        kind: "web_acl",
        attribute: "log_group_arn",
        reason: "PutLoggingConfiguration is not there",
    },
    NotKept {
        emulator: Emulator::MiniStack,
        kind: "web_acl",
        attribute: "redacted_headers",
        reason: "PutLoggingConfiguration is not there",
    },
    NotKept {
        emulator: Emulator::MiniStack,
        kind: "rest_api",
        attribute: "tags",
        reason: "TagResource does not reach the tags that are listed",
    },
    NotKept {
        emulator: Emulator::MiniStack,
        kind: "api_stage",
        attribute: "tags",
        reason: "TagResource does not reach the tags that are listed",
    },
    NotKept {
        emulator: Emulator::Moto,
        kind: "rest_api",
        attribute: "security_policy",
        reason: "APIs are shown without their TLS policy",
    },
    NotKept {
        emulator: Emulator::Moto,
        kind: "rest_api",
        attribute: "tags",
        reason: "TagResource is there for stages only",
    },
    NotKept {
        emulator: Emulator::Moto,
        kind: "api_key",
        attribute: "tags",
        reason: "TagResource is there for stages only",
    },
    NotKept {
        emulator: Emulator::Moto,
        kind: "usage_plan",
        attribute: "tags",
        reason: "TagResource is there for stages only",
    },
    NotKept {
        emulator: Emulator::Moto,
        kind: "api_domain",
        attribute: "tags",
        reason: "TagResource is there for stages only",
    },
    NotKept {
        emulator: Emulator::MiniStack,
        kind: "api_key",
        attribute: "tags",
        reason: "TagResource does not reach the tags that are listed",
    },
    NotKept {
        emulator: Emulator::MiniStack,
        kind: "usage_plan",
        attribute: "tags",
        reason: "TagResource does not reach the tags that are listed",
    },
    NotKept {
        emulator: Emulator::MiniStack,
        kind: "api_domain",
        attribute: "tags",
        reason: "TagResource does not reach the tags that are listed",
    },
    NotKept {
        emulator: Emulator::Moto,
        kind: "api_stage",
        attribute: "methods",
        reason: "the settings of a single method cannot be removed",
    },
    NotKept {
        emulator: Emulator::MiniStack,
        kind: "rest_api",
        attribute: "execute_api_disabled",
        reason: "a patch turns the boolean into a text, and the list cannot be read any more",
    },
    NotKept {
        emulator: Emulator::MiniStack,
        kind: "api_key",
        attribute: "enabled",
        reason: "a patch turns the boolean into a text, and the list cannot be read any more",
    },
    NotKept {
        emulator: Emulator::Moto,
        kind: "rest_api",
        attribute: "execute_api_disabled",
        reason: "a patch disables the address whatever it says",
    },
    NotKept {
        emulator: Emulator::MiniStack,
        kind: "usage_plan",
        attribute: "rate",
        reason: "a patch turns the value into a text, and the list cannot be read any more",
    },
    NotKept {
        emulator: Emulator::MiniStack,
        kind: "usage_plan",
        attribute: "burst",
        reason: "a patch turns the value into a text, and the list cannot be read any more",
    },
    NotKept {
        emulator: Emulator::MiniStack,
        kind: "usage_plan",
        attribute: "stages",
        reason: "a patch turns the value into a text, and the list cannot be read any more",
    },
];

impl Emulator {
    /// Asks an endpoint that is not AWS what it is.
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
