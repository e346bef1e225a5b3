//! The network: three zones, each with a public, a private and an isolated subnet.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ipnet::Ipv4Net;
use payinfra_aws::names::Kind;
use payinfra_engine::{Graph, Handle};
use serde_json::{Value, json};

use super::Design;
use super::security::trust;
use crate::settings::{Database, Nat, ZONES};
use payinfra_steps::Cloud;
use payinfra_steps::monitoring::LogGroup;
use payinfra_steps::network::{
    ElasticIp, FlowLog, InternetGateway, InternetGatewayAttachment, NatGateway, RouteTable, Rule, SecurityGroup,
    SecurityGroupRules, Subnet, Vpc, VpcEndpoint,
};
use payinfra_steps::security::{Key, Role};

/// The network's resources.
#[derive(Clone)]
pub(super) struct Network {
    pub vpc: Handle<Vpc>,
    /// For the functions.
    pub private: [Handle<Subnet>; ZONES],
    /// For the database.
    pub isolated: [Handle<Subnet>; ZONES],
    pub nats: Vec<Handle<NatGateway>>,
    pub functions_group: Handle<SecurityGroup>,
    pub database_group: Handle<SecurityGroup>,
    /// The functions' ways out: what calls another service waits for them with [`Graph::after`].
    pub egress: Vec<Handle<RouteTable>>,
    /// Who may talk to whom: what talks to the database waits for them.
    pub rules: Vec<Handle<SecurityGroupRules>>,
}

/// Everywhere.
const ANYWHERE: &str = "0.0.0.0/0";

pub(super) fn add(graph: &mut Graph<Cloud>, design: &Arc<Design>, key: Handle<Key>) -> Network {
    let vpc = {
        let design = Arc::clone(design);
        graph.add("main", move |scope| Vpc {
            cidr: design.settings.network.cidr.to_string(),
            dns_hostnames: true,
            dns_support: true,
            default_group_closed: true,
            tags: design.tags(scope, &design.names.only(Kind::Vpc)),
        })
    };
    let settings = &design.settings.network;
    let public = subnets(graph, design, vpc, "public", &settings.public());
    let private = subnets(graph, design, vpc, "private", &settings.private());
    let isolated = subnets(graph, design, vpc, "isolated", &settings.isolated());
    let attachment = internet_gateway(graph, design, vpc);
    let nats = nat_gateways(graph, design, &public, attachment);
    let egress = routes(graph, design, vpc, [&public, &private, &isolated], attachment, &nats);
    let functions_group = group(graph, design, vpc, "functions", "The payment functions");
    let database_group = group(graph, design, vpc, "database", "The payment database and its proxy");
    let rules = rules(graph, design, functions_group, database_group);
    endpoints(graph, design, vpc, &private, &egress, functions_group);
    flow_log(graph, design, key, vpc);
    Network { vpc, private, isolated, nats, functions_group, database_group, egress, rules }
}

/// The letter of a zone: `a` of `us-east-1a`.
fn letter(design: &Design, zone: usize) -> &str {
    let name = &design.zones[zone];
    name.char_indices().last().map_or("", |(last, _)| &name[last..])
}

fn subnets(
    graph: &mut Graph<Cloud>,
    design: &Arc<Design>,
    vpc: Handle<Vpc>,
    tier: &'static str,
    cidrs: &[Ipv4Net],
) -> [Handle<Subnet>; ZONES] {
    std::array::from_fn(|zone| {
        let cidr = cidrs[zone].to_string();
        let node = format!("{tier}_{}", letter(design, zone));
        let design = Arc::clone(design);
        graph.add(&node, move |scope| Subnet {
            vpc_id: scope.get(vpc, |vpc| vpc.id.clone()),
            zone: design.zones[zone].clone(),
            cidr: cidr.clone(),
            public_addresses: false,
            tags: design.tags(scope, &design.names.of(Kind::Subnet, &format!("{tier}-{}", letter(&design, zone)))),
        })
    })
}

fn internet_gateway(
    graph: &mut Graph<Cloud>,
    design: &Arc<Design>,
    vpc: Handle<Vpc>,
) -> Handle<InternetGatewayAttachment> {
    let design = Arc::clone(design);
    let gateway = graph.add("main", move |scope| InternetGateway {
        tags: design.tags(scope, &design.names.only(Kind::InternetGateway)),
    });
    graph.add("main", move |scope| InternetGatewayAttachment {
        gateway_id: scope.get(gateway, |gateway| gateway.id.clone()),
        vpc_id: scope.get(vpc, |vpc| vpc.id.clone()),
    })
}

/// The NAT gateways: one in each zone, one in the first, or none.
fn nat_gateways(
    graph: &mut Graph<Cloud>,
    design: &Arc<Design>,
    public: &[Handle<Subnet>; ZONES],
    attachment: Handle<InternetGatewayAttachment>,
) -> Vec<Handle<NatGateway>> {
    let zones = match design.settings.network.nat {
        Nat::PerZone => ZONES,
        Nat::Single => 1,
        Nat::None => 0,
    };
    let nat = |(zone, subnet): (usize, &Handle<Subnet>)| {
        let (subnet, node) = (*subnet, letter(design, zone).to_owned());
        let address = {
            let design = Arc::clone(design);
            graph.add(&node, move |scope| {
                let name = design.names.of(Kind::ElasticIp, &format!("nat-{}", letter(&design, zone)));
                ElasticIp { tags: design.tags(scope, &name) }
            })
        };
        let design = Arc::clone(design);
        let nat = graph.add(&node, move |scope| NatGateway {
            subnet_id: scope.get(subnet, |subnet| subnet.id.clone()),
            allocation_id: scope.get(address, |address| address.id.clone()),
            tags: design.tags(scope, &design.names.of(Kind::NatGateway, letter(&design, zone))),
        });
        // EC2 makes none in a VPC without internet, and does not let the internet go before it.
        graph.after(nat, attachment);
        nat
    };
    public.iter().enumerate().take(zones).map(nat).collect()
}

/// One table for the public subnets, one for each private subnet, one for the isolated ones, which lead nowhere.
fn routes(
    graph: &mut Graph<Cloud>,
    design: &Arc<Design>,
    vpc: Handle<Vpc>,
    [public, private, isolated]: [&[Handle<Subnet>; ZONES]; 3],
    attachment: Handle<InternetGatewayAttachment>,
    nats: &[Handle<NatGateway>],
) -> Vec<Handle<RouteTable>> {
    let shared = [("public", *public, true), ("isolated", *isolated, false)];
    for (tier, subnets, internet) in shared {
        let design = Arc::clone(design);
        graph.add(tier, move |scope| RouteTable {
            vpc_id: scope.get(vpc, |vpc| vpc.id.clone()),
            routes: internet
                .then(|| (ANYWHERE.to_owned(), scope.ready(attachment, |attachment| attachment.gateway_id.clone())))
                .into_iter()
                .collect(),
            subnet_ids: subnets.iter().map(|subnet| scope.get(*subnet, |subnet| subnet.id.clone())).collect(),
            tags: design.tags(scope, &design.names.of(Kind::RouteTable, tier)),
        });
    }
    let table = |(zone, subnet): (usize, &Handle<Subnet>)| {
        // A single gateway serves all zones.
        let (subnet, nat) = (*subnet, nats.get(zone).or(nats.first()).copied());
        let design = Arc::clone(design);
        let node = format!("private_{}", letter(&design, zone));
        graph.add(&node, move |scope| RouteTable {
            vpc_id: scope.get(vpc, |vpc| vpc.id.clone()),
            // EC2 takes a route to a gateway that is still being made.
            routes: nat.map(|nat| (ANYWHERE.to_owned(), scope.get(nat, |nat| nat.id.clone()))).into_iter().collect(),
            subnet_ids: BTreeSet::from([scope.get(subnet, |subnet| subnet.id.clone())]),
            tags: design.tags(scope, &design.names.of(Kind::RouteTable, &format!("private-{}", letter(&design, zone)))),
        })
    };
    private.iter().enumerate().map(table).collect()
}

fn group(
    graph: &mut Graph<Cloud>,
    design: &Arc<Design>,
    vpc: Handle<Vpc>,
    role: &'static str,
    description: &'static str,
) -> Handle<SecurityGroup> {
    let design = Arc::clone(design);
    graph.add(role, move |scope| {
        let name = design.names.of(Kind::SecurityGroup, role);
        SecurityGroup {
            vpc_id: scope.get(vpc, |vpc| vpc.id.clone()),
            description: description.to_owned(),
            tags: design.tags(scope, &name),
            name,
        }
    })
}

/// Functions talk to the database and, encrypted, to the world; nothing talks to them. Only the proxy, which stands in
/// the database's group, makes the database talk to itself.
fn rules(
    graph: &mut Graph<Cloud>,
    design: &Arc<Design>,
    functions: Handle<SecurityGroup>,
    database: Handle<SecurityGroup>,
) -> Vec<Handle<SecurityGroupRules>> {
    let of_functions = graph.add("functions", move |scope| SecurityGroupRules {
        group_id: scope.get(functions, |group| group.id.clone()),
        ingress: BTreeSet::new(),
        egress: BTreeSet::from([
            Rule::tcp(443, ANYWHERE, "AWS services and webhooks"),
            Rule::tcp(Database::PORT, scope.get(database, |group| group.id.clone()), "the database"),
        ]),
    });
    let proxy = design.settings.database.proxy;
    let of_database = graph.add("database", move |scope| {
        let group_id = scope.get(database, |group| group.id.clone());
        let proxy = proxy.then(|| group_id.clone());
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

/// The private ways to AWS services: S3 and DynamoDB always, others as configured.
fn endpoints(
    graph: &mut Graph<Cloud>,
    design: &Arc<Design>,
    vpc: Handle<Vpc>,
    private: &[Handle<Subnet>; ZONES],
    tables: &[Handle<RouteTable>],
    functions: Handle<SecurityGroup>,
) {
    for service in ["s3", "dynamodb"] {
        let (design, tables) = (Arc::clone(design), tables.to_vec());
        graph.add(service, move |scope| VpcEndpoint {
            vpc_id: scope.get(vpc, |vpc| vpc.id.clone()),
            service: format!("com.amazonaws.us-east-1.{service}"),
            endpoint_type: "Gateway".to_owned(),
            policy: endpoint_policy(&design, service),
            route_table_ids: tables.iter().map(|table| scope.get(*table, |table| table.id.clone())).collect(),
            subnet_ids: BTreeSet::new(),
            security_group_ids: BTreeSet::new(),
            private_dns: false,
            tags: design.tags(scope, &design.names.of(Kind::VpcEndpoint, service)),
        });
    }
    let services = design.settings.network.interface_endpoints.clone();
    if services.is_empty() {
        return;
    }
    let own = group(graph, design, vpc, "endpoints", "The interface endpoints of AWS services");
    graph.add("endpoints", move |scope| SecurityGroupRules {
        group_id: scope.get(own, |group| group.id.clone()),
        ingress: BTreeSet::from([Rule::tcp(443, scope.get(functions, |group| group.id.clone()), "the functions")]),
        egress: BTreeSet::new(),
    });
    for service in services {
        let (design, private) = (Arc::clone(design), *private);
        graph.add(&service.replace('-', "_"), move |scope| VpcEndpoint {
            // Private names need the VPC's name service to be on.
            vpc_id: scope.ready(vpc, |vpc| vpc.id.clone()),
            service: format!("com.amazonaws.us-east-1.{service}"),
            endpoint_type: "Interface".to_owned(),
            policy: endpoint_policy(&design, &service),
            route_table_ids: BTreeSet::new(),
            subnet_ids: private.iter().map(|subnet| scope.get(*subnet, |subnet| subnet.id.clone())).collect(),
            security_group_ids: BTreeSet::from([scope.get(own, |group| group.id.clone())]),
            private_dns: true,
            tags: design.tags(scope, &design.names.of(Kind::VpcEndpoint, &service)),
        });
    }
}

/// What may be asked through an endpoint: what the functions ask, by this account, of this account's resources.
///
/// The principal is everyone because a gateway endpoint knows no other; the condition says who that is.
fn endpoint_policy(design: &Design, service: &str) -> Value {
    let bucket = design.names.of(Kind::Bucket, "archive");
    let table = design.names.of(Kind::Table, "sessions");
    let own = |prefix: &str| vec![design.arn(prefix, "*")];
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
            vec![design.arn("dynamodb", &format!("table/{table}"))],
        ),
        "kms" => (vec!["kms:Decrypt", "kms:GenerateDataKey"], own("kms")),
        "secretsmanager" => (vec!["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"], own(service)),
        "sns" => (vec!["sns:Publish"], own(service)),
        "sqs" => (vec!["sqs:GetQueueAttributes", "sqs:SendMessage"], own(service)),
        "ssm" => (vec!["ssm:GetParameter", "ssm:GetParameters", "ssm:GetParametersByPath"], own(service)),
        // These two have no resources to name.
        "monitoring" => (vec!["cloudwatch:PutMetricData"], vec!["*".to_owned()]),
        "xray" => (vec!["xray:PutTelemetryRecords", "xray:PutTraceSegments"], vec!["*".to_owned()]),
        // What the functions do not use by themselves is open to the account for its own resources.
        other => return allow_account(design, json!(format!("{other}:*")), json!(own(other))),
    };
    allow_account(design, json!(actions), json!(resources))
}

fn allow_account(design: &Design, actions: Value, resources: Value) -> Value {
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": "*",
            "Action": actions,
            "Resource": resources,
            "Condition": { "StringEquals": { "aws:PrincipalAccount": design.account() } },
        }],
    })
}

/// All traffic of the VPC, kept in an encrypted log group (N6).
fn flow_log(graph: &mut Graph<Cloud>, design: &Arc<Design>, key: Handle<Key>, vpc: Handle<Vpc>) {
    let log_group = {
        let design = Arc::clone(design);
        graph.add("flow_logs", move |scope| {
            let name = design.names.of(Kind::LogGroup, "flow-logs");
            LogGroup {
                retention_days: design.settings.logs.retention_days,
                key_arn: scope.get(key, |key| key.arn.clone()),
                tags: design.tags(scope, &name),
                name,
            }
        })
    };
    let role = {
        let design = Arc::clone(design);
        graph.add("flow_logs", move |scope| {
            let name = design.names.of(Kind::Role, "flow-logs");
            Role {
                path: format!("/payinfra/{}/", design.names.suffix()),
                description: "Writes the VPC's flow logs".to_owned(),
                trust: trust(&design, "vpc-flow-logs.amazonaws.com"),
                policies: BTreeMap::from([(design.names.of(Kind::Policy, "flow-logs"), flow_log_policy(&design))]),
                tags: design.tags(scope, &name),
                name,
            }
        })
    };
    let design = Arc::clone(design);
    graph.add("main", move |scope| FlowLog {
        vpc_id: scope.get(vpc, |vpc| vpc.id.clone()),
        traffic: "ALL".to_owned(),
        log_group: scope.get(log_group, |group| group.name.clone()),
        // With its policy, which AWS tries.
        role_arn: scope.ready(role, |role| role.arn.clone()),
        aggregation_seconds: 60,
        tags: design.tags(scope, &design.names.only(Kind::FlowLog)),
    });
}

/// Writing only: a group that was deleted must not come back by itself (fact sheet §5.2).
fn flow_log_policy(design: &Design) -> Value {
    let group = design.arn("logs", &format!("log-group:{}", design.names.of(Kind::LogGroup, "flow-logs")));
    json!({
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
                "Resource": [group, format!("{group}:*")],
            },
            {
                "Effect": "Allow",
                "Action": "logs:DescribeLogGroups",
                "Resource": design.arn("logs", "log-group:*"),
            },
        ],
    })
}
