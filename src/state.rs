//! Opens the state where the configuration says, in a folder or in S3, and waits for its lock if asked to.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use payinfra_aws::Gate;
use payinfra_stack::settings::{Settings, check_state};
use payinfra_state::{Backend, Error, Holder, Journal, LocalBackend};
use payinfra_steps::Cloud;

use crate::cli::Global;
use crate::problem::{Exit, Problem};
use crate::remote_state::{self, Lease, Location, Terms};
use crate::render::Screen;
use crate::signals::Signals;

/// The folder of a sandbox's state where the configuration names a bucket, which is not the sandbox's.
const FOLDER: &str = ".payinfra";
/// Between two looks at the lock of a folder.
const LOOK: Duration = Duration::from_millis(200);

/// Where one stack's state lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A folder of this machine; the stack's own lies below it.
    Folder(PathBuf),
    /// Objects in S3.
    Bucket(Location),
}

/// An open state: who writes it is settled.
pub struct Opened {
    pub journal: Journal,
    /// The lease, where the state is shared.
    pub lease: Option<Lease>,
    /// The place as a person wrote it.
    pub root: String,
}

/// Finds the place: `--state`, else the configuration.
///
/// # Errors
/// What is wrong with it.
pub fn place(global: &Global, settings: &Settings, suffix: &str) -> Result<(Place, String), Problem> {
    let root = match &global.state {
        Some(root) => root.clone(),
        None if global.sandbox && settings.state.starts_with("s3://") => FOLDER.to_owned(),
        None => settings.state.clone(),
    };
    if let Err(reason) = check_state(&root) {
        let problem = Problem::new(Exit::Usage, format!("--state: {reason}"));
        return Err(problem.hint("Nothing was changed. Name a folder, or s3://bucket/prefix."));
    }
    let place = match Location::parse(&root, suffix) {
        Some(location) => Place::Bucket(location),
        None => Place::Folder(PathBuf::from(&root)),
    };
    Ok((place, root))
}

/// Takes the lock and reads the state. Where it is shared, a lease that is lost closes `gate` and requests its stop, and
/// one that is not needed after all is given back.
///
/// # Errors
/// [`Exit::Locked`] where another run holds it for longer than `--lock-wait`; what is wrong with the place.
pub async fn open(
    global: &Global,
    screen: &Screen,
    command: &str,
    settings: &Settings,
    (cloud, suffix): (&Cloud, &str),
    (gate, signals): (&Gate, &Signals),
) -> Result<Opened, Problem> {
    let holder = Holder::this_process(command);
    let wait = global.lock_wait.unwrap_or_default();
    let (place, root) = place(global, settings, suffix)?;
    let (backend, lease): (Box<dyn Backend>, Option<Lease>) = match place {
        Place::Folder(folder) => (Box::new(open_folder(&folder, suffix, &holder, wait, screen).await?), None),
        Place::Bucket(location) => {
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
                // Not given back, it ends by itself.
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
) -> Result<LocalBackend, Problem> {
    let start = Instant::now();
    let mut told = None;
    loop {
        let other = match LocalBackend::open(folder, suffix, holder) {
            Err(Error::Locked(other)) if start.elapsed() < wait => other,
            ended => return Ok(ended?),
        };
        if told.as_ref() != Some(&other) {
            let left = wait.saturating_sub(start.elapsed()).as_secs().max(1);
            screen.note(&format!("the state is locked by {other}; waiting up to {left} s more"));
            told = Some(other);
        }
        tokio::time::sleep(LOOK.min(wait.saturating_sub(start.elapsed()))).await;
    }
}
