//! Opens the state in a folder or in S3, as configured, and waits for its lock if asked to.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use payinfra_aws::Gate;
use payinfra_stack::settings::{Settings, check_state};
use payinfra_state::{Backend, Error, Holder, Journal, LocalBackend};
use payinfra_steps::Cloud;

use crate::command_error::{CommandError, Exit};
use crate::global::Global;
use crate::remote_state::{self, Lease, Location, Terms};
use crate::render::Screen;
use crate::signals::Signals;

/// The folder of the sandbox's state if the configuration names a bucket, which the sandbox does not have.
const FOLDER: &str = ".payinfra";
/// How often the lock of a folder is tried.
const INTERVAL: Duration = Duration::from_millis(200);

/// Where one stack's state is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// As a person wrote it; the stack's own part is below.
    pub root: String,
    /// What that means.
    pub storage: Storage,
}

/// A kind of storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Storage {
    /// A folder of this machine.
    Folder(PathBuf),
    /// Objects in S3.
    Bucket(Location),
}

/// An open state that no other run writes.
pub struct Opened {
    pub journal: Journal,
    /// The lease, if the state is shared.
    pub lease: Option<Lease>,
    /// The place as a person wrote it.
    pub root: String,
}

/// Who opens which state.
pub struct Opening<'a> {
    pub screen: &'a Screen,
    /// The command's name; those who wait for the lock see it.
    pub command: &'a str,
    pub settings: &'a Settings,
    pub suffix: &'a str,
    /// Closed when the lease is lost.
    pub gate: &'a Gate,
    /// Release the lease if they end the command before its work begins.
    pub signals: &'a Signals,
}

/// Finds the place: `--state`, or that of the configuration.
///
/// # Errors
/// What is wrong with it.
pub fn place(global: &Global, settings: &Settings, suffix: &str) -> Result<Place, CommandError> {
    let root = match &global.state {
        Some(root) => root.clone(),
        None if global.sandbox && settings.state.starts_with("s3://") => FOLDER.to_owned(),
        None => settings.state.clone(),
    };
    if let Err(reason) = check_state(&root) {
        let error = CommandError::new(Exit::Usage, format!("--state: {reason}"));
        return Err(error.hint("Nothing was changed. Name a folder, or s3://bucket/prefix."));
    }
    let storage = match Location::parse(&root, suffix) {
        Some(location) => Storage::Bucket(location),
        None => Storage::Folder(PathBuf::from(&root)),
    };
    Ok(Place { root, storage })
}

/// Takes the lock and reads the state.
///
/// In S3, a lease that is lost closes the gate and requests its stop; a lease is released if the state cannot be read.
///
/// # Errors
/// [`Exit::Locked`] where another run has locked it for longer than `--lock-wait`; what is wrong with the place.
pub async fn open(global: &Global, cloud: &Cloud, opening: Opening<'_>) -> Result<Opened, CommandError> {
    let Opening { screen, command, settings, suffix, gate, signals } = opening;
    let holder = Holder::this_process(command);
    let wait = global.lock_wait.unwrap_or_default();
    let Place { root, storage } = place(global, settings, suffix)?;
    let (backend, lease): (Box<dyn Backend>, Option<Lease>) = match storage {
        Storage::Folder(folder) => (Box::new(open_folder(&folder, suffix, &holder, wait, screen).await?), None),
        Storage::Bucket(location) => {
            let warnings = remote_state::check_bucket(cloud, location.bucket()).await?;
            warnings.iter().for_each(|warning| screen.warning(warning));
            let length = Duration::from_secs(settings.state_lease_seconds.into());
            let terms = Terms { holder, length, wait };
            let store = remote_state::store(cloud, location);
            let (backend, lease) = remote_state::open(store, terms, gate.stop(), &|text| screen.note(text)).await?;
            signals.lease_taken(&lease);
            let watched = lease.clone();
            gate.ask(move || watched.holds());
            (Box::new(backend), Some(lease))
        }
    };
    match Journal::open(backend, suffix).await {
        Ok((journal, warnings)) => {
            warnings.iter().for_each(|warning| screen.warning(warning));
            Ok(Opened { journal, lease, root })
        }
        Err(error) => {
            if let Some(lease) = lease {
                // A lease that is not released expires.
                let _ = lease.release().await;
            }
            Err(error.into())
        }
    }
}

async fn open_folder(
    folder: &std::path::Path,
    suffix: &str,
    holder: &Holder,
    wait: Duration,
    screen: &Screen,
) -> Result<LocalBackend, CommandError> {
    let start = Instant::now();
    let mut reported = None;
    loop {
        let other = match LocalBackend::open(folder, suffix, holder) {
            Err(Error::Locked(other)) if start.elapsed() < wait => other,
            ended => return Ok(ended?),
        };
        if reported.as_ref() != Some(&other) {
            let left = wait.saturating_sub(start.elapsed()).as_secs().max(1);
            screen.note(&format!("the state is locked by {other}; waiting up to {left} s more"));
            reported = Some(other);
        }
        tokio::time::sleep(INTERVAL.min(wait.saturating_sub(start.elapsed()))).await;
    }
}
