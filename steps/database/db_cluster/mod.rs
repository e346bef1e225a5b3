//! The Aurora PostgreSQL cluster: storage, endpoints, backups, the master secret.

use aws_sdk_rds::types::{CloudwatchLogsExportConfiguration, DbCluster as Found, Filter};
use payinfra_aws::names::Kind;
use payinfra_aws::{Owned, Tags, error};
use payinfra_engine::{Class, Created, Durations, Error, Idempotency, Live, Progress, Resource, Select, Status};
use serde::{Deserialize, Serialize};

use super::engine_version;
use super::rds::{from_rds, host, retag, sorted, text, to_rds, wanted};
use crate::{Cloud, Context};

/// An Aurora PostgreSQL cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DbCluster {
    /// Its name.
    pub name: String,
    /// The version asked for: a major one (`16`), or a full one that is the least to run (`16.13`).
    pub engine_version: String,
    /// The group of its subnets.
    pub subnet_group: String,
    /// The cluster parameter group.
    pub parameter_group: String,
    /// Its security groups, in alphabetical order.
    pub security_groups: Vec<String>,
    /// The port.
    pub port: i32,
    /// The database made with it.
    pub database: String,
    /// The master user.
    pub master_username: String,
    /// The KMS key of the master user's secret, which RDS makes, keeps and rotates; empty means a password of our own.
    pub secret_key_arn: String,
    /// The KMS key of its storage; empty means that it is not encrypted.
    pub key_arn: String,
    /// Whether users may log in with IAM tokens.
    pub iam_authentication: bool,
    /// Days of automated backups.
    pub backup_retention_days: i32,
    /// When backups are taken, `hh:mm-hh:mm` in UTC.
    pub backup_window: String,
    /// When AWS may patch, `ddd:hh:mm-ddd:hh:mm` in UTC.
    pub maintenance_window: String,
    /// The logs it sends to CloudWatch, in alphabetical order.
    pub log_exports: Vec<String>,
    /// Whether snapshots get its tags.
    pub copies_tags_to_snapshots: bool,
    /// Whether RDS refuses to delete it.
    pub deletion_protection: bool,
    /// Its tags.
    pub tags: Tags,
}

/// What others use of a cluster; all of it is in the answer to its creation, a quarter of an hour before it works.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outputs {
    /// Its name.
    pub id: String,
    /// Its ARN.
    pub arn: String,
    /// The id in policies for IAM log-ins, `cluster-…`.
    pub resource_id: String,
    /// The host name of the writer.
    pub endpoint: String,
    /// The host name that spreads over the readers.
    pub reader_endpoint: String,
    /// The port.
    pub port: String,
    /// The ARN of the master user's secret.
    pub secret_arn: String,
    /// The instances on which the parameter group is in force only after a restart.
    #[serde(default)]
    pub restarts_pending: Vec<String>,
}

/// Remembers the version that was asked for: the running one moves on by itself.
const ASKED_VERSION: &str = "payinfra:engine-version";

const ENGINE: &str = "aurora-postgresql";

impl Resource for DbCluster {
    type Cloud = Cloud;
    type Outputs = Outputs;
    const KIND: &'static str = "db_cluster";
    const FORCES_REPLACEMENT: &'static [&'static str] =
        &["name", "subnet_group", "database", "master_username", "secret_key_arn", "key_arn"];
    const IDEMPOTENCY: Idempotency = Idempotency::Name;
    const DURATIONS: Durations = Durations::seconds(45, 60, 5400);

    async fn list(cloud: &Cloud, select: Select<'_>) -> Result<Vec<Live<Self>>, Error> {
        let clusters = cloud.rds.describe_db_clusters().into_paginator().items().send();
        let clusters: Vec<Found> = clusters.collect::<Result<_, _>>().await.map_err(error("DescribeDBClusters"))?;
        let clusters = clusters
            .iter()
            .filter(|found| wanted(cloud, select, Kind::DbCluster, &text(found.db_cluster_identifier())));
        let mut found: Vec<_> = clusters.map(|found| live(cloud, found)).collect();
        found.retain(|live| select != Select::Owned || live.address.is_some());
        Ok(found)
    }

    async fn create(&self, cx: &Context<'_>) -> Result<Created<Self>, Error> {
        let version = engine_version::resolve(cx, &self.engine_version).await?;
        let managed = !self.secret_key_arn.is_empty();
        let request = cx
            .rds
            .create_db_cluster()
            .db_cluster_identifier(&self.name)
            .engine(ENGINE)
            .engine_version(version)
            .db_subnet_group_name(&self.subnet_group)
            .db_cluster_parameter_group_name(&self.parameter_group)
            .set_vpc_security_group_ids(Some(self.security_groups.clone()))
            .port(self.port)
            .database_name(&self.database)
            .master_username(&self.master_username)
            .manage_master_user_password(managed)
            .set_master_user_secret_kms_key_id(managed.then(|| self.secret_key_arn.clone()))
            .storage_encrypted(!self.key_arn.is_empty())
            .set_kms_key_id((!self.key_arn.is_empty()).then(|| self.key_arn.clone()))
            .enable_iam_database_authentication(self.iam_authentication)
            .backup_retention_period(self.backup_retention_days)
            .preferred_backup_window(&self.backup_window)
            .preferred_maintenance_window(&self.maintenance_window)
            .set_enable_cloudwatch_logs_exports(Some(self.log_exports.clone()))
            .copy_tags_to_snapshot(self.copies_tags_to_snapshots)
            .deletion_protection(self.deletion_protection)
            .set_tags(Some(to_rds(&self.all_tags())));
        let made = request.send().await.map_err(error("CreateDBCluster"))?;
        // Without the secret's ARN the answer is not the whole truth; the engine then looks again.
        let outputs = made.db_cluster().map(|made| outputs(cx, made));
        let outputs = outputs.filter(|outputs| !managed || !outputs.secret_arn.is_empty());
        Ok(Created { id: self.name.clone(), outputs })
    }

    async fn update(&self, cx: &Context<'_>, live: &Live<Self>, changed: &[&str]) -> Result<(), Error> {
        let is = |name: &str| changed.contains(&name);
        if is("tags") || is("engine_version") {
            retag(cx, &live.outputs.arn, &live.spec.all_tags(), &self.all_tags()).await?;
        }
        if changed.iter().all(|name| *name == "tags") {
            return Ok(());
        }
        let request = cx.rds.modify_db_cluster().db_cluster_identifier(&live.id).apply_immediately(true);
        let request = request
            .set_db_cluster_parameter_group_name(is("parameter_group").then(|| self.parameter_group.clone()))
            .set_vpc_security_group_ids(is("security_groups").then(|| self.security_groups.clone()))
            .set_port(is("port").then_some(self.port))
            .set_enable_iam_database_authentication(is("iam_authentication").then_some(self.iam_authentication))
            .set_backup_retention_period(is("backup_retention_days").then_some(self.backup_retention_days))
            .set_preferred_backup_window(is("backup_window").then(|| self.backup_window.clone()))
            .set_preferred_maintenance_window(is("maintenance_window").then(|| self.maintenance_window.clone()))
            .set_cloudwatch_logs_export_configuration(is("log_exports").then(|| self.exports(&live.spec)))
            .set_copy_tags_to_snapshot(is("copies_tags_to_snapshots").then_some(self.copies_tags_to_snapshots))
            .set_deletion_protection(is("deletion_protection").then_some(self.deletion_protection));
        let request = if is("engine_version") {
            let version = engine_version::resolve(cx, &self.engine_version).await?;
            request.engine_version(version).allow_major_version_upgrade(true)
        } else {
            request
        };
        request.send().await.map_err(error("ModifyDBCluster"))?;
        Ok(())
    }

    async fn delete(cx: &Context<'_>, live: &Live<Self>) -> Result<Progress, Error> {
        if live.spec.deletion_protection {
            let request = cx.rds.modify_db_cluster().db_cluster_identifier(&live.id).deletion_protection(false);
            request.apply_immediately(true).send().await.map_err(error("ModifyDBCluster"))?;
            return Ok(Progress::More);
        }
        // RDS refuses it too, unlike the emulators, which would lose the instances.
        if has_instances(cx, &live.id).await? {
            return Err(Error::new(Class::InUse, "DeleteDBCluster", "the cluster has instances"));
        }
        let request = cx.rds.delete_db_cluster().db_cluster_identifier(&live.id).delete_automated_backups(true);
        let request = if cx.options.final_snapshots {
            // A snapshot's name is never given twice.
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
            request.final_db_snapshot_identifier(format!("{}-final-{}", live.id, now.as_secs()))
        } else {
            request.skip_final_snapshot(true)
        };
        request.send().await.map_err(error("DeleteDBCluster"))?;
        Ok(Progress::Going)
    }
}

impl DbCluster {
    fn all_tags(&self) -> Tags {
        let mut tags = self.tags.clone();
        tags.insert(ASKED_VERSION.to_owned(), self.engine_version.clone());
        tags
    }

    /// What to switch on and off to come from the live exports to these.
    fn exports(&self, live: &Self) -> CloudwatchLogsExportConfiguration {
        let missing = |from: &[String], of: &[String]| -> Option<Vec<String>> {
            let missing: Vec<_> = of.iter().filter(|log| !from.contains(log)).cloned().collect();
            (!missing.is_empty()).then_some(missing)
        };
        CloudwatchLogsExportConfiguration::builder()
            .set_enable_log_types(missing(&live.log_exports, &self.log_exports))
            .set_disable_log_types(missing(&self.log_exports, &live.log_exports))
            .build()
    }
}

fn outputs(cloud: &Cloud, found: &Found) -> Outputs {
    Outputs {
        id: text(found.db_cluster_identifier()),
        arn: text(found.db_cluster_arn()),
        resource_id: text(found.db_cluster_resource_id()),
        endpoint: host(cloud, found.endpoint()),
        reader_endpoint: host(cloud, found.reader_endpoint()),
        port: found.port().map(|port| port.to_string()).unwrap_or_default(),
        secret_arn: text(found.master_user_secret().and_then(|secret| secret.secret_arn())),
        restarts_pending: {
            let members = found.db_cluster_members().iter();
            let pending = members.filter(|member| member.db_cluster_parameter_group_status() == Some("pending-reboot"));
            pending.map(|member| text(member.db_instance_identifier())).collect()
        },
    }
}

/// Whether the cluster has instances that are not being deleted.
async fn has_instances(cloud: &Cloud, cluster: &str) -> Result<bool, Error> {
    let members = Filter::builder().name("db-cluster-id").values(cluster).build();
    let request = cloud.rds.describe_db_instances().filters(members);
    let found = request.send().await.map_err(error("DescribeDBInstances"))?;
    Ok(found.db_instances().iter().any(|instance| instance.db_instance_status() != Some("deleting")))
}

fn live(cloud: &Cloud, found: &Found) -> Live<DbCluster> {
    let mut tags = from_rds(found.tag_list());
    let asked = tags.remove(ASKED_VERSION);
    let outputs = outputs(cloud, found);
    let mut log_exports = found.enabled_cloudwatch_logs_exports().to_vec();
    log_exports.sort();
    Live {
        address: tags.address_in(cloud.stack()),
        id: outputs.id.clone(),
        status: match found.status() {
            // It works while it is backed up or maintained.
            Some("available" | "backing-up" | "storage-optimization") | None => Status::Ready,
            Some("deleting") => Status::Deleting,
            // Nothing is called failed that still has data: a failed object is replaced.
            Some(status) => Status::Pending(status.to_owned()),
        },
        spec: DbCluster {
            name: outputs.id.clone(),
            engine_version: engine_version::satisfied(found.engine_version().unwrap_or_default(), asked.as_deref()),
            subnet_group: text(found.db_subnet_group()),
            parameter_group: text(found.db_cluster_parameter_group()),
            security_groups: sorted(found.vpc_security_groups().iter().map(|group| group.vpc_security_group_id())),
            port: found.port().unwrap_or_default(),
            database: text(found.database_name()),
            master_username: text(found.master_username()),
            secret_key_arn: text(found.master_user_secret().and_then(|secret| secret.kms_key_id())),
            key_arn: text(found.kms_key_id().filter(|_| found.storage_encrypted().unwrap_or_default())),
            iam_authentication: found.iam_database_authentication_enabled().unwrap_or_default(),
            backup_retention_days: found.backup_retention_period().unwrap_or_default(),
            backup_window: text(found.preferred_backup_window()),
            maintenance_window: text(found.preferred_maintenance_window()),
            log_exports,
            copies_tags_to_snapshots: found.copy_tags_to_snapshot().unwrap_or_default(),
            deletion_protection: found.deletion_protection().unwrap_or_default(),
            tags,
        },
        outputs,
    }
}

#[cfg(test)]
mod tests;
