//! The topics, the alarms and the dashboard.

use std::sync::Arc;

use payinfra_aws::names::Kind;
use payinfra_engine::{Graph, Handle};
use serde_json::{Value, json};

use super::Design;
use super::database::Data;
use super::network::Network;
use super::policy::only_over_tls;
use payinfra_steps::Cloud;
use payinfra_steps::messaging::{Subscription, Topic};
use payinfra_steps::security::Key;

mod alarms;
mod dashboard;
mod database_alarms;
mod heard;
mod watch;

/// The role in its name of the topic that alarms go to.
const ALARMS: &str = "alarms";

/// The role in its name of the topic that payment events go to.
pub(super) const EVENTS: &str = "payment-events";

/// The topics.
#[derive(Clone, Copy)]
pub(super) struct Topics {
    pub alarms: Handle<Topic>,
    pub events: Handle<Topic>,
}

/// Adds the topics and the people who hear the alarms. The functions need the topics before there is anything to watch.
pub(super) fn add_topics(graph: &mut Graph<Cloud>, design: &Arc<Design>, key: Handle<Key>) -> Topics {
    let alarms = topic(graph, design, key, ALARMS, |design, arn| {
        vec![json!({
            "Sid": "AlarmsOfThisStack",
            "Effect": "Allow",
            "Principal": {"Service": "cloudwatch.amazonaws.com"},
            "Action": "sns:Publish",
            "Resource": arn,
            "Condition": {
                "StringEquals": {"aws:SourceAccount": design.account()},
                "ArnLike": {"aws:SourceArn": design.arn("cloudwatch", &format!("alarm:alarm-*-{}", design.names.suffix()))},
            },
        })]
    });
    let events = topic(graph, design, key, EVENTS, |_, _| Vec::new());
    let monitoring = &design.settings.monitoring;
    let emails = monitoring.alarm_emails.iter().map(|address| ("email", address));
    let webhooks = monitoring.alarm_webhooks.iter().map(|url| ("https", url));
    for (protocol, endpoint) in emails.chain(webhooks) {
        let endpoint = endpoint.clone();
        graph.add(&Subscription::name(ALARMS, protocol, &endpoint), move |scope| Subscription {
            topic_arn: scope.get(alarms, |topic| topic.arn.clone()),
            protocol: protocol.to_owned(),
            endpoint: endpoint.clone(),
            dead_letter_arn: None,
        });
    }
    heard::add(graph, design, key, alarms);
    Topics { alarms, events }
}

/// Adds a topic that this account's own roles may use as their policies say, only over TLS, and services as given.
fn topic(
    graph: &mut Graph<Cloud>,
    design: &Arc<Design>,
    key: Handle<Key>,
    role: &'static str,
    services: impl Fn(&Design, &str) -> Vec<Value> + Send + Sync + 'static,
) -> Handle<Topic> {
    let design = Arc::clone(design);
    graph.add(&role.replace('-', "_"), move |scope| {
        let name = design.names.of(Kind::Topic, role);
        let arn = design.arn("sns", &name);
        let mut statements = services(&design, &arn);
        statements.push(only_over_tls("sns:Publish", &arn));
        Topic {
            key_arn: scope.get(key, |key| key.arn.clone()),
            policy: json!({"Version": "2012-10-17", "Statement": statements}),
            tags: design.tags(scope, &name),
            name,
        }
    })
}

/// Adds the alarms and the dashboard.
pub(super) fn add(graph: &mut Graph<Cloud>, design: &Arc<Design>, topics: &Topics, network: &Network, data: &Data) {
    let mut watch = watch::Watch::new(graph, design, topics.alarms);
    alarms::add(&mut watch, network);
    database_alarms::add(&mut watch, data);
    let names = watch.names;
    dashboard::add(graph, design, network, data, names);
}
