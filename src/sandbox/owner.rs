//! Who the database runs as: PostgreSQL refuses to run as root.

use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use payinfra_aws::fingerprint::fingerprint;
use tokio::process::Command;

use super::cache::{Cache, private_folder};
use super::error::SandboxError;

/// The users that root steps down to, the best one first.
const UNPRIVILEGED: [&str; 2] = ["postgres", "nobody"];

/// The folder the database lives in and the user it belongs to.
#[derive(Debug, Clone)]
pub struct Home {
    /// Contains the data, the certificates and, if the system has none, the server's programs.
    pub folder: PathBuf,
    /// The user and group to step down to; none unless this process is root.
    user: Option<(u32, u32)>,
}

impl Home {
    /// Finds the folder: in the cache; as root, whose home others cannot enter, one under `/var/tmp`.
    pub fn find(cache: &Cache) -> Result<Self> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Self { folder: cache.root().join("postgres"), user: None });
        }
        let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        let user = UNPRIVILEGED.iter().find_map(|name| lookup(&users, name)).ok_or_else(|| {
            SandboxError::new(
                "the database cannot run as root, and there is neither a user `postgres` nor `nobody` to run it",
                "run the command as an ordinary user",
            )
        })?;
        let hash = fingerprint(cache.root().as_os_str().as_encoded_bytes(), 8);
        Ok(Self { folder: Path::new("/var/tmp").join(format!("payinfra-postgres-{hash}")), user: Some(user) })
    }

    /// Creates the folder, or makes sure that nobody else did.
    pub fn create(&self) -> Result<()> {
        if self.user.is_none() {
            return private_folder(&self.folder);
        }
        let shown = self.folder.display();
        match std::fs::create_dir(&self.folder) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                return Err(error).with_context(|| format!("cannot create {shown}"));
            }
            _ => {}
        }
        let found = std::fs::symlink_metadata(&self.folder).with_context(|| format!("cannot inspect {shown}"))?;
        if !found.is_dir() || found.uid() != 0 || found.mode() & 0o022 != 0 {
            let hint = "find out who created it, then remove it";
            return Err(SandboxError::new(
                format!("{shown} exists and is not a folder that only root can change"),
                hint,
            )
            .into());
        }
        // The server's user must reach its data and the programs, whatever the umask is.
        std::fs::set_permissions(&self.folder, std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .with_context(|| format!("cannot open {shown} to the database's user"))
    }

    /// Gives a file or folder to the database's user.
    pub fn hand_over(&self, path: &Path) -> Result<()> {
        let Some((user, group)) = self.user else { return Ok(()) };
        chown(path, Some(user), Some(group)).with_context(|| format!("cannot change the owner of {}", path.display()))
    }

    /// A command run by the database's user, with nothing of the caller's environment.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C").env("TZ", "UTC");
        command.current_dir(&self.folder).process_group(0);
        if let Some((user, group)) = self.user {
            command.gid(group).uid(user);
        }
        command
    }
}

/// User and group from the lines of passwd(5).
fn lookup(users: &str, name: &str) -> Option<(u32, u32)> {
    let fields: Vec<&str> = users
        .lines()
        .map(|line| line.split(':'))
        .find_map(|mut fields| (fields.next() == Some(name)).then(|| fields.collect()))?;
    Some((fields.get(1)?.parse().ok()?, fields.get(2)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_its_whole_name() {
        let users = "root:x:0:0:root:/root:/bin/sh\npostgresql:x:7:7::/:/bin/sh\npostgres:x:101:104:,,,:/var:/bin/sh\n";
        assert_eq!(lookup(users, "postgres"), Some((101, 104)));
        assert_eq!(lookup(users, "nobody"), None);
    }
}
