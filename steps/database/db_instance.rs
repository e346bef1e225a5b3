//! An instance of the cluster: the writer or a reader, as Aurora decides.

use aws_sdk_rds::types::DbInstance as Found;
use payinfra_aws::names::Kind;
use payinfra_aws::{Owned, Tags, error};
use payinfra_engine::{Created, Durations, Error, Idempotency, Live, Progress, Resource, Select, Status};
use serde::{Deserialize, Serialize};

use super::rds::{from_rds, retag, text, to_rds, wanted};
use crate::{Cloud, Context};

/// An Aurora instance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DbInstance {
    /// Its name.
    pub name: String,
    /// The cluster.
    pub cluster: String,
    /// The group of the cluster's subnets.
    pub subnet_group: String,
    /// Its class, `db.r6g.large`.
    pub class: String,
    /// The availability zone.
    pub zone: String,
    /// Whether it has a public address.
    pub public: bool,
    /// Who becomes the writer when it fails: the lowest of 0 to 15.
    pub promotion_tier: i32,
    /// The certificate authority of its TLS certificate.
    pub certificate_authority: String,
    /// Whether minor versions are applied in the maintenance window.
    pub auto_minor_version_upgrade: bool,
    /// When AWS may patch, `ddd:hh:mm-ddd:hh:mm` in UTC.
    pub maintenance_window: String,
    /// Whether and how Performance Insights watches it.
    pub performance_insights: Option<PerformanceInsights>,
    /// Whether and how its operating system is sampled.
    pub enhanced_monitoring: Option<EnhancedMonitoring>,
    /// Its tags.
    pub tags: Tags,
}

/// Performance Insights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PerformanceInsights {
    /// The KMS key.
    pub key_arn: String,
    /// Days that are kept.
    pub retention_days: i32,
}

/// Enhanced monitoring.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EnhancedMonitoring {
    /// Seconds between two samples.
    pub interval_seconds: i32,
    /// The role that writes them.
    pub role_arn: String,
}

/// What others use of an instance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outputs {
    /// Its name.
    pub id: String,
    /// Its ARN.
    pub arn: String,
}

impl Resource for DbInstance {
    type Cloud = Cloud;
    type Outputs = Outputs;
    const KIND: &'static str = "db_instance";
    const FORCES_REPLACEMENT: &'static [&'static str] = &["name", "cluster", "subnet_group", "zone"];
    const IDEMPOTENCY: Idempotency = Idempotency::Name;
    const DURATIONS: Durations = Durations::seconds(600, 660, 7200);
    // The cluster may be deleted as soon as its instances are on their way out, and then waits for them itself.
    const BLOCKS_DELETION: bool = false;

    async fn list(cloud: &Cloud, select: Select<'_>) -> Result<Vec<Live<Self>>, Error> {
        let instances = cloud.rds.describe_db_instances().into_paginator().items().send();
        let instances: Vec<Found> = instances.collect::<Result<_, _>>().await.map_err(error("DescribeDBInstances"))?;
        let instances = instances
            .iter()
            .filter(|found| wanted(cloud, select, Kind::DbInstance, &text(found.db_instance_identifier())));
        let mut found: Vec<_> = instances.map(|found| live(cloud, found)).collect();
        found.retain(|live| select != Select::Owned || live.address.is_some());
        Ok(found)
    }

    async fn create(&self, cx: &Context<'_>) -> Result<Created<Self>, Error> {
        let (insights, monitoring) = (self.performance_insights.as_ref(), self.enhanced_monitoring.as_ref());
        let request = cx
            .rds
            .create_db_instance()
            .db_instance_identifier(&self.name)
            .db_cluster_identifier(&self.cluster)
            .db_subnet_group_name(&self.subnet_group)
            .engine("aurora-postgresql")
            .db_instance_class(&self.class)
            .availability_zone(&self.zone)
            .publicly_accessible(self.public)
            .promotion_tier(self.promotion_tier)
            .ca_certificate_identifier(&self.certificate_authority)
            .auto_minor_version_upgrade(self.auto_minor_version_upgrade)
            .preferred_maintenance_window(&self.maintenance_window)
            .enable_performance_insights(insights.is_some())
            .set_performance_insights_kms_key_id(insights.map(|insights| insights.key_arn.clone()))
            .set_performance_insights_retention_period(insights.map(|insights| insights.retention_days))
            .set_monitoring_interval(monitoring.map(|monitoring| monitoring.interval_seconds))
            .set_monitoring_role_arn(monitoring.map(|monitoring| monitoring.role_arn.clone()))
            .set_tags(Some(to_rds(&self.tags)));
        let made = request.send().await.map_err(error("CreateDBInstance"))?;
        Ok(Created { id: self.name.clone(), outputs: made.db_instance().map(outputs) })
    }

    async fn update(&self, cx: &Context<'_>, live: &Live<Self>, changed: &[&str]) -> Result<(), Error> {
        let is = |name: &str| changed.contains(&name);
        if is("tags") {
            retag(cx, &live.outputs.arn, &live.spec.tags, &self.tags).await?;
        }
        if changed.iter().all(|name| *name == "tags") {
            return Ok(());
        }
        let insights = self.performance_insights.as_ref().filter(|_| is("performance_insights"));
        // The interval 0 switches sampling off.
        let interval = self.enhanced_monitoring.as_ref().map_or(0, |monitoring| monitoring.interval_seconds);
        let role = self.enhanced_monitoring.as_ref().filter(|_| is("enhanced_monitoring"));
        let request = cx
            .rds
            .modify_db_instance()
            .db_instance_identifier(&live.id)
            .apply_immediately(true)
            .set_db_instance_class(is("class").then(|| self.class.clone()))
            .set_publicly_accessible(is("public").then_some(self.public))
            .set_promotion_tier(is("promotion_tier").then_some(self.promotion_tier))
            .set_ca_certificate_identifier(is("certificate_authority").then(|| self.certificate_authority.clone()))
            .set_auto_minor_version_upgrade(is("auto_minor_version_upgrade").then_some(self.auto_minor_version_upgrade))
            .set_preferred_maintenance_window(is("maintenance_window").then(|| self.maintenance_window.clone()))
            .set_enable_performance_insights(is("performance_insights").then_some(self.performance_insights.is_some()))
            .set_performance_insights_kms_key_id(insights.map(|insights| insights.key_arn.clone()))
            .set_performance_insights_retention_period(insights.map(|insights| insights.retention_days))
            .set_monitoring_interval(is("enhanced_monitoring").then_some(interval))
            .set_monitoring_role_arn(role.map(|monitoring| monitoring.role_arn.clone()));
        request.send().await.map_err(error("ModifyDBInstance"))?;
        Ok(())
    }

    async fn delete(cx: &Context<'_>, live: &Live<Self>) -> Result<Progress, Error> {
        // Snapshots are the cluster's matter: its instances have no storage of their own.
        let request = cx.rds.delete_db_instance().db_instance_identifier(&live.id).skip_final_snapshot(true);
        request.send().await.map_err(error("DeleteDBInstance"))?;
        Ok(Progress::Going)
    }
}

fn outputs(found: &Found) -> Outputs {
    Outputs { id: text(found.db_instance_identifier()), arn: text(found.db_instance_arn()) }
}

fn live(cloud: &Cloud, found: &Found) -> Live<DbInstance> {
    let tags = from_rds(found.tag_list());
    let outputs = outputs(found);
    // What is asked for and not applied yet counts as it will be, and the instance as changing.
    let pending = found.pending_modified_values();
    let (class, authority) = (
        pending.and_then(|pending| pending.db_instance_class()),
        pending.and_then(|pending| pending.ca_certificate_identifier()),
    );
    Live {
        address: tags.address_in(cloud.stack()),
        id: outputs.id.clone(),
        status: match found.db_instance_status() {
            Some("available" | "backing-up" | "storage-optimization") | None if class.is_some() => {
                Status::Pending("modifying".to_owned())
            }
            Some("available" | "backing-up" | "storage-optimization") | None => Status::Ready,
            Some("deleting") => Status::Deleting,
            // From these an instance does not recover; its data is the cluster's and stays.
            Some(status @ ("failed" | "incompatible-create" | "incompatible-network" | "incompatible-restore")) => {
                Status::Failed(status.to_owned())
            }
            Some(status) => Status::Pending(status.to_owned()),
        },
        spec: DbInstance {
            name: outputs.id.clone(),
            cluster: text(found.db_cluster_identifier()),
            subnet_group: text(found.db_subnet_group().and_then(|group| group.db_subnet_group_name())),
            class: text(class.or(found.db_instance_class())),
            zone: text(found.availability_zone()),
            public: found.publicly_accessible().unwrap_or_default(),
            promotion_tier: found.promotion_tier().unwrap_or_default(),
            certificate_authority: text(authority.or(found.ca_certificate_identifier())),
            auto_minor_version_upgrade: found.auto_minor_version_upgrade().unwrap_or_default(),
            maintenance_window: text(found.preferred_maintenance_window()),
            performance_insights: found.performance_insights_enabled().unwrap_or_default().then(|| {
                PerformanceInsights {
                    key_arn: text(found.performance_insights_kms_key_id()),
                    retention_days: found.performance_insights_retention_period().unwrap_or_default(),
                }
            }),
            enhanced_monitoring: found.monitoring_interval().filter(|seconds| *seconds > 0).map(|seconds| {
                EnhancedMonitoring { interval_seconds: seconds, role_arn: text(found.monitoring_role_arn()) }
            }),
            tags,
        },
        outputs,
    }
}
