//! The network: VPC, subnets, routes, gateways, security groups, flow logs.

mod subnet;
mod tags;
mod vpc;

pub use subnet::Subnet;
pub use vpc::Vpc;
