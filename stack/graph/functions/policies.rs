//! What each function may do: what its code does, and nothing else (`docs/requirements.md`, R6). What the code does is
//! listed in `functions/permissions.json`, which the functions' tests compare with the calls that they make.

use payinfra_aws::names::Kind;
use payinfra_engine::{Handle, Scope};
use payinfra_steps::database::{DbCluster, DbProxy};
use payinfra_steps::functions::FunctionName;
use payinfra_steps::security::Role;
use serde_json::{Value, json};

use super::super::blueprint::{Blueprint, Permissions};
use super::super::database::{Database, USER};
use super::super::design::Design;
use super::super::network::Placement;
use super::super::policy::{allow, trust_if, via};
use super::super::topics::EVENTS;
use super::dead_letters;

/// The EC2 actions with which Lambda attaches a function to the VPC. The function's code is denied them.
const INTERFACES: [&str; 6] = [
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
];

/// The ARN of a function's role, which follows from its name.
pub(super) fn role_arn(design: &Design, which: FunctionName) -> String {
    design.names.role_arn(which.name())
}

pub(super) fn add(
    stack: &mut Blueprint,
    which: FunctionName,
    placement: Placement,
    database: &Database,
) -> Handle<Role> {
    let (key, cluster, proxy) = (stack.key, database.cluster, database.proxy);
    let description = format!("What the function {} may do", which.name());
    stack.role(which.name(), description, move |design, scope| {
        let key_arn = scope.get(key, |key| key.arn.clone());
        let mut policies = vec![
            ("runtime", runtime(design, which)),
            ("network", attachment(design, scope, which, placement)),
            ("configuration", configuration(design, which, &key_arn)),
        ];
        policies.extend(match which {
            FunctionName::PaymentValidation => {
                vec![sessions(design, &key_arn, |table| allow("OpenSessions", &["dynamodb:PutItem"], table))]
            }
            FunctionName::TransactionProcessing => vec![
                sessions(design, &key_arn, |table| allow("ConsumeSessions", &["dynamodb:UpdateItem"], table)),
                ("database", use_database(design, scope, cluster, proxy, &key_arn)),
                ("events", events(design, &key_arn)),
            ],
            FunctionName::Notifications => vec![
                sessions(design, &key_arn, claim_deliveries),
                ("archive", archive(design)),
                ("dead-letters", send_dead_letters(design, &key_arn)),
            ],
        });
        Permissions { trust: trust(design, which), policies }
    })
}

/// Lets Lambda assume the role for this function only, where Lambda says which one it is for: it does not when it makes the
/// first network interfaces in a new VPC (docs/aws-behaviour.md, "All services: condition keys that are sent").
fn trust(design: &Design, which: FunctionName) -> Value {
    let condition = json!({
        "StringEqualsIfExists": {"aws:SourceAccount": design.account()},
        "ArnLikeIfExists": {"aws:SourceArn": format!("{}*", design.function_arn(which))},
    });
    trust_if("lambda.amazonaws.com", condition)
}

/// Writes to its own log group, which it cannot recreate, and traces, whose actions take no resources.
fn runtime(design: &Design, which: FunctionName) -> Vec<Value> {
    let group = design.names.function_log_group(which.name());
    vec![
        allow(
            "Log",
            &["logs:CreateLogStream", "logs:PutLogEvents"],
            design.names.arn("logs", &format!("log-group:{group}:*")),
        ),
        allow("Trace", &["xray:PutTelemetryRecords", "xray:PutTraceSegments"], "*"),
    ]
}

/// Lambda itself attaches the function to its subnets, with the function's role.
fn attachment(design: &Design, scope: &Scope<'_>, which: FunctionName, placement: Placement) -> Vec<Value> {
    let interfaces = design.names.arn("ec2", "network-interface/*");
    let mut places = placement.subnets.map(|subnet| scope.get(subnet, |subnet| subnet.arn.clone())).to_vec();
    places.push(scope.get(placement.group, |group| group.arn.clone()));
    places.push(interfaces.clone());
    let own = ["ec2:AssignPrivateIpAddresses", "ec2:DeleteNetworkInterface", "ec2:UnassignPrivateIpAddresses"];
    vec![
        allow("MakeInterfaces", &["ec2:CreateNetworkInterface"], places),
        allow("KeepInterfaces", &own, interfaces),
        allow("SeeInterfaces", &["ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"], "*"),
        json!({
            "Sid": "NotFromCode",
            "Effect": "Deny",
            "Action": INTERFACES,
            "Resource": "*",
            "Condition": {"ArnEquals": {"lambda:SourceFunctionArn": design.function_arn(which)}},
        }),
    ]
}

/// Reads the stack's parameters. Only the function that delivers webhooks reads their folder and decrypts the key that
/// signs them.
fn configuration(design: &Design, which: FunctionName, key_arn: &str) -> Vec<Value> {
    let parameters = |path: &str| design.names.arn("ssm", &format!("parameter{}", design.names.parameter(path)));
    let mut statements = vec![
        allow("Read", &["ssm:GetParameters"], parameters("*")),
        via("OwnEnvironment", &["kms:Decrypt"], key_arn, "lambda"),
    ];
    if which == FunctionName::Notifications {
        let webhooks = vec![parameters("webhooks"), parameters("webhooks/*")];
        statements.push(allow("ReadWebhooks", &["ssm:GetParametersByPath"], webhooks));
        statements.push(via("ReadSecrets", &["kms:Decrypt"], key_arn, "ssm"));
    }
    statements
}

/// Opens, consumes or claims items in the table of sessions, as `own` says.
fn sessions(design: &Design, key_arn: &str, own: impl FnOnce(String) -> Value) -> (&'static str, Vec<Value>) {
    let table = design.names.arn("dynamodb", &format!("table/{}", design.names.of(Kind::Table, "sessions")));
    ("sessions", vec![own(table), via("EncryptedTable", &["kms:Decrypt"], key_arn, "dynamodb")])
}

fn claim_deliveries(table: String) -> Value {
    let mut statement = allow("ClaimDeliveries", &["dynamodb:UpdateItem"], table);
    statement["Condition"] = json!({"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["delivery:*"]}});
    statement
}

/// Logs in with IAM, through the proxy and to the cluster itself. Reads the master user's secret for migrations only.
fn use_database(
    design: &Design,
    scope: &Scope<'_>,
    cluster: Handle<DbCluster>,
    proxy: Option<Handle<DbProxy>>,
    key_arn: &str,
) -> Vec<Value> {
    let user = |resource_id: &str| design.names.arn("rds-db", &format!("dbuser:{resource_id}/{USER}"));
    let mut users = vec![user(&scope.get(cluster, |cluster| cluster.resource_id.clone()))];
    users.extend(proxy.map(|proxy| user(&scope.get(proxy, |proxy| proxy.resource_id.clone()))));
    let secret = scope.get(cluster, |cluster| cluster.secret_arn.clone());
    vec![
        allow("LogIn", &["rds-db:connect"], users),
        allow("MigrateAsMaster", &["secretsmanager:GetSecretValue"], secret),
        via("EncryptedSecret", &["kms:Decrypt"], key_arn, "secretsmanager"),
    ]
}

fn events(design: &Design, key_arn: &str) -> Vec<Value> {
    vec![
        allow("Publish", &["sns:Publish"], design.names.arn("sns", &design.names.of(Kind::Topic, EVENTS))),
        via("EncryptedTopic", &["kms:Decrypt", "kms:GenerateDataKey"], key_arn, "sns"),
    ]
}

/// Only writes events, and only to a bucket of this account: the ARN of a bucket does not say whose it is, and its name
/// may be taken by a stranger once it is free. Every principal of the account may use the bucket's AWS managed key
/// through S3.
fn archive(design: &Design) -> Vec<Value> {
    let bucket = design.names.of(Kind::Bucket, "archive");
    let mut statement = allow("Archive", &["s3:PutObject"], format!("arn:aws:s3:::{bucket}/events/*"));
    statement["Condition"] = json!({"StringEquals": {"aws:ResourceAccount": design.account()}});
    vec![statement]
}

fn send_dead_letters(design: &Design, key_arn: &str) -> Vec<Value> {
    vec![
        allow("Bury", &["sqs:SendMessage"], dead_letters::arn(design)),
        via("EncryptedQueue", &["kms:Decrypt", "kms:GenerateDataKey"], key_arn, "sqs"),
    ]
}
