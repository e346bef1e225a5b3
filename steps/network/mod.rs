//! The network: VPC, subnets, routes, gateways, security groups, flow logs.

mod elastic_ip;
mod flow_log;
mod internet_gateway;
mod internet_gateway_attachment;
mod nat_gateway;
mod route_table;
mod rules;
mod security_group;
mod security_group_rules;
mod subnet;
mod tags;
mod vpc;
mod vpc_endpoint;

pub use elastic_ip::ElasticIp;
pub use flow_log::FlowLog;
pub use internet_gateway::InternetGateway;
pub use internet_gateway_attachment::InternetGatewayAttachment;
pub use nat_gateway::NatGateway;
pub use route_table::RouteTable;
pub use rules::Rule;
pub use security_group::SecurityGroup;
pub use security_group_rules::SecurityGroupRules;
pub use subnet::Subnet;
pub use vpc::Vpc;
pub use vpc_endpoint::VpcEndpoint;
