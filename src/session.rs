//! Everything a command works with: configuration, connection, state, graph.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use payinfra_engine::{Base, Failure, Graph, Shutdown};
use payinfra_state::{Holder, Journal, LocalBackend};
use payinfra_steps::api::foreign_log_role;
use payinfra_steps::aws::{Aws, Connection, Credentials};
use payinfra_steps::capacity;
use payinfra_steps::discover;
use payinfra_steps::functions::{ArtifactError, Artifacts};
use payinfra_steps::names::Names;
use payinfra_steps::stack::{self, Design};

use crate::cli::Global;
use crate::config;
use crate::problem::{Exit, Problem};
use crate::render::Screen;
use crate::sandbox::{Options, Running, Sandbox};

/// The suffix of the sandbox's stack where nobody names one.
const SANDBOX_SUFFIX: &str = "sandbox";

/// An open stack.
pub struct Session {
    pub graph: Graph<Aws>,
    pub journal: Journal,
    pub base: Base<Aws>,
    design: Arc<Design>,
    artifacts: Option<ArtifactError>,
    place: String,
}

impl Session {
    /// Opens the stack for a command that compares it with the configuration.
    pub async fn open(global: &Global, screen: &Screen, command: &str) -> Result<Self, Problem> {
        Self::open_with(global, screen, command, false, &Shutdown::default()).await
    }

    /// Opens the stack to bring it up; once `stop` is requested, nothing is changed any more.
    pub async fn open_for_up(global: &Global, screen: &Screen, stop: &Shutdown) -> Result<Self, Problem> {
        Self::open_with(global, screen, "up", false, stop).await
    }

    /// Opens the stack to destroy it; once `stop` is requested, nothing is changed any more.
    pub async fn open_for_destroy(
        global: &Global,
        screen: &Screen,
        final_snapshot: bool,
        stop: &Shutdown,
    ) -> Result<Self, Problem> {
        Self::open_with(global, screen, "destroy", final_snapshot, stop).await
    }

    async fn open_with(
        global: &Global,
        screen: &Screen,
        command: &str,
        final_snapshot: bool,
        stop: &Shutdown,
    ) -> Result<Self, Problem> {
        let suffix = global.suffix.as_deref().or(global.sandbox.then_some(SANDBOX_SUFFIX));
        let config::Loaded { settings, suffix, warnings } = config::load(global.config.as_deref(), suffix)?;
        warnings.iter().for_each(|warning| screen.warning(warning));
        let (artifacts, missing) = match Artifacts::load(&settings.functions.artifacts, settings.functions.architecture)
        {
            Ok(artifacts) => (artifacts, None),
            Err(error) => (Artifacts::none(), Some(error)),
        };
        if let ("up", Some(error)) = (command, &missing) {
            return Err(artifact_problem(error));
        }
        let running = if global.sandbox { Some(start_sandbox(screen).await?) } else { None };
        let connection = Connection {
            profile: global.profile.clone(),
            stop: stop.clone(),
            endpoint_url: running
                .as_ref()
                .map(|running| running.endpoint.clone())
                .or_else(|| global.endpoint_url.clone()),
        };
        let mut cloud = Aws::connect(&connection, suffix.as_str()).await?;
        cloud.final_snapshots = final_snapshot;
        cloud.artifacts = artifacts.clone();
        cloud.has_database |= running.as_ref().is_some_and(|running| running.postgres.is_some());
        if command == "up" && !cloud.has_database {
            screen.note("there is no database behind this emulator: the schema is not applied (`--sandbox` has one)");
        }
        if let Some(expected) = &settings.account
            && *expected != cloud.account
            && connection.credentials() == Credentials::Chain
        {
            let problem = Problem::new(Exit::Denied, format!("this is account {}, not {expected}", cloud.account));
            return Err(
                problem.hint("Nothing was changed. Use credentials of the account that the configuration names.")
            );
        }
        let root = global.state.clone().unwrap_or_else(|| settings.state.clone());
        if root.starts_with("s3://") {
            let problem =
                Problem::new(Exit::Usage, format!("state = \"{root}\": this payinfra keeps its state in folders only"));
            return Err(problem.hint("Nothing was changed. Name a folder with --state or `state`."));
        }
        let backend = LocalBackend::open(Path::new(&root), suffix.as_str(), &Holder::this_process(command))?;
        let (journal, warnings) = Journal::open(Box::new(backend), suffix.as_str()).await?;
        warnings.iter().for_each(|warning| screen.warning(warning));
        refuse_other_account(&journal, &cloud, suffix.as_str(), &root)?;
        let zones = discover::zones(&cloud, &settings.network, &journal).await.map_err(Failure::from)?;
        let foreign_log_role = foreign_log_role(&cloud).await.map_err(Failure::from)?;
        let design = Arc::new(Design {
            foreign_log_role,
            names: Names::new(suffix, cloud.account.clone()),
            settings,
            zones,
            artifacts,
            sandbox_environment: running.as_ref().map(environment).unwrap_or_default(),
        });
        let place = match connection.shown_endpoint() {
            Some(endpoint) if running.is_some() => format!("the sandbox at {endpoint}"),
            Some(endpoint) => format!("the emulator at {endpoint}"),
            None => format!("AWS account {}, us-east-1", cloud.account),
        };
        Ok(Self {
            graph: stack::graph(&design, &cloud),
            journal,
            base: Base { timing: cloud.timing(), cloud: Arc::new(cloud) },
            design,
            artifacts: missing,
            place,
        })
    }

    /// The environment suffix.
    pub fn suffix(&self) -> &str {
        self.design.names.suffix().as_str()
    }

    /// The stack and where it stands, for the head of a plan.
    pub fn title(&self) -> String {
        format!("{} in {}", self.suffix(), self.place)
    }

    /// Refuses to compare code that is not there.
    pub fn require_artifacts(&self) -> Result<(), Problem> {
        self.artifacts.as_ref().map_or(Ok(()), |error| Err(artifact_problem(error)))
    }

    /// Compares the load the stack is sized for with the account's quotas, and warns.
    pub async fn check_capacity(&self, screen: &Screen) -> Result<(), Problem> {
        let quotas = capacity::check_quotas(&self.base.cloud, &self.design.settings).await.map_err(Failure::from)?;
        for capacity::Shortfall { name, quota: (service, code), needed, available } in &quotas.shortfalls {
            screen.warning(&format!(
                "{name}: the stack at {} requests/s needs {needed}, the account has {available}; ask for more of {code} in {service}",
                self.design.settings.capacity.requests_per_second
            ));
        }
        quotas.notes.iter().for_each(|note| screen.note(note));
        Ok(())
    }

    /// Folds the journal and gives the lock back.
    pub async fn close(&self) -> Result<(), Problem> {
        self.journal.compact().await?;
        Ok(self.journal.release().await?)
    }
}

fn artifact_problem(error: &ArtifactError) -> Problem {
    Problem::new(Exit::Usage, error.to_string())
        .hint("Nothing was changed. `scripts/build` builds the functions and puts them there.")
}

/// A state knows its account: the same suffix elsewhere is another stack.
fn refuse_other_account(journal: &Journal, cloud: &Aws, suffix: &str, root: &str) -> Result<(), Problem> {
    let known = journal.read(|stack| stack.account.clone().filter(|_| !stack.records.is_empty()));
    match known {
        Some(known) if known != cloud.account => {
            let text = format!("the state in {root}/{suffix} belongs to account {known}, this is {}", cloud.account);
            let hint = "Nothing was changed. Use the other account's credentials, or another --state or --suffix.";
            Err(Problem::new(Exit::Usage, text).hint(hint))
        }
        _ => {
            journal.set_account(&cloud.account);
            Ok(())
        }
    }
}

async fn start_sandbox(screen: &Screen) -> Result<Running, Problem> {
    let mut notice = |text: &str| screen.note(text);
    Ok(Sandbox::locate()?.ensure(&Options { postgres: true, ..Options::default() }, &mut notice).await?)
}

/// What the sandbox's functions need to find the emulator and, behind the Aurora endpoint it only pretends, a database.
fn environment(running: &Running) -> BTreeMap<String, String> {
    let mut environment = BTreeMap::from([("AWS_ENDPOINT_URL".to_owned(), running.endpoint.clone())]);
    if let Some(database) = &running.postgres {
        environment.insert("PAYMENTS_DATABASE_ADDRESS".to_owned(), database.address.clone());
        environment.insert("PAYMENTS_DATABASE_CA_FILE".to_owned(), database.ca_file.display().to_string());
        environment.insert("PAYMENTS_DATABASE_MASTER_USER".to_owned(), database.master_user.to_owned());
    }
    environment
}
