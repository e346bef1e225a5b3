//! The data stores: Aurora PostgreSQL with its proxy and schema, and the table of sessions.

mod db_cluster;
mod db_instance;
mod db_parameter_group;
mod db_proxy;
mod db_subnet_group;
mod engine_version;
mod rds;
mod schema;
mod table;

pub use db_cluster::DbCluster;
pub use db_instance::{DbInstance, EnhancedMonitoring, PerformanceInsights};
pub use db_parameter_group::{DbParameterGroup, PARAMETERS};
pub use db_proxy::DbProxy;
pub use db_subnet_group::DbSubnetGroup;
pub use schema::{Migration, Schema};
pub use table::{Table, WarmThroughput};
