//! `payinfra up`: create or change the stack so that it matches its configuration.

use payinfra_engine::{Action, plan};

use super::apply::{carry_out, finish};
use super::{confirm, verify};
use crate::command_error::{CommandError, Exit};
use crate::global::Global;
use crate::render::{self, Screen};
use crate::session::{Needs, Session};

/// Arguments of `up`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Verify the stack at the end, as `payinfra verify` does
    #[arg(long)]
    pub verify: bool,
}

/// Runs the command.
pub async fn run(global: &Global, args: &Args, screen: &Screen) -> Result<Exit, CommandError> {
    let options = if args.verify { "--verify" } else { "" };
    let needs = Needs { options, artifacts: true, database: true, ..Needs::to_read("up") };
    let session = Session::open(global, screen, needs).await?;
    let end = bring_up(global, args, screen, &session).await;
    session.leave(screen, end).await
}

async fn bring_up(global: &Global, args: &Args, screen: &Screen, session: &Session) -> Result<Exit, CommandError> {
    let plan = plan(&session.graph, &session.journal, &session.base, &|_| {}).await?;
    session.show(&plan, screen);
    session.check_instance_class(&plan, screen).await?;
    if plan.count(Action::Create) > 0 {
        session.check_capacity(screen).await?;
    }
    if !plan.is_empty() {
        confirm::plan(global, screen, plan.destroys())?;
    }
    let outcome = carry_out(&plan, session, screen).await;
    let closed = session.close().await;
    let end = finish(screen, outcome, session);
    // If the run has failed, its own errors say more than those of the state that follow from them.
    let exit = end.and_then(|exit| closed.map(|()| exit))?;
    if session.sandbox().is_some()
        && let Some(local) = session.local_api()
    {
        screen.commands(&render::commands(&local.url(), session.design().settings.api.auth, session.suffix()));
    }
    if args.verify {
        return verify::check(session, verify::TIMEOUT_SECONDS, screen).await;
    }
    Ok(exit)
}
