//! Everything a command works with: configuration, connection, state, graph.

use std::collections::BTreeMap;
use std::sync::Arc;

use payinfra_aws::names::Names;
use payinfra_aws::{Connection, Credentials};
use payinfra_engine::{ApplyError, Base, Graph, Shutdown, plan, refresh};
use payinfra_stack::capacity;
use payinfra_stack::graph::{self, Design};
use payinfra_stack::zones;
use payinfra_state::Journal;
use payinfra_steps::Cloud;
use payinfra_steps::api::foreign_log_role;
use payinfra_steps::functions::{ArtifactError, Artifacts};

use crate::address::{self, Local};
use crate::cli::Global;
use crate::config;
use crate::problem::{Exit, Problem};
use crate::remote_state::Lease;
use crate::render::Screen;
use crate::sandbox::{Options, Running, Sandbox};
use crate::signals::Signals;
use crate::state::{self, Opened};
use crate::verify;

/// The suffix of the sandbox's stack where nobody names one.
const SANDBOX_SUFFIX: &str = "sandbox";

/// An open stack.
pub struct Session {
    pub graph: Graph<Cloud>,
    pub journal: Journal,
    pub base: Base<Cloud>,
    /// Requested by a signal, or because the lease on a shared state is lost.
    pub stop: Shutdown,
    /// Watched from before the state is opened.
    pub signals: Signals,
    lease: Option<Lease>,
    command: &'static str,
    design: Arc<Design>,
    artifacts: Option<ArtifactError>,
    place: String,
    running: Option<Running>,
    endpoint: Option<String>,
}

impl Session {
    /// Opens the stack for a command that compares it with the configuration.
    pub async fn open(global: &Global, screen: &Screen, command: &'static str) -> Result<Self, Problem> {
        Self::open_with(global, screen, command, false).await
    }

    /// Opens the stack to destroy it.
    pub async fn open_for_destroy(global: &Global, screen: &Screen, final_snapshot: bool) -> Result<Self, Problem> {
        Self::open_with(global, screen, "destroy", final_snapshot).await
    }

    async fn open_with(
        global: &Global,
        screen: &Screen,
        command: &'static str,
        final_snapshot: bool,
    ) -> Result<Self, Problem> {
        let signals = Signals::watch(screen, last_words(command))?;
        let config::Loaded { mut settings, suffix, warnings } =
            config::load(global.config.as_deref(), suffix_of(global))?;
        warnings.iter().for_each(|warning| screen.warning(warning));
        let (artifacts, missing) = match Artifacts::load(&settings.functions.artifacts, settings.functions.architecture)
        {
            Ok(artifacts) => (artifacts, None),
            Err(error) => (Artifacts::none(), Some(error)),
        };
        if let ("up", Some(error)) = (command, &missing) {
            return Err(artifact_problem(error));
        }
        let (connection, running) = connection(global, screen).await?;
        if let Some(port) = running.as_ref().and_then(|running| running.webhook_port) {
            // The stack's only merchant whose webhooks stay on this machine.
            let own = || format!("https://127.0.0.1:{port}/");
            settings.webhooks.entry(verify::MERCHANT.to_owned()).or_insert_with(own);
        }
        let mut cloud = Cloud::new(connection.connect().await?, suffix.clone());
        cloud.options.final_snapshots = final_snapshot;
        cloud.options.artifacts = artifacts.clone();
        cloud.options.has_database |= running.as_ref().is_some_and(|running| running.postgres.is_some());
        if command == "up" && !cloud.options.has_database {
            screen.note("there is no database behind this emulator: the schema is not applied (`--sandbox` has one)");
        }
        if let Some(expected) = &settings.account
            && *expected != cloud.account()
            && connection.credentials() == Credentials::Chain
        {
            let problem = Problem::new(Exit::Denied, format!("this is account {}, not {expected}", cloud.account()));
            return Err(
                problem.hint("Nothing was changed. Use credentials of the account that the configuration names.")
            );
        }
        let stop = connection.gate.stop().clone();
        let opened =
            state::open(global, screen, command, &settings, (&cloud, suffix.as_str()), (&connection.gate, &signals))
                .await?;
        let Opened { journal, lease, root } = opened;
        if let Some(lease) = lease.clone() {
            tell_of_loss(lease, stop.clone(), screen.clone());
        }
        let around = async {
            refuse_other_account(&journal, &cloud, suffix.as_str(), &root)?;
            let zones = zones::discover(&cloud, &settings.network, &journal).await.map_err(ApplyError::from)?;
            Ok((zones, foreign_log_role(&cloud).await.map_err(ApplyError::from)?))
        };
        let (zones, foreign_log_role) = match around.await {
            Ok(around) => around,
            Err(problem) => {
                // A lease that is not given back ends by itself.
                let _ = journal.release().await;
                return Err(problem);
            }
        };
        zones.warning.iter().for_each(|warning| screen.warning(warning));
        let design = Arc::new(Design {
            foreign_log_role,
            names: Names::new(suffix, cloud.account()),
            settings,
            zones: zones.names,
            artifacts,
            sandbox_environment: running.as_ref().map(environment).unwrap_or_default(),
        });
        let place = match connection.shown_endpoint() {
            Some(endpoint) if running.is_some() => format!("the sandbox at {endpoint}"),
            Some(endpoint) => format!("the emulator at {endpoint}"),
            None => format!("AWS account {}, us-east-1", cloud.account()),
        };
        Ok(Self {
            graph: graph::graph(&design, &cloud),
            journal,
            base: Base { timing: cloud.timing(), cloud: Arc::new(cloud) },
            stop,
            signals,
            lease,
            command,
            design,
            artifacts: missing,
            place,
            endpoint: connection.emulator_endpoint(),
            running,
        })
    }

    /// The environment suffix.
    pub fn suffix(&self) -> &str {
        self.design.names.suffix().as_str()
    }

    /// What the stack is made of: settings and names.
    pub fn design(&self) -> &Design {
        &self.design
    }

    /// The sandbox, where this is a stack of it.
    pub fn sandbox(&self) -> Option<&Running> {
        self.running.as_ref()
    }

    /// Rebuilds a lost state from the cloud; one that is there is left as it is.
    pub async fn recall(&self) -> Result<(), Problem> {
        if self.journal.read(|stack| stack.records.is_empty()) {
            let plan = plan(&self.graph, &self.journal, &self.base, &|_| {}).await.map_err(Problem::from)?;
            refresh(&plan, &self.graph, &self.journal).await.map_err(Problem::from)?;
        }
        Ok(())
    }

    /// The stack's addresses and names; the API's address is the one that works from here.
    ///
    /// # Errors
    /// Where there is no stack.
    pub fn outputs(&self) -> Result<BTreeMap<String, String>, Problem> {
        let mut outputs = self.journal.read(graph::outputs);
        if outputs.is_empty() {
            let problem = Problem::new(Exit::Failed, format!("there is no stack with suffix {}", self.suffix()));
            return Err(problem.hint(format!("`payinfra up --suffix {}` makes one.", self.suffix())));
        }
        if let Some(local) = self.local_api() {
            outputs.insert(address::API.to_owned(), local.url());
        }
        Ok(outputs)
    }

    /// The API on the emulator, where this is a stack of one.
    pub fn local_api(&self) -> Option<Local> {
        let outputs = self.journal.read(graph::outputs);
        Local::of(outputs.get(address::API)?, self.endpoint.as_deref()?)
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
        let quotas = capacity::check_quotas(&self.base.cloud, &self.design.settings).await.map_err(ApplyError::from)?;
        for capacity::Shortfall { name, quota: (service, code), needed, available } in &quotas.shortfalls {
            screen.warning(&format!(
                "{name}: the stack at {} requests/s needs {needed}, the account has {available}; ask for more of {code} in {service}",
                self.design.settings.capacity.requests_per_second
            ));
        }
        quotas.notes.iter().for_each(|note| screen.note(note));
        Ok(())
    }

    /// Folds the journal.
    pub async fn close(&self) -> Result<(), Problem> {
        Ok(self.journal.compact().await?)
    }

    /// Whether another run has, or may have, taken the state over.
    pub fn is_lost(&self) -> bool {
        self.lease.as_ref().is_some_and(Lease::is_lost)
    }

    /// Ends a command: gives the lock back, or tells who holds it now.
    pub async fn leave(&self, screen: &Screen, end: Result<Exit, Problem>) -> Result<Exit, Problem> {
        if let Some(lease) = self.lease.as_ref().filter(|lease| lease.is_lost()) {
            let again = format!(
                "This run makes no further call. What it did is recorded or found by its tags: nothing done is lost. \
                 Run `payinfra {} --suffix {} --lock-wait 10m` to go on after the other run.",
                self.command,
                self.suffix()
            );
            return Err(Problem::from(lease.why_lost().await).hint(again));
        }
        if let Err(error) = self.journal.release().await {
            screen.warning(&format!("the state's lease could not be given back and ends by itself: {error}"));
        }
        end
    }
}

/// What a person reads who ends a command before it changes anything of the stack.
fn last_words(command: &str) -> &'static str {
    match command {
        "verify" => {
            "interrupted; nothing of the stack was changed, a payment of the test merchant may be left half way"
        }
        _ => "interrupted; nothing was changed",
    }
}

/// Says at once that a run goes no further because its lease is lost.
fn tell_of_loss(lease: Lease, stop: Shutdown, screen: Screen) {
    tokio::spawn(async move {
        stop.wait().await;
        if lease.is_lost() {
            screen.warning("the lease on the state is lost: no new calls; those in flight are finished");
        }
    });
}

/// The suffix that the command line names; the sandbox has one of its own.
pub fn suffix_of(global: &Global) -> Option<&str> {
    global.suffix.as_deref().or(global.sandbox.then_some(SANDBOX_SUFFIX))
}

/// Where calls go; starts the sandbox where it is wanted.
pub async fn connection(global: &Global, screen: &Screen) -> Result<(Connection, Option<Running>), Problem> {
    let running = if global.sandbox { Some(start_sandbox(screen).await?) } else { None };
    let endpoint = running.as_ref().map(|running| running.endpoint.clone());
    let connection = Connection {
        profile: global.profile.clone(),
        endpoint_url: endpoint.or_else(|| global.endpoint_url.clone()),
        ..Connection::default()
    };
    Ok((connection, running))
}

fn artifact_problem(error: &ArtifactError) -> Problem {
    Problem::new(Exit::Usage, error.to_string())
        .hint("Nothing was changed. `scripts/build` builds the functions and puts them there.")
}

/// A state knows its account: the same suffix elsewhere is another stack.
fn refuse_other_account(journal: &Journal, cloud: &Cloud, suffix: &str, root: &str) -> Result<(), Problem> {
    let known = journal.read(|stack| stack.account.clone().filter(|_| !stack.records.is_empty()));
    match known {
        Some(known) if known != cloud.account() => {
            let text = format!("the state in {root}/{suffix} belongs to account {known}, this is {}", cloud.account());
            let hint = "Nothing was changed. Use the other account's credentials, or another --state or --suffix.";
            Err(Problem::new(Exit::Usage, text).hint(hint))
        }
        _ => {
            journal.set_account(cloud.account());
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
        let authority = database.ca_file.display().to_string();
        environment.insert("PAYMENTS_WEBHOOK_ALLOW_LOOPBACK_CA".to_owned(), authority);
    }
    environment
}
