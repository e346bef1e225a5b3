//! The database with its proxy.

use payinfra_aws::names::Kind;
use payinfra_engine::{Handle, Need};
use payinfra_steps::database::{
    DbCluster, DbInstance, DbParameterGroup, DbProxy, DbSubnetGroup, EnhancedMonitoring, PARAMETERS,
    PerformanceInsights,
};
use payinfra_steps::security::Role;
use serde_json::json;

use super::blueprint::{Blueprint, Permissions};
use super::network::Network;
use super::policy::{allow, trust, trust_if};
use crate::settings;

/// The database's resources.
#[derive(Clone)]
pub(super) struct Database {
    pub cluster: Handle<DbCluster>,
    pub instances: Vec<Handle<DbInstance>>,
    pub proxy: Option<Handle<DbProxy>>,
}

/// The database user of the functions, who logs in with IAM tokens.
pub(super) const USER: &str = "payments_app";

/// The certificate authority whose bundle the functions contain.
const CERTIFICATE_AUTHORITY: &str = "rds-ca-rsa2048-g1";

/// Seconds after which the proxy disconnects a client that sends nothing.
const IDLE_CLIENT: i32 = 1800;

pub(super) fn add(stack: &mut Blueprint, network: &Network) -> Database {
    let subnets = subnet_group(stack, network);
    let cluster = cluster(stack, network, subnets);
    let instances = instances(stack, subnets, cluster);
    let proxy = stack.design().settings.database.proxy.then(|| proxy(stack, network, cluster));
    Database { cluster, instances, proxy }
}

fn subnet_group(stack: &mut Blueprint, network: &Network) -> Handle<DbSubnetGroup> {
    let (vpc, isolated) = (network.vpc, network.isolated);
    stack.add("main", move |design, scope| {
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

/// A group for each major version, so that a cluster can move from one to the next.
fn parameter_group(stack: &mut Blueprint) -> Handle<DbParameterGroup> {
    let major = stack.design().settings.database.major_version().unwrap_or_default();
    let role = format!("postgresql{major}");
    stack.add(&role.clone(), move |design, scope| {
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

fn cluster(stack: &mut Blueprint, network: &Network, subnets: Handle<DbSubnetGroup>) -> Handle<DbCluster> {
    let log = stack.log_group("database", Need::Ready, |design, _| design.names.database_log_group());
    let parameters = parameter_group(stack);
    let (key, group) = (stack.key, network.database_group);
    let cluster = stack.add("main", move |design, scope| {
        let settings = &design.settings.database;
        let name = design.names.only(Kind::DbCluster);
        let key_arn = scope.ready(key, |key| key.arn.clone());
        DbCluster {
            engine_version: settings.engine_version.clone(),
            subnet_group: scope.ready(subnets, |subnets| subnets.name.clone()),
            parameter_group: scope.ready(parameters, |parameters| parameters.name.clone()),
            security_groups: vec![scope.get(group, |group| group.id.clone())],
            port: i32::from(settings::Database::PORT),
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
    stack.after(cluster, log);
    cluster
}

/// The instances, spread over the zones. The first becomes the writer, the second is the first choice to succeed it.
fn instances(
    stack: &mut Blueprint,
    subnets: Handle<DbSubnetGroup>,
    cluster: Handle<DbCluster>,
) -> Vec<Handle<DbInstance>> {
    let design = stack.design();
    let monitoring = (design.settings.database.monitoring_interval_seconds > 0).then(|| monitoring_role(stack));
    let instance = |index: u32| {
        let (key, role) = (stack.key, (index + 1).to_string());
        stack.add(&role.clone(), move |design, scope| {
            let settings = &design.settings.database;
            let name = design.names.of(Kind::DbInstance, &role);
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
    };
    (0..design.settings.database.instances).map(instance).collect()
}

/// Lets enhanced monitoring write its samples to `RDSOSMetrics`, the log group of that name that an account has once.
fn monitoring_role(stack: &mut Blueprint) -> Handle<Role> {
    let description = "Writes the samples of the database's operating system";
    stack.role("database-monitoring", description, |design, _| {
        let group = design.names.arn("logs", "log-group:RDSOSMetrics");
        let write = ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:GetLogEvents", "logs:PutLogEvents"];
        let statements = vec![
            allow(
                "Group",
                &["logs:CreateLogGroup", "logs:PutRetentionPolicy"],
                vec![group.clone(), format!("{group}:*")],
            ),
            allow("Samples", &write, format!("{group}:log-stream:*")),
        ];
        Permissions { trust: trust(design, "monitoring.rds.amazonaws.com"), policies: vec![("samples", statements)] }
    })
}

fn proxy(stack: &mut Blueprint, network: &Network, cluster: Handle<DbCluster>) -> Handle<DbProxy> {
    let log = stack.log_group("database_proxy", Need::Ready, |design, _| design.names.proxy_log_group());
    let role = proxy_role(stack, cluster);
    let (group, isolated) = (network.database_group, network.isolated);
    let proxy = stack.add("main", move |design, scope| {
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
    stack.after(proxy, log);
    proxy
}

/// Lets the proxy log in to the cluster as the functions' user, with an IAM token instead of a password.
fn proxy_role(stack: &mut Blueprint, cluster: Handle<DbCluster>) -> Handle<Role> {
    stack.role("database-proxy", "Logs the database proxy in to the database", move |design, scope| {
        let resource_id = scope.get(cluster, |cluster| cluster.resource_id.clone());
        let user = design.names.arn("rds-db", &format!("dbuser:{resource_id}/{USER}"));
        let statements = vec![allow("LogIn", &["rds-db:connect"], user)];
        // Nothing says that RDS sends the account for a proxy: without it, a plain condition would lock the proxy out.
        let account = json!({ "StringEqualsIfExists": { "aws:SourceAccount": design.account() } });
        Permissions { trust: trust_if("rds.amazonaws.com", account), policies: vec![("log-in", statements)] }
    })
}

fn number(value: u32) -> i32 {
    value.try_into().unwrap_or(i32::MAX)
}
