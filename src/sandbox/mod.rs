//! The embedded sandbox: an AWS emulator and a database on 127.0.0.1, started once and used by every command.

mod cache;
mod certificate;
mod emulator;
mod error;
mod http;
mod install;
mod launch;
mod owner;
mod port;
mod postgres;
mod postgres_programs;
mod process;
mod record;

use std::path::PathBuf;

use anyhow::Result;
use jiff::Timestamp;
use serde::Serialize;

use cache::{Cache, remove_folder};
pub use error::SandboxError;
use postgres_programs::Places;
use record::{Record, Service};

/// What a command needs from the sandbox.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The emulator's port; without it the last one, or any free one.
    pub port: Option<u16>,
    /// Whether the database is needed too.
    pub postgres: bool,
    /// Further names the database's certificate must cover, such as the endpoint the emulator gave the cluster.
    pub names: Vec<String>,
}

/// The running sandbox.
#[derive(Debug, Clone, Serialize)]
pub struct Running {
    /// The emulator's address, `http://127.0.0.1:<port>`.
    pub endpoint: String,
    /// The account all objects belong to.
    pub account: &'static str,
    /// The emulator's release.
    pub version: String,
    /// The emulator's process.
    pub pid: u32,
    /// When the emulator was started.
    pub since: Timestamp,
    /// The port on 127.0.0.1 that webhooks to the merchant of `payinfra verify` go to.
    pub webhook_port: Option<u16>,
    /// The database, if it runs.
    pub postgres: Option<Database>,
}

/// The running database; it accepts only TLS connections, with any password.
#[derive(Debug, Clone, Serialize)]
pub struct Database {
    /// `127.0.0.1:<port>`.
    pub address: String,
    /// The certificate of the authority that signed its own, as PEM.
    pub ca_file: PathBuf,
    /// The superuser.
    pub master_user: &'static str,
    /// The name of the database.
    pub database: &'static str,
    /// The major version.
    pub version: String,
    /// The server's process.
    pub pid: u32,
    /// When it was started.
    pub since: Timestamp,
}

/// The sandbox of this user.
#[derive(Debug, Clone)]
pub struct Sandbox {
    cache: Cache,
}

impl Sandbox {
    /// Finds the sandbox's folder, see [`Cache::locate`]; nothing is created or started yet.
    pub fn locate() -> Result<Self> {
        Ok(Self { cache: Cache::locate()? })
    }

    /// The folder with everything that the sandbox keeps.
    pub fn folder(&self) -> PathBuf {
        self.cache.root().to_owned()
    }

    /// Starts what is needed and not running yet, and returns once it answers. `notice` gets a line for each step that
    /// takes long.
    pub async fn ensure(&self, options: &Options, notice: &mut (dyn FnMut(&str) + Send)) -> Result<Running> {
        let _lock = self.cache.lock(notice).await?;
        let mut record = Record::read(&self.cache);
        let emulator = self.ensure_emulator(options.port, &mut record, notice).await?;
        if options.postgres {
            self.ensure_postgres(&options.names, &mut record, notice).await?;
        }
        if record.webhook_port.is_none() {
            record.webhook_port = Some(port::free(None)?);
            record.write(&self.cache)?;
        }
        self.running(emulator, record)
    }

    async fn ensure_emulator(
        &self,
        port: Option<u16>,
        record: &mut Record,
        notice: &mut (dyn FnMut(&str) + Send),
    ) -> Result<Service> {
        if let Some(service) = record.emulator.take() {
            let moved = port.filter(|port| *port != service.port);
            if moved.is_none() && emulator::healthy(service.port).await {
                record.emulator = Some(service.clone());
                return Ok(service);
            }
            if let Some(port) = moved {
                let what = format!("the sandbox runs on port {}, not on {port}", service.port);
                return Err(SandboxError::new(what, "stop it first: payinfra sandbox stop").into());
            }
            notice("the emulator does not answer, or is another release: starting it again");
            emulator::stop(&service).await?;
        }
        let environment = emulator::REQUIREMENTS.install(self.cache.root(), notice).await?;
        let port = port.map_or_else(|| port::free(record.emulator_port), port::claim)?;
        let launched = emulator::launch(&self.cache, &environment, port)?;
        record.emulator_port = Some(port);
        record.emulator = Some(launched.service.clone());
        record.write(&self.cache)?;
        launched.until(|| emulator::healthy(port)).await
    }

    async fn ensure_postgres(
        &self,
        names: &[String],
        record: &mut Record,
        notice: &mut (dyn FnMut(&str) + Send),
    ) -> Result<()> {
        let postgres = postgres::Postgres::find(&self.cache)?;
        if let Some(service) = record.postgres.take() {
            if postgres.ready(&service) {
                postgres.cover(names, Some(&service))?;
                record.postgres = Some(service);
                return Ok(());
            }
            notice("the database does not answer: starting it again");
            postgres.stop(&service).await?;
        }
        postgres.cover(names, None)?;
        let port = port::free(record.postgres_port)?;
        let launched = postgres.launch(&Places::of_this_machine(), port, notice).await?;
        let service = launched.service.clone();
        record.postgres_port = Some(port);
        record.postgres = Some(service.clone());
        record.write(&self.cache)?;
        launched.until(|| std::future::ready(postgres.ready(&service))).await?;
        Ok(())
    }

    /// Returns the sandbox if it runs and answers.
    pub async fn status(&self) -> Result<Option<Running>> {
        let record = Record::read(&self.cache);
        match &record.emulator {
            Some(service) if emulator::healthy(service.port).await => {
                self.running(service.clone(), record.clone()).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Stops what runs and keeps the data; returns false if nothing ran.
    pub async fn stop(&self, notice: &mut (dyn FnMut(&str) + Send)) -> Result<bool> {
        let _lock = self.cache.lock(notice).await?;
        self.stop_all().await
    }

    /// Stops what runs and removes the data; what was installed stays.
    pub async fn reset(&self, notice: &mut (dyn FnMut(&str) + Send)) -> Result<()> {
        let _lock = self.cache.lock(notice).await?;
        self.stop_all().await?;
        remove_folder(&self.cache.data())?;
        postgres::Postgres::find(&self.cache)?.remove()?;
        Record::remove(&self.cache)
    }

    async fn stop_all(&self) -> Result<bool> {
        let mut record = Record::read(&self.cache);
        let any = record.emulator.is_some() || record.postgres.is_some();
        // The emulator first: its functions use the database.
        if let Some(service) = record.emulator.take() {
            emulator::stop(&service).await?;
            record.write(&self.cache)?;
        }
        if let Some(service) = record.postgres.take() {
            postgres::Postgres::find(&self.cache)?.stop(&service).await?;
        }
        record.write(&self.cache)?;
        Ok(any)
    }

    /// A certificate for 127.0.0.1 of the authority that the deployed functions trust, and its key, both as PEM; nothing
    /// where there is no such authority.
    pub fn listener_certificate(&self) -> Result<Option<(String, String)>> {
        postgres::Postgres::find(&self.cache)?.listener_certificate()
    }

    fn running(&self, emulator: Service, record: Record) -> Result<Running> {
        let database = |service: Service| -> Result<Database> {
            Ok(Database {
                address: format!("127.0.0.1:{}", service.port),
                ca_file: postgres::Postgres::find(&self.cache)?.ca_file(),
                master_user: postgres::MASTER_USER,
                database: postgres::DATABASE,
                version: service.version,
                pid: service.process.pid,
                since: service.since,
            })
        };
        Ok(Running {
            endpoint: format!("http://127.0.0.1:{}", emulator.port),
            account: emulator::ACCOUNT,
            version: emulator.version,
            pid: emulator.process.pid,
            since: emulator.since,
            webhook_port: record.webhook_port,
            postgres: record.postgres.map(database).transpose()?,
        })
    }
}
