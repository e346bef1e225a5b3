//! Everything that a command works with: configuration, connection, state, graph.

mod connection;
mod open;

use std::collections::BTreeMap;
use std::sync::Arc;

use payinfra_engine::{ApplyError, Base, Graph, Plan, Shutdown, plan, refresh};
use payinfra_stack::graph::{self, Design};
use payinfra_stack::{capacity, instance_offer, restarts};
use payinfra_state::Journal;
use payinfra_steps::Cloud;
use payinfra_steps::functions::ArtifactError;

use crate::address::{self, Local};
use crate::command_error::{CommandError, Exit};
use crate::global::Global;
use crate::remote_state::Lease;
use crate::render::Screen;
use crate::sandbox::Running;
use crate::signals::Signals;

pub use connection::Endpoint;

/// What a command is, and what it needs of the stack it opens.
#[derive(Debug, Clone)]
pub struct Needs {
    /// The command's name; those who wait for the lock see it.
    pub command: &'static str,
    /// The command's own options, as typed: a suggestion to run it again repeats them.
    pub options: &'static str,
    /// Whether it cannot do anything without the functions' programs.
    pub artifacts: bool,
    /// Whether it sets the database up, and so must report that an emulator has none.
    pub database: bool,
    /// Whether a database that it deletes leaves a last snapshot.
    pub final_snapshots: bool,
    /// What to print if it is interrupted before its work begins.
    pub if_interrupted: &'static str,
}

impl Needs {
    /// A command that only reads the stack.
    pub fn to_read(command: &'static str) -> Self {
        Self {
            command,
            options: "",
            artifacts: false,
            database: false,
            final_snapshots: false,
            if_interrupted: "interrupted; nothing was changed",
        }
    }

    /// The command with its own options, as typed.
    fn as_typed(&self) -> String {
        format!("{} {}", self.command, self.options).trim_end().to_owned()
    }
}

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
    global: Global,
    needs: Needs,
    design: Arc<Design>,
    /// Why the functions' programs cannot be used, if they cannot.
    missing_artifacts: Option<ArtifactError>,
    endpoint: Endpoint,
}

impl Session {
    /// The environment suffix.
    pub fn suffix(&self) -> &str {
        self.design.names.suffix().as_str()
    }

    /// What the stack is made of: settings and names.
    pub fn design(&self) -> &Design {
        &self.design
    }

    /// The sandbox, if the stack is in it.
    pub fn sandbox(&self) -> Option<&Running> {
        self.endpoint.sandbox.as_ref()
    }

    /// Rebuilds a lost state from the cloud; a state that has resources is not touched.
    ///
    /// # Errors
    /// As [`plan`].
    pub async fn refresh_lost_state(&self) -> Result<(), CommandError> {
        if self.journal.read(|stack| stack.records.is_empty()) {
            let plan = plan(&self.graph, &self.journal, &self.base, &|_| {}).await?;
            refresh(&plan, &self.graph, &self.journal).await?;
        }
        Ok(())
    }

    /// The stack's addresses and names; the API's address is the one that works from here.
    ///
    /// # Errors
    /// Where there is no stack.
    pub fn outputs(&self) -> Result<BTreeMap<String, String>, CommandError> {
        let mut outputs = self.journal.read(graph::outputs);
        if outputs.is_empty() {
            let error = CommandError::new(Exit::Failed, format!("there is no stack with suffix {}", self.suffix()));
            return Err(error.hint(format!("`{}` creates it.", self.command_line("up"))));
        }
        if let Some(local) = self.local_api() {
            outputs.insert(address::API.to_owned(), local.url());
        }
        Ok(outputs)
    }

    /// The API on the emulator, if the stack is on one.
    pub fn local_api(&self) -> Option<Local> {
        let outputs = self.journal.read(graph::outputs);
        let endpoint = self.endpoint.connection.emulator_endpoint()?;
        Local::of(outputs.get(address::API)?, &endpoint)
    }

    /// The stack and where it is, for the head of a plan.
    pub fn title(&self) -> String {
        format!("{} in {}", self.suffix(), self.endpoint.place(self.base.cloud.account()))
    }

    /// Another command for the same stack, as it is typed.
    pub fn command_line(&self, command: &str) -> String {
        self.global.command_line(command, self.suffix())
    }

    /// The command that resumes this one: the same with all options that decide what it does.
    pub fn resume_command(&self) -> String {
        self.command_line(&self.needs.as_typed())
    }

    /// Refuses to compare functions whose programs are missing.
    ///
    /// # Errors
    /// Why they cannot be used.
    pub fn require_artifacts(&self) -> Result<(), CommandError> {
        self.missing_artifacts.as_ref().map_or(Ok(()), |error| Err(artifact_error(error)))
    }

    /// Compares the load that the stack is sized for with the account's quotas, and warns.
    ///
    /// # Errors
    /// A refused call.
    pub async fn check_capacity(&self, screen: &Screen) -> Result<(), CommandError> {
        let quotas = capacity::check_quotas(&self.base.cloud, &self.design.settings).await.map_err(ApplyError::from)?;
        for capacity::Shortfall { name, remedy, needed, available } in &quotas.shortfalls {
            screen.warning(&format!(
                "{name}: the stack at {} requests/s needs {needed}, the account has {available}; {remedy}",
                self.design.settings.capacity.requests_per_second
            ));
        }
        quotas.notes.iter().for_each(|note| screen.note(note));
        Ok(())
    }

    /// Refuses an instance class that RDS does not offer in the stack's zones, if the plan needs it.
    ///
    /// # Errors
    /// Where the class is not offered, or a refused call.
    pub async fn check_instance_class(&self, plan: &Plan, screen: &Screen) -> Result<(), CommandError> {
        if instance_offer::is_needed(plan) {
            let design = &self.design;
            let checked = instance_offer::check(&self.base.cloud, &design.settings.database, &design.zones).await;
            checked.map_err(ApplyError::from)?.iter().for_each(|warning| screen.warning(warning));
        }
        Ok(())
    }

    /// Shows a plan, and what it cannot change.
    pub fn show(&self, plan: &Plan, screen: &Screen) {
        screen.plan(plan, &self.title());
        restarts::pending(plan).iter().for_each(|note| screen.note(note));
    }

    /// Compacts the journal.
    ///
    /// # Errors
    /// Where the state cannot be written.
    pub async fn close(&self) -> Result<(), CommandError> {
        Ok(self.journal.compact().await?)
    }

    /// Whether another run has, or may have, taken the state over.
    pub fn is_lost(&self) -> bool {
        self.lease.as_ref().is_some_and(Lease::is_lost)
    }

    /// Ends a command: releases the lock, or reports who holds it now.
    ///
    /// # Errors
    /// That of the command, or the loss of the lease.
    pub async fn leave(&self, screen: &Screen, end: Result<Exit, CommandError>) -> Result<Exit, CommandError> {
        if let Some(lease) = self.lease.as_ref().filter(|lease| lease.is_lost()) {
            let hint = format!(
                "This run makes no further call. Everything it did is recorded or can be found by its tags. \
                 Run `{} --lock-wait 10m` to continue after the other run.",
                self.resume_command()
            );
            return Err(CommandError::from(lease.why_lost().await).hint(hint));
        }
        if let Err(error) = self.journal.release().await {
            screen.warning(&format!("the lease on the state could not be released; it expires: {error}"));
        }
        end
    }
}

fn artifact_error(error: &ArtifactError) -> CommandError {
    CommandError::new(Exit::Usage, error.to_string())
        .hint("Nothing was changed. `scripts/build` builds the functions and puts them there.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_resumed_with_its_own_options() {
        let destroy = Needs { options: "--final-snapshot", final_snapshots: true, ..Needs::to_read("destroy") };
        assert_eq!(destroy.as_typed(), "destroy --final-snapshot");
        assert_eq!(Needs::to_read("diff").as_typed(), "diff");
    }
}
