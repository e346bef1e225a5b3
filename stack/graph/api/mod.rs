//! The API: its paths and methods from the OpenAPI document, and what stands around its stage.

use std::collections::BTreeMap;
use std::sync::Arc;

use payinfra_aws::fingerprint::fingerprint;
use payinfra_aws::names::Kind;
use payinfra_engine::{Graph, Handle, Scope};
use serde_json::{Value, json};

use super::Design;
use super::functions::{FunctionParts, Functions};
use crate::settings::ApiAuth;
use payinfra_steps::Cloud;
use payinfra_steps::api::{
    ApiDeployment, ApiMapping, ApiMethod, ApiModel, ApiResource, ApiValidator, Checks, Document, Integration, JSON,
    RestApi, Route, Stage, invocation, last_step, method_name, model_name, path_name,
};
use payinfra_steps::functions::FunctionName;
use payinfra_steps::functions::{LIVE, Permission};
use payinfra_steps::security::Key;

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
    /// Where callers reach the API: at its own domain where it has one.
    pub(super) fn url(&self, scope: &Scope<'_>) -> String {
        match self.mapping {
            Some(mapping) => scope.get(mapping, |mapping| mapping.url.clone()),
            None => scope.get(self.stage, |stage| stage.url.clone()),
        }
    }
}

/// The oldest TLS that the `execute-api` address takes is 1.2; AWS's default is 1.0.
const SECURITY_POLICY: &str = "SecurityPolicy_TLS13_1_2_2021_06";

/// How long a function may take: all that API Gateway allows, since the functions have shorter limits of their own.
const TIMEOUT_MS: i32 = 29_000;

pub(super) fn add(graph: &mut Graph<Cloud>, design: &Arc<Design>, key: Handle<Key>, functions: &Functions) -> Api {
    let document = Arc::new(Document::embedded());
    let api = rest_api(graph, design, &document);
    let paths = paths(graph, api, &document);
    let models = models(graph, api, &document);
    let validators = validators(graph, api, &document);
    let mut methods = Vec::new();
    for route in &document.routes {
        let parts =
            Parts { api, path: paths[&route.path], validator: route.checks().map(|checks| validators[&checks]) };
        let method = method(graph, design, route, parts);
        // The model is named, not referred to.
        if let Some(model) = &route.model {
            graph.after(method, models[model]);
        }
        methods.push(method);
        permission(graph, design, api, route, functions);
    }
    let deployment = deployment(graph, design, api, &document);
    for method in methods {
        graph.after(deployment, method);
    }
    let stage = stage::add(graph, design, key, api, deployment);
    if design.settings.api.waf {
        web_acl::add(graph, design, key, stage);
    }
    if design.settings.api.auth == ApiAuth::ApiKey {
        stage::add_key(graph, design, api, stage);
    }
    let mapping = design.settings.api.domain.clone().map(|own| domain::add(graph, design, own, api, stage));
    Api { stage, mapping }
}

fn rest_api(graph: &mut Graph<Cloud>, design: &Arc<Design>, document: &Document) -> Handle<RestApi> {
    let (design, description) = (Arc::clone(design), document.description.clone());
    graph.add("main", move |scope| {
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

/// The paths, by path; one stands below another, so that other is there first.
fn paths(graph: &mut Graph<Cloud>, api: Handle<RestApi>, document: &Document) -> BTreeMap<String, Handle<ApiResource>> {
    let mut paths: BTreeMap<String, Handle<ApiResource>> = BTreeMap::new();
    for path in &document.paths {
        let (before, step) = last_step(path);
        let (parent, step) = (paths.get(before).copied(), step.to_owned());
        let handle = graph.add(&path_name(path), move |scope| ApiResource {
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

fn models(graph: &mut Graph<Cloud>, api: Handle<RestApi>, document: &Document) -> BTreeMap<String, Handle<ApiModel>> {
    let add = |(name, schema): (&String, &Value)| {
        let (model, schema) = (name.clone(), schema.clone());
        let description = schema["description"].as_str().unwrap_or_default().to_owned();
        let handle = graph.add(&model_name(name), move |scope| ApiModel {
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
    graph: &mut Graph<Cloud>,
    api: Handle<RestApi>,
    document: &Document,
) -> BTreeMap<Checks, Handle<ApiValidator>> {
    let mut validators = BTreeMap::new();
    for checks in document.routes.iter().filter_map(Route::checks) {
        validators.entry(checks).or_insert_with(|| {
            graph.add(&path_name(checks.name()), move |scope| ApiValidator {
                api_id: scope.get(api, |api| api.id.clone()),
                name: checks.name().to_owned(),
                body: checks != Checks::Parameters,
                parameters: checks != Checks::Body,
            })
        });
    }
    validators
}

/// What a method stands on.
#[derive(Clone, Copy)]
struct Parts {
    api: Handle<RestApi>,
    path: Handle<ApiResource>,
    validator: Option<Handle<ApiValidator>>,
}

fn method(graph: &mut Graph<Cloud>, design: &Design, route: &Route, parts: Parts) -> Handle<ApiMethod> {
    let (authorization, api_key_required) = authorization(design, route);
    let uri = invocation(&alias_arn(design, route.function));
    let route = route.clone();
    graph.add(&method_name(&route.method, &route.path), move |scope| ApiMethod {
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

/// How callers of a route are authorized, and whether they need a key (A5).
fn authorization(design: &Design, route: &Route) -> (&'static str, bool) {
    match design.settings.api.auth {
        _ if route.open => ("NONE", false),
        ApiAuth::Iam => ("AWS_IAM", false),
        ApiAuth::ApiKey => ("NONE", true),
    }
}

/// The alias of a function. Its ARN is ours to know, so the API need not wait for the function.
fn alias_arn(design: &Design, function: FunctionName) -> String {
    design.arn("lambda", &format!("function:{}:{LIVE}", design.names.of(Kind::Function, function.name())))
}

/// Lets the API invoke the function of one route.
fn permission(
    graph: &mut Graph<Cloud>,
    design: &Arc<Design>,
    api: Handle<RestApi>,
    route: &Route,
    functions: &Functions,
) {
    let FunctionParts { alias, .. } = match route.function {
        FunctionName::PaymentValidation => functions.validation,
        FunctionName::TransactionProcessing => functions.processing,
        FunctionName::Notifications => functions.notifications,
    };
    // A path parameter stands in the caller's ARN with its value.
    let steps = route.path.split('/').map(|step| if step.starts_with('{') { "*" } else { step });
    let pattern = format!("*/{}{}", route.method, steps.collect::<Vec<_>>().join("/"));
    let name = format!("api_{}", method_name(&route.method, &route.path));
    let (statement, function) = (Permission::statement(&name), design.names.of(Kind::Function, route.function.name()));
    let design = Arc::clone(design);
    let permission = graph.add(&name, move |scope| Permission {
        function: function.clone(),
        statement: statement.clone(),
        principal: "apigateway.amazonaws.com".to_owned(),
        source_arn: design.arn("execute-api", &format!("{}/{pattern}", scope.get(api, |api| api.id.clone()))),
        source_account: Some(design.account().to_owned()),
    });
    graph.after(permission, alias);
}

/// The deployment of exactly these routes: any change of what it contains makes another one, and nothing else does.
fn deployment(
    graph: &mut Graph<Cloud>,
    design: &Design,
    api: Handle<RestApi>,
    document: &Document,
) -> Handle<ApiDeployment> {
    let routes = document.routes.iter().map(|route| {
        let (authorization, key) = authorization(design, route);
        let checks = route.checks().map(Checks::name);
        json!([
            route.method,
            route.path,
            route.operation,
            alias_arn(design, route.function),
            authorization,
            key,
            route.parameters,
            route.model,
            checks,
            TIMEOUT_MS,
        ])
    });
    let contents = json!([routes.collect::<Vec<_>>(), document.models]);
    let name = format!("live_{}", fingerprint(contents.to_string().as_bytes(), 4));
    graph.add(&name.clone(), move |scope| ApiDeployment {
        api_id: scope.get(api, |api| api.id.clone()),
        name: name.clone(),
    })
}
