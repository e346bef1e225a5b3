//! Discovery of the availability zones, which the graph needs before it can be built.

use aws_sdk_ec2::types::{AvailabilityZone, Filter};
use payinfra_aws::{Emulator, error};
use payinfra_engine::{Class, Error, Resource, Select};
use payinfra_state::Journal;

use crate::settings::{Network, ZONES};
use payinfra_steps::Cloud;
use payinfra_steps::network::Subnet;

/// The zone, by its id, in which RDS Proxy, Lambda and interface endpoints do not exist (docs/aws-behaviour.md, "VPC:
/// availability zones"). Names differ between accounts, ids do not.
const LACKING: &str = "use1-az3";

/// The zones of a stack.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Zones {
    /// Their names, in the order of the subnets.
    pub names: Vec<String>,
    /// What is wrong with them, where the stack is already in them.
    pub warning: Option<String>,
}

/// Finds the three zones of a stack: those it is in, else the configured ones, else the account's first three that offer
/// everything a stack needs.
///
/// A stack keeps its zones, whatever the account offers later: moving a subnet would replace everything in it.
///
/// # Errors
/// A refused call, or [`Class::Invalid`] where a configured zone or the account does not offer what a stack needs.
pub async fn discover(cloud: &Cloud, network: &Network, journal: &Journal) -> Result<Zones, Error> {
    let recorded = journal.read(|stack| {
        let subnets = stack.records.iter().filter(|(address, _)| is_private_subnet(address.as_str()));
        let zones = subnets.filter_map(|(_, record)| record.spec["zone"].as_str().map(ToOwned::to_owned));
        zones.collect::<Vec<_>>()
    });
    if recorded.len() == ZONES {
        return in_use(cloud, recorded).await;
    }
    let mut live = Subnet::list(cloud, Select::Owned).await?;
    live.retain(|subnet| subnet.address.as_ref().is_some_and(|address| is_private_subnet(address.as_str())));
    live.sort_by(|one, other| one.address.cmp(&other.address));
    if live.len() == ZONES {
        return in_use(cloud, live.into_iter().map(|subnet| subnet.spec.zone).collect()).await;
    }
    let offered = offered(cloud).await?;
    if network.zones.len() == ZONES {
        return configured(&network.zones, &offered);
    }
    first_zones(offered)
}

fn is_private_subnet(address: &str) -> bool {
    address.starts_with("subnet.private_")
}

/// A zone as this account sees it.
struct Zone {
    name: String,
    id: String,
}

/// All zones that are available; local and wavelength zones hold no Aurora.
async fn offered(cloud: &Cloud) -> Result<Vec<Zone>, Error> {
    let filter = |name: &str, value: &str| Filter::builder().name(name).values(value).build();
    let found = cloud
        .ec2
        .describe_availability_zones()
        .filters(filter("state", "available"))
        .filters(filter("zone-type", "availability-zone"))
        .send()
        .await
        .map_err(error("DescribeAvailabilityZones"))?;
    // MiniStack has three zones, one under this id, and everything works in each of them.
    let same_everywhere = cloud.emulator == Some(Emulator::MiniStack);
    let id = |zone: &AvailabilityZone| {
        zone.zone_id().filter(|_| !same_everywhere).map(ToOwned::to_owned).unwrap_or_default()
    };
    let zones = found.availability_zones().iter();
    let mut zones: Vec<Zone> =
        zones.filter_map(|zone| Some(Zone { name: zone.zone_name()?.to_owned(), id: id(zone) })).collect();
    zones.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(zones)
}

/// Keeps the zones that a stack is in, and says what is wrong with them.
async fn in_use(cloud: &Cloud, names: Vec<String>) -> Result<Zones, Error> {
    let offered = offered(cloud).await?;
    let warning = lacking(&names, &offered).map(|name| {
        format!(
            "the stack is in {name}, which is {LACKING} in this account: RDS Proxy, Lambda and interface endpoints do \
             not exist there, so `up` cannot finish; `payinfra destroy` and a new `up` use other zones"
        )
    });
    Ok(Zones { names, warning })
}

/// Takes the configured zones, unless one of them cannot hold a stack.
fn configured(names: &[String], offered: &[Zone]) -> Result<Zones, Error> {
    match lacking(names, offered) {
        Some(name) => {
            let message = format!(
                "network.zones: {name} is {LACKING} in this account, where RDS Proxy, Lambda and interface endpoints do \
                 not exist; choose another zone"
            );
            Err(Error::new(Class::Invalid, "DescribeAvailabilityZones", message))
        }
        None => Ok(Zones { names: names.to_vec(), warning: None }),
    }
}

/// Takes the first zones by name.
fn first_zones(offered: Vec<Zone>) -> Result<Zones, Error> {
    let usable = offered.into_iter().filter(|zone| zone.id != LACKING);
    let names: Vec<String> = usable.map(|zone| zone.name).take(ZONES).collect();
    if names.len() < ZONES {
        let message = format!("the account has {} zones that can hold a stack, which needs {ZONES}", names.len());
        return Err(Error::new(Class::Invalid, "DescribeAvailabilityZones", message));
    }
    Ok(Zones { names, warning: None })
}

/// The first of these zones in which services are missing.
fn lacking<'a>(names: &'a [String], offered: &[Zone]) -> Option<&'a str> {
    let lacks = |name: &&String| offered.iter().any(|zone| zone.name == **name && zone.id == LACKING);
    names.iter().find(lacks).map(String::as_str)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    /// An account whose us-east-1b is the zone that lacks services, as AWS answers it.
    const ZONES_OF_THE_ACCOUNT: &str = "<DescribeAvailabilityZonesResponse><availabilityZoneInfo>\
        <item><zoneName>us-east-1d</zoneName><zoneId>use1-az6</zoneId></item>\
        <item><zoneName>us-east-1a</zoneName><zoneId>use1-az1</zoneId></item>\
        <item><zoneName>us-east-1b</zoneName><zoneId>use1-az3</zoneId></item>\
        <item><zoneName>us-east-1c</zoneName><zoneId>use1-az2</zoneId></item>\
        </availabilityZoneInfo></DescribeAvailabilityZonesResponse>";

    async fn account() -> Vec<Zone> {
        let (cloud, _) = Cloud::replaying([(200, ZONES_OF_THE_ACCOUNT)]);
        offered(&cloud).await.unwrap()
    }

    fn names(zones: [&str; 3]) -> Vec<String> {
        zones.map(ToOwned::to_owned).into()
    }

    #[tokio::test]
    async fn the_zone_that_lacks_services_is_passed_over() {
        let zones = first_zones(account().await).unwrap();
        assert_eq!(zones.names, ["us-east-1a", "us-east-1c", "us-east-1d"]);
        let three = account().await.into_iter().filter(|zone| zone.name != "us-east-1d").collect();
        let refused = first_zones(three).unwrap_err();
        assert_eq!(refused.class, Class::Invalid);
        assert!(refused.message.contains("has 2 zones that can hold a stack"), "{}", refused.message);
    }

    #[tokio::test]
    async fn a_configured_zone_that_lacks_services_is_refused() {
        let refused = configured(&names(["us-east-1a", "us-east-1b", "us-east-1c"]), &account().await).unwrap_err();
        assert_eq!(refused.class, Class::Invalid);
        assert!(refused.message.contains("us-east-1b is use1-az3"), "{}", refused.message);
        let chosen = names(["us-east-1d", "us-east-1a", "us-east-1c"]);
        assert_eq!(configured(&chosen, &account().await).unwrap().names, chosen);
    }

    #[tokio::test]
    async fn a_stack_that_is_in_it_hears_of_it_and_stays() {
        let (cloud, _) = Cloud::replaying([(200, ZONES_OF_THE_ACCOUNT)]);
        let taken = names(["us-east-1a", "us-east-1b", "us-east-1c"]);
        let zones = in_use(&cloud, taken.clone()).await.unwrap();
        assert_eq!(zones.names, taken);
        assert!(zones.warning.unwrap().contains("us-east-1b, which is use1-az3"));
    }
}
