//! `payinfra unlock`: show who has locked the state, and take the lease from a holder that is gone for good.

use std::time::Duration;

use payinfra_aws::names::Suffix;
use payinfra_stack::settings::Settings;
use payinfra_state::{Holder, LocalBackend};
use payinfra_steps::Cloud;

use super::confirm::{self, Question};
use crate::command_error::{CommandError, Exit};
use crate::config;
use crate::global::Global;
use crate::remote_state::{self, Location};
use crate::render::{Held, Screen};
use crate::session::Endpoint;
use crate::state::{Place, Storage, place};

/// Arguments of `unlock`.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs the command: exit code 0 if the state is free, or was freed; 75 if it stays locked.
pub async fn run(global: &Global, _: &Args, screen: &Screen) -> Result<Exit, CommandError> {
    let config::Loaded { settings, suffix, .. } = config::load(global.config.as_deref(), global.named_suffix())?;
    let Place { root, storage } = place(global, &settings, suffix.as_str())?;
    let unlocking = Unlocking { global, screen, settings, suffix, root };
    match storage {
        Storage::Folder(folder) => {
            let Some(holder) = LocalBackend::holder(&folder, unlocking.suffix.as_str())? else {
                return Ok(unlocking.free());
            };
            let pid = holder.pid;
            unlocking.show(&Held { holder, lease: None });
            let error = CommandError::new(Exit::Locked, format!("process {pid} has locked this folder"));
            Err(error.hint(format!(
                "There is nothing to force: the operating system frees the lock when process {pid} ends. Wait for it, or end it (`kill {pid}`)."
            )))
        }
        Storage::Bucket(location) => unlocking.take_lease(location).await,
    }
}

/// One stack's state that may be locked.
struct Unlocking<'a> {
    global: &'a Global,
    screen: &'a Screen,
    settings: Settings,
    suffix: Suffix,
    root: String,
}

impl Unlocking<'_> {
    async fn take_lease(&self, location: Location) -> Result<Exit, CommandError> {
        let endpoint = Endpoint::of(self.global, self.screen).await?;
        let cloud = Cloud::new(endpoint.connection.connect().await?, self.suffix.clone());
        remote_state::check_bucket(&cloud, location.bucket()).await?;
        let store = remote_state::store(&cloud, location);
        let held = remote_state::look(&store).await?.filter(|(lease, _)| !lease.released);
        let Some((lease, age)) = held else { return Ok(self.free()) };
        let length = Duration::from_secs(lease.length_seconds);
        let holder = lease.holder.clone();
        self.show(&Held { holder: holder.clone(), lease: Some((lease, age)) });
        self.confirm()?;
        let length = length.min(Duration::from_secs(self.settings.state_lease_seconds.into()));
        remote_state::unlock(store, Holder::this_process("unlock"), length, self.suffix.as_str()).await?;
        self.screen
            .note(&format!("taken from {holder}: if it still runs, it can no longer record anything, and stops"));
        Ok(self.free())
    }

    fn confirm(&self) -> Result<(), CommandError> {
        let no_terminal = CommandError::new(Exit::Locked, "the state is locked, and there is no terminal to ask");
        let question = Question {
            consequence: "This revokes the current holder's lease and stops its run.",
            suffix: self.suffix.as_str(),
            no_terminal: no_terminal
                .hint("Nothing was changed. The lease of a holder that died expires; `--yes` takes it at once."),
        };
        confirm::suffix(self.global, self.screen, question)
    }

    fn show(&self, held: &Held) {
        self.screen.lock(&self.root, self.suffix.as_str(), Some(held));
    }

    fn free(&self) -> Exit {
        self.screen.lock(&self.root, self.suffix.as_str(), None);
        Exit::Done
    }
}
