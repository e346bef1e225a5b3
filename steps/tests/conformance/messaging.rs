//! Fixtures of queues, topics, subscriptions and schedules.

use payinfra_engine::{Address, Class, Progress, Resource};
use payinfra_steps::messaging::Subscription;
use serde_json::json;

use crate::fixture::{Fixture, json_fault, ok, query_fault, sqs_fault};
use crate::tags;

pub fn fixtures() -> Vec<Fixture> {
    vec![queue(), schedule(), subscription(), topic()]
}

const TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:sns-alarms-prod";

/// The URL of the queue.
const URL: &str = "https://sqs.us-east-1.amazonaws.com/123456789012/sqs-notifications-dlq-prod";

fn topics() -> (u16, String) {
    ok(format!(
        "<ListTopicsResponse><ListTopicsResult><Topics><member><TopicArn>{TOPIC}</TopicArn></member>
        <member><TopicArn>arn:aws:sns:us-east-1:123456789012:sns-alarms-test</TopicArn></member>
        </Topics></ListTopicsResult></ListTopicsResponse>"
    ))
}

fn topic_tags() -> (u16, String) {
    ok(format!(
        "<ListTagsForResourceResponse><ListTagsForResourceResult><Tags>{}</Tags></ListTagsForResourceResult>
        </ListTagsForResourceResponse>",
        tags::query("member", "topic.alarms")
    ))
}

fn queue() -> Fixture {
    let tags = tags::map("queue.notifications_dlq");
    let gone = || sqs_fault("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist");
    Fixture {
        kind: "queue",
        name: "notifications_dlq",
        id: URL,
        // A queue of another stack is not read.
        found: vec![
            ok(json!({"QueueUrls": [URL, "https://sqs.us-east-1.amazonaws.com/123456789012/sqs-x-test"]}).to_string()),
            ok(r#"{"Attributes": {"KmsMasterKeyId": "arn:key", "MessageRetentionPeriod": "1209600",
                "Policy": "{\"Statement\": []}", "QueueArn": "arn:queue"}}"#),
            ok(format!(r#"{{"Tags": {tags}}}"#)),
        ],
        searched: &[r#""QueueNamePrefix":"sqs-""#],
        shows: json!({"spec": {"name": "sqs-notifications-dlq-prod", "key_arn": "arn:key",
            "retention_seconds": 1_209_600, "policy": {"Statement": []}}, "outputs": {"url": URL}}),
        others: None,
        absent: (URL, vec![gone(), gone()], &[URL]),
        // A name is blocked for a minute after a deletion.
        refused: (
            vec![sqs_fault("AWS.SimpleQueueService.QueueDeletedRecently", "QueueDeletedRecently")],
            Class::NotYet,
            &[r#""payinfra:stack":"prod""#, r#""KmsMasterKeyId":"arn:key""#, r#""Policy""#],
        ),
        deleted: (vec![gone()], Err(Class::Absent)),
    }
}

fn schedule() -> Fixture {
    let rules = ok(r#"{"Rules": [{"Name": "rule-sweep-prod", "Arn": "arn:rule", "State": "ENABLED",
        "ScheduleExpression": "rate(5 minutes)"}, {"Name": "rule-sweep-test", "Arn": "arn:other"}]}"#);
    let absent = || json_fault(400, "ResourceNotFoundException");
    let tags = tags::list("schedule.sweep");
    Fixture {
        kind: "schedule",
        name: "sweep",
        id: "rule-sweep-prod",
        // A rule of another stack is not read.
        found: vec![
            rules.clone(),
            ok(format!(r#"{{"Tags": {tags}}}"#)),
            ok(r#"{"Targets": [{"Id": "target-0", "Arn": "arn:f:live"}]}"#),
        ],
        searched: &["ListRules"],
        shows: json!({"spec": {"enabled": true, "targets": ["arn:f:live"], "expression": "rate(5 minutes)"}}),
        others: None,
        absent: ("rule-x-prod", vec![rules], &[]),
        // A put would overwrite a rule of the same name, so it is looked for first.
        refused: (
            vec![absent(), json_fault(400, "LimitExceededException")],
            Class::Quota,
            &["PutRule", "rate(5 minutes)"],
        ),
        deleted: (vec![absent()], Err(Class::Absent)),
    }
}

fn subscription() -> Fixture {
    let listed = ok(format!(
        "<ListSubscriptionsByTopicResponse><ListSubscriptionsByTopicResult><Subscriptions><member>
        <TopicArn>{TOPIC}</TopicArn><Protocol>email</Protocol><SubscriptionArn>arn:s</SubscriptionArn>
        <Endpoint>a@example.com</Endpoint></member></Subscriptions></ListSubscriptionsByTopicResult>
        </ListSubscriptionsByTopicResponse>"
    ));
    let attributes = ok(r#"<GetSubscriptionAttributesResponse><GetSubscriptionAttributesResult><Attributes><entry>
        <key>RedrivePolicy</key><value>{"deadLetterTargetArn":"arn:q"}</value></entry></Attributes>
        </GetSubscriptionAttributesResult></GetSubscriptionAttributesResponse>"#);
    // Its address is made of what identifies it.
    let name: &'static str = Subscription::name("alarms", "email", "a@example.com").leak();
    assert_eq!(Address::new(Subscription::KIND, name).name(), name);
    Fixture {
        kind: "subscription",
        name,
        id: "arn:aws:sns:us-east-1:123456789012:sns-alarms-prod email a@example.com",
        found: vec![topics(), listed.clone(), topic_tags(), attributes],
        searched: &["Action=ListSubscriptionsByTopic", TOPIC],
        shows: json!({"spec": {"topic_arn": TOPIC, "protocol": "email", "dead_letter_arn": "arn:q"},
            "outputs": {"arn": "arn:s"}, "status": {"is": "ready"}}),
        others: None,
        absent: (
            "arn:aws:sns:us-east-1:123456789012:sns-alarms-prod https https://example.com",
            vec![query_fault(404, "NotFound"), query_fault(404, "NotFound")],
            &[TOPIC],
        ),
        refused: (
            vec![query_fault(404, "NotFound")],
            Class::Absent,
            &["RedrivePolicy", "Endpoint=a@example.com", TOPIC],
        ),
        // SNS answers 200 for a subscription that does not exist.
        deleted: (vec![ok("<UnsubscribeResponse/>")], Ok(Progress::Going)),
    }
}

/// The refusal of a name that is taken (recorded).
const TAKEN: &str = "<ErrorResponse><Error><Code>InvalidParameter</Code><Message>Invalid parameter: Attributes Reason: \
    Topic already exists with different attributes</Message></Error></ErrorResponse>";

fn topic() -> Fixture {
    Fixture {
        kind: "topic",
        name: "alarms",
        id: TOPIC,
        // A topic of another stack is not read.
        found: vec![
            topics(),
            ok(r#"<GetTopicAttributesResponse><GetTopicAttributesResult><Attributes>
                <entry><key>KmsMasterKeyId</key><value>arn:key</value></entry>
                <entry><key>Policy</key><value>{"Version": "2012-10-17"}</value></entry>
                </Attributes></GetTopicAttributesResult></GetTopicAttributesResponse>"#),
            topic_tags(),
        ],
        searched: &["Action=ListTopics"],
        shows: json!({"spec": {"name": "sns-alarms-prod", "key_arn": "arn:key", "policy": {"Version": "2012-10-17"}}}),
        others: None,
        absent: (TOPIC, vec![query_fault(404, "NotFound")], &[TOPIC]),
        refused: (
            vec![(400, TAKEN.to_owned())],
            Class::Exists,
            &["Key=payinfra:stack", "KmsMasterKeyId", "arn:key", "Policy"],
        ),
        deleted: (vec![query_fault(404, "NotFound")], Err(Class::Absent)),
    }
}
