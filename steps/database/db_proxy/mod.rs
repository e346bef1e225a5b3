//! RDS Proxy: many callers on few connections of the cluster.

use aws_sdk_rds::types::{
    ConnectionPoolConfiguration, DbProxy as Found, DbProxyStatus, DbProxyTarget, DefaultAuthScheme, EngineFamily,
    TargetHealth, TargetHealthReason, TargetState, TargetType,
};
use futures::future::try_join_all;
use payinfra_aws::names::Kind;
use payinfra_aws::{Emulator, Owned, Tags, error, unless};
use payinfra_engine::{Class, Created, Durations, Error, Idempotency, Live, Progress, Resource, Select, Status};
use serde::{Deserialize, Serialize};

use super::rds::{host, retag, tags_of, text, to_rds, wanted};
use crate::{Cloud, Context};

/// An RDS Proxy for PostgreSQL with its one group of targets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DbProxy {
    /// Its name.
    pub name: String,
    /// The role that logs it in to the cluster.
    pub role_arn: String,
    /// Its subnets, in alphabetical order.
    pub subnet_ids: Vec<String>,
    /// Its security groups, in alphabetical order.
    pub security_groups: Vec<String>,
    /// How callers and the proxy itself log in: `IAM_AUTH` means with IAM tokens on both sides, without any password.
    pub auth_scheme: String,
    /// Whether callers must use TLS.
    pub require_tls: bool,
    /// Seconds until an idle caller is cut off.
    pub idle_client_seconds: i32,
    /// Whether it logs statements, which may hold data.
    pub debug_logging: bool,
    /// The share of the cluster's connections it may use, in percent.
    pub max_connections_percent: i32,
    /// The share of them it may keep idle, in percent.
    pub max_idle_connections_percent: i32,
    /// Seconds that a caller waits for a connection.
    pub borrow_timeout_seconds: i32,
    /// The cluster behind it; empty means none.
    pub cluster: String,
    /// Its tags.
    pub tags: Tags,
}

/// What others use of a proxy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outputs {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// The id in policies for IAM log-ins, `prx-…`.
    pub resource_id: String,
    /// Its host name.
    pub endpoint: String,
}

impl Resource for DbProxy {
    type Cloud = Cloud;
    type Outputs = Outputs;
    const KIND: &'static str = "db_proxy";
    const FORCES_REPLACEMENT: &'static [&'static str] = &["name", "subnet_ids"];
    const IDEMPOTENCY: Idempotency = Idempotency::Name;
    const DURATIONS: Durations = Durations::seconds(300, 60, 5400);
    // The cluster may be deleted before its proxy; subnets and security groups wait for its interfaces themselves.
    const BLOCKS_DELETION: bool = false;

    async fn list(cloud: &Cloud, select: Select<'_>) -> Result<Vec<Live<Self>>, Error> {
        let proxies = cloud.rds.describe_db_proxies().into_paginator().items().send();
        let proxies: Vec<Found> = proxies.collect::<Result<_, _>>().await.map_err(error("DescribeDBProxies"))?;
        let proxies = proxies.iter().filter(|found| wanted(cloud, select, Kind::DbProxy, &text(found.db_proxy_name())));
        let found = try_join_all(proxies.map(|found| async move { unless(Class::Absent, live(cloud, found).await) }));
        let mut found: Vec<_> = found.await?.into_iter().flatten().collect();
        found.retain(|live| select != Select::Owned || live.address.is_some());
        Ok(found)
    }

    async fn create(&self, cx: &Context<'_>) -> Result<Created<Self>, Error> {
        let request = cx
            .rds
            .create_db_proxy()
            .db_proxy_name(&self.name)
            .engine_family(EngineFamily::Postgresql)
            .role_arn(&self.role_arn)
            .set_vpc_subnet_ids(Some(self.subnet_ids.clone()))
            .set_vpc_security_group_ids(Some(self.security_groups.clone()))
            .default_auth_scheme(DefaultAuthScheme::from(self.auth_scheme.as_str()))
            // Moto fails without a list of secrets, though it may be empty.
            .set_auth((cx.emulator == Some(Emulator::Moto)).then(Vec::new))
            .require_tls(self.require_tls)
            .idle_client_timeout(self.idle_client_seconds)
            .debug_logging(self.debug_logging)
            .set_tags(Some(to_rds(&self.tags)));
        let made = request.send().await.map_err(error("CreateDBProxy"))?;
        let made = made.db_proxy();
        made.map_or(Ok(()), |made| self.is_in_every_subnet(made.vpc_subnet_ids()))?;
        Ok(Created { id: self.name.clone(), outputs: made.map(|proxy| outputs(cx, proxy)) })
    }

    async fn update(&self, cx: &Context<'_>, live: &Live<Self>, changed: &[&str]) -> Result<(), Error> {
        let is = |name: &str| changed.contains(&name);
        let any = |names: &[&str]| names.iter().any(|name| changed.contains(name));
        if is("tags") {
            retag(cx, &live.outputs.arn, &live.spec.tags, &self.tags).await?;
        }
        if any(&["role_arn", "security_groups", "auth_scheme", "require_tls", "idle_client_seconds", "debug_logging"]) {
            let scheme = DefaultAuthScheme::from(self.auth_scheme.as_str());
            let request = cx
                .rds
                .modify_db_proxy()
                .db_proxy_name(&live.id)
                .set_role_arn(is("role_arn").then(|| self.role_arn.clone()))
                .set_security_groups(is("security_groups").then(|| self.security_groups.clone()))
                .set_default_auth_scheme(is("auth_scheme").then_some(scheme))
                .set_require_tls(is("require_tls").then_some(self.require_tls))
                .set_idle_client_timeout(is("idle_client_seconds").then_some(self.idle_client_seconds))
                .set_debug_logging(is("debug_logging").then_some(self.debug_logging));
            request.send().await.map_err(error("ModifyDBProxy"))?;
        }
        if any(&["max_connections_percent", "max_idle_connections_percent", "borrow_timeout_seconds"]) {
            let pool = ConnectionPoolConfiguration::builder()
                .max_connections_percent(self.max_connections_percent)
                .max_idle_connections_percent(self.max_idle_connections_percent)
                .connection_borrow_timeout(self.borrow_timeout_seconds);
            let request = cx.rds.modify_db_proxy_target_group().db_proxy_name(&live.id).target_group_name(GROUP);
            let request = request.connection_pool_config(pool.build());
            request.send().await.map_err(error("ModifyDBProxyTargetGroup"))?;
        }
        if is("cluster") {
            if !live.spec.cluster.is_empty() {
                let request = cx.rds.deregister_db_proxy_targets().db_proxy_name(&live.id).target_group_name(GROUP);
                let request = request.db_cluster_identifiers(&live.spec.cluster);
                request.send().await.map_err(error("DeregisterDBProxyTargets"))?;
            }
            // Refused until an instance of the cluster is available; the engine waits for it.
            let request = cx.rds.register_db_proxy_targets().db_proxy_name(&live.id).target_group_name(GROUP);
            let request = request.db_cluster_identifiers(&self.cluster);
            unless(Class::Exists, request.send().await.map_err(error("RegisterDBProxyTargets")))?;
        }
        Ok(())
    }

    async fn delete(cx: &Context<'_>, live: &Live<Self>) -> Result<Progress, Error> {
        cx.rds.delete_db_proxy().db_proxy_name(&live.id).send().await.map_err(error("DeleteDBProxy"))?;
        Ok(Progress::Going)
    }
}

impl DbProxy {
    /// Refuses a proxy that RDS has put into some of the subnets only, as it does without an error where a zone lacks the
    /// service (docs/aws-behaviour.md, "VPC: availability zones"). Replacing it would not help.
    fn is_in_every_subnet(&self, subnets: &[String]) -> Result<(), Error> {
        let left_out: Vec<&str> =
            self.subnet_ids.iter().filter(|subnet| !subnets.contains(subnet)).map(String::as_str).collect();
        if subnets.is_empty() || left_out.is_empty() {
            return Ok(());
        }
        let message = format!(
            "RDS Proxy left out {}: it does not exist in that availability zone. Destroy the stack and create it in other \
             zones (network.zones), or set database.proxy = false",
            left_out.join(", ")
        );
        Err(Error::new(Class::Invalid, "CreateDBProxy", message))
    }
}

/// The one group of targets a proxy has.
const GROUP: &str = "default";

fn outputs(cloud: &Cloud, found: &Found) -> Outputs {
    let arn = text(found.db_proxy_arn());
    let resource_id = arn.rsplit(':').next().unwrap_or_default().to_owned();
    Outputs { name: text(found.db_proxy_name()), arn, resource_id, endpoint: host(cloud, found.endpoint()) }
}

async fn live(cloud: &Cloud, found: &Found) -> Result<Live<DbProxy>, Error> {
    let outputs = outputs(cloud, found);
    let (groups, targets) = (
        cloud.rds.describe_db_proxy_target_groups().db_proxy_name(&outputs.name),
        cloud.rds.describe_db_proxy_targets().db_proxy_name(&outputs.name),
    );
    // Both may be refused while the proxy is being made or deleted: nothing is known of its targets then.
    let (tags, groups, targets) = tokio::try_join!(
        tags_of(cloud, &outputs.arn),
        async { unless(Class::InUse, groups.send().await.map_err(error("DescribeDBProxyTargetGroups"))) },
        async { unless(Class::InUse, targets.send().await.map_err(error("DescribeDBProxyTargets"))) },
    )?;
    let refused = groups.is_none() || targets.is_none();
    let groups = groups.as_ref().map(|found| found.target_groups()).unwrap_or_default();
    let targets = targets.as_ref().map(|found| found.targets()).unwrap_or_default();
    let pool = groups.iter().find_map(|group| group.connection_pool_config());
    let cluster = targets.iter().find(|target| target.r#type() == Some(&TargetType::TrackedCluster));
    let busy = if refused { Some("changing".to_owned()) } else { unusable(targets) };
    let (mut subnet_ids, mut security_groups) =
        (found.vpc_subnet_ids().to_vec(), found.vpc_security_group_ids().to_vec());
    subnet_ids.sort();
    security_groups.sort();
    Ok(Live {
        address: tags.address_in(cloud.stack()),
        id: outputs.name.clone(),
        status: match found.status() {
            Some(DbProxyStatus::Available) | None => busy.map_or(Status::Ready, Status::Pending),
            Some(DbProxyStatus::Deleting) => Status::Deleting,
            Some(status @ (DbProxyStatus::IncompatibleNetwork | DbProxyStatus::InsufficientResourceLimits)) => {
                Status::Failed(status.as_str().to_owned())
            }
            Some(status) => Status::Pending(status.as_str().to_owned()),
        },
        spec: DbProxy {
            name: outputs.name.clone(),
            role_arn: text(found.role_arn()),
            subnet_ids,
            security_groups,
            auth_scheme: found.default_auth_scheme().unwrap_or(DefaultAuthScheme::None.as_str()).to_owned(),
            require_tls: found.require_tls().unwrap_or_default(),
            idle_client_seconds: found.idle_client_timeout().unwrap_or_default(),
            debug_logging: found.debug_logging().unwrap_or_default(),
            max_connections_percent: pool.and_then(|pool| pool.max_connections_percent()).unwrap_or_default(),
            max_idle_connections_percent: pool.and_then(|pool| pool.max_idle_connections_percent()).unwrap_or_default(),
            borrow_timeout_seconds: pool.and_then(|pool| pool.connection_borrow_timeout()).unwrap_or_default(),
            cluster: text(cluster.and_then(|target| target.rds_resource_id().or(target.tracked_cluster_id()))),
            tags,
        },
        outputs,
    })
}

/// Why no target can be used yet: one is being registered or waits for capacity, or none can be reached.
///
/// Targets that refuse the log-in do not count. The role in the database is made by the first migration, which waits for
/// the proxy: waiting for the role here would be waiting for each other.
fn unusable(targets: &[DbProxyTarget]) -> Option<String> {
    let healths: Vec<_> = targets.iter().filter_map(|target| target.target_health()).collect();
    if healths.iter().any(|health| health.state() == Some(&TargetState::Registering)) {
        return Some("registering its targets".to_owned());
    }
    let waits = |health: &&&TargetHealth| health.reason() == Some(&TargetHealthReason::PendingProxyCapacity);
    let down = |health: &TargetHealth| {
        // Without a reason the database itself is gone, as during `destroy`: that must not hold the deletion back.
        health.state() == Some(&TargetState::Unavailable)
            && health.reason().is_some_and(|reason| *reason != TargetHealthReason::AuthFailure)
    };
    let all_down = healths.iter().all(|health| down(health));
    let health = healths.iter().find(waits).or(healths.first().filter(|_| all_down))?;
    let reason = health.reason().map_or("unavailable", TargetHealthReason::as_str);
    Some(
        format!("waiting for its targets: {reason} {}", health.description().unwrap_or_default()).trim_end().to_owned(),
    )
}

#[cfg(test)]
mod tests;
