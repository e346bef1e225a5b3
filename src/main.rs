//! payinfra stands up, compares and tears down a payment-processing stack in AWS.
//!
//! This crate is the command line: it parses, wires the engine to the stack, and renders. What is deployed is in
//! `stack/` and `steps/`, how it is deployed in `engine/`, and what survives a kill in `state/`.

mod address;
mod cache_folder;
mod cli;
mod command_error;
mod commands;
mod config;
mod global;
mod remote_state;
mod render;
mod sandbox;
mod session;
mod signals;
mod state;
mod verify;

use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use crate::cli::Cli;
use crate::command_error::{CommandError, Exit};
use crate::render::Screen;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let screen = Screen::new(cli.global.json);
    let end = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(CommandError::from)
        .and_then(|runtime| runtime.block_on(commands::run(&cli.global, &cli.command, &screen)));
    match end {
        Ok(exit) => exit.into(),
        Err(error) => {
            screen.error(&error);
            error.exit.into()
        }
    }
}

/// Help and version are results; everything else is bad usage, which pipelines get as an object like any error.
fn usage(error: &clap::Error) -> ExitCode {
    let asked = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    if !asked && std::env::args_os().any(|argument| argument == "--json") {
        Screen::new(true).error(&CommandError::from(error));
        return Exit::Usage.into();
    }
    // A closed pipe is no reason to fail.
    let _ = error.print();
    if asked { ExitCode::SUCCESS } else { Exit::Usage.into() }
}
