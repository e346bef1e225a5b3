//! Deployment packages that were zipped before, so that a run whose code has not changed compresses nothing.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use payinfra_aws::fingerprint::fingerprint;

/// The packages that are kept: those of the last few builds of three functions.
const KEPT: usize = 12;

/// A folder of packages, each under the hashes of its binary and of itself.
///
/// It only saves time: whatever cannot be read or written is zipped anew.
#[derive(Debug, Clone, Default)]
pub struct PackageCache {
    folder: Option<PathBuf>,
}

impl PackageCache {
    /// A cache in this folder, which need not exist.
    pub fn at(folder: PathBuf) -> Self {
        Self { folder: Some(folder) }
    }

    /// The package of a binary, if it is there undamaged.
    pub(super) fn get(&self, binary: &[u8]) -> Option<Vec<u8>> {
        let begins = format!("{}-", fingerprint(binary, 32));
        let path = packages(self.folder.as_deref()?).ok()?.into_iter().find(|path| name(path).starts_with(&begins))?;
        let package = fs::read(&path).ok()?;
        (name(&path)[begins.len()..] == format!("{}.zip", fingerprint(&package, 32))).then_some(package)
    }

    /// Keeps the package of a binary, and drops the oldest ones.
    pub(super) fn put(&self, binary: &[u8], package: &[u8]) {
        let Some(folder) = &self.folder else { return };
        let file = format!("{}-{}.zip", fingerprint(binary, 32), fingerprint(package, 32));
        if let Err(error) = write(folder, &file, package) {
            tracing::debug!(folder = %folder.display(), %error, "the package is not kept");
        }
    }
}

/// Writes under another name first, so that a package that is there is whole.
fn write(folder: &Path, file: &str, package: &[u8]) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let partial = folder.join(format!("{file}.{}", std::process::id()));
    fs::write(&partial, package)?;
    fs::rename(&partial, folder.join(file))?;
    let mut kept = packages(folder)?;
    let age = |path: &PathBuf| fs::metadata(path).and_then(|data| data.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    kept.sort_by_key(age);
    let surplus = kept.len().saturating_sub(KEPT);
    kept.iter().take(surplus).try_for_each(fs::remove_file)
}

fn packages(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path()));
    let is_package =
        |path: &io::Result<PathBuf>| !path.as_ref().is_ok_and(|path| path.extension().is_none_or(|e| e != "zip"));
    entries.filter(is_package).collect()
}

fn name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_found_by_its_binary_until_it_is_damaged_or_old() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = PackageCache::at(folder.path().join("packages"));
        assert_eq!(cache.get(b"a"), None);
        cache.put(b"a", b"zip of a");
        cache.put(b"b", b"zip of b");
        assert_eq!((cache.get(b"a").as_deref(), cache.get(b"c")), (Some(b"zip of a".as_slice()), None));

        let path = packages(&folder.path().join("packages")).expect("it is there");
        let damaged = path.iter().find(|path| name(path).starts_with(&fingerprint(b"a", 32))).expect("it is kept");
        fs::write(damaged, b"zip of").expect("it can be written");
        assert_eq!(cache.get(b"a"), None);

        for number in 0..KEPT {
            cache.put(format!("later {number}").as_bytes(), b"zip");
        }
        assert_eq!(packages(&folder.path().join("packages")).expect("it is there").len(), KEPT);
        assert_eq!(cache.get(b"b"), None);
    }

    #[test]
    fn without_a_folder_nothing_is_kept() {
        PackageCache::default().put(b"a", b"zip");
        assert_eq!(PackageCache::default().get(b"a"), None);
        let cache = PackageCache::at("/dev/null/packages".into());
        cache.put(b"a", b"zip");
        assert_eq!(cache.get(b"a"), None);
    }
}
