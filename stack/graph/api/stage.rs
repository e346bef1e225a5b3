//! The stage with its logs, its throttles and, where callers have keys, the key.

use std::collections::BTreeMap;
use std::sync::Arc;

use payinfra_aws::names::Kind;
use payinfra_engine::{Graph, Handle};
use serde_json::{Value, json};

use super::super::Design;
use payinfra_steps::Cloud;
use payinfra_steps::api::{
    AccessLog, ApiAccount, ApiDeployment, ApiKey, LOG_ROLE, MethodSettings, RestApi, Stage, UsagePlan,
};
use payinfra_steps::monitoring::LogGroup;
use payinfra_steps::security::{Key, Role};

/// The access log's part in its name.
const ACCESS_LOG: &str = "api-access";

pub(super) fn add(
    graph: &mut Graph<Cloud>,
    design: &Arc<Design>,
    key: Handle<Key>,
    api: Handle<RestApi>,
    deployment: Handle<ApiDeployment>,
) -> Handle<Stage> {
    let access_log = access_log(graph, design, key);
    let execution_log = execution_log(graph, design, key, api);
    let account = account(graph, design);
    let stage = {
        let design = Arc::clone(design);
        graph.add("live", move |scope| {
            let settings = &design.settings.api;
            Stage {
                api_id: scope.get(api, |api| api.id.clone()),
                deployment_id: scope.get(deployment, |deployment| deployment.id.clone()),
                access_log: Some(AccessLog {
                    group_arn: scope.ready(access_log, |group| group.arn.clone()),
                    line: access_log_line(),
                }),
                all_methods: all_methods(&design),
                methods: methods(&design),
                tracing: true,
                variables: BTreeMap::new(),
                // A stage's name need not carry the suffix: it stands inside the API, whose name does.
                tags: design.tags(scope, &settings.stage),
                name: settings.stage.clone(),
            }
        })
    };
    graph.after(stage, execution_log);
    if let Some(account) = account {
        graph.after(stage, account);
    }
    stage
}

fn access_log(graph: &mut Graph<Cloud>, design: &Arc<Design>, key: Handle<Key>) -> Handle<LogGroup> {
    let design = Arc::clone(design);
    graph.add("api_access", move |scope| {
        let name = design.names.of(Kind::LogGroup, ACCESS_LOG);
        LogGroup {
            retention_days: design.settings.logs.retention_days,
            key_arn: scope.ready(key, |key| key.arn.clone()),
            tags: design.tags(scope, &name),
            name,
        }
    })
}

/// The group that API Gateway would make by itself, without encryption and for ever (R8).
fn execution_log(
    graph: &mut Graph<Cloud>,
    design: &Arc<Design>,
    key: Handle<Key>,
    api: Handle<RestApi>,
) -> Handle<LogGroup> {
    let design = Arc::clone(design);
    graph.add("api_execution", move |scope| {
        let id = scope.get(api, |api| api.id.clone());
        let name = format!("API-Gateway-Execution-Logs_{id}/{}", design.settings.api.stage);
        LogGroup {
            retention_days: design.settings.logs.retention_days,
            key_arn: scope.ready(key, |key| key.arn.clone()),
            tags: design.tags(scope, &name),
            name,
        }
    })
}

/// The role that API Gateway writes logs under, and the account's setting that names it (A7).
///
/// The role is made even where the setting names somebody else's: when that one goes, this one is named instead.
fn account(graph: &mut Graph<Cloud>, design: &Arc<Design>) -> Option<Handle<ApiAccount>> {
    let role = {
        let design = Arc::clone(design);
        graph.add("api_logs", move |scope| {
            let name = design.names.of(Kind::Role, LOG_ROLE);
            Role {
                path: format!("/payinfra/{}/", design.names.suffix()),
                description: "Lets API Gateway write the logs of this account's APIs".to_owned(),
                trust: json!({
                    "Version": "2012-10-17",
                    "Statement": [{
                        "Effect": "Allow",
                        "Principal": {"Service": "apigateway.amazonaws.com"},
                        "Action": "sts:AssumeRole",
                        // AWS does not document that API Gateway says on whose behalf it writes logs. The setting takes
                        // only roles of its own account, whoever is named here.
                        "Condition": {"StringEqualsIfExists": {"aws:SourceAccount": design.account()}},
                    }],
                }),
                policies: BTreeMap::from([(design.names.of(Kind::Policy, LOG_ROLE), log_policy(&design))]),
                tags: design.tags(scope, &name),
                name,
            }
        })
    };
    let ours = design.foreign_log_role.is_none();
    ours.then(|| graph.add("logs", move |scope| ApiAccount { role_arn: scope.ready(role, |role| role.arn.clone()) }))
}

/// Writes to the log groups of APIs. None can be made, so that a late line does not bring a deleted group back; only the
/// one in which API Gateway tries the role out can.
fn log_policy(design: &Design) -> Value {
    let group = |name: &str| design.arn("logs", &format!("log-group:{name}:*"));
    // The setting holds for all of the account's APIs, those of other stacks included.
    let written = [
        group("API-Gateway-Execution-Logs_*"),
        group(&format!("{}-{ACCESS_LOG}-*", Kind::LogGroup.prefix())),
        group("/aws/apigateway/*"),
    ];
    json!({
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": [
                    "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:FilterLogEvents", "logs:GetLogEvents",
                    "logs:PutLogEvents",
                ],
                "Resource": written,
            },
            {"Effect": "Allow", "Action": "logs:CreateLogGroup", "Resource": group("/aws/apigateway/welcome")},
            {"Effect": "Allow", "Action": "logs:DescribeLogGroups", "Resource": group("*")},
        ],
    })
}

/// A line of the access log: who asked for what, and how it ended. The path is the route's, without values; bodies and
/// headers are left out.
fn access_log_line() -> Value {
    json!({
        "api_key_id": "$context.identity.apiKeyId",
        "caller": "$context.identity.userArn",
        "error": "$context.error.responseType",
        "integration_latency_ms": "$context.integration.latency",
        "integration_status": "$context.integration.integrationStatus",
        "latency_ms": "$context.responseLatency",
        "method": "$context.httpMethod",
        "path": "$context.resourcePath",
        "protocol": "$context.protocol",
        "request_id": "$context.requestId",
        "response_bytes": "$context.responseLength",
        "source_ip": "$context.identity.sourceIp",
        "status": "$context.status",
        "time": "$context.requestTime",
        "trace_id": "$context.xrayTraceId",
        "waf": "$context.waf.status",
    })
}

/// What holds for all methods (A3).
fn all_methods(design: &Design) -> MethodSettings {
    let api = &design.settings.api;
    MethodSettings {
        metrics: true,
        log_level: api.execution_log.level().to_owned(),
        log_bodies: false,
        rate: f64::from(api.throttle_rate),
        burst: burst(api.throttle_burst),
    }
}

/// What some methods have apart: their throttles.
fn methods(design: &Design) -> BTreeMap<String, MethodSettings> {
    let all = all_methods(design);
    let own = design.settings.api.routes.iter().filter_map(|(route, own)| {
        let (method, path) = route.split_once(' ')?;
        let settings = MethodSettings {
            rate: own.throttle_rate.map_or(all.rate, f64::from),
            burst: own.throttle_burst.map_or(all.burst, burst),
            ..all.clone()
        };
        Some((format!("{path}/{method}"), settings))
    });
    own.collect()
}

fn burst(requests: u32) -> i32 {
    i32::try_from(requests).unwrap_or(i32::MAX)
}

/// The key that callers send, and the plan that opens the stage to it.
pub(super) fn add_key(graph: &mut Graph<Cloud>, design: &Arc<Design>, api: Handle<RestApi>, stage: Handle<Stage>) {
    let key = {
        let design = Arc::clone(design);
        graph.add("callers", move |scope| {
            let name = design.names.only(Kind::ApiKey);
            let description = "Opens the payment API".to_owned();
            ApiKey { description, enabled: true, tags: design.tags(scope, &name), name }
        })
    };
    let design = Arc::clone(design);
    graph.add("callers", move |scope| {
        let name = design.names.only(Kind::UsagePlan);
        let all = all_methods(&design);
        let (api, stage) = (scope.get(api, |api| api.id.clone()), scope.get(stage, |stage| stage.name.clone()));
        UsagePlan {
            description: "What the key's holders may ask for".to_owned(),
            stages: vec![format!("{api}:{stage}")],
            rate: all.rate,
            burst: all.burst,
            keys: vec![scope.get(key, |key| key.id.clone())],
            tags: design.tags(scope, &name),
            name,
        }
    });
}
