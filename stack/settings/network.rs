//! The VPC and its subnets.

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

/// How many zones a stack spans.
pub const ZONES: usize = 3;

/// How functions reach the internet.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Nat {
    /// One gateway and address in each zone.
    PerZone,
    /// One gateway for all zones.
    Single,
    /// No way out but the endpoints.
    None,
}

/// The VPC and its subnets.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Network {
    /// The address range of the VPC.
    pub cidr: Ipv4Net,
    /// The three zones by name; empty means the first three of the account.
    pub zones: Vec<String>,
    /// One range per zone for the NAT gateways; empty means derived from `cidr`.
    pub public_cidrs: Vec<Ipv4Net>,
    /// One range per zone for the functions; empty means derived from `cidr`.
    pub private_cidrs: Vec<Ipv4Net>,
    /// One range per zone for the database; empty means derived from `cidr`.
    pub isolated_cidrs: Vec<Ipv4Net>,
    /// How functions reach the internet.
    pub nat: Nat,
    /// AWS services to reach through interface endpoints, by short name.
    pub interface_endpoints: Vec<String>,
}

impl Default for Network {
    fn default() -> Self {
        Self {
            cidr: Ipv4Net::new_assert(std::net::Ipv4Addr::new(10, 0, 0, 0), 16),
            zones: Vec::new(),
            public_cidrs: Vec::new(),
            private_cidrs: Vec::new(),
            isolated_cidrs: Vec::new(),
            nat: Nat::PerZone,
            interface_endpoints: Vec::new(),
        }
    }
}

impl Network {
    /// Gives the public range of each zone.
    pub fn public(&self) -> Vec<Ipv4Net> {
        self.tier(&self.public_cidrs, 0)
    }

    /// Gives the private range of each zone.
    pub fn private(&self) -> Vec<Ipv4Net> {
        self.tier(&self.private_cidrs, 4)
    }

    /// Gives the isolated range of each zone.
    pub fn isolated(&self) -> Vec<Ipv4Net> {
        self.tier(&self.isolated_cidrs, 8)
    }

    /// Cuts the VPC into sixteen equal slices and takes three from `first`; each tier starts at a
    /// multiple of four, so that a firewall rule can name a tier with one range and a fourth zone fits.
    fn tier(&self, given: &[Ipv4Net], first: usize) -> Vec<Ipv4Net> {
        if !given.is_empty() {
            return given.to_vec();
        }
        match self.cidr.subnets(self.cidr.prefix_len() + 4) {
            Ok(slices) => slices.skip(first).take(ZONES).collect(),
            // `validate` refuses a range this small.
            Err(_) => Vec::new(),
        }
    }
}
