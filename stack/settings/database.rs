//! The Aurora PostgreSQL cluster and its proxy.

use serde::{Deserialize, Serialize};

/// The Aurora PostgreSQL cluster and its proxy.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Database {
    /// The class of every instance.
    pub instance_class: String,
    /// The number of instances, including the writer.
    pub instances: u32,
    /// The major version of PostgreSQL, or a full version.
    pub engine_version: String,
    /// The name of the database.
    pub name: String,
    /// The master user; RDS keeps its password.
    pub master_username: String,
    /// Days that automated backups are kept.
    pub backup_retention_days: u32,
    /// When backups are taken, as `hh:mm-hh:mm` in UTC.
    pub backup_window: String,
    /// When AWS may apply patches, as `ddd:hh:mm-ddd:hh:mm` in UTC.
    pub maintenance_window: String,
    /// Whether minor versions are applied in the maintenance window.
    pub auto_minor_version_upgrade: bool,
    /// Whether AWS refuses to delete the cluster.
    pub deletion_protection: bool,
    /// Whether functions reach the cluster through RDS Proxy.
    pub proxy: bool,
    /// The share of `max_connections` that the proxy may use, in percent.
    pub proxy_max_connections_percent: u32,
    /// How long a caller waits for a connection of the proxy, in seconds.
    pub proxy_borrow_timeout_seconds: u32,
    /// Whether Performance Insights records the load.
    pub performance_insights: bool,
    /// Days that the recorded load is kept.
    pub performance_insights_retention_days: u32,
    /// Seconds between samples of enhanced monitoring; 0 is off.
    pub monitoring_interval_seconds: u32,
}

impl Database {
    /// The port. RDS Proxy for PostgreSQL listens on no other.
    pub const PORT: u16 = 5432;

    /// Gives the maintenance window as AWS stores it, in lower case, so that what it returns compares equal.
    pub fn stored_maintenance_window(&self) -> String {
        self.maintenance_window.to_ascii_lowercase()
    }

    /// Gives the major version, on which the parameter group family depends; nothing if the version
    /// is malformed or older than what payinfra supports.
    pub fn major_version(&self) -> Option<u32> {
        let number = |text: &str| {
            let plain = (1..=3).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
            if plain { text.parse::<u32>().ok() } else { None }
        };
        let (major, minor) = match self.engine_version.split_once('.') {
            Some((major, minor)) => (number(major)?, Some(number(minor)?)),
            None => (number(&self.engine_version)?, None),
        };
        (major >= 13 && minor != Some(0)).then_some(major)
    }
}

impl Default for Database {
    fn default() -> Self {
        Self {
            instance_class: "db.r6g.large".to_owned(),
            instances: 2,
            engine_version: "16".to_owned(),
            name: "payments".to_owned(),
            master_username: "paymentsmaster".to_owned(),
            backup_retention_days: 7,
            backup_window: "06:00-07:00".to_owned(),
            maintenance_window: "sun:07:30-sun:08:30".to_owned(),
            auto_minor_version_upgrade: true,
            deletion_protection: false,
            proxy: true,
            proxy_max_connections_percent: 70,
            proxy_borrow_timeout_seconds: 3,
            performance_insights: true,
            performance_insights_retention_days: 7,
            monitoring_interval_seconds: 60,
        }
    }
}
