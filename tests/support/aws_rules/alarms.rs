//! CloudWatch, its logs, and their neighbours.

use serde_json::Value;

use super::text::map_elements;
use super::{Row, Shown, row};

pub const ROWS: &[Row] = &[
    row(
        "logs-pattern-without-settings",
        "answers DescribeLogGroups by pattern without retention and key",
        "model, DescribeLogGroups; aws/aws-sdk#608; aws/aws-cli#8264",
        Shown::Json(&["logs:DescribeLogGroups"], |asked, _, answer| {
            if asked.json()["logGroupNamePattern"].is_null() {
                return;
            }
            for group in answer["logGroups"].as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
                let kept = ["arn", "creationTime", "logGroupArn", "logGroupClass", "logGroupName", "metricFilterCount"];
                group.retain(|member, _| kept.contains(&member.as_str()));
            }
        }),
    ),
    row(
        "logs-pattern-or-prefix",
        "refuses DescribeLogGroups by pattern and prefix together",
        "recorded: DescribeLogGroups",
        Shown::Refused(
            &["logs:DescribeLogGroups"],
            |asked, _| {
                let request = asked.json();
                !request["logGroupNamePattern"].is_null() && !request["logGroupNamePrefix"].is_null()
            },
            (
                400,
                "InvalidParameterException",
                "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.",
            ),
        ),
    ),
    row(
        "logs-key-not-visible",
        "refuses a key that it may not use yet",
        "terraform-provider-aws, logs/group.go",
        Shown::First(
            &["logs:CreateLogGroup"],
            1,
            (
                400,
                "InvalidParameterException",
                "The specified KMS key does not exist or is not allowed to be used with the log group",
            ),
        ),
    ),
    row(
        "logs-concurrent-change",
        "refuses a change of a log group while another is under way",
        "model, OperationAbortedException",
        Shown::First(
            &["logs:PutRetentionPolicy", "logs:DeleteLogGroup"],
            1,
            (
                400,
                "OperationAbortedException",
                "A conflicting operation is currently in progress against this resource.",
            ),
        ),
    ),
    row(
        "logs-group-not-visible",
        "does not know a fresh log group everywhere",
        "terraform-provider-aws, logs/group.go",
        Shown::First(
            &["logs:PutRetentionPolicy"],
            1,
            (400, "ResourceNotFoundException", "The specified log group does not exist."),
        ),
    ),
    row(
        "alarms-dimensions-reordered",
        "gives the dimensions of an alarm back in another order",
        "terraform-provider-aws#16316",
        Shown::Text(&["monitoring:DescribeAlarms"], |_, _, text| {
            map_elements(&text, "Dimensions", |dimensions| {
                let mut members = Vec::new();
                map_elements(dimensions, "member", |member| {
                    members.insert(0, member.to_owned());
                    String::new()
                });
                format!("<Dimensions>{}</Dimensions>", members.concat())
            })
        }),
    ),
];
