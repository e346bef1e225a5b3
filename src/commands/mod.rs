//! One file for each command: its arguments and what it does.

mod apply;
mod confirm;
mod destroy;
mod diff;
mod outputs;
mod sandbox;
mod unlock;
mod up;
mod verify;

use clap::Subcommand;

use crate::command_error::{CommandError, Exit};
use crate::global::Global;
use crate::render::Screen;

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Create or change the stack so that it matches its configuration
    Up(up::Args),
    /// Show what `up` would change, without changing anything
    Diff(diff::Args),
    /// Delete the stack and everything in it
    Destroy(destroy::Args),
    /// Show the stack's addresses and names
    Outputs(outputs::Args),
    /// Send a synthetic payment through the deployed stack and check each step
    Verify(verify::Args),
    /// Show who has locked the state, and take the lease from a holder that is gone for good
    Unlock(unlock::Args),
    /// Start, stop and inspect the embedded sandbox
    Sandbox(sandbox::Args),
}

/// Runs a command.
pub async fn run(global: &Global, command: &Command, screen: &Screen) -> Result<Exit, CommandError> {
    log_to_stderr(global.verbose);
    match command {
        Command::Up(args) => up::run(global, args, screen).await,
        Command::Diff(args) => diff::run(global, args, screen).await,
        Command::Destroy(args) => destroy::run(global, args, screen).await,
        Command::Outputs(args) => outputs::run(global, args, screen).await,
        Command::Verify(args) => verify::run(global, args, screen).await,
        Command::Unlock(args) => unlock::run(global, args, screen).await,
        Command::Sandbox(args) => {
            let mut out = anstream::stdout();
            let mut notes = anstream::stderr();
            sandbox::run(args, global.json, &mut out, &mut notes).await?;
            Ok(Exit::Done)
        }
    }
}

/// Logs payinfra's own targets only: those of the SDK could print requests.
fn log_to_stderr(verbose: u8) {
    let level = match verbose {
        0 => return,
        1 => "debug",
        _ => "trace",
    };
    let filter = format!(
        "payinfra={level},payinfra_engine={level},payinfra_state={level},payinfra_steps={level},payinfra_stack={level},payinfra_aws={level}"
    );
    // A line that cannot be written is dropped: reporting that on the same closed pipe would end the run.
    let log = tracing_subscriber::fmt().with_env_filter(filter).log_internal_errors(false);
    log.with_writer(std::io::stderr).init();
}
