//! What the functions and other programs read about the stack: its parameters.

use payinfra_engine::{Handle, Resource, Scope};
use payinfra_steps::database::Table;
use payinfra_steps::messaging::Queue;
use payinfra_steps::parameters::{Parameter, SIGNING_KEY, SecretParameter};
use payinfra_steps::storage::Bucket;

use super::api::Api;
use super::blueprint::Blueprint;
use super::database::{Database, USER};
use super::topics::Topics;

/// The resources that the parameters describe.
pub(super) struct Sources<'a> {
    pub database: &'a Database,
    pub sessions: Handle<Table>,
    pub archive: Handle<Bucket>,
    pub topics: &'a Topics,
    pub dead_letters: Handle<Queue>,
    pub api: &'a Api,
}

/// Adds the parameters; returns those that are not secret.
pub(super) fn add(stack: &mut Blueprint, sources: &Sources<'_>) -> Vec<Handle<Parameter>> {
    let mut publisher = Publisher { stack, published: Vec::new() };
    database(&mut publisher, sources.database);
    let api = *sources.api;
    publisher.value("api/url", move |scope| api.url(scope));
    publisher.output("queues/notifications-dlq-url", sources.dead_letters, |queue| queue.url.clone());
    publisher.output("storage/archive-bucket", sources.archive, |bucket| bucket.name.clone());
    publisher.output("storage/sessions-table", sources.sessions, |table| table.name.clone());
    publisher.output("topics/alarms-arn", sources.topics.alarms, |topic| topic.arn.clone());
    publisher.output("topics/payment-events-arn", sources.topics.events, |topic| topic.arn.clone());
    let design = publisher.stack.design();
    let settings = &design.settings;
    publisher.constant("limits/maximum-amount-minor", settings.limits.maximum_amount_minor);
    for (flag, on) in &settings.features {
        publisher.constant(&format!("features/{flag}"), on);
    }
    for (merchant, address) in &settings.webhooks {
        publisher.constant(&format!("webhooks/{merchant}"), address);
    }
    let published = publisher.published;
    signing_key(stack);
    published
}

/// Where the database is. Its endpoints are known long before it works.
fn database(publisher: &mut Publisher<'_>, database: &Database) {
    let (cluster, design) = (database.cluster, publisher.stack.design());
    publisher.output("database/writer-endpoint", cluster, |cluster| cluster.endpoint.clone());
    publisher.output("database/reader-endpoint", cluster, |cluster| cluster.reader_endpoint.clone());
    if let Some(proxy) = database.proxy {
        publisher.output("database/proxy-endpoint", proxy, |proxy| proxy.endpoint.clone());
    }
    publisher.output("database/port", cluster, |cluster| cluster.port.clone());
    publisher.constant("database/name", &design.settings.database.name);
    publisher.constant("database/user", USER);
    publisher.output("database/master-secret-arn", cluster, |cluster| cluster.secret_arn.clone());
}

fn signing_key(stack: &mut Blueprint) {
    let key = stack.key;
    stack.add(SIGNING_KEY, move |design, scope| {
        let name = design.names.parameter(SIGNING_KEY);
        SecretParameter {
            description: "Signs the webhooks to merchants".to_owned(),
            key_arn: scope.ready(key, |key| key.arn.clone()),
            tags: design.tags(scope, &name),
            name,
        }
    });
}

/// Adds parameters and keeps their handles.
struct Publisher<'a> {
    stack: &'a mut Blueprint,
    published: Vec<Handle<Parameter>>,
}

impl Publisher<'_> {
    /// Adds a parameter with an output of another resource.
    fn output<R: Resource>(&mut self, path: &str, from: Handle<R>, pick: fn(&R::Outputs) -> String) {
        self.value(path, move |scope| scope.get(from, pick));
    }

    /// Adds a parameter with a value that is known already.
    fn constant(&mut self, path: &str, value: impl ToString) {
        let value = value.to_string();
        self.value(path, move |_| value.clone());
    }

    fn value(&mut self, path: &str, value: impl Fn(&Scope<'_>) -> String + Send + Sync + 'static) {
        let name = self.stack.design().names.parameter(path);
        self.published.push(self.stack.add(path, move |design, scope| Parameter {
            value: value(scope),
            tags: design.tags(scope, &name),
            name: name.clone(),
        }));
    }
}
