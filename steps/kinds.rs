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
        .with::<network::ElasticIp>()
        .with::<network::FlowLog>()
        .with::<network::InternetGateway>()
        .with::<network::InternetGatewayAttachment>()
        .with::<network::NatGateway>()
        .with::<network::RouteTable>()
        .with::<network::SecurityGroup>()
        .with::<network::SecurityGroupRules>()
        .with::<network::Subnet>()
        .with::<network::Vpc>()
        .with::<network::VpcEndpoint>()
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
        .with::<monitoring::Alarm>()
        .with::<monitoring::Dashboard>()
        .with::<monitoring::LogGroup>()
        .with::<monitoring::Subscription>()
        .with::<monitoring::Topic>()
        // Functions.
        .with::<functions::Function>()
        .with::<functions::FunctionAlias>()
        .with::<functions::Permission>()
        .with::<functions::Queue>()
        .with::<functions::Schedule>()
        // API.
        .with::<api::ApiAccount>()
        .with::<api::ApiDeployment>()
        .with::<api::ApiDomain>()
        .with::<api::ApiKey>()
        .with::<api::ApiMapping>()
        .with::<api::ApiMethod>()
        .with::<api::ApiModel>()
        .with::<api::ApiResource>()
        .with::<api::ApiValidator>()
        .with::<api::Certificate>()
        .with::<api::DnsRecord>()
        .with::<api::RestApi>()
        .with::<api::Stage>()
        .with::<api::UsagePlan>()
        .with::<api::WebAcl>()
        .with::<api::WebAclAssociation>()
}
