//! Topics, subscriptions, queues and schedules.

use payinfra_engine::{Class, Progress, Status};
use serde_json::json;

use crate::answers::{Answer, answer, modelled};
use crate::{created, deleted, one, owned, owner, refused, shows};

const TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:sns-alarms-prod";
const QUEUE: &str = "https://sqs.us-east-1.amazonaws.com/123456789012/sqs-alarms-heard-prod";

fn topic_tags() -> Answer {
    let member = |key: &str, value: &str| format!("<member><Key>{key}</Key><Value>{value}</Value></member>");
    let ours = member("payinfra:stack", "prod") + &member("payinfra:address", "topic.alarms");
    answer("sns", "tags").with(&(member("k1", "v1") + &member("k2", "v2")), &ours)
}

#[tokio::test]
async fn a_topic_without_a_key_shows_none_and_keeps_its_policy() {
    let attributes = answer("sns", "attributes").with("{resource:3}", "sns-alarms-prod");
    let live = one("topic", TOPIC, [attributes, topic_tags()]).await;
    shows(&live, &json!({"name": "sns-alarms-prod", "key_arn": ""}));
    assert_eq!(live.spec["policy"]["Statement"][0]["Resource"], TOPIC);
    assert_eq!(live.spec["tags"]["payinfra:address"], "topic.alarms");
    let gone = deleted(&live, "topic", [answer("sns", "absent")]).await.0;
    assert_eq!(gone, Err(Class::Absent));
}

#[tokio::test]
async fn a_taken_topic_is_told_from_a_bad_name() {
    let spec = json!({"name": "sns-alarms-prod", "key_arn": "k", "policy": {}, "tags": {}});
    assert_eq!(refused("topic", &spec, [answer("sns", "other-attributes")]).await, Class::Exists);
    assert_eq!(refused("topic", &spec, [answer("sns", "other-tags")]).await, Class::Exists);
    assert_eq!(refused("topic", &spec, [answer("sns", "bad-name")]).await, Class::Invalid);
}

#[tokio::test]
async fn a_subscription_is_pending_confirmed_or_not_listed_any_more() {
    let pending = answer("sns", "pending").with("{topic-arn:1}", TOPIC);
    let live = one("subscription", &format!("{TOPIC} email test@example.com"), [pending, topic_tags()]).await;
    assert_eq!((&live.status, &live.outputs["arn"]), (&Status::Ready, &json!(null)));
    let topics = || {
        modelled(
            200,
            &format!(
                "<ListTopicsResponse><ListTopicsResult><Topics><member><TopicArn>{TOPIC}</TopicArn>\
            </member></Topics></ListTopicsResult></ListTopicsResponse>"
            ),
        )
    };
    let subscribed = answer("sns", "subscribed").with("{resource:4}", "sns-alarms-prod");
    let attributes = answer("sns", "subscription");
    let live = owned("subscription", [topics(), subscribed.clone(), topic_tags(), attributes]).await;
    shows(&live[0], &json!({"protocol": "sqs", "dead_letter_arn": null, "topic_arn": TOPIC}));
    let attributes = answer("sns", "redrive").with("{resource:2}", "sqs-dlq-prod");
    let live = owned("subscription", [topics(), subscribed, topic_tags(), attributes]).await;
    shows(&live[0], &json!({"dead_letter_arn": "arn:aws:sqs:us-east-1:123456789012:sqs-dlq-prod"}));
    let live = owned("subscription", [topics(), answer("sns", "unsubscribed"), topic_tags()]).await;
    assert!(live.is_empty());
}

#[tokio::test]
async fn a_subscription_with_other_attributes_exists() {
    let spec = json!({"topic_arn": TOPIC, "protocol": "sqs", "endpoint": "e", "dead_letter_arn": "d"});
    assert_eq!(refused("subscription", &spec, [answer("sns", "subscription-taken")]).await, Class::Exists);
}

#[tokio::test]
async fn a_queue_reads_as_sqs_shows_it_and_the_header_says_what_is_refused() {
    let attributes = answer("sqs", "standard-attributes");
    let tags = r#""tag1":"value1","tag2":"value2","tag3":"""#;
    let tags = || answer("sqs", "tags").with(tags, &owner("queue.alarms_heard"));
    let live = one("queue", QUEUE, [attributes, tags()]).await;
    shows(
        &live,
        &json!({"name": "sqs-alarms-heard-prod", "key_arn": "alias/aws/sqs", "retention_seconds": 13_579,
        "policy": null}),
    );
    let live = one("queue", QUEUE, [answer("sqs", "policy"), tags()]).await;
    // Policies are compared by meaning, so lists are in order.
    let action = json!(["sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:SendMessage"]);
    assert_eq!(live.spec["policy"]["Statement"][0]["Action"], action);
    assert_eq!(live.spec["policy"]["Statement"][0]["Principal"], "*");
    let gone = deleted(&live, "queue", [answer("sqs", "absent")]).await.0;
    assert_eq!(gone, Err(Class::Absent));
    assert_eq!(refused("queue", &live.spec, [answer("sqs", "taken")]).await, Class::Exists);
}

#[tokio::test]
async fn a_rule_keeps_until_its_targets_are_out_of_sight() {
    let rules = || answer("events", "rules").with("{rule-name}", "rule-sweep-prod");
    let ours = r#"{"Key":"payinfra:stack","Value":"prod"},{"Key":"payinfra:address","Value":"schedule.sweep"}"#;
    let tags = || answer("events", "tags").with(r#"{"Key":"tag1","Value":"value1"}"#, ours);
    let targets = || answer("events", "targets").with("{queue-arn}", "arn:f:live");
    let live = owned("schedule", [rules(), tags(), targets()]).await.remove(0);
    shows(
        &live,
        &json!({"expression": "cron(0 20 * * ? *)", "enabled": true, "targets": ["arn:f:live"],
        "description": ""}),
    );
    let removed = modelled(200, r#"{"FailedEntries":[],"FailedEntryCount":0}"#);
    assert_eq!(deleted(&live, "schedule", [targets(), removed]).await.0, Ok(Progress::More));
    // The next look shows no targets any more, and EventBridge still sees them.
    let mut without = live.clone();
    without.spec["targets"] = json!([]);
    assert_eq!(deleted(&without, "schedule", [answer("events", "has-targets")]).await.0, Err(Class::InUse));
    let made = [answer("events", "absent"), modelled(200, r#"{"RuleArn":"arn:rule"}"#)];
    assert_eq!(created("schedule", &live.spec, made).await.expect("the name is free"), "rule-sweep-prod");
}
