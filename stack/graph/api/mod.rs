//! The API: its paths and methods from the OpenAPI document, and its stage.

use std::collections::BTreeMap;

use payinfra_aws::fingerprint::fingerprint;
use payinfra_aws::names::Kind;
use payinfra_engine::{Handle, Scope};
use payinfra_steps::api::{
    ApiDeployment, ApiMapping, ApiMethod, ApiModel, ApiResource, ApiValidator, Checks, Document, Integration, JSON,
    RestApi, Route, Stage, invocation, last_step, method_name, model_name, path_name,
};
use payinfra_steps::functions::Permission;
use serde_json::{Value, json};

use super::blueprint::Blueprint;
use super::design::Design;
use super::functions::Functions;
use crate::settings::ApiAuth;

mod domain;
mod stage;
mod web_acl;

/// The API's resources.
#[derive(Clone, Copy)]
pub(super) struct Api {
    pub stage: Handle<Stage>,
    mapping: Option<Handle<ApiMapping>>,
}

impl Api {
    /// Where callers reach the API: at its own domain if it has one.
    pub(super) fn url(&self, scope: &Scope<'_>) -> String {
        match self.mapping {
            Some(mapping) => scope.get(mapping, |mapping| mapping.url.clone()),
            None => scope.get(self.stage, |stage| stage.url.clone()),
        }
    }
}

/// The `execute-api` address accepts TLS 1.2 and newer; the default of AWS is 1.0.
const SECURITY_POLICY: &str = "SecurityPolicy_TLS13_1_2_2021_06";

/// How long a function may take: as long as API Gateway allows, because the functions have shorter timeouts.
const TIMEOUT_MS: i32 = 29_000;

pub(super) fn add(stack: &mut Blueprint, functions: &Functions) -> Api {
    let document = Document::embedded();
    let api = rest_api(stack, &document);
    let paths = paths(stack, api, &document);
    let models = models(stack, api, &document);
    let validators = validators(stack, api, &document);
    let mut methods = Vec::new();
    for route in &document.routes {
        let parts =
            Parts { api, path: paths[&route.path], validator: route.checks().map(|checks| validators[&checks]) };
        let method = method(stack, route, parts);
        // A method contains the model's name, not an output of it.
        if let Some(model) = &route.model {
            stack.after(method, models[model]);
        }
        methods.push(method);
        permission(stack, api, route, functions);
    }
    let deployment = deployment(stack, api, &document);
    for method in methods {
        stack.after(deployment, method);
    }
    let stage = stage::add(stack, api, deployment);
    let design = stack.design();
    if design.settings.api.waf {
        web_acl::add(stack, stage);
    }
    if design.settings.api.auth == ApiAuth::ApiKey {
        stage::add_key(stack, api, stage);
    }
    let mapping = design.settings.api.domain.as_ref().map(|own| domain::add(stack, own, api, stage));
    Api { stage, mapping }
}

fn rest_api(stack: &mut Blueprint, document: &Document) -> Handle<RestApi> {
    let description = document.description.clone();
    stack.add("main", move |design, scope| {
        let name = design.names.only(Kind::Api);
        RestApi {
            description: description.clone(),
            endpoint: "REGIONAL".to_owned(),
            execute_api_disabled: design.settings.api.domain.is_some(),
            security_policy: SECURITY_POLICY.to_owned(),
            policy: String::new(),
            tags: design.tags(scope, &name),
            name,
        }
    })
}

/// The paths, by path. The document lists a parent before its children.
fn paths(stack: &mut Blueprint, api: Handle<RestApi>, document: &Document) -> BTreeMap<String, Handle<ApiResource>> {
    let mut paths: BTreeMap<String, Handle<ApiResource>> = BTreeMap::new();
    for path in &document.paths {
        let (before, step) = last_step(path);
        let (parent, step) = (paths.get(before).copied(), step.to_owned());
        let handle = stack.add(&path_name(path), move |_, scope| ApiResource {
            api_id: scope.get(api, |api| api.id.clone()),
            parent_id: match parent {
                Some(parent) => scope.get(parent, |parent| parent.id.clone()),
                None => scope.get(api, |api| api.root_id.clone()),
            },
            path_part: step.clone(),
        });
        paths.insert(path.clone(), handle);
    }
    paths
}

fn models(stack: &mut Blueprint, api: Handle<RestApi>, document: &Document) -> BTreeMap<String, Handle<ApiModel>> {
    let add = |(name, schema): (&String, &Value)| {
        let (model, schema) = (name.clone(), schema.clone());
        let description = schema["description"].as_str().unwrap_or_default().to_owned();
        let handle = stack.add(&model_name(name), move |_, scope| ApiModel {
            api_id: scope.get(api, |api| api.id.clone()),
            name: model.clone(),
            content_type: JSON.to_owned(),
            description: description.clone(),
            schema: schema.clone(),
        });
        (name.clone(), handle)
    };
    document.models.iter().map(add).collect()
}

fn validators(
    stack: &mut Blueprint,
    api: Handle<RestApi>,
    document: &Document,
) -> BTreeMap<Checks, Handle<ApiValidator>> {
    let mut validators = BTreeMap::new();
    for checks in document.routes.iter().filter_map(Route::checks) {
        validators.entry(checks).or_insert_with(|| {
            stack.add(&path_name(checks.name()), move |_, scope| ApiValidator {
                api_id: scope.get(api, |api| api.id.clone()),
                name: checks.name().to_owned(),
                body: checks != Checks::Parameters,
                parameters: checks != Checks::Body,
            })
        });
    }
    validators
}

/// What a method refers to.
#[derive(Clone, Copy)]
struct Parts {
    api: Handle<RestApi>,
    path: Handle<ApiResource>,
    validator: Option<Handle<ApiValidator>>,
}

fn method(stack: &mut Blueprint, route: &Route, parts: Parts) -> Handle<ApiMethod> {
    let design = stack.design();
    let (authorization, api_key_required) = authorization(&design, route);
    let uri = invocation(&design.alias_arn(route.function));
    let route = route.clone();
    stack.add(&method_name(&route.method, &route.path), move |_, scope| ApiMethod {
        api_id: scope.get(parts.api, |api| api.id.clone()),
        resource_id: scope.get(parts.path, |path| path.id.clone()),
        method: route.method.clone(),
        operation: route.operation.clone(),
        authorization: authorization.to_owned(),
        api_key_required,
        validator_id: match parts.validator {
            Some(validator) => scope.get(validator, |validator| validator.id.clone()),
            None => String::new(),
        },
        parameters: route.parameters.clone(),
        models: route.model.iter().map(|model| (JSON.to_owned(), model.clone())).collect(),
        integration: Some(Integration { kind: "AWS_PROXY".to_owned(), uri: uri.clone(), timeout_ms: TIMEOUT_MS }),
    })
}

/// How callers of a route are authorized, and whether they need a key (`docs/requirements.md`,
/// A5).
fn authorization(design: &Design, route: &Route) -> (&'static str, bool) {
    match design.settings.api.auth {
        _ if route.open => ("NONE", false),
        ApiAuth::Iam => ("AWS_IAM", false),
        ApiAuth::ApiKey => ("NONE", true),
    }
}

/// Lets the API invoke the function of one route.
fn permission(stack: &mut Blueprint, api: Handle<RestApi>, route: &Route, functions: &Functions) {
    // In the caller's ARN, a path parameter is replaced by its value.
    let steps = route.path.split('/').map(|step| if step.starts_with('{') { "*" } else { step });
    let pattern = format!("*/{}{}", route.method, steps.collect::<Vec<_>>().join("/"));
    let name = format!("api_{}", method_name(&route.method, &route.path));
    let which = route.function;
    let permission = stack.add(&name, move |design, scope| Permission {
        function: design.function(which),
        statement: Permission::statement(scope.address().name()),
        principal: "apigateway.amazonaws.com".to_owned(),
        source_arn: design.names.arn("execute-api", &format!("{}/{pattern}", scope.get(api, |api| api.id.clone()))),
        source_account: Some(design.account().to_owned()),
    });
    stack.after(permission, functions.alias(which));
}

/// The deployment of exactly these routes: a change of what it contains makes another one, and nothing else does.
fn deployment(stack: &mut Blueprint, api: Handle<RestApi>, document: &Document) -> Handle<ApiDeployment> {
    let design = stack.design();
    let routes = document.routes.iter().map(|route| {
        let (authorization, key) = authorization(&design, route);
        let checks = route.checks().map(Checks::name);
        json!([
            route.method,
            route.path,
            route.operation,
            design.alias_arn(route.function),
            authorization,
            key,
            route.parameters,
            route.model,
            checks,
            TIMEOUT_MS,
        ])
    });
    // What takes effect with a deployment only: a change of the endpoint or of its TLS policy is not seen on a stage before
    // (docs/aws-behaviour.md, "API Gateway: changes").
    let endpoint = json!([design.settings.api.domain.is_some(), SECURITY_POLICY]);
    let contents = json!([routes.collect::<Vec<_>>(), document.models, endpoint]);
    let name = format!("live_{}", fingerprint(contents.to_string().as_bytes(), 4));
    stack.add(&name.clone(), move |_, scope| ApiDeployment {
        api_id: scope.get(api, |api| api.id.clone()),
        name: name.clone(),
    })
}
