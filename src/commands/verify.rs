//! `payinfra verify`: send a synthetic payment through the deployed stack and check each step.

use std::time::Duration;

use crate::command_error::{CommandError, Exit};
use crate::global::Global;
use crate::render::Screen;
use crate::session::{Needs, Session};
use crate::verify::{self, Target};

/// Arguments of `verify`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// How long to wait for asynchronous effects, such as an event reaching the archive
    #[arg(long, value_name = "SECONDS", default_value_t = TIMEOUT_SECONDS)]
    pub timeout: u64,
}

/// Longer than a sweep of the outbox and the cold start of a function take.
pub const TIMEOUT_SECONDS: u64 = 90;

/// Runs the command. The state stays locked meanwhile: a stack that is being changed cannot be judged.
pub async fn run(global: &Global, args: &Args, screen: &Screen) -> Result<Exit, CommandError> {
    let needs = Needs {
        if_interrupted: "interrupted; the stack was not changed, but a payment of the test merchant may be incomplete",
        ..Needs::to_read("verify")
    };
    let session = Session::open(global, screen, needs).await?;
    let end = refresh_and_check(&session, args.timeout, screen).await;
    session.leave(screen, end).await
}

async fn refresh_and_check(session: &Session, timeout: u64, screen: &Screen) -> Result<Exit, CommandError> {
    session.refresh_lost_state().await?;
    session.close().await?;
    check(session, timeout, screen).await
}

/// Checks the stack of an open session, which waits at most `timeout` seconds for an effect.
pub async fn check(session: &Session, timeout: u64, screen: &Screen) -> Result<Exit, CommandError> {
    let target = Target::of(session, Duration::from_secs(timeout)).await?;
    verify::run(&target, screen).await
}
