//! `payinfra outputs`: the stack's addresses and names.

use crate::command_error::{CommandError, Exit};
use crate::global::Global;
use crate::render::Screen;
use crate::session::{Needs, Session};

/// Arguments of `outputs`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Show only the value of this output
    pub name: Option<String>,
}

/// Runs the command; a lost state is rebuilt from the cloud first.
pub async fn run(global: &Global, args: &Args, screen: &Screen) -> Result<Exit, CommandError> {
    let session = Session::open(global, screen, Needs::to_read("outputs")).await?;
    let end = show(screen, &session, args).await;
    session.leave(screen, end).await
}

async fn show(screen: &Screen, session: &Session, args: &Args) -> Result<Exit, CommandError> {
    session.refresh_lost_state().await?;
    session.close().await?;
    let outputs = session.outputs()?;
    match &args.name {
        None => screen.outputs(&outputs),
        Some(name) => match outputs.get(name.as_str()) {
            Some(value) => screen.line(value),
            None => {
                let names: Vec<&str> = outputs.keys().map(String::as_str).collect();
                let error = CommandError::new(Exit::Usage, format!("there is no output {name}"));
                return Err(error.hint(format!("The outputs are: {}.", names.join(", "))));
            }
        },
    }
    Ok(Exit::Done)
}
