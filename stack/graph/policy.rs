//! What the policies of queues and topics have in common.

use payinfra_aws::names::Kind;
use serde_json::{Value, json};

use super::Design;

/// Lets one topic of this stack write into a queue, over TLS only; `sid` says in the policy what it writes.
pub(super) fn fed_by_topic(design: &Design, sid: &str, queue_arn: &str, topic_role: &str) -> Value {
    let topic = design.arn("sns", &design.names.of(Kind::Topic, topic_role));
    json!({
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": sid,
                "Effect": "Allow",
                "Principal": {"Service": "sns.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": queue_arn,
                "Condition": {
                    "ArnEquals": {"aws:SourceArn": topic},
                    "StringEquals": {"aws:SourceAccount": design.account()},
                },
            },
            only_over_tls("sqs:*", queue_arn),
        ],
    })
}

/// Refuses `action` on a queue or topic without TLS.
pub(super) fn only_over_tls(action: &str, arn: &str) -> Value {
    json!({
        "Sid": "OnlyOverTls",
        "Effect": "Deny",
        "Principal": {"AWS": "*"},
        "Action": action,
        "Resource": arn,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    })
}
