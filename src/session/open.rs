//! The stages in which a stack is opened: configure, connect, lock, discover. Each takes the one before it.

use std::sync::Arc;

use payinfra_aws::Credentials;
use payinfra_aws::names::{Names, Suffix};
use payinfra_engine::{ApplyError, Base, Shutdown, retry_read};
use payinfra_stack::evidence::VERIFY_MERCHANT;
use payinfra_stack::graph::{Design, graph};
use payinfra_stack::settings::Settings;
use payinfra_stack::zones::{self, Zones};
use payinfra_state::Journal;
use payinfra_steps::Cloud;
use payinfra_steps::api::foreign_log_role;
use payinfra_steps::functions::{ArtifactError, Artifacts, PackageCache};

use super::{Endpoint, Needs, Session, artifact_error};
use crate::cache_folder::cache_folder;
use crate::command_error::{CommandError, Exit};
use crate::config;
use crate::global::Global;
use crate::remote_state::Lease;
use crate::render::Screen;
use crate::signals::Signals;
use crate::state::{self, Opened, Opening};

impl Session {
    /// Opens the stack for a command.
    ///
    /// # Errors
    /// A wrong configuration, missing credentials, or a state that is locked or belongs to another account.
    pub async fn open(global: &Global, screen: &Screen, needs: Needs) -> Result<Self, CommandError> {
        let signals = Signals::watch(screen, needs.if_interrupted)?;
        let configured = Configured::load(global, screen, &needs)?;
        let connected = configured.connect(global, screen, &needs).await?;
        let locked = connected.lock(global, screen, &needs, &signals).await?;
        locked.discover(global, screen, needs, signals).await
    }
}

/// What the command line, the configuration and this machine say; nothing was called yet.
struct Configured {
    settings: Settings,
    suffix: Suffix,
    artifacts: Artifacts,
    missing_artifacts: Option<ArtifactError>,
}

impl Configured {
    fn load(global: &Global, screen: &Screen, needs: &Needs) -> Result<Self, CommandError> {
        let config::Loaded { settings, suffix, warnings } =
            config::load(global.config.as_deref(), global.named_suffix())?;
        warnings.iter().for_each(|warning| screen.warning(warning));
        let packages = cache_folder().map(|folder| PackageCache::at(folder.join("packages"))).unwrap_or_default();
        let (artifacts, missing_artifacts) =
            match Artifacts::load(&settings.functions.artifacts, settings.functions.architecture, &packages) {
                Ok(artifacts) => (artifacts, None),
                Err(error) if needs.artifacts => return Err(artifact_error(&error)),
                Err(error) => (Artifacts::none(), Some(error)),
            };
        Ok(Self { settings, suffix, artifacts, missing_artifacts })
    }

    async fn connect(mut self, global: &Global, screen: &Screen, needs: &Needs) -> Result<Connected, CommandError> {
        let endpoint = Endpoint::of(global, screen).await?;
        if let Some(port) = endpoint.sandbox.as_ref().and_then(|running| running.webhook_port) {
            // The stack's only merchant whose webhooks stay on this machine.
            let own = || format!("https://127.0.0.1:{port}/");
            self.settings.webhooks.entry(VERIFY_MERCHANT.to_owned()).or_insert_with(own);
        }
        let mut cloud = Cloud::new(endpoint.connection.connect().await?, self.suffix.clone());
        cloud.options.final_snapshots = needs.final_snapshots;
        cloud.options.artifacts = self.artifacts.clone();
        cloud.options.has_database |= endpoint.has_database();
        if needs.database && !cloud.options.has_database {
            screen.note("there is no database behind this emulator: the schema is not applied (`--sandbox` has one)");
        }
        if let Some(expected) = &self.settings.account
            && *expected != cloud.account()
            && endpoint.connection.credentials() == Credentials::Chain
        {
            let error = format!("this is account {}, not {expected}", cloud.account());
            return Err(CommandError::new(Exit::Denied, error)
                .hint("Nothing was changed. Use credentials of the account that the configuration names."));
        }
        Ok(Connected { configured: self, endpoint, cloud })
    }
}

/// AWS, or an emulator in its place, has answered, and the account is the one that is expected.
struct Connected {
    configured: Configured,
    endpoint: Endpoint,
    cloud: Cloud,
}

impl Connected {
    async fn lock(
        self,
        global: &Global,
        screen: &Screen,
        needs: &Needs,
        signals: &Signals,
    ) -> Result<Locked, CommandError> {
        let Configured { settings, suffix, .. } = &self.configured;
        let gate = &self.endpoint.connection.gate;
        let opening = Opening { screen, command: needs.command, settings, suffix: suffix.as_str(), gate, signals };
        let opened = state::open(global, &self.cloud, opening).await?;
        if let Some(lease) = opened.lease.clone() {
            warn_of_loss(lease, gate.stop().clone(), screen.clone());
        }
        Ok(Locked { connected: self, opened })
    }
}

/// The state is open, and no other run writes it.
struct Locked {
    connected: Connected,
    opened: Opened,
}

impl Locked {
    async fn discover(
        self,
        global: &Global,
        screen: &Screen,
        needs: Needs,
        signals: Signals,
    ) -> Result<Session, CommandError> {
        let surroundings = match self.look_around().await {
            Ok(surroundings) => surroundings,
            Err(error) => {
                // A lease that is not released expires.
                let _ = self.opened.journal.release().await;
                return Err(error);
            }
        };
        surroundings.zones.warning.iter().for_each(|warning| screen.warning(warning));
        let Connected { configured, endpoint, cloud } = self.connected;
        let Configured { settings, suffix, artifacts, missing_artifacts } = configured;
        let design = Arc::new(Design {
            foreign_log_role: surroundings.foreign_log_role,
            names: Names::new(suffix, cloud.account()),
            settings,
            zones: surroundings.zones.names,
            artifacts,
            sandbox_environment: endpoint.function_environment(),
        });
        Ok(Session {
            graph: graph(&design, &cloud),
            journal: self.opened.journal,
            stop: endpoint.connection.gate.stop().clone(),
            signals,
            lease: self.opened.lease,
            global: global.clone(),
            needs,
            design,
            missing_artifacts,
            endpoint,
            base: Base { timing: cloud.timing(), cloud: Arc::new(cloud) },
        })
    }

    async fn look_around(&self) -> Result<Surroundings, CommandError> {
        let Connected { configured, cloud, .. } = &self.connected;
        let Opened { journal, root, .. } = &self.opened;
        refuse_other_account(journal, cloud, configured.suffix.as_str(), root)?;
        let network = &configured.settings.network;
        let zones = retry_read("zones", async || zones::discover(cloud, network, journal).await).await;
        let zones = zones.map_err(ApplyError::from)?;
        let role = retry_read("log role", async || foreign_log_role(cloud).await).await;
        let foreign_log_role = role.map_err(ApplyError::from)?;
        Ok(Surroundings { zones, foreign_log_role })
    }
}

/// What the account has that is not the stack's and still shapes it.
struct Surroundings {
    zones: Zones,
    foreign_log_role: Option<String>,
}

/// Warns as soon as a run stops because its lease is lost.
fn warn_of_loss(lease: Lease, stop: Shutdown, screen: Screen) {
    tokio::spawn(async move {
        stop.wait().await;
        if lease.is_lost() {
            screen.warning("the lease on the state is lost: no new calls start; those in flight finish");
        }
    });
}

/// A state knows its account: the same suffix elsewhere is another stack.
fn refuse_other_account(journal: &Journal, cloud: &Cloud, suffix: &str, root: &str) -> Result<(), CommandError> {
    let known = journal.read(|stack| stack.account.clone().filter(|_| !stack.records.is_empty()));
    match known {
        Some(known) if known != cloud.account() => {
            let text = format!("the state in {root}/{suffix} belongs to account {known}, this is {}", cloud.account());
            let hint = "Nothing was changed. Use the other account's credentials, or another --state or --suffix.";
            Err(CommandError::new(Exit::Usage, text).hint(hint))
        }
        _ => {
            journal.set_account(cloud.account());
            Ok(())
        }
    }
}
