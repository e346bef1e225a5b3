//! Which minor version of Aurora PostgreSQL to ask for.

use payinfra_aws::error;
use payinfra_engine::{Class, Error};

use crate::Cloud;

/// The newest minors known at the time of writing, for emulators that cannot list them (moto).
const KNOWN: [(&str, &str); 5] = [("14", "14.22"), ("15", "15.17"), ("16", "16.13"), ("17", "17.9"), ("18", "18.3")];

/// The version to ask for: a full one as it is, of a major one the newest minor.
pub(super) async fn resolve(cloud: &Cloud, asked: &str) -> Result<String, Error> {
    if asked.contains('.') {
        return Ok(asked.to_owned());
    }
    let request = cloud.rds.describe_db_engine_versions().engine("aurora-postgresql").into_paginator().items().send();
    match request.collect::<Result<Vec<_>, _>>().await.map_err(error("DescribeDBEngineVersions")) {
        Ok(versions) => {
            let versions = versions.iter().filter_map(|version| version.engine_version());
            Ok(newest(versions, asked).unwrap_or_else(|| known(asked)))
        }
        Err(error) if error.class == Class::Transient => Ok(known(asked)),
        Err(error) => Err(error),
    }
}

/// What a running version satisfies: the version that was asked for, as long as it is of the same major and no older;
/// minor upgrades that AWS makes by itself are not drift.
pub(super) fn satisfied(running: &str, asked: Option<&str>) -> String {
    let (major, minor) = parts(running).unwrap_or_default();
    match asked {
        Some(asked) if parts(asked).is_some_and(|(m, least)| m == major && least <= minor) => asked.to_owned(),
        Some(asked) if asked == major.to_string() => asked.to_owned(),
        Some(_) => running.to_owned(),
        None => major.to_string(),
    }
}

fn newest<'a>(versions: impl Iterator<Item = &'a str>, major: &str) -> Option<String> {
    let of_major = versions.filter_map(|version| parts(version).filter(|(m, _)| m.to_string() == major));
    of_major.map(|(major, minor)| (minor, format!("{major}.{minor}"))).max().map(|(_, version)| version)
}

fn known(major: &str) -> String {
    KNOWN.iter().find(|(known, _)| *known == major).map_or(major, |(_, version)| version).to_owned()
}

/// Major and minor; nothing for special editions as `16.6-limitless`.
fn parts(version: &str) -> Option<(u32, u32)> {
    let (major, minor) = version.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_minor_is_taken_by_number_and_no_special_edition() {
        let versions = ["16.8", "16.13", "16.13-limitless", "16.9", "17.4"];
        assert_eq!(newest(versions.into_iter(), "16"), Some("16.13".to_owned()));
        assert_eq!(newest(versions.into_iter(), "15"), None);
        assert_eq!(known("16"), "16.13");
    }

    #[test]
    fn a_minor_upgrade_is_no_drift_and_a_major_one_is() {
        assert_eq!(satisfied("16.14", Some("16")), "16");
        assert_eq!(satisfied("16.14", Some("16.13")), "16.13");
        assert_eq!(satisfied("16.11", Some("16.13")), "16.11");
        assert_eq!(satisfied("17.4", Some("16")), "17.4");
        assert_eq!(satisfied("16.14", None), "16");
    }
}
