//! Discovery of the availability zones, which the graph needs before it can be built.

use aws_sdk_ec2::types::Filter;
use payinfra_aws::error;
use payinfra_engine::{Class, Error, Resource, Select};
use payinfra_state::Journal;

use crate::settings::{Network, ZONES};
use payinfra_steps::Cloud;
use payinfra_steps::network::Subnet;

/// Finds the three zones of a stack: those that it uses already, or else the configured ones, or else the account's
/// first three.
///
/// A stack keeps its zones, whatever the account offers later: moving a subnet would replace everything in it.
///
/// # Errors
/// A refused call, or [`Class::Invalid`] if the account has fewer than three zones.
pub async fn discover(cloud: &Cloud, network: &Network, journal: &Journal) -> Result<Vec<String>, Error> {
    let recorded = journal.read(|stack| {
        let subnets = stack.records.iter().filter(|(address, _)| is_private_subnet(address.as_str()));
        let zones = subnets.filter_map(|(_, record)| record.spec["zone"].as_str().map(ToOwned::to_owned));
        zones.collect::<Vec<_>>()
    });
    if recorded.len() == ZONES {
        return Ok(recorded);
    }
    let mut live = Subnet::list(cloud, Select::Owned).await?;
    live.retain(|subnet| subnet.address.as_ref().is_some_and(|address| is_private_subnet(address.as_str())));
    live.sort_by(|one, other| one.address.cmp(&other.address));
    if live.len() == ZONES {
        return Ok(live.into_iter().map(|subnet| subnet.spec.zone).collect());
    }
    if network.zones.len() == ZONES {
        return Ok(network.zones.clone());
    }
    first_zones(cloud).await
}

fn is_private_subnet(address: &str) -> bool {
    address.starts_with("subnet.private_")
}

/// Takes the first zones by name. Local and wavelength zones are left out because Aurora does not run there.
async fn first_zones(cloud: &Cloud) -> Result<Vec<String>, Error> {
    let filter = |name: &str, value: &str| Filter::builder().name(name).values(value).build();
    let found = cloud
        .ec2
        .describe_availability_zones()
        .filters(filter("state", "available"))
        .filters(filter("zone-type", "availability-zone"))
        .send()
        .await
        .map_err(error("DescribeAvailabilityZones"))?;
    let mut zones: Vec<String> =
        found.availability_zones().iter().filter_map(|zone| zone.zone_name().map(ToOwned::to_owned)).collect();
    zones.sort();
    zones.truncate(ZONES);
    if zones.len() < ZONES {
        let message = format!("the account has {} zones, the stack needs {ZONES}", zones.len());
        return Err(Error::new(Class::Invalid, "DescribeAvailabilityZones", message));
    }
    Ok(zones)
}
