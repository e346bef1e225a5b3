//! The functions' code: built binaries, checked and zipped so that the same binary always gives the same hash.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{Cursor, Write};
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use ring::digest::{SHA256, digest};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::elf::{NotRunnable, check};
use super::function_name::{Architecture, FunctionName};
use super::package_cache::PackageCache;

/// The command that builds the binaries.
pub const BUILD: &str = "cargo build --profile function -p payments --bins";

/// The code of one function.
#[derive(Clone)]
pub struct Artifact {
    /// The binary that it was made from.
    pub path: PathBuf,
    /// The SHA-256 of the zip in base64, as Lambda's `CodeSha256`.
    pub sha256: String,
    /// The deployment package.
    pub zip: Arc<[u8]>,
}

impl fmt::Debug for Artifact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Artifact").field("path", &self.path).field("sha256", &self.sha256).finish_non_exhaustive()
    }
}

/// The code of all functions.
#[derive(Debug, Clone, Default)]
pub struct Artifacts {
    functions: BTreeMap<FunctionName, Artifact>,
}

/// Why the code cannot be deployed.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// A binary is not there.
    #[error("there is no {}; build the functions with `{BUILD}`", path.display())]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// A binary cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// Where it is.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A binary would not run.
    #[error("{} cannot run as a function: {source}", path.display())]
    NotRunnable {
        /// Where it is.
        path: PathBuf,
        /// Why not.
        source: NotRunnable,
    },
    /// The zip could not be written.
    #[error("cannot zip {}", path.display())]
    Zip {
        /// What was to be zipped.
        path: PathBuf,
        /// Why not.
        source: zip::result::ZipError,
    },
}

impl Artifacts {
    /// Reads, checks and zips the binaries `<folder>/<name>` of all three functions; what was zipped before comes from
    /// the cache.
    ///
    /// # Errors
    /// The first binary that is missing, unreadable or would not run on Lambda.
    pub fn load(folder: &Path, architecture: Architecture, cache: &PackageCache) -> Result<Self, ArtifactError> {
        // Reading and hashing is most of what a run without changes computes: each binary has a thread.
        let functions = thread::scope(|scope| {
            let load = |function: FunctionName| {
                let path = folder.join(function.name());
                (function, scope.spawn(move || read(path, architecture, cache)))
            };
            let loading = FunctionName::ALL.map(load);
            let join = |(function, thread): (_, thread::ScopedJoinHandle<'_, _>)| {
                let artifact = thread.join().unwrap_or_else(|panic| resume_unwind(panic))?;
                Ok((function, artifact))
            };
            loading.into_iter().map(join).collect::<Result<_, _>>()
        })?;
        Ok(Self { functions })
    }

    /// No code at all: enough to destroy a stack, and nothing can be deployed with it.
    pub fn none() -> Self {
        Self::default()
    }

    /// The hash of a function's code; empty without code.
    pub fn sha256(&self, function: FunctionName) -> String {
        self.functions.get(&function).map(|artifact| artifact.sha256.clone()).unwrap_or_default()
    }

    /// The deployment package with this hash.
    pub fn zip(&self, sha256: &str) -> Option<Arc<[u8]>> {
        self.functions.values().find(|artifact| artifact.sha256 == sha256).map(|artifact| Arc::clone(&artifact.zip))
    }

    /// The code of one function.
    pub fn get(&self, function: FunctionName) -> Option<&Artifact> {
        self.functions.get(&function)
    }
}

fn read(path: PathBuf, architecture: Architecture, cache: &PackageCache) -> Result<Artifact, ArtifactError> {
    let binary = match std::fs::read(&path) {
        Ok(binary) => binary,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(ArtifactError::Missing { path }),
        Err(source) => return Err(ArtifactError::Unreadable { path, source }),
    };
    if let Err(source) = check(&binary, architecture) {
        return Err(ArtifactError::NotRunnable { path, source });
    }
    let zip = match cache.get(&binary) {
        Some(zip) => zip,
        None => match pack(&binary) {
            Ok(zip) => {
                cache.put(&binary, &zip);
                zip
            }
            Err(source) => return Err(ArtifactError::Zip { path, source }),
        },
    };
    let sha256 = aws_smithy_types::base64::encode(digest(&SHA256, &zip));
    Ok(Artifact { path, sha256, zip: zip.into() })
}

/// Zips a binary as `bootstrap`, with a fixed time and mode, so that only its bytes count.
fn pack(binary: &[u8]) -> Result<Vec<u8>, zip::result::ZipError> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(DateTime::default())
        .unix_permissions(0o755);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("bootstrap", options)?;
    zip.write_all(binary)?;
    Ok(zip.finish()?.into_inner())
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn the_same_binary_gives_the_same_zip_with_an_executable_bootstrap() {
        let (first, second) = (pack(b"code").expect("it packs"), pack(b"code").expect("it packs"));
        assert_eq!(first, second);
        assert_ne!(first, pack(b"edoc").expect("it packs"));
        let mut zip = zip::ZipArchive::new(Cursor::new(first)).expect("a zip");
        let mut file = zip.by_name("bootstrap").expect("the entry Lambda starts");
        assert_eq!(file.unix_mode().map(|mode| mode & 0o777), Some(0o755));
        let mut text = String::new();
        file.read_to_string(&mut text).expect("it reads");
        assert_eq!(text, "code");
    }

    #[test]
    fn a_missing_binary_is_reported_with_the_command_that_builds_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let error =
            Artifacts::load(folder.path(), Architecture::X86_64, &PackageCache::default()).expect_err("it is empty");
        let text = error.to_string();
        assert!(text.contains("payment-validation") && text.contains(BUILD), "{text}");
    }

    #[test]
    fn without_code_there_is_no_hash_and_no_zip() {
        let none = Artifacts::none();
        assert_eq!(none.sha256(FunctionName::Notifications), "");
        assert!(none.zip("").is_none());
    }
}
