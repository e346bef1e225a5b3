//! `payinfra diff`: show what `up` would change.

use payinfra_engine::{plan, refresh};

use crate::command_error::{CommandError, Exit};
use crate::global::Global;
use crate::render::Screen;
use crate::session::{Needs, Session};

/// Arguments of `diff`.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs the command; in the cloud, it only reads. What a lost state no longer has is recorded again.
pub async fn run(global: &Global, _: &Args, screen: &Screen) -> Result<Exit, CommandError> {
    let session = Session::open(global, screen, Needs::to_read("diff")).await?;
    let end = show(screen, &session).await;
    session.leave(screen, end).await
}

async fn show(screen: &Screen, session: &Session) -> Result<Exit, CommandError> {
    session.require_artifacts()?;
    let plan = plan(&session.graph, &session.journal, &session.base, &|_| {}).await?;
    refresh(&plan, &session.graph, &session.journal).await?;
    session.close().await?;
    session.show(&plan, screen);
    Ok(if plan.is_empty() { Exit::Done } else { Exit::Changes })
}
