//! The command line as a whole.

use clap::Parser;

use crate::commands::Command;
use crate::global::Global;

const EXIT_CODES: &str = "\
Exit codes:
  0    done, or no changes
  1    failed
  2    `diff` found changes
  64   bad usage or configuration
  75   the state is locked by another run, or was taken over by one
  77   credentials missing, expired or not permitted
  130  interrupted; run the command again to resume";

/// Stands up, compares and tears down a payment-processing stack in AWS us-east-1.
#[derive(Debug, Parser)]
#[command(name = "payinfra", version, after_help = EXIT_CODES, disable_help_subcommand = true)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}
