//! What runs, recorded for the next command.

use std::path::PathBuf;

use anyhow::{Context, Result};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::cache::{Cache, replace_private};
use super::process::Process;

/// One service of the sandbox that was started and not stopped since.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Service {
    /// The process and its start.
    #[serde(flatten)]
    pub process: Process,
    /// The port on 127.0.0.1.
    pub port: u16,
    /// When it was started.
    pub since: Timestamp,
    /// The version that was started.
    pub version: String,
}

/// The services that run, and the ports they had, so that addresses stay the same from start to start.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The AWS emulator, if it was started.
    pub emulator: Option<Service>,
    /// The database, if it was started.
    pub postgres: Option<Service>,
    /// The emulator's last port: deployed functions have it in their settings.
    pub emulator_port: Option<u16>,
    /// The database's last port.
    pub postgres_port: Option<u16>,
    /// The port on which `payinfra verify` receives webhooks; it is in the stack's parameters, so it never changes.
    #[serde(default)]
    pub webhook_port: Option<u16>,
}

impl Record {
    /// Reads the record; one that is absent or unreadable counts as empty, and services that ended are left out.
    pub fn read(cache: &Cache) -> Self {
        let text = std::fs::read(path(cache)).unwrap_or_default();
        // A record that another version of this program wrote has nothing that this one could use.
        let mut record: Self = serde_json::from_slice(&text).unwrap_or_default();
        record.emulator = record.emulator.filter(|service| service.process.runs());
        record.postgres = record.postgres.filter(|service| service.process.runs());
        record
    }

    /// Writes the record, which replaces the former one.
    pub fn write(&self, cache: &Cache) -> Result<()> {
        let text = serde_json::to_vec_pretty(self).context("cannot write the sandbox's record")?;
        replace_private(&path(cache), &text)
    }

    /// Removes the record with the ports.
    pub fn remove(cache: &Cache) -> Result<()> {
        match std::fs::remove_file(path(cache)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }
}

fn path(cache: &Cache) -> PathBuf {
    cache.root().join("run.json")
}
