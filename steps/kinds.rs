//! All kinds of resources: one line each.

use payinfra_engine::Kinds;

use crate::api;
use crate::aws::Aws;
use crate::config;
use crate::data;
use crate::functions;
use crate::monitoring;
use crate::network;
use crate::security;
use crate::storage;

/// Everything that payinfra can list, make, change and delete.
pub fn kinds() -> Kinds<Aws> {
    Kinds::new()
        // Network.
        .with::<network::Subnet>()
        .with::<network::Vpc>()
        // Security.
        .with::<security::Key>()
        .with::<security::Role>()
        // Data.
        .with::<data::DbCluster>()
        .with::<data::DbInstance>()
        .with::<data::DbParameterGroup>()
        .with::<data::DbProxy>()
        .with::<data::DbSubnetGroup>()
        .with::<data::Schema>()
        .with::<data::Table>()
        // Storage.
        .with::<storage::Bucket>()
        .with::<storage::Trail>()
        // Configuration.
        .with::<config::Parameter>()
        .with::<config::SecretParameter>()
        // Monitoring.
        .with::<monitoring::LogGroup>()
        .with::<monitoring::Topic>()
        // Functions.
        .with::<functions::Function>()
        .with::<functions::FunctionAlias>()
        .with::<functions::Permission>()
        .with::<functions::Queue>()
        .with::<functions::Schedule>()
        // API.
        .with::<api::ApiDeployment>()
        .with::<api::ApiMethod>()
        .with::<api::ApiModel>()
        .with::<api::ApiResource>()
        .with::<api::ApiValidator>()
        .with::<api::RestApi>()
        .with::<api::Stage>()
}
