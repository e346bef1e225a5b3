//! What the functions and other programs read about the stack: its parameters.

use std::sync::Arc;

use payinfra_engine::{Graph, Handle, Scope};

use super::Design;
use super::api::Api;
use super::database::{Data, USER};
use super::functions::Functions;
use super::monitoring::Topics;
use super::storage::Storage;
use payinfra_steps::Cloud;
use payinfra_steps::parameters::{Parameter, SecretParameter};
use payinfra_steps::security::Key;

/// The parameters.
pub(super) struct Parameters {
    pub plain: Vec<Handle<Parameter>>,
}

/// What the parameters tell about.
pub(super) struct Told<'a> {
    pub data: &'a Data,
    pub storage: &'a Storage,
    pub topics: &'a Topics,
    pub functions: &'a Functions,
    pub api: &'a Api,
}

/// The path of the key that webhooks are signed with.
const SIGNING_KEY: &str = "secrets/webhook-signing-key";

pub(super) fn add(graph: &mut Graph<Cloud>, design: &Arc<Design>, key: Handle<Key>, told: &Told<'_>) -> Parameters {
    let mut plain = Vec::new();
    let mut add = |path: &str, value: Box<dyn Fn(&Scope<'_>) -> String + Send + Sync>| {
        plain.push(parameter(graph, design, path, value));
    };
    database(&mut add, design, told.data);
    let (topics, api) = (*told.topics, *told.api);
    let (archive, table, dead_letters) = (told.storage.archive, told.data.table, told.functions.dead_letters);
    add("api/url", Box::new(move |scope| api.url(scope)));
    add("queues/notifications-dlq-url", Box::new(move |scope| scope.get(dead_letters, |queue| queue.url.clone())));
    add("storage/archive-bucket", Box::new(move |scope| scope.get(archive, |bucket| bucket.name.clone())));
    add("storage/sessions-table", Box::new(move |scope| scope.get(table, |table| table.name.clone())));
    add("topics/alarms-arn", Box::new(move |scope| scope.get(topics.alarms, |topic| topic.arn.clone())));
    add("topics/payment-events-arn", Box::new(move |scope| scope.get(topics.events, |topic| topic.arn.clone())));
    let settings = &design.settings;
    add("limits/maximum-amount-minor", constant(settings.limits.maximum_amount_minor));
    for (flag, on) in &settings.features {
        add(&format!("features/{flag}"), constant(on));
    }
    for (merchant, address) in &settings.webhooks {
        add(&format!("webhooks/{merchant}"), constant(address));
    }
    let design = Arc::clone(design);
    graph.add(SIGNING_KEY, move |scope| {
        let name = design.names.parameter(SIGNING_KEY);
        SecretParameter {
            description: "Signs the webhooks to merchants".to_owned(),
            key_arn: scope.ready(key, |key| key.arn.clone()),
            tags: design.tags(scope, &name),
            name,
        }
    });
    Parameters { plain }
}

type Value = Box<dyn Fn(&Scope<'_>) -> String + Send + Sync>;

/// Where the database is; its endpoints are known long before it works.
fn database(add: &mut impl FnMut(&str, Value), design: &Design, data: &Data) {
    let cluster = data.cluster;
    add("database/writer-endpoint", Box::new(move |scope| scope.get(cluster, |cluster| cluster.endpoint.clone())));
    add(
        "database/reader-endpoint",
        Box::new(move |scope| scope.get(cluster, |cluster| cluster.reader_endpoint.clone())),
    );
    if let Some(proxy) = data.proxy {
        add("database/proxy-endpoint", Box::new(move |scope| scope.get(proxy, |proxy| proxy.endpoint.clone())));
    }
    add("database/port", Box::new(move |scope| scope.get(cluster, |cluster| cluster.port.clone())));
    add("database/name", constant(&design.settings.database.name));
    add("database/user", constant(USER));
    add("database/master-secret-arn", Box::new(move |scope| scope.get(cluster, |cluster| cluster.secret_arn.clone())));
}

fn constant(value: impl ToString) -> Value {
    let value = value.to_string();
    Box::new(move |_| value.clone())
}

fn parameter(graph: &mut Graph<Cloud>, design: &Arc<Design>, path: &str, value: Value) -> Handle<Parameter> {
    let (design, name) = (Arc::clone(design), design.names.parameter(path));
    graph.add(path, move |scope| Parameter { value: value(scope), tags: design.tags(scope, &name), name: name.clone() })
}
