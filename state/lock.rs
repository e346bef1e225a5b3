//! One run at a time: the lock on a state folder.

use std::fmt;
use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
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
    /// Since when.
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
        write!(f, "`payinfra {command}` of {user} on {host} (process {pid}), since {since:.0}")
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
    /// [`Error::Locked`] with the holder where another process has it, [`Error::Io`] where the folder refuses.
    pub fn take(folder: &Path, holder: &Holder) -> Result<Self, Error> {
        let path = folder.join("lock");
        let mut file = open_private(&path, true).map_err(io_error("open", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                let _ = file.read_to_string(&mut text);
                let unknown = Holder {
                    user: "somebody".to_owned(),
                    host: "this host".to_owned(),
                    pid: 0,
                    command: "(starting)".to_owned(),
                    since: Timestamp::now(),
                };
                return Err(Error::Locked(Box::new(serde_json::from_str(&text).unwrap_or(unknown))));
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
}
