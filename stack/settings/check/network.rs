//! The VPC, its subnets and its ways out.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use crate::settings::error::Findings;
use crate::settings::{InstanceClass, Key, Nat, Settings, ZONES};

/// AWS reserves five addresses of each subnet ("Subnet CIDR blocks").
const RESERVED_BY_AWS: u32 = 5;

/// AWS accepts subnets from /16 to /28.
const SMALLEST_SUBNET: u8 = 28;

/// What each tier is called in the configuration.
const TIERS: [&str; 3] = ["network.public_cidrs", "network.private_cidrs", "network.isolated_cidrs"];

/// The services that offer an interface endpoint and that this stack could use.
const ENDPOINTS: &[&str] = &[
    "cloudtrail",
    "ec2",
    "ec2messages",
    "events",
    "execute-api",
    "kms",
    "lambda",
    "logs",
    "monitoring",
    "rds",
    "secretsmanager",
    "sns",
    "sqs",
    "ssm",
    "ssmmessages",
    "sts",
    "xray",
];

/// What the functions call and cannot reach without a NAT gateway or an endpoint.
const NEEDED: &[&str] = &["secretsmanager", "sns", "sqs", "ssm"];

pub(super) fn check(settings: &Settings, findings: &mut Findings) {
    let network = &settings.network;
    let vpc_is_good = vpc(network.cidr, findings);
    zones(&network.zones, findings);
    let given = [&network.public_cidrs, &network.private_cidrs, &network.isolated_cidrs];
    let mut counts_are_good = true;
    for (name, ranges) in TIERS.iter().zip(given) {
        let key = Key::of(name);
        if !ranges.is_empty() && ranges.len() != ZONES {
            findings.refuse(&key, format!("{} ranges for {ZONES} zones", ranges.len()));
            counts_are_good = false;
        }
        for range in ranges {
            subnet(&key, *range, network.cidr, vpc_is_good, findings);
        }
    }
    // Derived ranges follow from the VPC, so they would only repeat its error.
    if vpc_is_good && counts_are_good {
        overlaps(settings, findings);
        room(settings, findings);
    }
    ways_out(settings, findings);
}

fn vpc(cidr: Ipv4Net, findings: &mut Findings) -> bool {
    let key = Key::of("network.cidr");
    let before = findings.errors.len();
    if cidr.prefix_len() > 22 {
        findings.refuse(&key, format!("{cidr} is too small: the VPC needs a /16 to /22"));
    } else if cidr.prefix_len() < 16 {
        findings.refuse(&key, format!("{cidr} is too large: the VPC needs a /16 to /22"));
    } else if cidr.addr() != cidr.network() {
        findings.refuse(&key, format!("{cidr} has host bits set; did you mean {}?", cidr.trunc()));
    } else if let Some(range) = refused_by_aws(cidr) {
        findings.refuse(&key, format!("{cidr} is inside {range}, which AWS does not accept"));
    } else if !is_private(cidr) {
        findings.warn(
            &key,
            format!("{cidr} is public address space; the hosts that own these addresses cannot be reached"),
        );
    }
    findings.errors.len() == before
}

/// Gives the range that AWS refuses for VPCs and that contains `cidr` ("VPC CIDR blocks").
fn refused_by_aws(cidr: Ipv4Net) -> Option<Ipv4Net> {
    [([0, 0, 0, 0], 8), ([127, 0, 0, 0], 8), ([169, 254, 0, 0], 16), ([224, 0, 0, 0], 3)]
        .into_iter()
        .map(|(address, length)| Ipv4Net::new_assert(Ipv4Addr::from(address), length))
        .find(|range| range.contains(&cidr))
}

/// Returns whether a range is for private use: RFC 1918 and the shared space of RFC 6598.
fn is_private(cidr: Ipv4Net) -> bool {
    [([10, 0, 0, 0], 8), ([172, 16, 0, 0], 12), ([192, 168, 0, 0], 16), ([100, 64, 0, 0], 10)]
        .into_iter()
        .any(|(address, length)| Ipv4Net::new_assert(Ipv4Addr::from(address), length).contains(&cidr))
}

fn zones(zones: &[String], findings: &mut Findings) {
    let key = Key::of("network.zones");
    if zones.is_empty() {
        return;
    }
    for zone in zones {
        if !zone.strip_prefix("us-east-1").is_some_and(|letter| matches!(letter, "a" | "b" | "c" | "d" | "e" | "f")) {
            findings.refuse(&key, format!("{zone:?} is not a zone of us-east-1"));
        }
    }
    let different: BTreeSet<&String> = zones.iter().collect();
    if zones.len() != ZONES || different.len() != ZONES {
        findings.refuse(&key, format!("it lists {} different zones", different.len()));
    }
}

fn subnet(key: &Key, range: Ipv4Net, vpc: Ipv4Net, vpc_is_good: bool, findings: &mut Findings) {
    if range.prefix_len() > SMALLEST_SUBNET {
        findings.refuse(key, format!("{range} is too small"));
    }
    if range.addr() != range.network() {
        findings.refuse(key, format!("{range} has host bits set; did you mean {}?", range.trunc()));
    } else if vpc_is_good && !vpc.contains(&range) {
        findings.refuse(key, format!("{range} is not inside the VPC {vpc}"));
    }
}

fn overlaps(settings: &Settings, findings: &mut Findings) {
    let network = &settings.network;
    let tiers = [network.public(), network.private(), network.isolated()];
    let all: Vec<(&str, Ipv4Net)> = TIERS
        .iter()
        .zip(&tiers)
        .flat_map(|(name, ranges)| ranges.iter().map(move |range| (*name, range.trunc())))
        .collect();
    for (index, (name, range)) in all.iter().enumerate() {
        for (earlier_name, earlier) in &all[..index] {
            if range.contains(earlier) || earlier.contains(range) {
                // The blame goes to a configured range, not to a derived one.
                let name = if given(settings, name) { name } else { earlier_name };
                findings.refuse(&Key::of(name), format!("{range} overlaps {earlier} of {earlier_name}"));
            }
        }
    }
}

fn given(settings: &Settings, tier: &str) -> bool {
    let network = &settings.network;
    let [public, private, _] = TIERS;
    !match tier {
        tier if tier == public => &network.public_cidrs,
        tier if tier == private => &network.private_cidrs,
        _ => &network.isolated_cidrs,
    }
    .is_empty()
}

/// Instances and the proxy are in the isolated subnets; if a zone fails, the others must have room for all of them.
fn room(settings: &Settings, findings: &mut Findings) {
    let database = &settings.database;
    let Some(class) = InstanceClass::find(&database.instance_class) else { return };
    let instances = database.instances.min(16);
    let proxy =
        if database.proxy { (class.proxy_addresses() * instances).min(InstanceClass::MOST_PROXY_ADDRESSES) } else { 0 };
    let wanted = instances + proxy;
    for range in settings.network.isolated() {
        let free = 2_u32.saturating_pow(u32::from(32 - range.prefix_len())).saturating_sub(RESERVED_BY_AWS);
        if free < wanted {
            let key = if settings.network.isolated_cidrs.is_empty() { "network.cidr" } else { TIERS[2] };
            findings.refuse(
                &Key::of(key),
                format!("{range} has {free} free addresses; {instances} instances and the proxy need {wanted}"),
            );
        }
    }
}

fn ways_out(settings: &Settings, findings: &mut Findings) {
    let key = Key::of("network.interface_endpoints");
    let endpoints = &settings.network.interface_endpoints;
    let mut seen = BTreeSet::new();
    for name in endpoints {
        if !seen.insert(name) {
            findings.refuse(&key, format!("{name:?} is listed twice"));
        } else if matches!(name.as_str(), "s3" | "dynamodb") {
            findings.refuse(&key, format!("{name:?} already has a gateway endpoint"));
        } else if !ENDPOINTS.contains(&name.as_str()) {
            findings.refuse_but(&key, format!("{name:?} is not known"), ENDPOINTS.join(", "));
        }
    }
    if settings.network.nat == Nat::None {
        let missing: Vec<&str> = NEEDED.iter().copied().filter(|name| !endpoints.iter().any(|e| e == name)).collect();
        let nat = Key::of("network.nat");
        if !missing.is_empty() {
            findings.warn(
                &nat,
                format!(
                    "without NAT the functions cannot reach {}; add them to interface_endpoints",
                    missing.join(", ")
                ),
            );
        }
        if !settings.webhooks.is_empty() {
            findings.warn(&nat, "without NAT no webhook can be delivered");
        }
    }
}
