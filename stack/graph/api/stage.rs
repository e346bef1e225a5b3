//! The stage with its logs, its throttles and, if callers have keys, the key.

use std::collections::BTreeMap;

use payinfra_aws::names::Kind;
use payinfra_engine::{Handle, Need};
use payinfra_steps::api::{
    AccessLog, ApiAccount, ApiDeployment, ApiKey, LOG_ROLE, MethodSettings, RestApi, Stage, UsagePlan,
};
use serde_json::{Value, json};

use super::super::blueprint::{Blueprint, Permissions};
use super::super::design::Design;
use super::super::policy::trust_if;

/// The access log's part in its name.
const ACCESS_LOG: &str = "api-access";

pub(super) fn add(stack: &mut Blueprint, api: Handle<RestApi>, deployment: Handle<ApiDeployment>) -> Handle<Stage> {
    let access_log =
        stack.log_group("api_access", Need::Ready, |design, _| design.names.of(Kind::LogGroup, ACCESS_LOG));
    let execution_log = stack.log_group("api_execution", Need::Ready, move |design, scope| {
        let id = scope.get(api, |api| api.id.clone());
        format!("API-Gateway-Execution-Logs_{id}/{}", design.settings.api.stage)
    });
    let account = account(stack);
    let stage = stack.add("live", move |design, scope| {
        let settings = &design.settings.api;
        Stage {
            api_id: scope.get(api, |api| api.id.clone()),
            deployment_id: scope.get(deployment, |deployment| deployment.id.clone()),
            access_log: Some(AccessLog {
                group_arn: scope.ready(access_log, |group| group.arn.clone()),
                line: access_log_line(),
            }),
            all_methods: all_methods(design),
            methods: methods(design),
            tracing: true,
            variables: BTreeMap::new(),
            // A stage's name needs no suffix: it is unique within the API, whose name has it.
            tags: design.tags(scope, &settings.stage),
            name: settings.stage.clone(),
        }
    });
    stack.after(stage, execution_log);
    if let Some(account) = account {
        stack.after(stage, account);
    }
    stage
}

/// The role under which API Gateway writes logs, and the account's setting that names it (`docs/requirements.md`, A7).
///
/// The role is created even if the setting names a role of somebody else. When that one is deleted, this one takes over.
fn account(stack: &mut Blueprint) -> Option<Handle<ApiAccount>> {
    let description = "Lets API Gateway write the logs of this account's APIs";
    let role = stack.role(LOG_ROLE, description, |design, _| Permissions {
        // AWS does not document that API Gateway sends the account for which it writes logs. The setting accepts only
        // roles of its own account in any case.
        trust: trust_if(
            "apigateway.amazonaws.com",
            json!({"StringEqualsIfExists": {"aws:SourceAccount": design.account()}}),
        ),
        policies: vec![(LOG_ROLE, write_logs(design))],
    });
    let ours = stack.design().foreign_log_role.is_none();
    ours.then(|| stack.add("logs", move |_, scope| ApiAccount { role_arn: scope.ready(role, |role| role.arn.clone()) }))
}

/// Writes to the log groups of APIs. It can create none, so that a late line does not bring a deleted group back, except
/// the one with which API Gateway tries the role.
fn write_logs(design: &Design) -> Vec<Value> {
    let group = |name: &str| design.names.arn("logs", &format!("log-group:{name}:*"));
    // The setting applies to all APIs of the account, those of other stacks included.
    let written = [
        group("API-Gateway-Execution-Logs_*"),
        group(&format!("{}-{ACCESS_LOG}-*", Kind::LogGroup.prefix())),
        group("/aws/apigateway/*"),
    ];
    vec![
        json!({
            "Effect": "Allow",
            "Action": [
                "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:FilterLogEvents", "logs:GetLogEvents",
                "logs:PutLogEvents",
            ],
            "Resource": written,
        }),
        json!({"Effect": "Allow", "Action": "logs:CreateLogGroup", "Resource": group("/aws/apigateway/welcome")}),
        // The action knows no resources.
        json!({"Effect": "Allow", "Action": "logs:DescribeLogGroups", "Resource": "*"}),
    ]
}

/// A line of the access log: who asked for what, and the result. The path is the route's, without values; bodies and
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

/// The settings of all methods (`docs/requirements.md`, A3).
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

/// The settings of methods with their own throttles.
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
pub(super) fn add_key(stack: &mut Blueprint, api: Handle<RestApi>, stage: Handle<Stage>) {
    let key = stack.add("callers", |design, scope| {
        let name = design.names.only(Kind::ApiKey);
        let description = "Opens the payment API".to_owned();
        ApiKey { description, enabled: true, tags: design.tags(scope, &name), name }
    });
    stack.add("callers", move |design, scope| {
        let name = design.names.only(Kind::UsagePlan);
        let all = all_methods(design);
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
