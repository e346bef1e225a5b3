//! `payinfra unlock`: show who holds the state, and take a lease from a holder that is gone for good.

use std::time::Duration;

use payinfra_aws::names::Suffix;
use payinfra_stack::settings::Settings;
use payinfra_state::{Holder, LocalBackend};
use payinfra_steps::Cloud;

use crate::cli::Global;
use crate::config;
use crate::problem::{Exit, Problem};
use crate::remote_state::{self, Location};
use crate::render::{Held, Screen};
use crate::session;
use crate::state::{Place, place};

/// Arguments of `unlock`.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs the command: exit code 0 where the state is free, or was made so; 75 where it stays held.
pub async fn run(global: &Global, _: &Args, screen: &Screen) -> Result<Exit, Problem> {
    let config::Loaded { settings, suffix, .. } = config::load(global.config.as_deref(), session::suffix_of(global))?;
    match place(global, &settings, suffix.as_str())? {
        (Place::Folder(folder), root) => {
            let holder = LocalBackend::holder(&folder, suffix.as_str())?;
            let Some(holder) = holder else { return Ok(free(screen, &root, &suffix)) };
            screen.lock(&root, suffix.as_str(), Some(&Held { holder: holder.clone(), lease: None }));
            let problem = Problem::new(Exit::Locked, format!("process {} holds the lock of this folder", holder.pid));
            Err(problem.hint(format!(
                "There is nothing to force: the operating system frees the lock when process {0} ends. Wait for it, or end it (`kill {0}`).",
                holder.pid
            )))
        }
        (Place::Bucket(location), root) => unlock_bucket(global, screen, &settings, &suffix, (location, &root)).await,
    }
}

async fn unlock_bucket(
    global: &Global,
    screen: &Screen,
    settings: &Settings,
    suffix: &Suffix,
    (location, root): (Location, &str),
) -> Result<Exit, Problem> {
    let (connection, _) = session::connection(global, screen).await?;
    let cloud = Cloud::new(connection.connect().await?, suffix.clone());
    remote_state::check_bucket(&cloud, location.bucket()).await?;
    let store = remote_state::store(&cloud, location);
    let held = remote_state::look(&store).await?.filter(|(lease, _)| !lease.released);
    let Some((lease, age)) = held else { return Ok(free(screen, root, suffix)) };
    let length = Duration::from_secs(lease.length_seconds);
    let holder = lease.holder.clone();
    screen.lock(root, suffix.as_str(), Some(&Held { holder: holder.clone(), lease: Some((lease, age)) }));
    confirm(global, screen, suffix.as_str())?;
    let length = length.min(Duration::from_secs(settings.state_lease_seconds.into()));
    remote_state::unlock(store, Holder::this_process("unlock"), length, suffix.as_str()).await?;
    screen.note(&format!("taken from {holder}: if it still runs, it can record nothing any more and stops by itself"));
    Ok(free(screen, root, suffix))
}

fn free(screen: &Screen, root: &str, suffix: &Suffix) -> Exit {
    screen.lock(root, suffix.as_str(), None);
    Exit::Done
}

/// On a terminal the suffix is typed back; without one, `--yes` is needed.
fn confirm(global: &Global, screen: &Screen, suffix: &str) -> Result<(), Problem> {
    if global.yes {
        return Ok(());
    }
    if !screen.is_terminal() {
        let problem = Problem::new(Exit::Locked, "the state is held, and there is no terminal to ask");
        return Err(problem.hint(
            "Nothing was changed. A holder that died frees the state when its lease ends; `--yes` takes it at once.",
        ));
    }
    let question = format!("The holder is shut out and stops by itself. Type the suffix ({suffix}) to go on: ");
    if screen.ask(&question)? == suffix {
        return Ok(());
    }
    Err(Problem::new(Exit::Locked, "not confirmed").hint("Nothing was changed."))
}
