//! The three functions with their roles, log groups and aliases, and what invokes them besides the API.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use payinfra_aws::names::Kind;
use payinfra_engine::{Graph, Handle, Scope};

use super::Design;
use super::database::Data;
use super::monitoring::{EVENTS, Topics};
use super::network::Network;
use super::policy::fed_by_topic;
use payinfra_steps::Cloud;
use payinfra_steps::functions::{Architecture, Configuration, Function, FunctionAlias, FunctionName, LIVE, Permission};
use payinfra_steps::messaging::Subscription;
use payinfra_steps::messaging::{Queue, Schedule};
use payinfra_steps::monitoring::LogGroup;
use payinfra_steps::security::Key;

mod policies;

/// One function and what belongs to it.
#[derive(Clone, Copy)]
pub(super) struct FunctionParts {
    pub alias: Handle<FunctionAlias>,
}

/// The three functions and the queue for what they cannot deliver.
#[derive(Clone, Copy)]
pub(super) struct Functions {
    pub validation: FunctionParts,
    pub processing: FunctionParts,
    pub notifications: FunctionParts,
    pub dead_letters: Handle<Queue>,
}

pub(super) fn add(
    graph: &mut Graph<Cloud>,
    design: &Arc<Design>,
    key: Handle<Key>,
    network: &Network,
    data: &Data,
    topics: &Topics,
) -> Functions {
    let dead_letters = dead_letters(graph, design, key);
    let mut one = |which: FunctionName| {
        let log_group = log_group(graph, design, key, which);
        let role = policies::add(graph, design, which, key, network, data);
        let configuration = {
            let (design, network) = (Arc::clone(design), network.clone());
            move |scope: &Scope<'_>| configuration(&design, scope, which, key, &network)
        };
        let function = {
            let (design, configuration) = (Arc::clone(design), configuration.clone());
            graph.add(&resource(which), move |scope| {
                let name = design.names.of(Kind::Function, which.name());
                Function {
                    code_sha256: design.artifacts.sha256(which),
                    configuration: configuration(scope),
                    reserved_concurrency: design.settings.functions.of(which).reserved_concurrency,
                    changes_taken_over: true,
                    tags: design.tags(scope, &name),
                    name,
                }
            })
        };
        // Lambda tries the role, the queue and the log group when the function is made.
        graph.after(function, role);
        graph.after(function, log_group);
        graph.after(function, dead_letters);
        let alias = {
            let design = Arc::clone(design);
            graph.add(&resource(which), move |scope| FunctionAlias {
                function: scope.ready(function, |function| function.name.clone()),
                code_sha256: design.artifacts.sha256(which),
                configuration: configuration(scope),
                versions_kept: design.settings.functions.versions_kept,
            })
        };
        FunctionParts { alias }
    };
    let validation = one(FunctionName::PaymentValidation);
    let processing = one(FunctionName::TransactionProcessing);
    let notifications = one(FunctionName::Notifications);
    sweep(graph, design, processing);
    hear(graph, design, notifications, topics, dead_letters);
    Functions { validation, processing, notifications, dead_letters }
}

/// The name of a function's resources: an address has no hyphens.
fn resource(which: FunctionName) -> String {
    which.name().replace('-', "_")
}

/// The ARN of a function's alias; its name is ours, so nothing needs to be asked for it.
fn alias_arn(design: &Design, which: FunctionName) -> String {
    design.arn("lambda", &format!("function:{}:{LIVE}", design.names.of(Kind::Function, which.name())))
}

fn log_group(
    graph: &mut Graph<Cloud>,
    design: &Arc<Design>,
    key: Handle<Key>,
    which: FunctionName,
) -> Handle<LogGroup> {
    let design = Arc::clone(design);
    graph.add(&resource(which), move |scope| {
        let name = design.names.function_log_group(which.name());
        LogGroup {
            retention_days: design.settings.logs.retention_days,
            key_arn: scope.get(key, |key| key.arn.clone()),
            tags: design.tags(scope, &name),
            name,
        }
    })
}

/// What a function and its versions are configured with.
fn configuration(
    design: &Design,
    scope: &Scope<'_>,
    which: FunctionName,
    key: Handle<Key>,
    network: &Network,
) -> Configuration {
    let settings = design.settings.functions.of(which);
    let parameters = design.names.parameter_root().trim_end_matches('/').to_owned();
    let age = design.settings.functions.config_max_age_seconds;
    let mut environment = BTreeMap::from([
        ("PAYMENTS_PARAMETER_PATH".to_owned(), parameters),
        ("PAYMENTS_CONFIGURATION_MAX_AGE_SECONDS".to_owned(), age.to_string()),
        ("PAYMENTS_LOG_LEVEL".to_owned(), settings.log_level.name().to_owned()),
    ]);
    environment.extend(design.sandbox_environment.clone());
    let subnets = network.private.map(|subnet| scope.get(subnet, |subnet| subnet.id.clone()));
    let dead_letters = design.arn("sqs", &design.names.of(Kind::Queue, DEAD_LETTERS));
    Configuration {
        architecture: match design.settings.functions.architecture {
            Architecture::X86_64 => "x86_64".to_owned(),
            Architecture::Arm64 => "arm64".to_owned(),
        },
        role_arn: policies::role_arn(design, which),
        memory_mb: settings.memory_mb,
        timeout_seconds: settings.timeout_seconds,
        environment,
        key_arn: scope.get(key, |key| key.arn.clone()),
        subnet_ids: BTreeSet::from(subnets),
        security_group_ids: BTreeSet::from([scope.get(network.functions_group, |group| group.id.clone())]),
        log_group: design.names.function_log_group(which.name()),
        tracing: "Active".to_owned(),
        dead_letter_arn: (which == FunctionName::Notifications).then_some(dead_letters),
    }
}

/// The role of the queue in its name.
pub(super) const DEAD_LETTERS: &str = "notifications-dlq";

/// What notifications cannot deliver (C4).
fn dead_letters(graph: &mut Graph<Cloud>, design: &Arc<Design>, key: Handle<Key>) -> Handle<Queue> {
    let design = Arc::clone(design);
    graph.add("notifications_dlq", move |scope| {
        let name = design.names.of(Kind::Queue, DEAD_LETTERS);
        let policy = fed_by_topic(&design, "EventsThatNoFunctionTook", &design.arn("sqs", &name), EVENTS);
        Queue {
            key_arn: scope.get(key, |key| key.arn.clone()),
            policy,
            retention_seconds: design.settings.functions.dead_letter_retention_days * 86_400,
            tags: design.tags(scope, &name),
            name,
        }
    })
}

/// The outbox is swept every few minutes (C3).
fn sweep(graph: &mut Graph<Cloud>, design: &Arc<Design>, processing: FunctionParts) {
    let which = FunctionName::TransactionProcessing;
    let permission = permission(graph, design, which, processing, "outbox_sweep", |design| {
        ("events.amazonaws.com", design.arn("events", &format!("rule/{}", design.names.of(Kind::Rule, SWEEP))))
    });
    let rule = {
        let design = Arc::clone(design);
        graph.add("outbox_sweep", move |scope| {
            let name = design.names.of(Kind::Rule, SWEEP);
            Schedule {
                description: "Publishes the events that a booking could not publish itself".to_owned(),
                expression: Schedule::every(design.settings.functions.sweep_interval_minutes),
                enabled: true,
                targets: vec![alias_arn(&design, which)],
                tags: design.tags(scope, &name),
                name,
            }
        })
    };
    graph.after(rule, permission);
}

/// The role of the schedule in its name.
const SWEEP: &str = "outbox-sweep";

/// Notifications hears the payment events.
fn hear(
    graph: &mut Graph<Cloud>,
    design: &Arc<Design>,
    notifications: FunctionParts,
    topics: &Topics,
    dead_letters: Handle<Queue>,
) {
    let which = FunctionName::Notifications;
    let permission = permission(graph, design, which, notifications, "payment_events", |design| {
        ("sns.amazonaws.com", design.arn("sns", &design.names.of(Kind::Topic, EVENTS)))
    });
    let (events, endpoint) = (topics.events, alias_arn(design, which));
    let name = Subscription::name("payment_events", "lambda", &endpoint);
    let subscription = graph.add(&name, move |scope| Subscription {
        topic_arn: scope.get(events, |topic| topic.arn.clone()),
        protocol: "lambda".to_owned(),
        endpoint: endpoint.clone(),
        dead_letter_arn: Some(scope.ready(dead_letters, |queue| queue.arn.clone())),
    });
    graph.after(subscription, permission);
}

/// Lets a service invoke a function's alias on behalf of one object of this account.
fn permission(
    graph: &mut Graph<Cloud>,
    design: &Arc<Design>,
    which: FunctionName,
    parts: FunctionParts,
    name: &str,
    who: impl Fn(&Design) -> (&'static str, String) + Send + Sync + 'static,
) -> Handle<Permission> {
    let design = Arc::clone(design);
    let permission = graph.add(name, move |scope| {
        let (principal, source_arn) = who(&design);
        Permission {
            function: design.names.of(Kind::Function, which.name()),
            statement: Permission::statement(scope.address().name()),
            principal: principal.to_owned(),
            source_arn,
            source_account: Some(design.account().to_owned()),
        }
    });
    graph.after(permission, parts.alias);
    permission
}
