//! Rates: each service says "too fast" in words of its own, here once for each of some requests.

use super::{Row, Shown, row};

const COMMON: &str = "AWS: common errors of each service's API reference; cdkd, retryable-errors.ts";

pub const ROWS: &[Row] = &[
    row(
        "rate-ec2",
        "throttles EC2 with RequestLimitExceeded",
        COMMON,
        Shown::First(
            &["ec2:CreateSecurityGroup", "ec2:DescribeAddresses"],
            1,
            (503, "RequestLimitExceeded", "Request limit exceeded."),
        ),
    ),
    row(
        "rate-s3",
        "throttles S3 with SlowDown",
        COMMON,
        Shown::First(
            &["s3:PutBucketTagging", "s3:ListBuckets"],
            1,
            (503, "SlowDown", "Please reduce your request rate."),
        ),
    ),
    row(
        "rate-rds",
        "throttles RDS with Throttling",
        COMMON,
        Shown::First(&["rds:DescribeDBClusters", "rds:DeleteDBInstance"], 1, (400, "Throttling", "Rate exceeded")),
    ),
    row(
        "rate-iam",
        "throttles IAM with Throttling",
        COMMON,
        Shown::First(&["iam:ListRoles", "iam:CreateRole"], 1, (400, "Throttling", "Rate exceeded")),
    ),
    row(
        "rate-kms",
        "throttles KMS with ThrottlingException",
        COMMON,
        Shown::First(&["kms:ListKeys", "kms:ScheduleKeyDeletion"], 1, (400, "ThrottlingException", "Rate exceeded")),
    ),
    row(
        "rate-lambda",
        "throttles Lambda with TooManyRequestsException",
        COMMON,
        Shown::First(
            &["lambda:ListFunctions", "lambda:DeleteFunction"],
            1,
            (429, "TooManyRequestsException", "Rate exceeded"),
        ),
    ),
    row(
        "rate-apigateway",
        "throttles API Gateway with TooManyRequestsException",
        COMMON,
        Shown::First(
            &["apigateway:CreateRestApi", "apigateway:GetRestApis"],
            1,
            (429, "TooManyRequestsException", "Too Many Requests"),
        ),
    ),
    row(
        "rate-cloudwatch",
        "throttles CloudWatch with Throttling",
        COMMON,
        Shown::First(
            &["monitoring:PutMetricAlarm", "monitoring:DescribeAlarms"],
            1,
            (400, "Throttling", "Rate exceeded"),
        ),
    ),
    row(
        "rate-logs",
        "throttles CloudWatch Logs with ThrottlingException",
        COMMON,
        Shown::First(&["logs:CreateLogGroup"], 1, (400, "ThrottlingException", "Rate exceeded")),
    ),
    row(
        "rate-dynamodb",
        "throttles DynamoDB's control plane with ThrottlingException",
        COMMON,
        Shown::First(&["dynamodb:ListTables"], 1, (400, "ThrottlingException", "Rate exceeded")),
    ),
    row(
        "rate-sns",
        "throttles SNS with Throttling",
        COMMON,
        Shown::First(&["sns:CreateTopic", "sns:ListTopics"], 1, (400, "Throttling", "Rate exceeded")),
    ),
    row(
        "rate-sqs",
        "throttles SQS with RequestThrottled",
        COMMON,
        Shown::First(&["sqs:ListQueues"], 1, (403, "RequestThrottled", "Rate exceeded")),
    ),
    row(
        "rate-ssm",
        "throttles Parameter Store with ThrottlingException",
        COMMON,
        Shown::First(&["ssm:PutParameter"], 1, (400, "ThrottlingException", "Rate exceeded")),
    ),
    row(
        "rate-events",
        "throttles EventBridge with ThrottlingException",
        COMMON,
        Shown::First(&["events:PutRule"], 1, (400, "ThrottlingException", "Rate exceeded")),
    ),
    row(
        "rate-cloudtrail",
        "throttles CloudTrail with ThrottlingException",
        COMMON,
        Shown::First(&["cloudtrail:CreateTrail"], 1, (400, "ThrottlingException", "Rate exceeded")),
    ),
    row(
        "rate-wafv2",
        "throttles WAF with ThrottlingException",
        COMMON,
        Shown::First(&["wafv2:CreateWebACL"], 1, (400, "ThrottlingException", "Rate exceeded")),
    ),
];
