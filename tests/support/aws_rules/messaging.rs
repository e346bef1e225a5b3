//! SNS, SQS, EventBridge.

use super::text::{canonical, escaped, map_elements, unescaped};
use super::{Row, Shown, row};

pub const ROWS: &[Row] = &[
    row(
        "sqs-policy-unwrapped",
        "promises nothing about the order of lists in a queue's policy",
        "docs/aws-behaviour.md, policy documents",
        Shown::Json(&["sqs:GetQueueAttributes"], |_, _, answer| {
            if let Some(policy) = answer["Attributes"]["Policy"].as_str().and_then(canonical) {
                answer["Attributes"]["Policy"] = policy.into();
            }
        }),
    ),
    row(
        "sns-policy-unwrapped",
        "promises nothing about the order of lists in a topic's policy",
        "docs/aws-behaviour.md, policy documents",
        Shown::Text(&["sns:GetTopicAttributes"], |_, _, text| {
            map_elements(&text, "entry", |entry| {
                let value = super::text::inside(entry, "value").filter(|_| entry.contains("<key>Policy</key>"));
                let policy = value.map(unescaped).and_then(|policy| canonical(&policy));
                policy.map_or_else(
                    || entry.to_owned(),
                    |policy| format!("<entry><key>Policy</key><value>{}</value></entry>", escaped(&policy)),
                )
            })
        }),
    ),
    row(
        "sqs-name-deleted-recently",
        "refuses a queue's name for a minute after its deletion",
        "model, QueueDeletedRecently",
        Shown::Refused(
            &["sqs:CreateQueue"],
            |asked, memory| asked.json()["QueueName"].as_str().is_some_and(|name| memory.deleted_queues.remove(name)),
            (
                400,
                "AWS.SimpleQueueService.QueueDeletedRecently",
                "You must wait 60 seconds after deleting a queue before you can create another with the same name.",
            ),
        ),
    ),
    row(
        "sqs-queue-not-visible",
        "does not know a fresh queue everywhere",
        "terraform-provider-aws, sqs/queue.go",
        Shown::First(
            &["sqs:SetQueueAttributes"],
            1,
            (400, "AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist."),
        ),
    ),
    row(
        "sns-deleted-subscription",
        "lists a subscription that is gone with the word Deleted for its ARN",
        "ansible/ansible#20086",
        Shown::Text(&["sns:ListSubscriptionsByTopic"], |asked, _, text| {
            let topic = asked.form("TopicArn").unwrap_or_default();
            let gone = format!(
                "<member><SubscriptionArn>Deleted</SubscriptionArn><Owner>123456789012</Owner><Protocol>email</Protocol>\
                 <Endpoint>gone@example.com</Endpoint><TopicArn>{topic}</TopicArn></member></Subscriptions>"
            );
            text.replace("<Subscriptions/>", "<Subscriptions></Subscriptions>").replace("</Subscriptions>", &gone)
        }),
    ),
    row(
        "sns-topic-changing",
        "refuses tags while others are being written",
        "model, ConcurrentAccessException",
        Shown::First(
            &["sns:TagResource", "sns:UntagResource"],
            1,
            (400, "ConcurrentAccess", "Can't perform multiple operations on a tag simultaneously."),
        ),
    ),
    row(
        "sns-endpoint-not-visible",
        "refuses a subscription whose endpoint it cannot see yet",
        "terraform-provider-aws, sns/topic_subscription.go",
        Shown::First(&["sns:Subscribe"], 1, (404, "NotFound", "Topic does not exist")),
    ),
    row(
        "events-rule-with-targets",
        "refuses to delete a rule that has targets",
        "recorded: DeleteRule",
        Shown::Refused(
            &["events:DeleteRule"],
            |asked, memory| asked.json()["Name"].as_str().is_some_and(|name| memory.targeted.contains(name)),
            (400, "ValidationException", "Rule can't be deleted since it has targets."),
        ),
    ),
    row(
        "events-targets-still-seen",
        "refuses to delete a rule whose targets were there a moment ago",
        "recorded: DeleteRule",
        Shown::First(
            &["events:DeleteRule"],
            1,
            (400, "ValidationException", "Rule can't be deleted since it has targets."),
        ),
    ),
    row(
        "events-rule-changing",
        "refuses a second change of a rule while one is under way",
        "model, ConcurrentModificationException",
        Shown::First(
            &["events:PutTargets", "events:RemoveTargets"],
            1,
            (400, "ConcurrentModificationException", "Rule is being modified concurrently"),
        ),
    ),
];
