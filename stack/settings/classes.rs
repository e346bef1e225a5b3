//! The Aurora PostgreSQL instance classes of us-east-1 and what the stack computes from them.
//!
//! Source: the classes `DescribeOrderableDBInstanceOptions` offers for `aurora-postgresql` in
//! us-east-1 (as in cfn-lint's data, 2026); processors and memory from "Hardware specifications for
//! DB instance classes for Aurora". `db.serverless` and the ended `db.r4` are left out.

/// The families, each with its sizes: `large` and multiples of `xlarge`, where 1 is `xlarge` itself.
const FAMILIES: &[(&str, &[Size])] = &[
    ("db.t3", &[Size::Medium, Size::Large]),
    ("db.t4g", &[Size::Medium, Size::Large]),
    ("db.r5", &[Size::Large, X(1), X(2), X(4), X(8), X(12), X(16), X(24)]),
    ("db.r6g", &[Size::Large, X(1), X(2), X(4), X(8), X(12), X(16)]),
    ("db.r6gd", &[X(1), X(2), X(4), X(8), X(12), X(16)]),
    ("db.r6i", &[Size::Large, X(1), X(2), X(4), X(8), X(12), X(16), X(24), X(32)]),
    ("db.r6id", &[X(24), X(32)]),
    ("db.r7g", &[Size::Large, X(1), X(2), X(4), X(8), X(12), X(16)]),
    ("db.r7i", &[Size::Large, X(1), X(2), X(4), X(8), X(12), X(16), X(24), X(48)]),
    ("db.r8a", &[Size::Large, X(1), X(2), X(4), X(8), X(12), X(16), X(24), X(48)]),
    ("db.r8g", &[Size::Large, X(1), X(2), X(4), X(8), X(12), X(16), X(24), X(48)]),
    ("db.r8gd", &[X(1), X(2), X(4), X(8), X(12), X(16), X(24), X(48)]),
    ("db.x2g", &[Size::Large, X(1), X(2), X(4), X(8), X(12), X(16)]),
];

use Size::X;

#[derive(Clone, Copy)]
enum Size {
    Medium,
    Large,
    X(u32),
}

impl Size {
    fn name(self) -> String {
        match self {
            Self::Medium => "medium".to_owned(),
            Self::Large => "large".to_owned(),
            Self::X(1) => "xlarge".to_owned(),
            Self::X(times) => format!("{times}xlarge"),
        }
    }
}

/// What an instance class has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct InstanceClass {
    /// Virtual processors.
    pub vcpus: u32,
    /// Memory in GiB.
    pub memory_gib: u32,
    /// Whether its processors run on credits (the `t` families).
    pub burstable: bool,
}

impl InstanceClass {
    /// Finds a class by name, such as `db.r6g.large`.
    pub fn find(name: &str) -> Option<Self> {
        let (family, size) = name.rsplit_once('.')?;
        let (_, sizes) = FAMILIES.iter().find(|(known, _)| *known == family)?;
        let size = sizes.iter().copied().find(|known| known.name() == size)?;
        let burstable = family.starts_with("db.t");
        let per_xlarge = if family == "db.x2g" { 64 } else { 32 };
        let (vcpus, memory_gib) = match size {
            Size::Medium => (2, 4),
            Size::Large if burstable => (2, 8),
            Size::Large => (2, per_xlarge / 2),
            Size::X(times) => (4 * times, per_xlarge * times),
        };
        Some(Self { vcpus, memory_gib, burstable })
    }

    /// Gives every name of the family `name` seems to mean, or the families when it means none.
    pub fn near(name: &str) -> String {
        let family = name.rsplit_once('.').map_or(name, |(family, _)| family);
        match FAMILIES.iter().find(|(known, _)| *known == family) {
            Some((family, sizes)) => {
                let names: Vec<String> = sizes.iter().map(|size| format!("{family}.{}", size.name())).collect();
                names.join(", ")
            }
            None => {
                let families: Vec<&str> = FAMILIES.iter().map(|(family, _)| *family).collect();
                format!("an Aurora PostgreSQL class of {}", families.join(", "))
            }
        }
    }

    /// Gives the default `max_connections`: `LEAST(DBInstanceClassMemory / 9531392, 5000)`.
    ///
    /// RDS keeps part of the memory for itself, so the values are those of the table in "Managing
    /// Aurora PostgreSQL", by memory.
    pub const fn max_connections(self) -> u32 {
        match self.memory_gib {
            0..=4 => 405,
            5..=8 => 844,
            9..=16 => 1_722,
            17..=32 => 3_479,
            _ => 5_000,
        }
    }

    /// Gives the addresses RDS Proxy wants free in each subnet for one instance of this class.
    ///
    /// Source: "Planning for IP address capacity" of RDS Proxy, which never takes more than
    /// [`Self::MOST_PROXY_ADDRESSES`] in a VPC.
    pub const fn proxy_addresses(self) -> u32 {
        match self.vcpus {
            0..=4 => 10,
            5..=8 => 15,
            9..=16 => 25,
            17..=32 => 45,
            33..=48 => 60,
            49..=64 => 75,
            65..=96 => 110,
            _ => Self::MOST_PROXY_ADDRESSES,
        }
    }

    /// The most addresses RDS Proxy takes in a VPC.
    pub const MOST_PROXY_ADDRESSES: u32 = 215;
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn the_table_of_the_user_guide_holds() {
        for (name, vcpus, memory, connections) in [
            ("db.t4g.medium", 2, 4, 405),
            ("db.t4g.large", 2, 8, 844),
            ("db.r6g.large", 2, 16, 1_722),
            ("db.r6g.xlarge", 4, 32, 3_479),
            ("db.r6g.2xlarge", 8, 64, 5_000),
            ("db.r8g.48xlarge", 192, 1_536, 5_000),
            ("db.x2g.large", 2, 32, 3_479),
            ("db.x2g.16xlarge", 64, 1_024, 5_000),
        ] {
            let class = InstanceClass::find(name).unwrap();
            assert_eq!(
                (class.vcpus, class.memory_gib, class.max_connections()),
                (vcpus, memory, connections),
                "{name}"
            );
        }
    }

    #[test]
    fn unknown_classes_are_not_found_and_named_near() {
        for name in
            ["", "db", "db.r6g", "db.r6g.3xlarge", "db.r6g.24xlarge", "r6g.large", "db.serverless", "db.R6G.large"]
        {
            assert_eq!(InstanceClass::find(name), None, "{name}");
        }
        assert!(InstanceClass::near("db.r6g.huge").starts_with("db.r6g.large, db.r6g.xlarge"));
        assert!(InstanceClass::near("db.m5.large").contains("db.r7g"));
    }

    #[test]
    fn the_proxy_wants_more_addresses_for_a_larger_class() {
        let wants = |name| InstanceClass::find(name).unwrap().proxy_addresses();
        assert_eq!(wants("db.r6g.large"), 10);
        assert_eq!(wants("db.r6g.xlarge"), 10);
        assert_eq!(wants("db.r6g.2xlarge"), 15);
        assert_eq!(wants("db.r6i.24xlarge"), 110);
        assert_eq!(wants("db.r8g.48xlarge"), 215);
    }
}
