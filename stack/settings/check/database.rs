//! The Aurora cluster and its proxy.

use super::window::Window;
use crate::settings::error::Findings;
use crate::settings::{Database, InstanceClass, Key, Settings};

/// Names that PostgreSQL and RDS reserve.
const RESERVED: [&str; 9] = [
    "admin",
    "postgres",
    "rdsadmin",
    "rdsrepladmin",
    "rds_superuser",
    "template0",
    "template1",
    "rdsproxyadmin",
    "public",
];

pub(super) fn check(settings: &Settings, findings: &mut Findings) {
    let database = &settings.database;
    let class = InstanceClass::find(&database.instance_class);
    match class {
        None => findings.refuse_but(
            &Key::of("database.instance_class"),
            format!("{:?} does not exist for Aurora PostgreSQL, or is not supported", database.instance_class),
            InstanceClass::near(&database.instance_class),
        ),
        Some(class) if class.burstable => findings.warn(
            &Key::of("database.instance_class"),
            format!("{} runs on CPU credits; AWS recommends it for tests only", database.instance_class),
        ),
        Some(_) => {}
    }
    if database.major_version().is_none() {
        findings.refuse(&Key::of("database.engine_version"), format!("{:?} is not a version", database.engine_version));
    }
    names(database, findings);
    windows(database, findings);
    if let Some(class) = class {
        connections(settings, class, findings);
    }
}

fn names(database: &Database, findings: &mut Findings) {
    let starts_well = |name: &str| name.starts_with(|c: char| c.is_ascii_lowercase());
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let name = &database.name;
    if !starts_well(name) || name.len() > 63 || !name.bytes().all(|b| plain(b) || b == b'_') {
        findings.refuse(&Key::of("database.name"), format!("{name:?} is not a database name"));
    } else if RESERVED.contains(&name.as_str()) {
        findings.refuse(&Key::of("database.name"), format!("{name:?} is reserved"));
    }
    let user = &database.master_username;
    if !starts_well(user) || user.len() > 16 || !user.bytes().all(plain) {
        findings.refuse(&Key::of("database.master_username"), format!("{user:?} is not a user name"));
    } else if RESERVED.contains(&user.as_str()) {
        findings.refuse(&Key::of("database.master_username"), format!("{user:?} is reserved or too easy to guess"));
    }
}

fn windows(database: &Database, findings: &mut Findings) {
    let backup_key = Key::of("database.backup_window");
    let maintenance_key = Key::of("database.maintenance_window");
    let mut read = |key: &Key, text: &str, window: Option<Window>| {
        let Some(window) = window else {
            findings.refuse(key, format!("{text:?} is not a window"));
            return None;
        };
        if window.minutes() < 30 {
            findings.refuse(key, format!("{text:?} is {} minutes long", window.minutes()));
            return None;
        }
        if window.minutes() > 24 * 60 {
            findings.refuse(key, format!("{text:?} is longer than a day"));
            return None;
        }
        Some(window)
    };
    let backup = read(&backup_key, &database.backup_window, Window::daily(&database.backup_window));
    let maintenance =
        read(&maintenance_key, &database.maintenance_window, Window::weekly(&database.maintenance_window));
    if let (Some(backup), Some(maintenance)) = (backup, maintenance)
        && maintenance.meets_daily(backup)
    {
        findings.refuse(
            &maintenance_key,
            format!("{} overlaps the backup window {}", database.maintenance_window, database.backup_window),
        );
    }
}

/// Each environment of a function holds one connection, and without the proxy they all connect to the writer.
fn connections(settings: &Settings, class: InstanceClass, findings: &mut Findings) {
    let environments = settings.capacity.concurrency();
    if !settings.database.proxy && environments > u64::from(class.max_connections()) {
        findings.warn(
            &Key::of("database.proxy"),
            format!(
                "without the proxy, {environments} concurrent functions share {} connections of a {}",
                class.max_connections(),
                settings.database.instance_class
            ),
        );
    }
}
