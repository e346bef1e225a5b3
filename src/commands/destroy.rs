//! `payinfra destroy`: delete the stack and everything in it.

use payinfra_engine::{Outcome, Resource, inventory, plan_destroy};

use payinfra_steps::security::Key;

use super::apply::{carry_out, finish};
use super::confirm::{self, Question};
use crate::command_error::{CommandError, Exit};
use crate::global::Global;
use crate::render::Screen;
use crate::session::{Needs, Session};

/// The kind of the stack's key, which outlives the stack if a snapshot does.
const KEY: &str = Key::KIND;

/// Arguments of `destroy`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Keep a last snapshot of the database; it is billed until you delete it
    #[arg(long)]
    pub final_snapshot: bool,
}

/// Runs the command. What to delete is read from the cloud; the state is not needed.
pub async fn run(global: &Global, args: &Args, screen: &Screen) -> Result<Exit, CommandError> {
    let options = if args.final_snapshot { "--final-snapshot" } else { "" };
    let needs = Needs { options, final_snapshots: args.final_snapshot, ..Needs::to_read("destroy") };
    let session = Session::open(global, screen, needs).await?;
    let end = tear_down(global, args, screen, &session).await;
    session.leave(screen, end).await
}

async fn tear_down(global: &Global, args: &Args, screen: &Screen, session: &Session) -> Result<Exit, CommandError> {
    let mut plan = plan_destroy(&session.graph, &session.journal, &session.base, &|_| {}).await?;
    if args.final_snapshot {
        plan.changes.retain(|change| change.address.kind() != KEY);
        screen.note("the stack's key is kept: without it, the last snapshot could not be read");
    }
    screen.plan(&plan, &session.title());
    if !plan.is_empty() {
        let no_terminal = CommandError::new(Exit::Usage, "without a terminal, destroy needs --yes");
        let question = Question {
            consequence: "Everything above will be deleted, including the data.",
            suffix: session.suffix(),
            no_terminal: no_terminal.hint("Nothing was changed."),
        };
        confirm::suffix(global, screen, question)?;
    }
    let outcome = carry_out(&plan, session, screen).await;
    if !matches!(outcome, Outcome::Completed(_)) {
        let closed = session.close().await;
        let end = finish(screen, outcome, session);
        return end.and_then(|exit| closed.map(|()| exit));
    }
    let mut left = inventory(&session.graph, &session.base).await?;
    left.retain(|(address, _)| !(args.final_snapshot && address.kind() == KEY));
    screen.inventory(session.suffix(), &left);
    if !left.is_empty() {
        session.close().await?;
        let error = CommandError::new(Exit::Failed, "some resources were not deleted");
        return Err(error.hint(format!("Run `{}` again.", session.resume_command())));
    }
    session.journal.remove().await?;
    finish(screen, outcome, session)
}
