//! One file for each command: its arguments and what it does.

pub mod destroy;
pub mod diff;
pub mod outputs;
pub mod sandbox;
pub mod unlock;
pub mod up;
pub mod verify;

use crate::cli::{Cli, Command};
use crate::problem::{Exit, Problem};
use crate::render::Screen;

/// Runs the command that was asked for.
pub async fn run(cli: &Cli, screen: &Screen) -> Result<Exit, Problem> {
    log_to_stderr(cli.global.verbose);
    match &cli.command {
        Command::Up(args) => up::run(&cli.global, args, screen).await,
        Command::Diff(args) => diff::run(&cli.global, args, screen).await,
        Command::Destroy(args) => destroy::run(&cli.global, args, screen).await,
        Command::Outputs(args) => outputs::run(&cli.global, args, screen).await,
        Command::Verify(args) => verify::run(&cli.global, args, screen).await,
        Command::Unlock(args) => unlock::run(&cli.global, args, screen).await,
        Command::Sandbox(args) => {
            let mut out = anstream::stdout();
            let mut notes = anstream::stderr();
            sandbox::run(args, cli.global.json, &mut out, &mut notes).await?;
            Ok(Exit::Done)
        }
    }
}

/// Only payinfra's own targets are logged: those of the SDK could print requests.
fn log_to_stderr(verbose: u8) {
    let level = match verbose {
        0 => return,
        1 => "debug",
        _ => "trace",
    };
    let filter = format!(
        "payinfra={level},payinfra_engine={level},payinfra_state={level},payinfra_steps={level},payinfra_stack={level},payinfra_aws={level}"
    );
    // A line that cannot be written is left out: telling so on the same closed pipe would end the run.
    let log = tracing_subscriber::fmt().with_env_filter(filter).log_internal_errors(false);
    log.with_writer(std::io::stderr).init();
}
