//! Where the sandbox is on disk, and the lock that lets one command at a time change it.

use std::fs::{DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::error::SandboxError;
use crate::cache_folder::cache_folder;

/// How long a command waits for another one that installs or starts the sandbox.
const LOCK_TIMEOUT: Duration = Duration::from_secs(15 * 60);
const LOCK_INTERVAL: Duration = Duration::from_millis(100);

/// The sandbox's folder in the user's cache directory; everything in it can be rebuilt.
#[derive(Debug, Clone)]
pub struct Cache {
    root: PathBuf,
}

impl Cache {
    /// Finds the folder, `sandbox` in payinfra's cache.
    pub fn locate() -> Result<Self> {
        let base = cache_folder().ok_or_else(|| {
            SandboxError::new(
                "no folder for the sandbox: neither PAYINFRA_CACHE, XDG_CACHE_HOME nor HOME is set",
                "set PAYINFRA_CACHE to a folder this user can write",
            )
        })?;
        let base = std::path::absolute(&base).with_context(|| format!("cannot resolve {}", base.display()))?;
        Ok(Self { root: base.join("sandbox") })
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What the emulator keeps between starts.
    pub fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    /// The file a service writes its output to.
    pub fn log(&self, service: &str) -> PathBuf {
        self.root.join(format!("{service}.log"))
    }

    /// Waits for its turn to change the sandbox; dropping the returned file releases the lock.
    pub async fn lock(&self, notice: &mut (dyn FnMut(&str) + Send)) -> Result<File> {
        private_folder(&self.root)?;
        let path = self.root.join("lock");
        let file = open_private(&path, OpenOptions::new().create(true).truncate(false))?;
        let begun = Instant::now();
        let mut reported = false;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::Error(error)) => {
                    return Err(error).with_context(|| format!("cannot lock {}", path.display()));
                }
                Err(TryLockError::WouldBlock) if begun.elapsed() > LOCK_TIMEOUT => {
                    return Err(SandboxError::new(
                        format!("another command has locked the sandbox for {} minutes", LOCK_TIMEOUT.as_secs() / 60),
                        "end that command, then run this one again",
                    )
                    .into());
                }
                Err(TryLockError::WouldBlock) => {
                    if !std::mem::replace(&mut reported, true) {
                        notice("waiting for another command that is changing the sandbox");
                    }
                    tokio::time::sleep(LOCK_INTERVAL).await;
                }
            }
        }
    }
}

/// Creates a folder, and its parents, that only this user can enter.
pub fn private_folder(path: &Path) -> Result<()> {
    let hint = "set PAYINFRA_CACHE to a folder this user can write";
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .with_context(|| SandboxError::new(format!("cannot create {}", path.display()), hint))?;
    std::fs::set_permissions(path, Permissions::from_mode(0o700))
        .with_context(|| SandboxError::new(format!("cannot make {} private", path.display()), hint))
}

/// Opens a file for writing that only this user can read, whatever the umask.
pub fn open_private(path: &Path, options: &mut OpenOptions) -> Result<File> {
    options.write(true).mode(0o600).open(path).with_context(|| {
        SandboxError::new(
            format!("cannot write {}", path.display()),
            "set PAYINFRA_CACHE to a folder this user can write",
        )
    })
}

/// Replaces a file atomically: a reader sees the old or the new text, never a part. The file is private (0600).
pub fn replace_private(path: &Path, text: &[u8]) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let write = || -> std::io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(text)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

/// Removes a folder with everything in it; one that does not exist is not an error.
pub fn remove_folder(path: &Path) -> Result<()> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[tokio::test]
    async fn a_second_command_waits_until_the_first_releases_the_lock() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache { root: folder.path().join("sandbox") };
        let first = cache.lock(&mut |_| {}).await.unwrap();
        let mut notices = 0;
        let mut count = |_: &str| notices += 1;
        assert!(tokio::time::timeout(LOCK_INTERVAL * 3, cache.lock(&mut count)).await.is_err());
        drop(first);
        assert!(tokio::time::timeout(LOCK_INTERVAL * 3, cache.lock(&mut count)).await.is_ok());
        assert_eq!(notices, 1, "said once that it waits");
    }

    #[test]
    fn what_is_written_is_private() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("one/two");
        private_folder(&inner).unwrap();
        replace_private(&inner.join("file"), b"text").unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&inner), mode(&inner.join("file"))), (0o700, 0o600));
    }
}
