//! `payinfra destroy`: delete the stack and everything in it.

use payinfra_engine::{Outcome, Resource, inventory, plan_destroy};

use payinfra_steps::security::Key;

use crate::cli::Global;
use crate::commands::up::{carry_out, finish};
use crate::problem::{Exit, Problem};
use crate::render::Screen;
use crate::session::Session;

/// The kind of the stack's key, which outlives the stack where a snapshot does.
const KEY: &str = Key::KIND;

/// Arguments of `destroy`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Keep a last snapshot of the database; it is billed until deleted
    #[arg(long)]
    pub final_snapshot: bool,
}

/// Runs the command. What is deleted is read from the cloud; the state is not needed.
pub async fn run(global: &Global, args: &Args, screen: &Screen) -> Result<Exit, Problem> {
    let session = Session::open_for_destroy(global, screen, args.final_snapshot).await?;
    let end = tear_down(global, args, screen, &session).await;
    session.leave(screen, end).await
}

async fn tear_down(global: &Global, args: &Args, screen: &Screen, session: &Session) -> Result<Exit, Problem> {
    let again = global.command("destroy", session.suffix());
    let mut plan =
        plan_destroy(&session.graph, &session.journal, &session.base, &|_| {}).await.map_err(Problem::from)?;
    if args.final_snapshot {
        plan.changes.retain(|change| change.address.kind() != KEY);
        screen.note("the stack's key is kept: without it the last snapshot could not be read");
    }
    screen.plan(&plan, &session.title());
    if !plan.is_empty() {
        confirm(global, screen, session.suffix())?;
    }
    let outcome = carry_out(&plan, session, screen).await;
    if !matches!(outcome, Outcome::Completed(_)) {
        let closed = session.close().await;
        let end = finish(screen, outcome, &again, session);
        return end.and_then(|exit| closed.map(|()| exit));
    }
    let mut left = inventory(&session.graph, &session.base).await.map_err(Problem::from)?;
    left.retain(|(address, _)| !(args.final_snapshot && address.kind() == KEY));
    screen.inventory(session.suffix(), &left);
    if !left.is_empty() {
        session.close().await?;
        let problem = Problem::new(Exit::Failed, "something of the stack is left");
        return Err(problem.hint(format!("Run `{again}` again.")));
    }
    session.journal.remove().await?;
    finish(screen, outcome, &again, session)
}

/// On a terminal the suffix is typed back; without one, `--yes` is needed.
fn confirm(global: &Global, screen: &Screen, suffix: &str) -> Result<(), Problem> {
    if global.yes {
        return Ok(());
    }
    if !screen.is_terminal() {
        let problem = Problem::new(Exit::Usage, "destroying needs --yes where there is no terminal to ask");
        return Err(problem.hint("Nothing was changed."));
    }
    let question = format!("Everything above is deleted, data included. Type the suffix ({suffix}) to go on: ");
    if screen.ask(&question)? == suffix {
        return Ok(());
    }
    Err(Problem::new(Exit::Failed, "not confirmed").hint("Nothing was changed."))
}
