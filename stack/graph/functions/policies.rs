//! What each function may do: nothing that its code does not do (R6, fact sheet §8.2). What the code does stands in
//! `functions/permissions.json`, which the functions' own tests hold against the calls they make.

use std::collections::BTreeMap;
use std::sync::Arc;

use payinfra_aws::names::Kind;
use payinfra_engine::{Graph, Handle, Scope};
use serde_json::{Value, json};

use super::super::Design;
use super::super::database::{Data, USER};
use super::super::monitoring::EVENTS;
use super::super::network::Network;
use payinfra_steps::Cloud;
use payinfra_steps::functions::FunctionName;
use payinfra_steps::security::{Key, Role};

/// The EC2 actions with which Lambda attaches a function to the VPC; the code itself is denied them.
const INTERFACES: [&str; 6] = [
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
];

/// The ARN of a function's role.
pub(super) fn role_arn(design: &Design, which: FunctionName) -> String {
    let name = design.names.of(Kind::Role, which.name());
    format!("arn:aws:iam::{}:role{}{name}", design.account(), path(design))
}

fn path(design: &Design) -> String {
    format!("/payinfra/{}/", design.names.suffix())
}

pub(super) fn add(
    graph: &mut Graph<Cloud>,
    design: &Arc<Design>,
    which: FunctionName,
    key: Handle<Key>,
    network: &Network,
    data: &Data,
) -> Handle<Role> {
    let (design, network, data) = (Arc::clone(design), network.clone(), data.clone());
    graph.add(&super::resource(which), move |scope| {
        let name = design.names.of(Kind::Role, which.name());
        let key_arn = scope.get(key, |key| key.arn.clone());
        let mut policies = BTreeMap::from([
            policy(&design, "runtime", runtime(&design, which)),
            policy(&design, "network", attachment(&design, scope, which, &network)),
            policy(&design, "configuration", configuration(&design, which, &key_arn)),
            policy(&design, "sessions", sessions(&design, which, &key_arn)),
        ]);
        match which {
            FunctionName::PaymentValidation => {}
            FunctionName::TransactionProcessing => {
                policies.extend([
                    policy(&design, "database", database(&design, scope, &data, &key_arn)),
                    policy(&design, "events", events(&design, &key_arn)),
                ]);
            }
            FunctionName::Notifications => {
                policies.extend([
                    policy(&design, "archive", archive(&design)),
                    policy(&design, "dead-letters", dead_letters(&design, &key_arn)),
                ]);
            }
        }
        Role {
            path: path(&design),
            description: format!("What the function {} may do", which.name()),
            trust: trust(&design, which),
            policies,
            tags: design.tags(scope, &name),
            name,
        }
    })
}

fn policy(design: &Design, role: &str, statements: Vec<Value>) -> (String, Value) {
    let document = json!({"Version": "2012-10-17", "Statement": statements});
    (design.names.of(Kind::Policy, role), document)
}

fn function_arn(design: &Design, which: FunctionName) -> String {
    design.arn("lambda", &format!("function:{}", design.names.of(Kind::Function, which.name())))
}

fn trust(design: &Design, which: FunctionName) -> Value {
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
            "Condition": {
                "StringEquals": {"aws:SourceAccount": design.account()},
                "ArnLike": {"aws:SourceArn": format!("{}*", function_arn(design, which))},
            },
        }],
    })
}

/// Its own log group, which it cannot make anew, and tracing, which knows no resources.
fn runtime(design: &Design, which: FunctionName) -> Vec<Value> {
    let group = design.names.function_log_group(which.name());
    vec![
        allow(
            "Log",
            &["logs:CreateLogStream", "logs:PutLogEvents"],
            design.arn("logs", &format!("log-group:{group}:*")),
        ),
        allow("Trace", &["xray:PutTelemetryRecords", "xray:PutTraceSegments"], "*"),
    ]
}

/// Lambda itself attaches the function to its subnets in the role's name.
fn attachment(design: &Design, scope: &Scope<'_>, which: FunctionName, network: &Network) -> Vec<Value> {
    let interfaces = design.arn("ec2", "network-interface/*");
    let mut places = network.private.map(|subnet| scope.get(subnet, |subnet| subnet.arn.clone())).to_vec();
    places.push(scope.get(network.functions_group, |group| group.arn.clone()));
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
            "Condition": {"ArnEquals": {"lambda:SourceFunctionArn": function_arn(design, which)}},
        }),
    ]
}

/// The stack's parameters; the signing key among them only for the function that signs.
fn configuration(design: &Design, which: FunctionName, key_arn: &str) -> Vec<Value> {
    let root = design.names.parameter_root();
    let root = root.trim_end_matches('/');
    let resources =
        vec![design.arn("ssm", &format!("parameter{root}")), design.arn("ssm", &format!("parameter{root}/*"))];
    let mut statements = vec![
        allow("Read", &["ssm:GetParametersByPath"], resources),
        via("OwnEnvironment", &["kms:Decrypt"], key_arn, "lambda"),
    ];
    if which == FunctionName::Notifications {
        statements.push(via("ReadSecrets", &["kms:Decrypt"], key_arn, "ssm"));
    }
    statements
}

fn sessions(design: &Design, which: FunctionName, key_arn: &str) -> Vec<Value> {
    let table = design.arn("dynamodb", &format!("table/{}", design.names.of(Kind::Table, "sessions")));
    let own = match which {
        FunctionName::PaymentValidation => allow("OpenSessions", &["dynamodb:PutItem"], table),
        FunctionName::TransactionProcessing => allow("ConsumeSessions", &["dynamodb:UpdateItem"], table),
        FunctionName::Notifications => {
            let mut statement = allow("ClaimDeliveries", &["dynamodb:UpdateItem"], table);
            statement["Condition"] = json!({"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["delivery:*"]}});
            statement
        }
    };
    vec![own, via("EncryptedTable", &["kms:Decrypt"], key_arn, "dynamodb")]
}

/// Logs in with IAM, through the proxy and to the cluster itself, and reads the master's secret for migrations only.
fn database(design: &Design, scope: &Scope<'_>, data: &Data, key_arn: &str) -> Vec<Value> {
    let user = |resource_id: &str| design.arn("rds-db", &format!("dbuser:{resource_id}/{USER}"));
    let Data { cluster, proxy, .. } = data;
    let mut users = vec![user(&scope.get(*cluster, |cluster| cluster.resource_id.clone()))];
    users.extend(proxy.map(|proxy| user(&scope.get(proxy, |proxy| proxy.resource_id.clone()))));
    let secret = scope.get(*cluster, |cluster| cluster.secret_arn.clone());
    vec![
        allow("LogIn", &["rds-db:connect"], users),
        allow("MigrateAsMaster", &["secretsmanager:GetSecretValue"], secret),
        via("EncryptedSecret", &["kms:Decrypt"], key_arn, "secretsmanager"),
    ]
}

fn events(design: &Design, key_arn: &str) -> Vec<Value> {
    vec![
        allow("Publish", &["sns:Publish"], design.arn("sns", &design.names.of(Kind::Topic, EVENTS))),
        via("EncryptedTopic", &["kms:Decrypt", "kms:GenerateDataKey"], key_arn, "sns"),
    ]
}

/// Writes events only; the bucket's AWS-managed key lets every principal of the account through S3.
fn archive(design: &Design) -> Vec<Value> {
    let bucket = design.names.of(Kind::Bucket, "archive");
    vec![allow("Archive", &["s3:PutObject"], format!("arn:aws:s3:::{bucket}/events/*"))]
}

fn dead_letters(design: &Design, key_arn: &str) -> Vec<Value> {
    let queue = design.arn("sqs", &design.names.of(Kind::Queue, super::DEAD_LETTERS));
    vec![
        allow("Bury", &["sqs:SendMessage"], queue),
        via("EncryptedQueue", &["kms:Decrypt", "kms:GenerateDataKey"], key_arn, "sqs"),
    ]
}

fn allow(sid: &str, actions: &[&str], resources: impl Into<Value>) -> Value {
    json!({"Sid": sid, "Effect": "Allow", "Action": one_or_many(actions), "Resource": resources.into()})
}

/// Lets the key be used through one service only.
fn via(sid: &str, actions: &[&str], key_arn: &str, service: &str) -> Value {
    let service = format!("{service}.us-east-1.amazonaws.com");
    let mut statement = allow(sid, actions, key_arn);
    statement["Condition"] = json!({"StringEquals": {"kms:ViaService": service}});
    statement
}

/// A single action stands alone, not in a list: so policies are written everywhere.
fn one_or_many(actions: &[&str]) -> Value {
    match actions {
        [one] => json!(one),
        many => json!(many),
    }
}
