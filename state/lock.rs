//! One run at a time: the lock on a state folder.

use std::fmt;
use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::local::{io_error, open_private};

/// Who holds a lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The user, as the environment names it.
    pub user: String,
    /// The machine.
    pub host: String,
    /// The process id on that machine.
    pub pid: u32,
    /// The command, for example `up`.
    pub command: String,
    /// When it took the lock.
    pub since: Timestamp,
}

impl Holder {
    /// Describes this process.
    pub fn this_process(command: &str) -> Self {
        let env = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").ok().map(|name| name.trim().to_owned());
        Self {
            user: env("USER").or_else(|| env("LOGNAME")).unwrap_or_else(|| "unknown user".to_owned()),
            host: host.or_else(|| env("HOSTNAME")).unwrap_or_else(|| "unknown host".to_owned()),
            pid: std::process::id(),
            command: command.to_owned(),
            since: Timestamp::now(),
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { user, host, pid, command, since } = self;
        let age = age(Timestamp::now().duration_since(*since).as_secs());
        write!(f, "`payinfra {command}` of {user} on {host} (process {pid}), since {since:.0} ({age} ago)")
    }
}

/// An age in words; never negative, even if one clock runs behind another.
fn age(seconds: i64) -> String {
    match seconds.max(0) {
        seconds @ 0..=119 => format!("{seconds} s"),
        seconds @ 120..=7_199 => format!("{} min", seconds / 60),
        seconds @ 7_200..=172_799 => format!("{} h", seconds / 3_600),
        seconds => format!("{} days", seconds / 86_400),
    }
}

/// The held lock of a state folder; the operating system frees it with the process, even on `kill -9`.
#[derive(Debug)]
pub struct StateLock {
    _file: File,
}

impl StateLock {
    /// Takes the lock in `folder`, which must exist.
    ///
    /// # Errors
    /// [`Error::Locked`] with the holder if another process has it, [`Error::Io`] if the lock file cannot be opened or
    /// written.
    pub fn take(folder: &Path, holder: &Holder) -> Result<Self, Error> {
        let path = folder.join("lock");
        let mut file = open_private(&path, true).map_err(io_error("open", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::Locked(Box::new(read_holder(&mut file))));
            }
            Err(TryLockError::Error(error)) => return Err(io_error("lock", &path)(error)),
        }
        let text = serde_json::to_string(holder).expect("a holder serialises to JSON");
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(text.as_bytes()))
            .map_err(io_error("write", &path))?;
        Ok(Self { _file: file })
    }

    /// Who holds the lock in `folder`; nobody if there is no folder.
    ///
    /// # Errors
    /// [`Error::Io`] if the lock cannot be inspected.
    pub fn holder(folder: &Path) -> Result<Option<Holder>, Error> {
        let path = folder.join("lock");
        let mut file = match open_private(&path, false) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io_error("open", &path)(error)),
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(None),
            Err(TryLockError::WouldBlock) => Ok(Some(read_holder(&mut file))),
            Err(TryLockError::Error(error)) => Err(io_error("inspect", &path)(error)),
        }
    }
}

/// What the holder wrote; for a moment after taking the lock, it has written nothing yet.
fn read_holder(file: &mut File) -> Holder {
    let mut text = String::new();
    let _ = file.read_to_string(&mut text);
    serde_json::from_str(&text).unwrap_or_else(|_| Holder {
        user: "somebody".to_owned(),
        host: "this host".to_owned(),
        pid: 0,
        command: "(starting)".to_owned(),
        since: Timestamp::now(),
    })
}
