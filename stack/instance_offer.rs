//! Whether RDS offers the configured instance class where the instances are to be.

use std::collections::BTreeSet;

use aws_sdk_rds::types::OrderableDbInstanceOption;
use payinfra_aws::error;
use payinfra_engine::{Action, Class, Error, Plan, Resource};
use payinfra_steps::Cloud;
use payinfra_steps::database::DbInstance;

use crate::settings::Database;

/// Whether a run makes an instance, or gives one another class.
pub fn is_needed(plan: &Plan) -> bool {
    plan.acting().filter(|change| change.address.kind() == DbInstance::KIND).any(|change| match change.action {
        Action::Create | Action::Replace => true,
        Action::Update => change.attributes.iter().any(|attribute| attribute.name == "class"),
        Action::NoOp | Action::Delete => false,
    })
}

/// Compares the class and the version with what RDS offers, before anything is made: otherwise `CreateDBInstance` is the
/// first to refuse, ten minutes later. Gives a warning where RDS lists no such combination. An emulator has no list.
///
/// # Errors
/// [`Class::Invalid`] where the class is not offered in a zone that the instances need, or a refused call.
pub async fn check(cloud: &Cloud, database: &Database, zones: &[String]) -> Result<Option<String>, Error> {
    if cloud.emulator.is_some() {
        return Ok(None);
    }
    let request = cloud.rds.describe_orderable_db_instance_options().engine("aurora-postgresql");
    let request = request.db_instance_class(&database.instance_class).vpc(true).into_paginator().items().send();
    let options: Vec<_> =
        request.collect::<Result<_, _>>().await.map_err(error("DescribeOrderableDBInstanceOptions"))?;
    compare(database, zones, &options)
}

fn compare(
    database: &Database,
    zones: &[String],
    options: &[OrderableDbInstanceOption],
) -> Result<Option<String>, Error> {
    let (class, version) = (&database.instance_class, &database.engine_version);
    let is_asked_for = |option: &&OrderableDbInstanceOption| {
        let offered = option.engine_version().unwrap_or_default();
        let major = offered.split_once('.').map_or(offered, |(major, _)| major);
        option.db_instance_class() == Some(class) && (offered == version || major == version)
    };
    let mut options = options.iter().filter(is_asked_for).peekable();
    if options.peek().is_none() {
        return Ok(Some(format!(
            "RDS does not list {class} for PostgreSQL {version}, so the instances may be refused; see database.instance_class \
             and database.engine_version"
        )));
    }
    let offered: BTreeSet<&str> =
        options.flat_map(|option| option.availability_zones()).filter_map(|zone| zone.name()).collect();
    let needed = zones.iter().take(database.instances as usize).map(String::as_str);
    let lacking: Vec<&str> = needed.filter(|zone| !offered.contains(zone)).collect();
    if lacking.is_empty() {
        return Ok(None);
    }
    let others: Vec<&str> = offered.into_iter().collect();
    let message = format!(
        "RDS does not offer {class} with PostgreSQL {version} in {}, only in {}; choose another database.instance_class or \
         other network.zones",
        lacking.join(", "),
        others.join(", ")
    );
    Err(Error::new(Class::Invalid, "DescribeOrderableDBInstanceOptions", message))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    /// What RDS offers, by version and zones.
    fn offer(options: &[(&str, &[&str])]) -> String {
        let option = |(version, zones): &(&str, &[&str])| {
            let zones: String =
                zones.iter().map(|zone| format!("<AvailabilityZone><Name>{zone}</Name></AvailabilityZone>")).collect();
            format!(
                "<OrderableDBInstanceOption><Engine>aurora-postgresql</Engine><EngineVersion>{version}</EngineVersion>
                <DBInstanceClass>db.r6g.large</DBInstanceClass><AvailabilityZones>{zones}</AvailabilityZones>
                <Vpc>true</Vpc></OrderableDBInstanceOption>"
            )
        };
        let options: String = options.iter().map(option).collect();
        format!(
            "<DescribeOrderableDBInstanceOptionsResponse><DescribeOrderableDBInstanceOptionsResult>
            <OrderableDBInstanceOptions>{options}</OrderableDBInstanceOptions>
            </DescribeOrderableDBInstanceOptionsResult></DescribeOrderableDBInstanceOptionsResponse>"
        )
    }

    async fn checked(instances: u32, options: &[(&str, &[&str])]) -> Result<Option<String>, Error> {
        let (cloud, replay) = Cloud::replaying([(200, &offer(options))]);
        let database = Database { instances, ..Database::default() };
        let zones = ["us-east-1a", "us-east-1b", "us-east-1c"].map(str::to_owned);
        let checked = check(&cloud, &database, &zones).await;
        assert!(replay.sent()[0].has("DBInstanceClass=db.r6g.large"));
        assert!(replay.sent()[0].has("Vpc=true"));
        checked
    }

    #[tokio::test]
    async fn a_class_that_a_zone_of_an_instance_lacks_is_refused_before_anything_is_made() {
        let (all, two) = (["us-east-1a", "us-east-1b", "us-east-1c"], ["us-east-1a", "us-east-1c"]);
        assert_eq!(checked(3, &[("16.13", &all)]).await.unwrap(), None);
        let refused = checked(3, &[("16.13", &two), ("15.17", &all)]).await.unwrap_err();
        assert_eq!(refused.class, Class::Invalid);
        assert!(refused.message.contains("in us-east-1b, only in us-east-1a, us-east-1c"), "{}", refused.message);
        // One instance is in the first zone.
        assert_eq!(checked(1, &[("16.13", &two)]).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_version_that_is_not_listed_is_named() {
        for options in [&[][..], &[("15.17", &["us-east-1a"][..])], &[("160.1", &["us-east-1a"])]] {
            let warning = checked(2, options).await.unwrap().unwrap();
            assert!(warning.starts_with("RDS does not list db.r6g.large for PostgreSQL 16"), "{warning}");
        }
    }
}
