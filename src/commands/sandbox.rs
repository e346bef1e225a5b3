//! `payinfra sandbox`: start, stop, inspect and reset the embedded sandbox.

use std::io::Write;

use anyhow::Result;
use clap::Subcommand;
use serde_json::json;

use crate::sandbox::{Options, Running, Sandbox};

/// Arguments of `payinfra sandbox`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Start the emulator and the database, unless they run already
    Start {
        /// The emulator's port on 127.0.0.1 [default: the last one, or a free one]
        #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
        port: Option<u16>,
        /// Start the emulator alone
        #[arg(long)]
        without_database: bool,
    },
    /// Stop the emulator and the database, and keep their data
    Stop,
    /// Show what runs, and where
    Status,
    /// Stop the emulator and the database, and delete their data
    Reset,
}

/// Runs the command: the result goes to `out`, as JSON if asked, and what takes long is announced on `notes`.
pub async fn run(args: &Args, json: bool, out: &mut dyn Write, notes: &mut (dyn Write + Send)) -> Result<()> {
    let sandbox = Sandbox::locate()?;
    // A note that cannot be shown is no reason to stop.
    let mut notice = |text: &str| drop(writeln!(notes, "{text}"));
    let (running, sentence) = match &args.action {
        Action::Start { port, without_database } => {
            let options = Options { port: *port, postgres: !without_database, names: Vec::new() };
            (Some(sandbox.ensure(&options, &mut notice).await?), "the sandbox is running")
        }
        Action::Status => match sandbox.status().await? {
            Some(running) => (Some(running), "the sandbox is running"),
            None => (None, "the sandbox is not running; `payinfra sandbox start` starts it"),
        },
        Action::Stop if sandbox.stop(&mut notice).await? => (None, "the sandbox has stopped; its data is kept"),
        Action::Stop => (None, "the sandbox was not running"),
        Action::Reset => {
            sandbox.reset(&mut notice).await?;
            (None, "the sandbox has stopped, and its data is deleted")
        }
    };
    let folder = sandbox.folder();
    // As everywhere: a pipe that nobody reads is no failure of what was done.
    if json {
        let answer = json!({ "version": 1, "type": "sandbox", "running": running, "folder": folder });
        let _ = writeln!(out, "{answer}");
    } else {
        let table = running.as_ref().map(table).unwrap_or_default();
        let _ = writeln!(out, "{sentence}\n{table}  folder     {}", folder.display());
    }
    Ok(())
}

fn table(running: &Running) -> String {
    let Running { endpoint, account, version, pid, since, webhook_port: _, postgres } = running;
    let mut table = format!(
        "  endpoint   {endpoint}\n  account    {account}\n  emulator   MiniStack {version}, process {pid}, since {since:.0}\n"
    );
    if let Some(database) = postgres {
        table += &format!(
            "  database   {}, database {}, user {} (TLS only)\n  authority  {}\n  server     PostgreSQL {}, process {}, since {:.0}\n",
            database.address,
            database.database,
            database.master_user,
            database.ca_file.display(),
            database.version,
            database.pid,
            database.since,
        );
    }
    table
}
