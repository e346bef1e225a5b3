//! The topics for alarms and payment events, and who gets the alarms.

use payinfra_aws::names::Kind;
use payinfra_engine::Handle;
use payinfra_steps::messaging::{Queue, Subscription, Topic};
use serde_json::{Value, json};

use super::blueprint::{Blueprint, node};
use super::design::Design;
use super::policy::{deny_without_tls, document};

/// The last part of the name of the topic that alarms go to.
pub(super) const ALARMS: &str = "alarms";

/// The last part of the name of the topic that payment events go to.
pub(super) const EVENTS: &str = "payment-events";

/// The last part of the name of the queue that gets every alarm, so that `payinfra verify` can see that one arrives.
pub(crate) const NOTIFICATIONS: &str = "alarms-heard";

/// Notifications that nobody waits for any more expire within the hour.
const NOTIFICATION_RETENTION_SECONDS: u32 = 3600;

/// The topics.
#[derive(Clone, Copy)]
pub(super) struct Topics {
    pub alarms: Handle<Topic>,
    pub events: Handle<Topic>,
}

/// Adds the topics and the subscribers of the alarm topic.
pub(super) fn add(stack: &mut Blueprint) -> Topics {
    let alarms = topic(stack, ALARMS, |design, arn| {
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
    let events = topic(stack, EVENTS, |_, _| Vec::new());
    let design = stack.design();
    let monitoring = &design.settings.monitoring;
    for address in &monitoring.alarm_emails {
        subscribe(stack, alarms, "email", address);
    }
    for url in &monitoring.alarm_webhooks {
        subscribe(stack, alarms, "https", url);
    }
    let queue = notifications(stack);
    let queue_arn = design.arn("sqs", &design.names.of(Kind::Queue, NOTIFICATIONS));
    let subscription = subscribe(stack, alarms, "sqs", &queue_arn);
    stack.after(subscription, queue);
    Topics { alarms, events }
}

/// Adds a topic: this account's roles may use it as their policies say, the given services as well, all over TLS only.
fn topic(
    stack: &mut Blueprint,
    role: &'static str,
    services: impl Fn(&Design, &str) -> Vec<Value> + Send + Sync + 'static,
) -> Handle<Topic> {
    let key = stack.key;
    stack.add(&node(role), move |design, scope| {
        let name = design.names.of(Kind::Topic, role);
        let arn = design.arn("sns", &name);
        let mut statements = services(design, &arn);
        statements.push(only_over_tls("sns:Publish", &arn));
        Topic {
            key_arn: scope.get(key, |key| key.arn.clone()),
            policy: document(statements),
            tags: design.tags(scope, &name),
            name,
        }
    })
}

fn subscribe(
    stack: &mut Blueprint,
    alarms: Handle<Topic>,
    protocol: &'static str,
    endpoint: &str,
) -> Handle<Subscription> {
    let name = Subscription::name(ALARMS, protocol, endpoint);
    let endpoint = endpoint.to_owned();
    stack.add(&name, move |_, scope| Subscription {
        topic_arn: scope.get(alarms, |topic| topic.arn.clone()),
        protocol: protocol.to_owned(),
        endpoint: endpoint.clone(),
        dead_letter_arn: None,
    })
}

fn notifications(stack: &mut Blueprint) -> Handle<Queue> {
    let key = stack.key;
    stack.add(&node(NOTIFICATIONS), move |design, scope| {
        let name = design.names.of(Kind::Queue, NOTIFICATIONS);
        Queue {
            key_arn: scope.get(key, |key| key.arn.clone()),
            policy: fed_by_topic(design, "AlarmsOfThisStack", &design.arn("sqs", &name), ALARMS),
            retention_seconds: NOTIFICATION_RETENTION_SECONDS,
            tags: design.tags(scope, &name),
            name,
        }
    })
}

/// The policy of a queue that one topic of this stack may write to, over TLS only; `sid` names what it writes.
pub(super) fn fed_by_topic(design: &Design, sid: &str, queue_arn: &str, topic_role: &str) -> Value {
    let topic = design.arn("sns", &design.names.of(Kind::Topic, topic_role));
    let write = json!({
        "Sid": sid,
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue_arn,
        // Nothing says that SNS sends the account, which the ARN names anyway.
        "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
    });
    document([write, only_over_tls("sqs:*", queue_arn)])
}

fn only_over_tls(action: &str, arn: &str) -> Value {
    deny_without_tls("OnlyOverTls", &json!({"AWS": "*"}), action, arn)
}
