//! The arguments that all commands share.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use payinfra_aws::without_user;

use crate::commands;

const EXIT_CODES: &str = "\
Exit codes:
  0    done, or no changes
  1    failed
  2    `diff` found changes
  64   bad usage or configuration
  75   the state is locked by another run
  77   credentials missing, expired or not permitted
  130  interrupted; run the command again to go on";

/// Stands up, compares and tears down a payment-processing stack in AWS us-east-1.
#[derive(Debug, Parser)]
#[command(name = "payinfra", version, after_help = EXIT_CODES, disable_help_subcommand = true)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// What every command takes.
#[derive(Debug, Args)]
pub struct Global {
    /// The environment: part of every name; a letter, then letters, digits and hyphens, at most 16, all lower-case
    #[arg(long, global = true, env = "PAYINFRA_SUFFIX", value_name = "SUFFIX")]
    pub suffix: Option<String>,
    /// The configuration file [default: payinfra.toml, if there is one]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Where the state lies: a folder or s3://bucket/prefix [default: .payinfra]
    #[arg(long, global = true, value_name = "PLACE")]
    pub state: Option<String>,
    /// How long to wait for another run that holds the state: seconds, or a number with s, m or h [default: 0]
    #[arg(long, global = true, value_name = "TIME", value_parser = duration)]
    pub lock_wait: Option<Duration>,
    /// Work on the embedded sandbox instead of AWS
    #[arg(long, global = true, conflicts_with = "endpoint_url")]
    pub sandbox: bool,
    /// Work on an emulator at this address instead of AWS
    #[arg(long, global = true, value_name = "URL")]
    pub endpoint_url: Option<String>,
    /// The profile of the AWS configuration [default: AWS_PROFILE]
    #[arg(long, global = true, value_name = "NAME")]
    pub profile: Option<String>,
    /// Do not ask
    #[arg(long, short = 'y', global = true)]
    pub yes: bool,
    /// Write JSON, one object a line
    #[arg(long, global = true)]
    pub json: bool,
    /// Say more; twice for every call
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

impl Global {
    /// The command line that goes on with this stack: the same options, without what must not be shown.
    pub fn command(&self, command: &str, suffix: &str) -> String {
        let mut line = format!("payinfra {command}");
        if self.sandbox {
            line.push_str(" --sandbox");
        }
        let config = self.config.as_ref().map(|config| config.display().to_string());
        let endpoint = self.endpoint_url.as_deref().map(without_user);
        let suffix = (!self.sandbox || self.suffix.is_some()).then(|| suffix.to_owned());
        for (option, value) in [
            ("suffix", suffix),
            ("config", config),
            ("state", self.state.clone()),
            ("endpoint-url", endpoint),
            ("profile", self.profile.clone()),
        ] {
            if let Some(value) = value {
                line.push_str(&format!(" --{option} {value}"));
            }
        }
        line
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Bring the stack to its configuration
    Up(commands::up::Args),
    /// Show what `up` would change; change nothing
    Diff(commands::diff::Args),
    /// Delete the stack and everything in it
    Destroy(commands::destroy::Args),
    /// Show the stack's addresses and names
    Outputs(commands::outputs::Args),
    /// Send a synthetic payment through the deployed stack and check every link
    Verify(commands::verify::Args),
    /// Show who holds the state, and take a lease from a holder that is gone for good
    Unlock(commands::unlock::Args),
    /// Start, stop and look at the embedded sandbox
    Sandbox(commands::sandbox::Args),
}

/// Reads `90`, `90s`, `10m` or `1h`.
fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = match text.find(|c: char| !c.is_ascii_digit()) {
        Some(end) => text.split_at(end),
        None => (text, "s"),
    };
    let factor = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return Err("a number of seconds, or a number with s, m or h, such as 10m".to_owned()),
    };
    let seconds = number.parse::<u32>().map_err(|_| "a whole number of seconds, minutes or hours".to_owned())?;
    Ok(Duration::from_secs(u64::from(seconds) * factor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_given_in_seconds_or_with_a_unit() {
        for (text, seconds) in [("0", 0), ("90", 90), ("90s", 90), ("10m", 600), ("1h", 3600)] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for bad in ["", "m", "1.5m", "10 m", "-1", "10min", "99999999999"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }
}
