//! The network: three zones, each with a public, a private and an isolated subnet.

use std::collections::BTreeSet;

use ipnet::Ipv4Net;
use payinfra_aws::names::Kind;
use payinfra_engine::{Handle, Need};
use payinfra_steps::network::{
    ElasticIp, FlowLog, InternetGateway, InternetGatewayAttachment, NatGateway, RouteTable, Rule, SecurityGroup,
    SecurityGroupRules, Subnet, Vpc, VpcEndpoint,
};
use serde_json::{Value, json};

use super::blueprint::{Blueprint, Permissions};
use super::design::Design;
use super::policy::{document, trust};
use crate::settings::{Database, Nat, ZONES};

/// The network's resources.
#[derive(Clone)]
pub(super) struct Network {
    pub vpc: Handle<Vpc>,
    /// Where the functions run.
    pub functions: Placement,
    /// The database's subnets.
    pub isolated: [Handle<Subnet>; ZONES],
    /// The group of the database and its proxy.
    pub database_group: Handle<SecurityGroup>,
    pub nats: Vec<Handle<NatGateway>>,
    /// The functions' ways out. A resource that calls another service from the VPC waits for them.
    pub egress: Vec<Handle<RouteTable>>,
    /// Who may connect to whom. A resource that connects to the database waits for them.
    pub rules: Vec<Handle<SecurityGroupRules>>,
}

/// The subnets and the security group of the functions.
#[derive(Clone, Copy)]
pub(super) struct Placement {
    pub subnets: [Handle<Subnet>; ZONES],
    pub group: Handle<SecurityGroup>,
}

/// Every address.
const ANYWHERE: &str = "0.0.0.0/0";

pub(super) fn add(stack: &mut Blueprint) -> Network {
    let vpc = stack.add("main", |design, scope| Vpc {
        cidr: design.settings.network.cidr.to_string(),
        dns_hostnames: true,
        dns_support: true,
        default_group_closed: true,
        tags: design.tags(scope, &design.names.only(Kind::Vpc)),
    });
    let design = stack.design();
    let settings = &design.settings.network;
    let public = subnets(stack, vpc, "public", &settings.public());
    let private = subnets(stack, vpc, "private", &settings.private());
    let isolated = subnets(stack, vpc, "isolated", &settings.isolated());
    let attachment = internet_gateway(stack, vpc);
    let nats = nat_gateways(stack, &public, attachment);
    let egress = routes(stack, vpc, [public, private, isolated], attachment, &nats);
    let functions = Placement { subnets: private, group: group(stack, vpc, "functions", "The payment functions") };
    let database_group = group(stack, vpc, "database", "The payment database and its proxy");
    let rules = rules(stack, functions.group, database_group);
    gateway_endpoints(stack, vpc, &egress);
    interface_endpoints(stack, vpc, functions);
    flow_log(stack, vpc);
    Network { vpc, functions, isolated, database_group, nats, egress, rules }
}

/// The letter of a zone: `a` of `us-east-1a`.
fn letter(design: &Design, zone: usize) -> &str {
    let name = &design.zones[zone];
    name.char_indices().last().map_or("", |(last, _)| &name[last..])
}

fn subnets(stack: &mut Blueprint, vpc: Handle<Vpc>, tier: &'static str, cidrs: &[Ipv4Net]) -> [Handle<Subnet>; ZONES] {
    std::array::from_fn(|zone| {
        let cidr = cidrs[zone].to_string();
        let node = format!("{tier}_{}", letter(&stack.design(), zone));
        stack.add(&node, move |design, scope| Subnet {
            vpc_id: scope.get(vpc, |vpc| vpc.id.clone()),
            zone: design.zones[zone].clone(),
            cidr: cidr.clone(),
            public_addresses: false,
            tags: design.tags(scope, &design.names.of(Kind::Subnet, &format!("{tier}-{}", letter(design, zone)))),
        })
    })
}

fn internet_gateway(stack: &mut Blueprint, vpc: Handle<Vpc>) -> Handle<InternetGatewayAttachment> {
    let gateway = stack.add("main", |design, scope| InternetGateway {
        tags: design.tags(scope, &design.names.only(Kind::InternetGateway)),
    });
    stack.add("main", move |_, scope| InternetGatewayAttachment {
        gateway_id: scope.get(gateway, |gateway| gateway.id.clone()),
        vpc_id: scope.get(vpc, |vpc| vpc.id.clone()),
    })
}

/// The NAT gateways: one in each zone, one in the first, or none.
fn nat_gateways(
    stack: &mut Blueprint,
    public: &[Handle<Subnet>; ZONES],
    attachment: Handle<InternetGatewayAttachment>,
) -> Vec<Handle<NatGateway>> {
    let design = stack.design();
    let zones = match design.settings.network.nat {
        Nat::PerZone => ZONES,
        Nat::Single => 1,
        Nat::None => 0,
    };
    let nat = |(zone, subnet): (usize, &Handle<Subnet>)| {
        let (subnet, node) = (*subnet, letter(&design, zone));
        let address = stack.add(node, move |design, scope| {
            let name = design.names.of(Kind::ElasticIp, &format!("nat-{}", letter(design, zone)));
            ElasticIp { tags: design.tags(scope, &name) }
        });
        let nat = stack.add(node, move |design, scope| NatGateway {
            subnet_id: scope.get(subnet, |subnet| subnet.id.clone()),
            allocation_id: scope.get(address, |address| address.id.clone()),
            tags: design.tags(scope, &design.names.of(Kind::NatGateway, letter(design, zone))),
        });
        // EC2 creates none in a VPC without an internet gateway, and detaches no internet gateway before it.
        stack.after(nat, attachment);
        nat
    };
    public.iter().enumerate().take(zones).map(nat).collect()
}

/// One table for the public subnets, one for each private subnet, and one for the isolated ones, which has no way out.
fn routes(
    stack: &mut Blueprint,
    vpc: Handle<Vpc>,
    [public, private, isolated]: [[Handle<Subnet>; ZONES]; 3],
    attachment: Handle<InternetGatewayAttachment>,
    nats: &[Handle<NatGateway>],
) -> Vec<Handle<RouteTable>> {
    for (tier, subnets, internet) in [("public", public, true), ("isolated", isolated, false)] {
        stack.add(tier, move |design, scope| RouteTable {
            vpc_id: scope.get(vpc, |vpc| vpc.id.clone()),
            routes: internet
                .then(|| (ANYWHERE.to_owned(), scope.ready(attachment, |attachment| attachment.gateway_id.clone())))
                .into_iter()
                .collect(),
            subnet_ids: subnets.iter().map(|subnet| scope.get(*subnet, |subnet| subnet.id.clone())).collect(),
            tags: design.tags(scope, &design.names.of(Kind::RouteTable, tier)),
        });
    }
    let table = |(zone, subnet): (usize, Handle<Subnet>)| {
        // A single gateway serves all zones.
        let nat = nats.get(zone).or(nats.first()).copied();
        let node = format!("private_{}", letter(&stack.design(), zone));
        stack.add(&node, move |design, scope| RouteTable {
            vpc_id: scope.get(vpc, |vpc| vpc.id.clone()),
            // EC2 accepts a route to a gateway that is still being created.
            routes: nat.map(|nat| (ANYWHERE.to_owned(), scope.get(nat, |nat| nat.id.clone()))).into_iter().collect(),
            subnet_ids: BTreeSet::from([scope.get(subnet, |subnet| subnet.id.clone())]),
            tags: design.tags(scope, &design.names.of(Kind::RouteTable, &format!("private-{}", letter(design, zone)))),
        })
    };
    private.into_iter().enumerate().map(table).collect()
}

fn group(
    stack: &mut Blueprint,
    vpc: Handle<Vpc>,
    role: &'static str,
    description: &'static str,
) -> Handle<SecurityGroup> {
    stack.add(role, move |design, scope| {
        let name = design.names.of(Kind::SecurityGroup, role);
        SecurityGroup {
            vpc_id: scope.get(vpc, |vpc| vpc.id.clone()),
            description: description.to_owned(),
            tags: design.tags(scope, &name),
            name,
        }
    })
}

/// Functions connect to the database and, over TLS, to every address; nothing connects to them. The proxy is in the
/// database's group, so with a proxy the group accepts connections from itself.
fn rules(
    stack: &mut Blueprint,
    functions: Handle<SecurityGroup>,
    database: Handle<SecurityGroup>,
) -> Vec<Handle<SecurityGroupRules>> {
    let of_functions = stack.add("functions", move |_, scope| SecurityGroupRules {
        group_id: scope.get(functions, |group| group.id.clone()),
        ingress: BTreeSet::new(),
        egress: BTreeSet::from([
            Rule::tcp(443, ANYWHERE, "AWS services and webhooks"),
            Rule::tcp(Database::PORT, scope.get(database, |group| group.id.clone()), "the database"),
        ]),
    });
    let of_database = stack.add("database", move |design, scope| {
        let group_id = scope.get(database, |group| group.id.clone());
        let proxy = design.settings.database.proxy.then(|| group_id.clone());
        let functions = scope.get(functions, |group| group.id.clone());
        let from_functions = Rule::tcp(Database::PORT, functions, "the functions");
        let from_proxy = proxy.iter().map(|peer| Rule::tcp(Database::PORT, peer, "the proxy"));
        let to_database = proxy.iter().map(|peer| Rule::tcp(Database::PORT, peer, "the database behind the proxy"));
        SecurityGroupRules {
            ingress: from_proxy.chain([from_functions]).collect(),
            egress: to_database.collect(),
            group_id,
        }
    });
    vec![of_functions, of_database]
}

/// The private ways to S3 and DynamoDB, which cost nothing.
fn gateway_endpoints(stack: &mut Blueprint, vpc: Handle<Vpc>, tables: &[Handle<RouteTable>]) {
    for service in ["s3", "dynamodb"] {
        let tables = tables.to_vec();
        stack.add(service, move |design, scope| VpcEndpoint {
            vpc_id: scope.get(vpc, |vpc| vpc.id.clone()),
            service: format!("com.amazonaws.us-east-1.{service}"),
            endpoint_type: "Gateway".to_owned(),
            policy: endpoint_policy(design, service),
            route_table_ids: tables.iter().map(|table| scope.get(*table, |table| table.id.clone())).collect(),
            subnet_ids: BTreeSet::new(),
            security_group_ids: BTreeSet::new(),
            private_dns: false,
            tags: design.tags(scope, &design.names.of(Kind::VpcEndpoint, service)),
        });
    }
}

/// The private ways to the services that are configured.
fn interface_endpoints(stack: &mut Blueprint, vpc: Handle<Vpc>, functions: Placement) {
    let services = stack.design().settings.network.interface_endpoints.clone();
    if services.is_empty() {
        return;
    }
    let own = group(stack, vpc, "endpoints", "The interface endpoints of AWS services");
    stack.add("endpoints", move |_, scope| {
        let functions = scope.get(functions.group, |group| group.id.clone());
        SecurityGroupRules {
            group_id: scope.get(own, |group| group.id.clone()),
            ingress: BTreeSet::from([Rule::tcp(443, functions, "the functions")]),
            egress: BTreeSet::new(),
        }
    });
    for service in services {
        stack.add(&service.replace('-', "_"), move |design, scope| VpcEndpoint {
            // Private names need the VPC's DNS support.
            vpc_id: scope.ready(vpc, |vpc| vpc.id.clone()),
            service: format!("com.amazonaws.us-east-1.{service}"),
            endpoint_type: "Interface".to_owned(),
            policy: endpoint_policy(design, &service),
            route_table_ids: BTreeSet::new(),
            subnet_ids: functions.subnets.map(|subnet| scope.get(subnet, |subnet| subnet.id.clone())).into(),
            security_group_ids: BTreeSet::from([scope.get(own, |group| group.id.clone())]),
            private_dns: true,
            tags: design.tags(scope, &design.names.of(Kind::VpcEndpoint, &service)),
        });
    }
}

/// Allows through an endpoint what the functions call, for this account's principals and resources only.
///
/// The principal is everyone because a gateway endpoint takes no other; the condition narrows it to this account.
fn endpoint_policy(design: &Design, service: &str) -> Value {
    let bucket = design.names.of(Kind::Bucket, "archive");
    let table = design.names.of(Kind::Table, "sessions");
    let own = |prefix: &str| vec![design.names.arn(prefix, "*")];
    let (actions, resources): (Vec<&str>, Vec<String>) = match service {
        "s3" => (
            vec!["s3:AbortMultipartUpload", "s3:GetObject", "s3:ListBucket", "s3:PutObject"],
            vec![format!("arn:aws:s3:::{bucket}"), format!("arn:aws:s3:::{bucket}/*")],
        ),
        "dynamodb" => (
            vec![
                "dynamodb:ConditionCheckItem",
                "dynamodb:DeleteItem",
                "dynamodb:DescribeTable",
                "dynamodb:GetItem",
                "dynamodb:PutItem",
                "dynamodb:Query",
                "dynamodb:UpdateItem",
            ],
            vec![design.names.arn("dynamodb", &format!("table/{table}"))],
        ),
        "kms" => (vec!["kms:Decrypt", "kms:GenerateDataKey"], own("kms")),
        "secretsmanager" => (vec!["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"], own(service)),
        "sns" => (vec!["sns:Publish"], own(service)),
        "sqs" => (vec!["sqs:GetQueueAttributes", "sqs:SendMessage"], own(service)),
        "ssm" => (vec!["ssm:GetParameter", "ssm:GetParameters", "ssm:GetParametersByPath"], own(service)),
        // The actions of these two take no resources.
        "monitoring" => (vec!["cloudwatch:PutMetricData"], vec!["*".to_owned()]),
        "xray" => (vec!["xray:PutTelemetryRecords", "xray:PutTraceSegments"], vec!["*".to_owned()]),
        // Session Manager's messages, whose actions know no resources, and roles of any account.
        "ec2messages" => (
            vec![
                "ec2messages:AcknowledgeMessage",
                "ec2messages:DeleteMessage",
                "ec2messages:FailMessage",
                "ec2messages:GetEndpoint",
                "ec2messages:GetMessages",
                "ec2messages:SendReply",
            ],
            vec!["*".to_owned()],
        ),
        "ssmmessages" => (
            vec![
                "ssmmessages:CreateControlChannel",
                "ssmmessages:CreateDataChannel",
                "ssmmessages:OpenControlChannel",
                "ssmmessages:OpenDataChannel",
            ],
            vec!["*".to_owned()],
        ),
        "sts" => (vec!["sts:AssumeRole", "sts:GetCallerIdentity"], vec!["*".to_owned()]),
        // The functions do not call other services themselves: open to the account for its own resources.
        other => return allow_account(design, service, json!(format!("{other}:*")), json!(own(other))),
    };
    allow_account(design, service, json!(actions), json!(resources))
}

fn allow_account(design: &Design, service: &str, actions: Value, resources: Value) -> Value {
    let mut equal = json!({ "aws:PrincipalAccount": design.account() });
    if service == "s3" {
        // The ARN of a bucket does not say whose it is; all others do. Nothing else goes through this endpoint: Lambda
        // fetches code on its own network (docs/aws-behaviour.md, "VPC: endpoints").
        equal["aws:ResourceAccount"] = json!(design.account());
    }
    document([json!({
        "Effect": "Allow",
        "Principal": "*",
        "Action": actions,
        "Resource": resources,
        "Condition": { "StringEquals": equal },
    })])
}

/// The last part of the names of the flow log's group, role and policy.
const FLOW_LOGS: &str = "flow-logs";

/// All traffic of the VPC, kept in an encrypted log group (`docs/requirements.md`, N6).
fn flow_log(stack: &mut Blueprint, vpc: Handle<Vpc>) {
    let log_group = stack.log_group("flow_logs", Need::Exists, |design, _| design.names.of(Kind::LogGroup, FLOW_LOGS));
    let role = stack.role(FLOW_LOGS, "Writes the VPC's flow logs", |design, _| Permissions {
        trust: trust(design, "vpc-flow-logs.amazonaws.com"),
        policies: vec![(FLOW_LOGS, write_flow_logs(design))],
    });
    stack.add("main", move |design, scope| FlowLog {
        vpc_id: scope.get(vpc, |vpc| vpc.id.clone()),
        traffic: "ALL".to_owned(),
        log_group: scope.get(log_group, |group| group.name.clone()),
        // Ready, because AWS tries the role with its policy.
        role_arn: scope.ready(role, |role| role.arn.clone()),
        aggregation_seconds: 60,
        tags: design.tags(scope, &design.names.only(Kind::FlowLog)),
    });
}

/// Writes only: a late writer must not recreate a log group that was deleted (`docs/aws-behaviour.md`, VPC: flow logs).
fn write_flow_logs(design: &Design) -> Vec<Value> {
    let group = design.names.arn("logs", &format!("log-group:{}", design.names.of(Kind::LogGroup, FLOW_LOGS)));
    vec![
        json!({
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
            "Resource": [group, format!("{group}:*")],
        }),
        // The action knows no resources.
        json!({ "Effect": "Allow", "Action": "logs:DescribeLogGroups", "Resource": "*" }),
    ]
}
