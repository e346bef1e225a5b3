//! Who may put messages into a queue of the stack.

use serde_json::{Value, json};

use super::Design;
use crate::names::Kind;

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
            {
                "Sid": "OnlyOverTls",
                "Effect": "Deny",
                "Principal": {"AWS": "*"},
                "Action": "sqs:*",
                "Resource": queue_arn,
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            },
        ],
    })
}
