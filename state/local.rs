//! The state in a folder: `snapshot.json`, `journal.jsonl`, and `lock`, private to the user.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::frame::{decode_journal, decode_snapshot, encode_journal, encode_snapshot};
use crate::{Backend, BoxFuture, Entry, Error, Holder, Loaded, Stack, StateLock};

const SNAPSHOT: &str = "snapshot.json";
const JOURNAL: &str = "journal.jsonl";

/// A state folder, locked for as long as this lives.
#[derive(Debug)]
pub struct LocalBackend {
    folder: PathBuf,
    journal: Option<File>,
    _lock: StateLock,
}

impl LocalBackend {
    /// Opens the folder `<root>/<suffix>`, creating it with mode 0700, and takes its lock.
    ///
    /// # Errors
    /// [`Error::Locked`] if another run holds it; [`Error::Io`] if the folder cannot be created or written.
    pub fn open(root: &Path, suffix: &str, holder: &Holder) -> Result<Self, Error> {
        let folder = root.join(suffix);
        // The user chooses the root, and it may contain more than state; only the stack's own folder is made private.
        if !root.is_dir() {
            create_private_folder(root)?;
        }
        make_private(&folder)?;
        let ignore = root.join(".gitignore");
        if !ignore.exists() {
            open_private(&ignore, true)
                .and_then(|mut file| file.write_all(b"*\n"))
                .map_err(io_error("write", &ignore))?;
        }
        let lock = StateLock::take(&folder, holder)?;
        Ok(Self { folder, journal: None, _lock: lock })
    }

    /// Whether a state of this suffix is stored under `root`.
    pub fn exists(root: &Path, suffix: &str) -> bool {
        let folder = root.join(suffix);
        folder.join(SNAPSHOT).exists() || folder.join(JOURNAL).exists()
    }

    /// Who holds the lock of this suffix's state under `root`, if anybody does.
    ///
    /// # Errors
    /// [`Error::Io`] if the lock cannot be inspected.
    pub fn holder(root: &Path, suffix: &str) -> Result<Option<Holder>, Error> {
        StateLock::holder(&root.join(suffix))
    }

    fn read(&mut self) -> Result<Loaded, Error> {
        let mut warnings = Vec::new();
        let stack = self.read_file(SNAPSHOT, &mut warnings, decode_snapshot)?;
        let journal = self.read_file(JOURNAL, &mut warnings, decode_journal)?;
        let Some(journal) = journal else { return Ok(Loaded { stack, warnings }) };
        warnings.extend(journal.dropped.clone());
        let Some(header) = &journal.header else { return Ok(Loaded { stack, warnings }) };
        // A journal older than the snapshot is already part of it: the kill came between the rename and the removal.
        if stack.as_ref().is_some_and(|stack| header.lineage == stack.lineage && header.serial < stack.serial) {
            return Ok(Loaded { stack, warnings });
        }
        if stack.as_ref().is_some_and(|stack| header.lineage != stack.lineage || header.serial > stack.serial) {
            warnings.push(format!(
                "{} is older than {JOURNAL} or belongs to another state; what it lacks is read from the cloud",
                self.folder.join(SNAPSHOT).display()
            ));
        }
        let mut stack = stack.unwrap_or_default();
        // From here on, the state continues the journal, so that what is appended follows what was read.
        stack.lineage.clone_from(&header.lineage);
        stack.serial = header.serial;
        journal.entries.iter().for_each(|entry| stack.apply(entry));
        Ok(Loaded { stack: Some(stack), warnings })
    }

    /// Reads a file; a damaged one is set aside, because its content can be rebuilt from the cloud.
    fn read_file<T>(
        &self,
        name: &str,
        warnings: &mut Vec<String>,
        decode: impl Fn(&str, &[u8]) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        let path = self.folder.join(name);
        let mut file = match open_private(&path, false) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io_error("open", &path)(error)),
        };
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(io_error("read", &path))?;
        match decode(&path.display().to_string(), &bytes) {
            Ok(decoded) => Ok(Some(decoded)),
            Err(error @ Error::Damaged { .. }) => {
                let aside = self.folder.join(format!("{name}.damaged-{}", Timestamp::now().as_second()));
                fs::rename(&path, &aside).map_err(io_error("set aside", &path))?;
                warnings.push(format!("{error}; set aside as {}, rebuilding from the cloud", aside.display()));
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn write(&mut self, stack: &Stack, entries: &[Entry]) -> Result<(), Error> {
        let path = self.folder.join(JOURNAL);
        if self.journal.is_none() {
            self.journal = Some(self.open_journal(stack, &path)?);
        }
        let journal = self.journal.as_mut().expect("opened above");
        journal
            .write_all(&encode_journal(None, entries))
            .and_then(|()| journal.sync_data())
            .map_err(io_error("write", &path))
    }

    /// Opens the journal for appending: cut back to its complete lines, or started again after `stack`'s snapshot.
    fn open_journal(&self, stack: &Stack, path: &Path) -> Result<File, Error> {
        let mut file = open_private(path, true).map_err(io_error("open", path))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(io_error("read", path))?;
        let decoded = decode_journal(&path.display().to_string(), &bytes)?;
        let follows = decoded
            .header
            .as_ref()
            .is_some_and(|header| header.lineage == stack.lineage && header.serial >= stack.serial);
        let keep = if follows { decoded.whole } else { 0 };
        file.set_len(keep as u64)
            .and_then(|()| file.seek(SeekFrom::Start(keep as u64)))
            .and_then(|_| if keep == 0 { file.write_all(&encode_journal(Some(stack), &[])) } else { Ok(()) })
            .and_then(|()| file.sync_all())
            .map_err(io_error("write", path))?;
        sync_folder(&self.folder)?;
        Ok(file)
    }

    fn write_snapshot(&mut self, stack: &Stack) -> Result<(), Error> {
        let path = self.folder.join(SNAPSHOT);
        let mut file = tempfile::Builder::new()
            .prefix(".snapshot-")
            .tempfile_in(&self.folder)
            .map_err(io_error("write in", &self.folder))?;
        file.write_all(&encode_snapshot(stack))
            .and_then(|()| file.as_file().sync_all())
            .map_err(io_error("write", &path))?;
        file.persist(&path).map_err(|error| io_error("replace", &path)(error.error))?;
        sync_folder(&self.folder)?;
        self.journal = None;
        let journal = self.folder.join(JOURNAL);
        match fs::remove_file(&journal) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_error("remove", &journal)(error)),
            _ => sync_folder(&self.folder),
        }
    }

    fn remove_files(&mut self) -> Result<(), Error> {
        self.journal = None;
        for name in [JOURNAL, SNAPSHOT] {
            let path = self.folder.join(name);
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(io_error("remove", &path)(error)),
                _ => {}
            }
        }
        sync_folder(&self.folder)
    }
}

impl Backend for LocalBackend {
    fn load<'a>(&'a mut self, _suffix: &'a str) -> BoxFuture<'a, Result<Loaded, Error>> {
        Box::pin(async { self.read() })
    }

    fn append<'a>(&'a mut self, stack: &'a Stack, entries: &'a [Entry]) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move { self.write(stack, entries) })
    }

    fn replace<'a>(&'a mut self, stack: &'a Stack) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move { self.write_snapshot(stack) })
    }

    fn remove(&mut self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async { self.remove_files() })
    }
}

/// Opens a file of mode 0600 and refuses a symbolic link in its place.
pub(crate) fn open_private(path: &Path, create: bool) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(create)
        .create(create)
        .truncate(false)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW)
        .open(path)
}

/// Creates a folder of mode 0700 that survives a power failure.
fn create_private_folder(path: &Path) -> Result<(), Error> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(io_error("create", path))?;
    match path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        Some(parent) => sync_folder(parent),
        None => sync_folder(Path::new(".")),
    }
}

/// Creates a private folder, or revokes the access of others to an existing one; refuses a symbolic link.
fn make_private(path: &Path) -> Result<(), Error> {
    match fs::symlink_metadata(path) {
        Ok(found) if !found.is_dir() => {
            let error = io::Error::new(io::ErrorKind::NotADirectory, "it is a symbolic link or a file");
            Err(io_error("use", path)(error))
        }
        Ok(found) if found.permissions().mode() & 0o077 != 0 => {
            let own = Permissions::from_mode(found.permissions().mode() & 0o700);
            fs::set_permissions(path, own).map_err(io_error("restrict access to", path))
        }
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => create_private_folder(path),
        Err(error) => Err(io_error("inspect", path)(error)),
    }
}

fn sync_folder(path: &Path) -> Result<(), Error> {
    File::open(path).and_then(|folder| folder.sync_all()).map_err(io_error("sync", path))
}

pub(crate) fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Io { action, path, source }
}
