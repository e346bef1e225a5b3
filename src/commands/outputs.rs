//! `payinfra outputs`: the stack's addresses and names.

use crate::cli::Global;
use crate::problem::{Exit, Problem};
use crate::render::Screen;
use crate::session::Session;

/// Arguments of `outputs`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only this one, without its name
    pub name: Option<String>,
}

/// Runs the command; a lost state is rebuilt from the cloud first.
pub async fn run(global: &Global, args: &Args, screen: &Screen) -> Result<Exit, Problem> {
    let session = Session::open(global, screen, "outputs").await?;
    let end = show(screen, &session, args).await;
    session.leave(screen, end).await
}

async fn show(screen: &Screen, session: &Session, args: &Args) -> Result<Exit, Problem> {
    session.recall().await?;
    session.close().await?;
    let outputs = session.outputs()?;
    match &args.name {
        None => screen.outputs(&outputs),
        Some(name) => match outputs.get(name.as_str()) {
            Some(value) => screen.line(value),
            None => {
                let names: Vec<&str> = outputs.keys().map(String::as_str).collect();
                let problem = Problem::new(Exit::Usage, format!("there is no output {name}"));
                return Err(problem.hint(format!("There are: {}.", names.join(", "))));
            }
        },
    }
    Ok(Exit::Done)
}
