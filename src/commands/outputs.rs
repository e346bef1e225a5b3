//! `payinfra outputs`: the stack's addresses and names.

use payinfra_engine::{plan, remember};
use payinfra_steps::stack::outputs;

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
    if session.journal.read(|stack| stack.records.is_empty()) {
        let plan = plan(&session.graph, &session.journal, &session.base, &|_| {}).await.map_err(Problem::from)?;
        remember(&plan, &session.graph, &session.journal).await.map_err(Problem::from)?;
    }
    session.close().await?;
    let outputs = outputs(&session.journal.read(|stack| stack.clone()));
    if outputs.is_empty() {
        let problem = Problem::new(Exit::Failed, format!("there is no stack with suffix {}", session.suffix()));
        return Err(problem.hint(format!("`payinfra up --suffix {}` makes one.", session.suffix())));
    }
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
