//! The database of the sandbox: a private PostgreSQL on 127.0.0.1 that speaks TLS only.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::Signal;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::cache::{Cache, private_folder, remove_folder};
use super::certificate::Certificates;
use super::error::SandboxError;
use super::launch::{Launched, gated};
use super::owner::Home;
use super::postgres_programs::{self, Places, Programs};
use super::record::Service;

/// The superuser; every password, and so every IAM token, is accepted.
pub const MASTER_USER: &str = "payinfra_sandbox";
/// The database the payment functions use.
pub const DATABASE: &str = "payments";

/// Only TLS connections from this machine.
const HBA: &str = "hostssl all all 127.0.0.1/32 trust\n";
const STOP_TIMEOUT: Duration = Duration::from_secs(60);

/// The database's folder, with its data, certificates and owner.
pub struct Postgres {
    home: Home,
    certificates: Certificates,
    log: PathBuf,
}

impl Postgres {
    /// Finds the folder; nothing is created yet.
    pub fn find(cache: &Cache) -> Result<Self> {
        let home = Home::find(cache)?;
        let certificates = Certificates::within(home.folder.join("certificates"));
        Ok(Self { home, certificates, log: cache.log("postgres") })
    }

    /// The certificate of the authority that signed the server's.
    pub fn ca_file(&self) -> PathBuf {
        self.certificates.authority()
    }

    /// See [`Certificates::listener`].
    pub fn listener_certificate(&self) -> Result<Option<(String, String)>> {
        self.certificates.listener()
    }

    fn data(&self) -> PathBuf {
        self.home.folder.join("data")
    }

    /// Makes the server's certificate cover `names`; a running server loads the new one at once.
    pub fn cover(&self, names: &[String], running: Option<&Service>) -> Result<()> {
        self.home.create()?;
        let folder = self.home.folder.join("certificates");
        private_folder(&folder)?;
        // Other users cannot enter root's cache, but the server's user must read its key here.
        std::fs::set_permissions(&folder, Permissions::from_mode(0o755)).context("cannot open the certificates")?;
        if self.certificates.cover(names)? {
            self.home.hand_over(&self.certificates.server())?;
            self.home.hand_over(&self.certificates.server_key())?;
            if let Some(service) = running {
                service.process.signal(Signal::HUP);
            }
        }
        Ok(())
    }

    /// Starts the server, with new data the first time; [`Postgres::ready`] returns true once it accepts connections.
    pub async fn launch(&self, places: &Places, port: u16, notice: &mut (dyn FnMut(&str) + Send)) -> Result<Launched> {
        self.home.create()?;
        let programs = self.programs(places, notice).await?;
        if !self.data().exists() {
            self.initialise(&programs).await?;
        }
        let shell = self.home.command(Path::new("/bin/sh"));
        let mut command = gated(shell, &programs.folder.join("postgres"));
        command.arg("-D").arg(self.data());
        let path = |path: PathBuf| path.display().to_string();
        for (name, value) in [
            ("listen_addresses", "127.0.0.1".to_owned()),
            ("port", port.to_string()),
            ("unix_socket_directories", String::new()),
            ("ssl", "on".to_owned()),
            ("ssl_min_protocol_version", "TLSv1.2".to_owned()),
            ("ssl_cert_file", path(self.certificates.server())),
            ("ssl_key_file", path(self.certificates.server_key())),
            ("max_connections", "200".to_owned()),
        ] {
            command.arg("-c").arg(format!("{name}={value}"));
        }
        Launched::spawn(command, "the database", self.log.clone(), port, &programs.major)
    }

    async fn programs(&self, places: &Places, notice: &mut (dyn FnMut(&str) + Send)) -> Result<Programs> {
        let major = std::fs::read_to_string(self.data().join("PG_VERSION")).ok().map(|text| text.trim().to_owned());
        if let Some(programs) = places.find(major.as_deref()).await? {
            return Ok(programs);
        }
        let environment = postgres_programs::REQUIREMENTS.install(&self.home.folder, notice).await?;
        let programs = postgres_programs::in_environment(&environment).await?;
        match major {
            Some(major) if major != programs.major => Err(SandboxError::new(
                format!("the sandbox's data was created by PostgreSQL {major}, which is no longer on this machine"),
                format!("install PostgreSQL {major} again, or start with empty data: payinfra sandbox reset"),
            )
            .into()),
            _ => Ok(programs),
        }
    }

    /// Creates the data folder under another name first, so that an incomplete one is never used.
    async fn initialise(&self, programs: &Programs) -> Result<()> {
        let partial = self.home.folder.join("data.partial");
        remove_folder(&partial)?;
        private_folder(&partial)?;
        self.home.hand_over(&partial)?;
        let mut initdb = self.home.command(&programs.folder.join("initdb"));
        initdb.args(["--username", MASTER_USER, "--encoding=UTF8", "--locale=C", "--auth=trust"]);
        initdb.args(["--no-instructions", "--pgdata"]).arg(&partial);
        finish(initdb, "initdb", "").await?;
        std::fs::write(partial.join("pg_hba.conf"), HBA).context("cannot write pg_hba.conf")?;
        // Single-user mode needs no client, and no moment in which the server listens without its rules.
        let mut single = self.home.command(&programs.folder.join("postgres"));
        single.arg("--single").arg("-D").arg(&partial).arg("postgres");
        let statement = format!("CREATE DATABASE {DATABASE}\n");
        finish(single, "postgres --single", &statement).await?;
        std::fs::rename(&partial, self.data()).context("cannot put the database's folder in place")
    }

    /// Whether a recorded server accepts connections.
    pub fn ready(&self, service: &Service) -> bool {
        service.process.runs() && is_ready(&self.data(), service.process.pid)
    }

    /// Ends the server's sessions and the server, and waits for it.
    pub async fn stop(&self, service: &Service) -> Result<()> {
        // "Fast Shutdown", https://www.postgresql.org/docs/current/server-shutdown.html
        if service.process.stop(Signal::INT, STOP_TIMEOUT).await {
            return Ok(());
        }
        let pid = service.process.pid;
        let what = format!("the database (process {pid}) has not ended after {} seconds", STOP_TIMEOUT.as_secs());
        Err(SandboxError::new(what, format!("`kill -QUIT {pid}` ends it; it recovers at the next start")).into())
    }

    /// Removes data and certificates; the server must have been stopped.
    pub fn remove(&self) -> Result<()> {
        remove_folder(&self.home.folder)
    }
}

/// What the server itself reports: line 8 of postmaster.pid reads `ready` once it accepts connections (since
/// PostgreSQL 10).
fn is_ready(data: &Path, pid: u32) -> bool {
    let text = std::fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
    let mut lines = text.lines();
    lines.next().is_some_and(|line| line == pid.to_string()) && lines.nth(6).is_some_and(|line| line.trim() == "ready")
}

async fn finish(mut command: Command, name: &str, input: &str) -> Result<()> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().with_context(|| format!("cannot start {name}"))?;
    if let Some(mut pipe) = child.stdin.take() {
        pipe.write_all(input.as_bytes()).await.with_context(|| format!("cannot write to {name}"))?;
    }
    let output = child.wait_with_output().await.with_context(|| format!("cannot wait for {name}"))?;
    if output.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    let hint = "is the disk full, or the folder on a file system that does not keep owners and modes?";
    Err(SandboxError::new(format!("{name} failed ({}): {words}", output.status), hint).into())
}
