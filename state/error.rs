//! Errors of the state, which name the file and the place.

use std::io;
use std::path::PathBuf;

use crate::Holder;

/// An error of the state files.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system refused.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// A file is damaged at a named place.
    #[error("{file} is damaged at {place}: {reason}")]
    Damaged {
        /// The file or object.
        file: String,
        /// The line or field.
        place: String,
        /// What is wrong there.
        reason: String,
    },
    /// A newer payinfra wrote the file.
    #[error("{file} has format {found}, this payinfra reads up to {supported}")]
    Newer {
        /// The file or object.
        file: String,
        /// The format found.
        found: u64,
        /// The newest format that can be read.
        supported: u32,
    },
    /// Another run holds the state.
    #[error("the state is locked by {0}")]
    Locked(Box<Holder>),
    /// The lease on a shared state was lost to another run.
    #[error("the lease on the state was lost: {0}")]
    LeaseLost(String),
    /// A remote store answered with an error.
    #[error("cannot {action} {object}: {reason}")]
    Remote {
        /// What was tried, as a verb.
        action: &'static str,
        /// The object.
        object: String,
        /// Why it failed.
        reason: String,
    },
    /// A remote store refused because a permission or the credentials are missing.
    #[error("cannot {action} {object}: {reason}")]
    Denied {
        /// What was tried, as a verb.
        action: &'static str,
        /// The object.
        object: String,
        /// Why it was refused.
        reason: String,
    },
    /// An earlier append failed, so nothing more may be announced.
    #[error("the journal can no longer be written: {0}")]
    Broken(String),
}

impl Error {
    /// The whole error in one line, with all its causes.
    pub(crate) fn with_reasons(&self) -> String {
        let mut line = self.to_string();
        let mut source = std::error::Error::source(self);
        while let Some(reason) = source {
            line.push_str(&format!(": {reason}"));
            source = reason.source();
        }
        line
    }
}
