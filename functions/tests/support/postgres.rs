//! A private PostgreSQL server with its own data directory and port. It accepts TLS only and never runs as root.

use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::certificates::Authority;
use super::free_port;

/// The name in the server's certificate, in place of an Aurora endpoint.
pub const HOST: &str = "writer.payments.test";

pub struct Postgres {
    directory: TempDir,
    binaries: PathBuf,
    user: Option<(u32, u32)>,
    pub port: u16,
}

impl Postgres {
    /// Creates a cluster and starts it. With `durable`, a commit waits for the disk.
    pub fn start(authority: &Authority, durable: bool) -> Self {
        let directory = tempfile::Builder::new().prefix("payments-pg-").tempdir().unwrap();
        let postgres = Self { binaries: binaries(), user: other_user(), port: free_port(), directory };
        postgres.own(postgres.directory.path());
        let data = postgres.data();
        postgres.run("initdb", &["-D", &data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"]);
        let leaf = authority.leaf(&[HOST]);
        postgres.write("server.crt", &leaf.certificate);
        postgres.write("server.key", &leaf.key);
        postgres.write("pg_hba.conf", "hostssl all all 127.0.0.1/32 trust\n");
        let fsync = if durable { "on" } else { "off" };
        postgres.write(
            "postgresql.auto.conf",
            &format!(
                "listen_addresses = '127.0.0.1'\nport = {}\nunix_socket_directories = ''\nssl = on\nfsync = {fsync}\n\
                 max_connections = 300\nshared_buffers = '64MB'\nlog_min_messages = 'panic'\n",
                postgres.port
            ),
        );
        postgres.control("start", &[]);
        postgres
    }

    /// Kills the server as a power failure would, and restarts it.
    pub fn crash_and_restart(&self) {
        self.control("restart", &["-m", "immediate"]);
    }

    pub fn stop(&self) {
        self.control("stop", &["-m", "immediate"]);
    }

    pub fn resume(&self) {
        self.control("start", &[]);
    }

    /// Returns the server's log.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    fn control(&self, verb: &str, more: &[&str]) {
        let data = self.data();
        let log = self.directory.path().join("log").display().to_string();
        let mut arguments = vec![verb, "-D", &data, "-l", &log, "-w", "-s"];
        arguments.extend_from_slice(more);
        self.run("pg_ctl", &arguments);
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let mut command = Command::new(self.binaries.join(program));
        command.args(arguments).env_clear().env("LC_ALL", "C").current_dir("/");
        command.stdin(Stdio::null()).stdout(Stdio::null());
        if let Some((user, group)) = self.user {
            command.uid(user).gid(group);
        }
        let status = command.status().unwrap();
        assert!(status.success(), "{program} {arguments:?} failed: {status}");
    }

    fn write(&self, name: &str, text: &str) {
        let path = Path::new(&self.data()).join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        self.own(&path);
    }

    fn own(&self, path: &Path) {
        if let Some((user, group)) = self.user {
            chown(path, Some(user), Some(group)).unwrap();
        }
    }

    fn data(&self) -> String {
        self.directory.path().join("data").display().to_string()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let data = self.data();
        let mut command = Command::new(self.binaries.join("pg_ctl"));
        command.args(["stop", "-D", &data, "-m", "immediate", "-s"]).current_dir("/");
        command.stdout(Stdio::null()).stderr(Stdio::null());
        if let Some((user, group)) = self.user {
            command.uid(user).gid(group);
        }
        let _ = command.status();
    }
}

/// Finds the server's binaries: in `PAYINFRA_POSTGRES_BIN`, or the newest ones from Debian.
fn binaries() -> PathBuf {
    if let Some(path) = std::env::var_os("PAYINFRA_POSTGRES_BIN") {
        return path.into();
    }
    let majors = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    majors
        .map(|major| major.path().join("bin"))
        .filter(|bin| bin.join("initdb").exists())
        .max()
        .expect("PostgreSQL not found: install Debian's `postgresql` package or set PAYINFRA_POSTGRES_BIN")
}

/// Returns the user and the group to run the server as: postgres or nobody if this process is root, because the server
/// refuses to run as root.
fn other_user() -> Option<(u32, u32)> {
    let id = |arguments: &[&str]| {
        let output = Command::new("id").args(arguments).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().parse::<u32>().ok()
    };
    if id(&["-u"]) != Some(0) {
        return None;
    }
    ["postgres", "nobody"].iter().find_map(|name| Some((id(&["-u", name])?, id(&["-g", name])?)))
}
