//! The Aurora PostgreSQL cluster and its proxy.

use serde::{Deserialize, Serialize};

/// The Aurora PostgreSQL cluster and its proxy.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Database {
    /// The class of every instance. Default `db.r6g.large`.
    pub instance_class: String,
    /// How many instances, the writer included; 2 to 16, in different zones. Default 2.
    pub instances: u32,
    /// The PostgreSQL major version, of which the newest minor is taken, or a full version. Default `16`.
    pub engine_version: String,
    /// The name of the database. Default `payments`. A change replaces the cluster.
    pub name: String,
    /// The master user; its password is RDS's own. Default `paymentsmaster`. A change replaces the cluster.
    pub master_username: String,
    /// Days of automated backups; 1 to 35. Default 7.
    pub backup_retention_days: u32,
    /// When backups are taken, `hh:mm-hh:mm` in UTC, 30 minutes or more. Default `06:00-07:00`.
    pub backup_window: String,
    /// When AWS may patch, `ddd:hh:mm-ddd:hh:mm` in UTC, 30 minutes or more. Default `sun:07:30-sun:08:30`.
    pub maintenance_window: String,
    /// Whether minor versions are applied in the maintenance window. Default true.
    pub auto_minor_version_upgrade: bool,
    /// Whether AWS refuses to delete the cluster. Default false (R4).
    pub deletion_protection: bool,
    /// Whether RDS Proxy stands before the cluster (D5). Default true.
    pub proxy: bool,
    /// The share of `max_connections` the proxy may use, in percent; 1 to 100. Default 70.
    pub proxy_max_connections_percent: u32,
    /// How long a caller waits for a connection of the proxy, in seconds; 1 to 300. Default 3.
    pub proxy_borrow_timeout_seconds: u32,
    /// Whether Performance Insights is on. Default true.
    pub performance_insights: bool,
    /// Days Performance Insights keeps: 7, a multiple of 31 up to 713, or 731. Default 7, which is free.
    pub performance_insights_retention_days: u32,
    /// Seconds between enhanced-monitoring samples: 0 (off), 1, 5, 10, 15, 30 or 60. Default 60.
    pub monitoring_interval_seconds: u32,
}

impl Database {
    /// The port. RDS Proxy for PostgreSQL listens on no other.
    pub const PORT: u16 = 5432;

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
