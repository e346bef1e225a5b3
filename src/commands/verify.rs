//! `payinfra verify`: send a synthetic payment through the deployed stack and check every link.

use std::time::Duration;

use crate::cli::Global;
use crate::problem::{Exit, Problem};
use crate::render::Screen;
use crate::session::Session;
use crate::verify::{self, Target};

/// Arguments of `verify`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// How long to wait for what happens by and by, such as an event in the archive
    #[arg(long, value_name = "SECONDS", default_value_t = PATIENCE_SECONDS)]
    pub patience: u64,
}

/// Longer than the outbox is swept and a function starts anew.
pub const PATIENCE_SECONDS: u64 = 90;

/// Runs the command. The state stays locked meanwhile: a stack that is being changed cannot be judged.
pub async fn run(global: &Global, args: &Args, screen: &Screen) -> Result<Exit, Problem> {
    let session = Session::open(global, screen, "verify").await?;
    let end = recall_and_check(&session, args.patience, screen).await;
    session.leave(screen, end).await
}

async fn recall_and_check(session: &Session, patience: u64, screen: &Screen) -> Result<Exit, Problem> {
    session.recall().await?;
    session.close().await?;
    check(session, patience, screen).await
}

/// Checks the stack of an open session.
pub async fn check(session: &Session, patience: u64, screen: &Screen) -> Result<Exit, Problem> {
    let target = Target::of(session, Duration::from_secs(patience)).await?;
    verify::run(&target, screen).await
}
