//! The options that all commands share.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use payinfra_aws::without_user;

/// The suffix of the sandbox's stack if no other is given.
const SANDBOX_SUFFIX: &str = "sandbox";

/// The options that every command takes.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// The environment, part of every resource name: up to 16 lower-case letters, digits and hyphens, first a letter
    #[arg(long, global = true, env = "PAYINFRA_SUFFIX", value_name = "SUFFIX")]
    pub suffix: Option<String>,
    /// The configuration file [default: payinfra.toml, if it exists]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Where the state is stored: a folder or s3://bucket/prefix [default: .payinfra]
    #[arg(long, global = true, value_name = "PLACE")]
    pub state: Option<String>,
    /// How long to wait for another run that has locked the state: seconds, or a number with s, m or h [default: 0]
    #[arg(long, global = true, value_name = "TIME", value_parser = duration)]
    pub lock_wait: Option<Duration>,
    /// Use the embedded sandbox instead of AWS
    #[arg(long, global = true, conflicts_with = "endpoint_url")]
    pub sandbox: bool,
    /// Use the emulator at this URL instead of AWS
    #[arg(long, global = true, value_name = "URL")]
    pub endpoint_url: Option<String>,
    /// The profile in the AWS configuration files [default: AWS_PROFILE]
    #[arg(long, global = true, value_name = "NAME")]
    pub profile: Option<String>,
    /// Do not ask for confirmation
    #[arg(long, short = 'y', global = true)]
    pub yes: bool,
    /// Write JSON, one object per line
    #[arg(long, global = true)]
    pub json: bool,
    /// Log more to standard error; twice (-vv) logs every call
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

impl Global {
    /// The suffix that the command line names; the sandbox has a default.
    pub fn named_suffix(&self) -> Option<&str> {
        self.suffix.as_deref().or(self.sandbox.then_some(SANDBOX_SUFFIX))
    }

    /// A command line for the same stack, such as `payinfra up --sandbox`: `command` with every option that decides
    /// which stack is meant. Passwords in the endpoint's URL are left out.
    pub fn command_line(&self, command: &str, suffix: &str) -> String {
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

    fn global(arguments: &[&str]) -> Global {
        use clap::{Args, FromArgMatches};
        let command = Global::augment_args(clap::Command::new("payinfra"));
        let matches = command.try_get_matches_from([&["payinfra"], arguments].concat()).expect("good arguments");
        Global::from_arg_matches(&matches).expect("good arguments")
    }

    #[test]
    fn a_suggested_command_is_for_the_same_stack() {
        for (arguments, line) in [
            (&["--sandbox", "--yes"][..], "payinfra up --sandbox"),
            (&["--sandbox", "--suffix", "dev"], "payinfra up --sandbox --suffix dev"),
            (
                &["--state", "s3://b/p", "--profile", "me", "--config", "a.toml", "--json"],
                "payinfra up --suffix dev --config a.toml --state s3://b/p --profile me",
            ),
            (
                &["--endpoint-url", "http://me:secret@127.0.0.1:1"],
                "payinfra up --suffix dev --endpoint-url http://127.0.0.1:1",
            ),
        ] {
            assert_eq!(global(arguments).command_line("up", "dev"), line);
        }
    }

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
