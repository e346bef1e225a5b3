//! The functions with their roles, log groups and aliases, and what invokes them besides the API.

use std::collections::{BTreeMap, BTreeSet};

use payinfra_aws::names::Kind;
use payinfra_engine::{Handle, Need, Scope};
use payinfra_steps::database::Schema;
use payinfra_steps::functions::{Architecture, Configuration, Function, FunctionAlias, FunctionName, Permission};
use payinfra_steps::messaging::{Queue, Schedule, Subscription};
use payinfra_steps::security::Key;

use super::blueprint::{Blueprint, node};
use super::database::Database;
use super::design::Design;
use super::network::{Network, Placement};
use super::topics::{EVENTS, Topics};

mod dead_letters;
mod policies;

pub(super) use dead_letters::DEAD_LETTERS;

/// The functions, and the queue for what notifications cannot deliver.
pub(super) struct Functions {
    aliases: BTreeMap<FunctionName, Handle<FunctionAlias>>,
    pub dead_letters: Handle<Queue>,
}

impl Functions {
    /// The alias through which a function is invoked.
    pub(super) fn alias(&self, which: FunctionName) -> Handle<FunctionAlias> {
        self.aliases[&which]
    }
}

pub(super) fn add(stack: &mut Blueprint, network: &Network, database: &Database, topics: &Topics) -> Functions {
    let dead_letters = dead_letters::add(stack);
    let aliases = FunctionName::ALL.map(|which| (which, function(stack, which, network, database, dead_letters)));
    let functions = Functions { aliases: aliases.into(), dead_letters };
    deliver(stack, &functions, topics);
    functions
}

/// Adds one function with its log group, its role and its alias.
fn function(
    stack: &mut Blueprint,
    which: FunctionName,
    network: &Network,
    database: &Database,
    dead_letters: Handle<Queue>,
) -> Handle<FunctionAlias> {
    let (name, key, placement) = (node(which.name()), stack.key, network.functions);
    let log_group =
        stack.log_group(&name, Need::Exists, move |design, _| design.names.function_log_group(which.name()));
    let role = policies::add(stack, which, placement, database);
    let function = stack.add(&name, move |design, scope| {
        let name = design.function(which);
        Function {
            code_sha256: design.artifacts.sha256(which),
            configuration: configuration(design, scope, which, key, placement),
            reserved_concurrency: design.settings.functions.of(which).reserved_concurrency,
            changes_taken_over: true,
            tags: design.tags(scope, &name),
            name,
        }
    });
    // Lambda tries the role, the queue and the log group when the function is created.
    stack.after(function, role);
    stack.after(function, log_group);
    stack.after(function, dead_letters);
    stack.add(&name, move |design, scope| FunctionAlias {
        function: scope.ready(function, |function| function.name.clone()),
        code_sha256: design.artifacts.sha256(which),
        configuration: configuration(design, scope, which, key, placement),
        versions_kept: design.settings.functions.versions_kept,
    })
}

/// The configuration of a function and its versions.
fn configuration(
    design: &Design,
    scope: &Scope<'_>,
    which: FunctionName,
    key: Handle<Key>,
    placement: Placement,
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
        subnet_ids: BTreeSet::from(placement.subnets.map(|subnet| scope.get(subnet, |subnet| subnet.id.clone()))),
        security_group_ids: BTreeSet::from([scope.get(placement.group, |group| group.id.clone())]),
        log_group: design.names.function_log_group(which.name()),
        tracing: "Active".to_owned(),
        dead_letter_arn: (which == FunctionName::Notifications).then(|| dead_letters::arn(design)),
    }
}

/// The last part of the schedule's name.
pub(super) const SWEEP: &str = "outbox-sweep";

/// Has transaction-processing sweep the outbox every few minutes (`docs/requirements.md`, C3), from when there is one: the
/// schema comes long after the function, and until then every sweep would fail.
pub(super) fn sweep(stack: &mut Blueprint, functions: &Functions, schema: Handle<Schema>) {
    let which = FunctionName::TransactionProcessing;
    let permission = permission(stack, functions, which, &node(SWEEP), |design| {
        ("events.amazonaws.com", design.names.arn("events", &format!("rule/{}", design.names.of(Kind::Rule, SWEEP))))
    });
    let rule = stack.add(&node(SWEEP), move |design, scope| {
        let name = design.names.of(Kind::Rule, SWEEP);
        Schedule {
            description: "Publishes the events that a booking could not publish itself".to_owned(),
            expression: Schedule::every(design.settings.functions.sweep_interval_minutes),
            enabled: true,
            targets: vec![design.alias_arn(which)],
            tags: design.tags(scope, &name),
            name,
        }
    });
    stack.after(rule, permission);
    stack.after(rule, schema);
}

/// Subscribes notifications to the payment events.
fn deliver(stack: &mut Blueprint, functions: &Functions, topics: &Topics) {
    let which = FunctionName::Notifications;
    let permission = permission(stack, functions, which, &node(EVENTS), |design| {
        ("sns.amazonaws.com", design.names.arn("sns", &design.names.of(Kind::Topic, EVENTS)))
    });
    let (events, dead_letters) = (topics.events, functions.dead_letters);
    let name = Subscription::name(&node(EVENTS), "lambda", &stack.design().alias_arn(which));
    let subscription = stack.add(&name, move |design, scope| Subscription {
        topic_arn: scope.get(events, |topic| topic.arn.clone()),
        protocol: "lambda".to_owned(),
        endpoint: design.alias_arn(which),
        dead_letter_arn: Some(scope.ready(dead_letters, |queue| queue.arn.clone())),
    });
    stack.after(subscription, permission);
}

/// Lets a service invoke a function's alias on behalf of one object of this account.
fn permission(
    stack: &mut Blueprint,
    functions: &Functions,
    which: FunctionName,
    name: &str,
    who: impl Fn(&Design) -> (&'static str, String) + Send + Sync + 'static,
) -> Handle<Permission> {
    let permission = stack.add(name, move |design, scope| {
        let (principal, source_arn) = who(design);
        Permission {
            function: design.function(which),
            statement: Permission::statement(scope.address().name()),
            principal: principal.to_owned(),
            source_arn,
            // EventBridge sends no account, and a permission that names one stops it; nothing says that SNS sends one. The
            // ARN names the account anyway (docs/aws-behaviour.md, "Lambda: resource policies").
            source_account: None,
        }
    });
    stack.after(permission, functions.alias(which));
    permission
}
