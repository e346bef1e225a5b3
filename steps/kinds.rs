//! All kinds of resources: one line each.

use payinfra_engine::Kinds;

use crate::aws::Aws;
use crate::{monitoring, network, security};

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
        // Storage.
        // Configuration.
        // Monitoring.
        .with::<monitoring::LogGroup>()
        .with::<monitoring::Topic>()

    // Functions.

    // API.
}
