//! Security group rules in one flat shape, as EC2 reads and takes them nested.

use std::collections::BTreeSet;

use aws_sdk_ec2::types::{IpPermission, IpRange, Ipv6Range, PrefixListId, UserIdGroupPair};
use payinfra_aws::{error, unless};
use payinfra_engine::{Class, Error};
use serde::{Deserialize, Serialize};

use crate::Cloud;

/// One rule: who may be met, and how.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Rule {
    /// `tcp`, `udp`, `icmp`, a protocol number, or `-1` for everything.
    pub protocol: String,
    /// The first port; -1 for everything.
    pub from_port: i32,
    /// The last port; -1 for everything.
    pub to_port: i32,
    /// The other side: a security group (`sg-…`), a prefix list (`pl-…`) or an address range.
    pub peer: String,
    /// What it is for.
    pub description: String,
}

impl Rule {
    /// Allows one TCP port.
    pub fn tcp(port: u16, peer: impl Into<String>, description: &str) -> Self {
        let (protocol, port) = ("tcp".to_owned(), i32::from(port));
        Self { protocol, from_port: port, to_port: port, peer: peer.into(), description: description.to_owned() }
    }

    fn to_ec2(&self) -> IpPermission {
        let text = Some(self.description.as_str()).filter(|text| !text.is_empty());
        let permission = IpPermission::builder().ip_protocol(&self.protocol);
        let permission = match self.protocol.as_str() {
            "-1" => permission,
            _ => permission.from_port(self.from_port).to_port(self.to_port),
        };
        let (peer, text) = (self.peer.as_str(), text.map(ToOwned::to_owned));
        if peer.starts_with("sg-") {
            let pair = UserIdGroupPair::builder().group_id(peer).set_description(text);
            permission.user_id_group_pairs(pair.build()).build()
        } else if peer.starts_with("pl-") {
            let list = PrefixListId::builder().prefix_list_id(peer).set_description(text);
            permission.prefix_list_ids(list.build()).build()
        } else if peer.contains(':') {
            let range = Ipv6Range::builder().cidr_ipv6(peer).set_description(text);
            permission.ipv6_ranges(range.build()).build()
        } else {
            permission.ip_ranges(IpRange::builder().cidr_ip(peer).set_description(text).build()).build()
        }
    }
}

/// Flattens what EC2 shows: it gathers the peers of one protocol and port in one permission.
pub(super) fn from_ec2(permissions: &[IpPermission]) -> BTreeSet<Rule> {
    let flatten = |permission: &IpPermission| {
        let ranges = permission.ip_ranges().iter().map(|range| (range.cidr_ip(), range.description()));
        let ranges6 = permission.ipv6_ranges().iter().map(|range| (range.cidr_ipv6(), range.description()));
        let groups = permission.user_id_group_pairs().iter().map(|pair| (pair.group_id(), pair.description()));
        let lists = permission.prefix_list_ids().iter().map(|list| (list.prefix_list_id(), list.description()));
        let rule = |(peer, description): (Option<&str>, Option<&str>)| Rule {
            protocol: permission.ip_protocol().unwrap_or("-1").to_owned(),
            from_port: permission.from_port().unwrap_or(-1),
            to_port: permission.to_port().unwrap_or(-1),
            peer: peer.unwrap_or_default().to_owned(),
            description: description.unwrap_or_default().to_owned(),
        };
        ranges.chain(ranges6).chain(groups).chain(lists).map(rule).collect::<Vec<_>>()
    };
    permissions.iter().flat_map(flatten).collect()
}

/// Which way a rule lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    /// To the group's interfaces.
    Ingress,
    /// From them.
    Egress,
}

/// Takes rules away; one that is gone already is no error.
pub(super) async fn revoke(cloud: &Cloud, group: &str, direction: Direction, rules: &[&Rule]) -> Result<(), Error> {
    if rules.is_empty() {
        return Ok(());
    }
    let permissions = Some(rules.iter().map(|rule| rule.to_ec2()).collect());
    let result = match direction {
        Direction::Ingress => {
            let request = cloud.ec2.revoke_security_group_ingress().group_id(group).set_ip_permissions(permissions);
            request.send().await.map_err(error("RevokeSecurityGroupIngress")).map(|_| ())
        }
        Direction::Egress => {
            let request = cloud.ec2.revoke_security_group_egress().group_id(group).set_ip_permissions(permissions);
            request.send().await.map_err(error("RevokeSecurityGroupEgress")).map(|_| ())
        }
    };
    unless(Class::Absent, result).map(|_| ())
}

/// Gives rules; EC2 refuses all of them where it has one already.
pub(super) async fn authorize(cloud: &Cloud, group: &str, direction: Direction, rules: &[&Rule]) -> Result<(), Error> {
    if rules.is_empty() {
        return Ok(());
    }
    let permissions = Some(rules.iter().map(|rule| rule.to_ec2()).collect());
    match direction {
        Direction::Ingress => {
            let request = cloud.ec2.authorize_security_group_ingress().group_id(group);
            let request = request.set_ip_permissions(permissions);
            request.send().await.map_err(error("AuthorizeSecurityGroupIngress")).map(|_| ())
        }
        Direction::Egress => {
            let request = cloud.ec2.authorize_security_group_egress().group_id(group);
            let request = request.set_ip_permissions(permissions);
            request.send().await.map_err(error("AuthorizeSecurityGroupEgress")).map(|_| ())
        }
    }
}
