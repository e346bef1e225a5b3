//! Errors as people see them: what happened, what is safe, what to type next, and the exit code.

use std::fmt;
use std::process::ExitCode;

use payinfra_aws::ConnectError;
use payinfra_engine::{ApplyError, Class};
use payinfra_state::Error as StateError;

use crate::config::ConfigErrors;
use crate::sandbox::SandboxError;

/// How the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done, or no changes.
    Done = 0,
    /// Failed.
    Failed = 1,
    /// `diff` found changes.
    Changes = 2,
    /// Bad usage or configuration (`EX_USAGE` of sysexits.h).
    Usage = 64,
    /// The state is locked (`EX_TEMPFAIL`).
    Locked = 75,
    /// Credentials or permission (`EX_NOPERM`).
    Denied = 77,
    /// Interrupted (128 + SIGINT).
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command failed, with its exit code and, if there is one, the next step.
#[derive(Debug)]
pub struct CommandError {
    pub exit: Exit,
    pub error: anyhow::Error,
    pub hint: Option<String>,
}

impl CommandError {
    /// An error without a hint.
    pub fn new(exit: Exit, message: impl fmt::Display + fmt::Debug + Send + Sync + 'static) -> Self {
        Self { exit, error: anyhow::Error::msg(message), hint: None }
    }

    /// Adds the next step, a whole sentence.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds a further step after the hint, if there is one.
    #[must_use]
    pub fn also(mut self, next: &str) -> Self {
        self.hint = Some(self.hint.map_or_else(|| next.to_owned(), |hint| format!("{hint} {next}")));
        self
    }

    /// Puts what failed in front, as the error's first line.
    #[must_use]
    pub fn context(mut self, what: impl fmt::Display + Send + Sync + 'static) -> Self {
        self.error = self.error.context(what);
        self
    }
}

impl From<std::io::Error> for CommandError {
    fn from(error: std::io::Error) -> Self {
        Self { exit: Exit::Failed, error: error.into(), hint: None }
    }
}

impl From<anyhow::Error> for CommandError {
    fn from(error: anyhow::Error) -> Self {
        let hint = error.downcast_ref::<SandboxError>().map(|failure| failure.hint().to_owned());
        Self { exit: Exit::Failed, error, hint }
    }
}

impl From<&clap::Error> for CommandError {
    fn from(error: &clap::Error) -> Self {
        let text = error.render().to_string();
        // The lines after the first empty one are the usage.
        let message = text.split("\n\n").next().unwrap_or_default().trim();
        Self::new(Exit::Usage, message.strip_prefix("error: ").unwrap_or(message).to_owned())
            .hint("Nothing was changed. `payinfra --help` lists the commands and options.")
    }
}

impl From<ConfigErrors> for CommandError {
    fn from(errors: ConfigErrors) -> Self {
        Self { exit: Exit::Usage, error: errors.into(), hint: None }
    }
}

impl From<StateError> for CommandError {
    fn from(error: StateError) -> Self {
        let exit = match &error {
            StateError::Locked(_) | StateError::LeaseLost(_) => Exit::Locked,
            StateError::Denied { .. } => Exit::Denied,
            _ => Exit::Failed,
        };
        let hint = match &error {
            StateError::Locked(_) => Some(
                "Nothing was changed. Wait for that run with `--lock-wait 10m`, or inspect it with `payinfra unlock`.",
            ),
            StateError::LeaseLost(_) => {
                Some("This run made no further call. Everything it did is recorded or can be found by its tags.")
            }
            StateError::Denied { .. } => Some(
                "What was recorded before is intact. Sign in again, or add the missing permission: docs/deployment.md lists the rights that the state's bucket needs.",
            ),
            StateError::Remote { .. } => Some("What was recorded before is intact. Run the command again to resume."),
            StateError::Newer { .. } => Some("Use the payinfra that wrote it, or a newer one."),
            StateError::Io { .. } | StateError::Broken(_) => Some(
                "The last state that was written is intact. Make the folder writable, or choose another with --state.",
            ),
            _ => None,
        };
        Self { exit, error: error.into(), hint: hint.map(ToOwned::to_owned) }
    }
}

impl From<ConnectError> for CommandError {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::Region { .. } => Self { exit: Exit::Usage, error: error.into(), hint: None },
            ConnectError::Identity(refused) => {
                let class = refused.class;
                let error = Self { exit: exit_of(class), error: refused.into(), hint: None };
                let error = error.context("cannot determine the AWS account");
                match class {
                    Class::Credentials | Class::Denied => error.hint(
                        "Nothing was changed. Set AWS_PROFILE or --profile, sign in again (`aws sso login`), or try the stack without AWS: `payinfra up --sandbox`.",
                    ),
                    _ => error.hint("Nothing was changed. Check the network and the endpoint, then run the command again."),
                }
            }
        }
    }
}

impl From<ApplyError> for CommandError {
    fn from(failure: ApplyError) -> Self {
        let exit = failure.class().map_or(Exit::Failed, exit_of);
        let hint = hint_for(&failure);
        match failure {
            ApplyError::State(error) => error.into(),
            failure => Self { exit, error: failure.into(), hint },
        }
    }
}

/// The exit code for a rejected call.
pub fn exit_of(class: Class) -> Exit {
    match class {
        Class::Credentials | Class::Denied => Exit::Denied,
        _ => Exit::Failed,
    }
}

/// What to do about the failure of one resource.
fn hint_for(failure: &ApplyError) -> Option<String> {
    let hint = match failure {
        ApplyError::NotOurs { .. } => {
            "payinfra neither adopts nor deletes anything without its tags. Delete or rename that object, or choose another --suffix."
        }
        ApplyError::Duplicate { .. } => {
            "Both carry this stack's tags. Delete the one that is not in use, and run the command again."
        }
        ApplyError::NotKept { .. } => {
            "The service accepted the change but still returns the old value. Run `payinfra diff` to see it."
        }
        ApplyError::PlanChanged { .. } => {
            "The cloud changed after the plan was made. Run the command again to see a new plan."
        }
        ApplyError::Failed { .. } => "Run `payinfra up` again: the plan will show what must be replaced.",
        ApplyError::TimedOut { .. } => "It may still finish. Run the command again to resume.",
        ApplyError::Call(error) => match error.class {
            Class::Quota => {
                "A quota of the account is used up. Request an increase in the Service Quotas console, or remove what uses it, and run the command again."
            }
            Class::Denied => "The caller lacks a permission. Add it and run the command again.",
            Class::Credentials => {
                "The credentials are missing or have expired. Sign in again and run the command again to resume."
            }
            Class::NoAnswer => {
                "The service gave no answer. Check the network and run the command again: it finds out what was done."
            }
            _ => return None,
        },
        ApplyError::State(_) => return None,
    };
    Some(hint.to_owned())
}
