//! The database with its proxy and schema, and the table of sessions.

use std::collections::BTreeMap;
use std::sync::Arc;

use payinfra_aws::names::Kind;
use payinfra_engine::{Graph, Handle};
use serde_json::json;

use super::Design;
use super::functions::Functions;
use super::network::Network;
use super::parameters::Parameters;
use super::security::trust;
use crate::settings::Database;
use payinfra_steps::Cloud;
use payinfra_steps::database::{
    DbCluster, DbInstance, DbParameterGroup, DbProxy, DbSubnetGroup, EnhancedMonitoring, PerformanceInsights, Schema,
    Table, WarmThroughput,
};
use payinfra_steps::monitoring::LogGroup;
use payinfra_steps::security::{Key, Role};

/// The data stores' resources.
#[derive(Clone)]
pub(super) struct Data {
    pub cluster: Handle<DbCluster>,
    pub instances: Vec<Handle<DbInstance>>,
    pub proxy: Option<Handle<DbProxy>>,
    pub table: Handle<Table>,
}

/// The database user of the functions, who logs in with IAM tokens.
pub(super) const USER: &str = "payments_app";

/// The certificate authority whose bundle the functions carry.
const CERTIFICATE_AUTHORITY: &str = "rds-ca-rsa2048-g1";

/// Seconds after which the proxy cuts off a caller that sends nothing.
const IDLE_CLIENT: i32 = 1800;

pub(super) fn add(graph: &mut Graph<Cloud>, design: &Arc<Design>, key: Handle<Key>, network: &Network) -> Data {
    let subnets = subnet_group(graph, design, network);
    let cluster = cluster(graph, design, key, network, subnets);
    let instances = instances(graph, design, key, subnets, cluster);
    let proxy = design.settings.database.proxy.then(|| proxy(graph, design, key, network, cluster));
    Data { cluster, instances, proxy, table: table(graph, design, key) }
}

/// Adds the schema. The function that makes it needs the database, the parameters that tell where it is, and the way to
/// the secret of the master user.
pub(super) fn add_schema(
    graph: &mut Graph<Cloud>,
    data: &Data,
    network: &Network,
    functions: &Functions,
    parameters: &Parameters,
) {
    let cluster = data.cluster;
    let schema = graph.add("main", move |scope| Schema {
        cluster: scope.ready(cluster, |cluster| cluster.resource_id.clone()),
        migrations: Schema::migrations(),
    });
    graph.after(schema, functions.processing.alias);
    data.instances.iter().for_each(|instance| graph.after(schema, *instance));
    data.proxy.iter().for_each(|proxy| graph.after(schema, *proxy));
    network.egress.iter().for_each(|table| graph.after(schema, *table));
    network.rules.iter().for_each(|rules| graph.after(schema, *rules));
    parameters.plain.iter().for_each(|parameter| graph.after(schema, *parameter));
}

fn subnet_group(graph: &mut Graph<Cloud>, design: &Arc<Design>, network: &Network) -> Handle<DbSubnetGroup> {
    let (design, vpc, isolated) = (Arc::clone(design), network.vpc, network.isolated);
    graph.add("main", move |scope| {
        let name = design.names.only(Kind::DbSubnetGroup);
        let mut subnet_ids = isolated.map(|subnet| scope.get(subnet, |subnet| subnet.id.clone())).to_vec();
        subnet_ids.sort();
        DbSubnetGroup {
            description: "The isolated subnets of the payment database".to_owned(),
            vpc_id: scope.get(vpc, |vpc| vpc.id.clone()),
            subnet_ids,
            tags: design.tags(scope, &name),
            name,
        }
    })
}

/// What differs from Aurora's defaults: TLS only, and a log of who comes, what changes the schema and what is slow.
const PARAMETERS: [(&str, &str); 6] = [
    ("log_connections", "1"),
    ("log_disconnections", "1"),
    ("log_lock_waits", "1"),
    ("log_min_duration_statement", "1000"),
    ("log_statement", "ddl"),
    ("rds.force_ssl", "1"),
];

/// A group for each major version, so that a cluster can move from one to the next.
fn parameter_group(graph: &mut Graph<Cloud>, design: &Arc<Design>) -> Handle<DbParameterGroup> {
    let role = format!("postgresql{}", major(&design.settings.database));
    let design = Arc::clone(design);
    graph.add(&role.clone(), move |scope| {
        let name = design.names.of(Kind::DbParameterGroup, &role);
        let pair = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        DbParameterGroup {
            family: format!("aurora-{role}"),
            description: "PostgreSQL for payments: TLS only, with an audit log".to_owned(),
            parameters: PARAMETERS.map(pair).into(),
            tags: design.tags(scope, &name),
            name,
        }
    })
}

fn major(settings: &Database) -> u32 {
    settings.major_version().unwrap_or_default()
}

fn cluster(
    graph: &mut Graph<Cloud>,
    design: &Arc<Design>,
    key: Handle<Key>,
    network: &Network,
    subnets: Handle<DbSubnetGroup>,
) -> Handle<DbCluster> {
    let log = log_group(graph, design, key, "database", design.names.database_log_group());
    let parameters = parameter_group(graph, design);
    let (design, group) = (Arc::clone(design), network.database_group);
    let cluster = graph.add("main", move |scope| {
        let settings = &design.settings.database;
        let name = design.names.only(Kind::DbCluster);
        let key_arn = scope.ready(key, |key| key.arn.clone());
        DbCluster {
            engine_version: settings.engine_version.clone(),
            subnet_group: scope.ready(subnets, |subnets| subnets.name.clone()),
            parameter_group: scope.ready(parameters, |parameters| parameters.name.clone()),
            security_groups: vec![scope.get(group, |group| group.id.clone())],
            port: i32::from(Database::PORT),
            database: settings.name.clone(),
            master_username: settings.master_username.clone(),
            secret_key_arn: key_arn.clone(),
            key_arn,
            iam_authentication: true,
            backup_retention_days: number(settings.backup_retention_days),
            backup_window: settings.backup_window.clone(),
            maintenance_window: settings.stored_maintenance_window(),
            log_exports: vec!["postgresql".to_owned()],
            copies_tags_to_snapshots: true,
            deletion_protection: settings.deletion_protection,
            tags: design.tags(scope, &name),
            name,
        }
    });
    graph.after(cluster, log);
    cluster
}

/// The instances, spread over the zones: the first is made the writer, and the next in line follows it.
fn instances(
    graph: &mut Graph<Cloud>,
    design: &Arc<Design>,
    key: Handle<Key>,
    subnets: Handle<DbSubnetGroup>,
    cluster: Handle<DbCluster>,
) -> Vec<Handle<DbInstance>> {
    let settings = &design.settings.database;
    let monitoring = (settings.monitoring_interval_seconds > 0).then(|| monitoring_role(graph, design));
    (0..settings.instances)
        .map(|index| {
            let number_in_name = (index + 1).to_string();
            let design = Arc::clone(design);
            graph.add(&number_in_name.clone(), move |scope| {
                let settings = &design.settings.database;
                let name = design.names.of(Kind::DbInstance, &number_in_name);
                DbInstance {
                    cluster: scope.get(cluster, |cluster| cluster.id.clone()),
                    subnet_group: scope.get(subnets, |subnets| subnets.name.clone()),
                    class: settings.instance_class.clone(),
                    zone: design.zones[index as usize % design.zones.len()].clone(),
                    public: false,
                    promotion_tier: number(index.min(15)),
                    certificate_authority: CERTIFICATE_AUTHORITY.to_owned(),
                    auto_minor_version_upgrade: settings.auto_minor_version_upgrade,
                    maintenance_window: settings.stored_maintenance_window(),
                    performance_insights: settings.performance_insights.then(|| PerformanceInsights {
                        key_arn: scope.ready(key, |key| key.arn.clone()),
                        retention_days: number(settings.performance_insights_retention_days),
                    }),
                    enhanced_monitoring: monitoring.map(|role| EnhancedMonitoring {
                        interval_seconds: number(settings.monitoring_interval_seconds),
                        role_arn: scope.ready(role, |role| role.arn.clone()),
                    }),
                    tags: design.tags(scope, &name),
                    name,
                }
            })
        })
        .collect()
}

/// Lets enhanced monitoring write its samples, into the one log group that RDS has for them in an account.
fn monitoring_role(graph: &mut Graph<Cloud>, design: &Arc<Design>) -> Handle<Role> {
    let group = design.arn("logs", "log-group:RDSOSMetrics");
    let statements = json!([
        {
            "Sid": "Group",
            "Effect": "Allow",
            "Action": ["logs:CreateLogGroup", "logs:PutRetentionPolicy"],
            "Resource": group,
        },
        {
            "Sid": "Samples",
            "Effect": "Allow",
            "Action": [
                "logs:CreateLogStream",
                "logs:DescribeLogStreams",
                "logs:GetLogEvents",
                "logs:PutLogEvents",
            ],
            "Resource": format!("{group}:log-stream:*"),
        },
    ]);
    let design = Arc::clone(design);
    graph.add("database_monitoring", move |scope| {
        let name = design.names.of(Kind::Role, "database-monitoring");
        Role {
            path: format!("/payinfra/{}/", design.names.suffix()),
            description: "Writes the samples of the database's operating system".to_owned(),
            trust: trust(&design, "monitoring.rds.amazonaws.com"),
            policies: policy(&design, "samples", &statements),
            tags: design.tags(scope, &name),
            name,
        }
    })
}

fn proxy(
    graph: &mut Graph<Cloud>,
    design: &Arc<Design>,
    key: Handle<Key>,
    network: &Network,
    cluster: Handle<DbCluster>,
) -> Handle<DbProxy> {
    let log = log_group(graph, design, key, "database_proxy", design.names.proxy_log_group());
    let role = proxy_role(graph, design, cluster);
    let (design, group, isolated) = (Arc::clone(design), network.database_group, network.isolated);
    let proxy = graph.add("main", move |scope| {
        let settings = &design.settings.database;
        let name = design.names.only(Kind::DbProxy);
        let mut subnet_ids = isolated.map(|subnet| scope.get(subnet, |subnet| subnet.id.clone())).to_vec();
        subnet_ids.sort();
        DbProxy {
            role_arn: scope.ready(role, |role| role.arn.clone()),
            subnet_ids,
            security_groups: vec![scope.get(group, |group| group.id.clone())],
            auth_scheme: "IAM_AUTH".to_owned(),
            require_tls: true,
            idle_client_seconds: IDLE_CLIENT,
            debug_logging: false,
            max_connections_percent: number(settings.proxy_max_connections_percent),
            max_idle_connections_percent: number(settings.proxy_max_connections_percent / 2),
            borrow_timeout_seconds: number(settings.proxy_borrow_timeout_seconds),
            cluster: scope.get(cluster, |cluster| cluster.id.clone()),
            tags: design.tags(scope, &name),
            name,
        }
    });
    graph.after(proxy, log);
    proxy
}

/// Lets the proxy log in to the cluster as the functions' user, with an IAM token: it knows no password.
fn proxy_role(graph: &mut Graph<Cloud>, design: &Arc<Design>, cluster: Handle<DbCluster>) -> Handle<Role> {
    let design = Arc::clone(design);
    graph.add("database_proxy", move |scope| {
        let name = design.names.of(Kind::Role, "database-proxy");
        let resource_id = scope.get(cluster, |cluster| cluster.resource_id.clone());
        let statements = json!([{
            "Sid": "LogIn",
            "Effect": "Allow",
            "Action": "rds-db:connect",
            "Resource": design.arn("rds-db", &format!("dbuser:{resource_id}/{USER}")),
        }]);
        Role {
            path: format!("/payinfra/{}/", design.names.suffix()),
            description: "Logs the database proxy in to the database".to_owned(),
            trust: trust(&design, "rds.amazonaws.com"),
            policies: policy(&design, "log-in", &statements),
            tags: design.tags(scope, &name),
            name,
        }
    })
}

fn table(graph: &mut Graph<Cloud>, design: &Arc<Design>, key: Handle<Key>) -> Handle<Table> {
    let design = Arc::clone(design);
    graph.add("sessions", move |scope| {
        let name = design.names.of(Kind::Table, "sessions");
        let units = |units: u64| i64::try_from(units).unwrap_or(i64::MAX);
        let warm = design.settings.sessions.warm_throughput;
        Table {
            key: "session_id".to_owned(),
            billing: "PAY_PER_REQUEST".to_owned(),
            key_arn: scope.ready(key, |key| key.arn.clone()),
            expiry_attribute: "expires_at".to_owned(),
            point_in_time_recovery: true,
            deletion_protection: false,
            warm_throughput: warm
                .map(|warm| WarmThroughput { read: units(warm.read_units), write: units(warm.write_units) }),
            tags: design.tags(scope, &name),
            name,
        }
    })
}

/// A log group that RDS would otherwise make itself, without encryption and for ever.
fn log_group(
    graph: &mut Graph<Cloud>,
    design: &Arc<Design>,
    key: Handle<Key>,
    node: &str,
    name: String,
) -> Handle<LogGroup> {
    let design = Arc::clone(design);
    graph.add(node, move |scope| LogGroup {
        retention_days: design.settings.logs.retention_days,
        key_arn: scope.ready(key, |key| key.arn.clone()),
        tags: design.tags(scope, &name),
        name: name.clone(),
    })
}

fn policy(design: &Design, role: &str, statements: &serde_json::Value) -> BTreeMap<String, serde_json::Value> {
    let document = json!({ "Version": "2012-10-17", "Statement": statements });
    BTreeMap::from([(design.names.of(Kind::Policy, role), document)])
}

fn number(value: u32) -> i32 {
    value.try_into().unwrap_or(i32::MAX)
}
