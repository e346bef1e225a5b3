//! `payinfra diff`: show what `up` would change.

use payinfra_engine::{plan, refresh};

use crate::cli::Global;
use crate::problem::{Exit, Problem};
use crate::render::Screen;
use crate::session::Session;

/// Arguments of `diff`.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs the command; in the cloud it only reads. What a lost state no longer knew is written down again.
pub async fn run(global: &Global, _: &Args, screen: &Screen) -> Result<Exit, Problem> {
    let session = Session::open(global, screen, "diff").await?;
    let end = show(screen, &session).await;
    session.leave(screen, end).await
}

async fn show(screen: &Screen, session: &Session) -> Result<Exit, Problem> {
    session.require_artifacts()?;
    let plan = plan(&session.graph, &session.journal, &session.base, &|_| {}).await.map_err(Problem::from)?;
    refresh(&plan, &session.graph, &session.journal).await.map_err(Problem::from)?;
    session.close().await?;
    screen.plan(&plan, &session.title());
    Ok(if plan.is_empty() { Exit::Done } else { Exit::Changes })
}
