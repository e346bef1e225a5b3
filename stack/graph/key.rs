//! The stack's key, and who may use it for what.

use std::sync::Arc;

use payinfra_aws::names::Kind;
use payinfra_engine::{Graph, Handle};
use payinfra_steps::Cloud;
use payinfra_steps::security::Key;
use serde_json::{Value, json};

use super::design::Design;
use super::policy::{document, endpoint};

pub(super) fn add(graph: &mut Graph<Cloud>, design: &Arc<Design>) -> Handle<Key> {
    let design = Arc::clone(design);
    graph.add("main", move |scope| {
        let settings = &design.settings.encryption;
        Key {
            alias: design.names.key_alias(),
            description: format!("Encrypts the data of the payment stack {}", design.names.suffix()),
            policy: key_policy(&design),
            enabled: true,
            rotation: true,
            rotation_days: settings.key_rotation_days,
            deletion_days: settings.key_deletion_days,
            tags: design.tags(scope, &design.names.only(Kind::Key)),
        }
    })
}

/// Administers the key. None of these actions reads or writes data; creating a grant could, so it is not among them.
const ADMINISTRATION: &[&str] = &[
    "kms:CancelKeyDeletion",
    "kms:CreateAlias",
    "kms:DeleteAlias",
    "kms:DescribeKey",
    "kms:DisableKey",
    "kms:DisableKeyRotation",
    "kms:EnableKey",
    "kms:EnableKeyRotation",
    "kms:GetKeyPolicy",
    "kms:GetKeyRotationStatus",
    "kms:ListGrants",
    "kms:ListKeyPolicies",
    "kms:ListKeyRotations",
    "kms:ListResourceTags",
    "kms:PutKeyPolicy",
    "kms:RevokeGrant",
    "kms:RotateKeyOnDemand",
    "kms:ScheduleKeyDeletion",
    "kms:TagResource",
    "kms:UntagResource",
    "kms:UpdateAlias",
    "kms:UpdateKeyDescription",
];

/// The services that use the key on their caller's behalf.
const CALLED: &[&str] = &["dynamodb", "lambda", "rds", "secretsmanager", "sns", "sqs", "ssm"];

/// Those of them that keep using it after the call, through a grant.
const GRANTED: &[&str] = &["dynamodb", "lambda", "rds", "secretsmanager"];

/// The key's policy. In it, `"Resource": "*"` is the key itself, and the account's root is everyone whom IAM allows.
fn key_policy(design: &Design) -> Value {
    let account = design.account();
    let root = json!({ "AWS": format!("arn:aws:iam::{account}:root") });
    let through = |services: &[&str]| services.iter().copied().map(endpoint).collect::<Vec<_>>();
    let mut statements = vec![
        json!({
            "Sid": "AccountAdministers",
            "Effect": "Allow",
            "Principal": root,
            "Action": ADMINISTRATION,
            "Resource": "*",
        }),
        json!({
            "Sid": "AccountUsesThroughServices",
            "Effect": "Allow",
            "Principal": root,
            "Action": ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"],
            "Resource": "*",
            "Condition": {
                "StringEquals": { "kms:CallerAccount": account, "kms:ViaService": through(CALLED) },
            },
        }),
        json!({
            "Sid": "ServicesGetGrants",
            "Effect": "Allow",
            "Principal": root,
            "Action": "kms:CreateGrant",
            "Resource": "*",
            "Condition": {
                "Bool": { "kms:GrantIsForAWSResource": "true" },
                "StringEquals": { "kms:CallerAccount": account, "kms:ViaService": through(GRANTED) },
            },
        }),
        json!({
            "Sid": "LogGroups",
            "Effect": "Allow",
            "Principal": { "Service": "logs.us-east-1.amazonaws.com" },
            "Action": ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"],
            "Resource": "*",
            "Condition": { "ArnLike": { "kms:EncryptionContext:aws:logs:arn": log_groups(design) } },
        }),
        // Without it, CloudWatch cannot publish to an encrypted topic, and reports this only in the alarm's history.
        for_account(design, publisher(design, "Alarms", "cloudwatch.amazonaws.com", "cloudwatch", "alarm:alarm-*")),
        // SNS writes what it cannot deliver to an encrypted queue. Nothing says that it sends the account, which the ARN names
        // anyway.
        publisher(design, "Topics", "sns.amazonaws.com", "sns", "sns-*"),
    ];
    if design.settings.trail {
        statements.extend(trail(design, &root));
    }
    document(statements)
}

/// Lets CloudTrail encrypt the trail's files with this key, and the account read them through S3.
fn trail(design: &Design, root: &Value) -> [Value; 2] {
    let trail = design.arn("cloudtrail", &format!("trail/{}", design.names.only(Kind::Trail)));
    [
        json!({
            "Sid": "Trail",
            "Effect": "Allow",
            "Principal": { "Service": "cloudtrail.amazonaws.com" },
            "Action": ["kms:DescribeKey", "kms:GenerateDataKey*"],
            "Resource": "*",
            "Condition": { "StringEquals": { "aws:SourceArn": trail } },
        }),
        json!({
            "Sid": "TrailReaders",
            "Effect": "Allow",
            "Principal": root,
            "Action": "kms:Decrypt",
            "Resource": "*",
            "Condition": {
                "Null": { "kms:EncryptionContext:aws:cloudtrail:arn": "false" },
                "StringEquals": {
                    "kms:CallerAccount": design.account(),
                    "kms:ViaService": "s3.us-east-1.amazonaws.com",
                },
            },
        }),
    ]
}

/// Lets a service encrypt for an encrypted topic or queue on behalf of this stack's resources.
fn publisher(design: &Design, sid: &str, principal: &str, service: &str, pattern: &str) -> Value {
    let source = design.arn(service, &format!("{pattern}-{}", design.names.suffix()));
    json!({
        "Sid": sid,
        "Effect": "Allow",
        "Principal": { "Service": principal },
        "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
        "Resource": "*",
        "Condition": { "ArnLike": { "aws:SourceArn": source } },
    })
}

/// Narrows a statement to this account, for a service that is documented to send it.
fn for_account(design: &Design, mut statement: Value) -> Value {
    statement["Condition"]["StringEquals"] = json!({ "aws:SourceAccount": design.account() });
    statement
}

/// The ARNs of this stack's log groups. API Gateway puts the API's id into the name of its execution log, and the id is
/// not known yet.
fn log_groups(design: &Design) -> Vec<String> {
    let (names, suffix) = (&design.names, design.names.suffix());
    let groups = [
        format!("{}-*-{suffix}", Kind::LogGroup.prefix()),
        names.function_log_group("*"),
        names.database_log_group(),
        names.proxy_log_group(),
        format!("aws-waf-logs-{suffix}"),
        format!("API-Gateway-Execution-Logs_*/{}", design.settings.api.stage),
    ];
    groups.iter().map(|name| design.arn("logs", &format!("log-group:{name}"))).collect()
}
