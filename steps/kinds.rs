//! All kinds of resources: one line each.

use payinfra_engine::Kinds;

use crate::Cloud;
use crate::api;
use crate::database;
use crate::functions;
use crate::messaging;
use crate::monitoring;
use crate::network;
use crate::parameters;
use crate::security;
use crate::storage;

/// Everything that payinfra can list, make, change and delete.
pub fn kinds() -> Kinds<Cloud> {
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
        // Database.
        .with::<database::DbCluster>()
        .with::<database::DbInstance>()
        .with::<database::DbParameterGroup>()
        .with::<database::DbProxy>()
        .with::<database::DbSubnetGroup>()
        .with::<database::Schema>()
        .with::<database::Table>()
        // Storage.
        .with::<storage::Bucket>()
        .with::<storage::Trail>()
        // Parameters.
        .with::<parameters::Parameter>()
        .with::<parameters::SecretParameter>()
        // Monitoring.
        .with::<monitoring::Alarm>()
        .with::<monitoring::Dashboard>()
        .with::<monitoring::LogGroup>()
        // Messaging.
        .with::<messaging::Queue>()
        .with::<messaging::Schedule>()
        .with::<messaging::Subscription>()
        .with::<messaging::Topic>()
        // Functions.
        .with::<functions::Function>()
        .with::<functions::FunctionAlias>()
        .with::<functions::Permission>()
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
