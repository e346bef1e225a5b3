//! Errors as a person meets them: what happened, what is safe, what to type next; and the exit code.

use std::fmt;
use std::process::ExitCode;

use payinfra_aws::ConnectError;
use payinfra_engine::{Class, Failure};
use payinfra_state::Error as StateError;

use crate::config::ConfigErrors;
use crate::remote_state;
use crate::sandbox;

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

/// An error with its exit code and, where there is one, the next step.
#[derive(Debug)]
pub struct Problem {
    pub exit: Exit,
    pub error: anyhow::Error,
    pub hint: Option<String>,
}

impl Problem {
    /// A failure without a hint.
    pub fn new(exit: Exit, message: impl fmt::Display + fmt::Debug + Send + Sync + 'static) -> Self {
        Self { exit, error: anyhow::Error::msg(message), hint: None }
    }

    /// Adds the next step, a whole sentence.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Puts what was being done in front, as the error's first line.
    #[must_use]
    pub fn context(mut self, doing: impl fmt::Display + Send + Sync + 'static) -> Self {
        self.error = self.error.context(doing);
        self
    }
}

impl From<std::io::Error> for Problem {
    fn from(error: std::io::Error) -> Self {
        Self { exit: Exit::Failed, error: error.into(), hint: None }
    }
}

impl From<anyhow::Error> for Problem {
    fn from(error: anyhow::Error) -> Self {
        let hint = error.downcast_ref::<sandbox::Failure>().map(|failure| failure.hint().to_owned());
        Self { exit: Exit::Failed, error, hint }
    }
}

impl From<ConfigErrors> for Problem {
    fn from(errors: ConfigErrors) -> Self {
        Self { exit: Exit::Usage, error: errors.into(), hint: None }
    }
}

impl From<StateError> for Problem {
    fn from(error: StateError) -> Self {
        let exit = match &error {
            StateError::Locked(_) | StateError::LeaseLost(_) => Exit::Locked,
            StateError::Denied { .. } => Exit::Denied,
            _ => Exit::Failed,
        };
        let hint = match &error {
            StateError::Locked(_) => Some(
                "Nothing was changed. Wait for that run with `--lock-wait 10m`, or look at it with `payinfra unlock`.",
            ),
            StateError::LeaseLost(_) => Some(
                "This run made no further call. What it did is recorded or found by its tags; nothing done is lost.",
            ),
            StateError::Denied { .. } => Some(
                "What was recorded before is intact. Sign in again, or look at docs/deployment.md, which lists the rights that the state's bucket needs.",
            ),
            StateError::Remote { .. } => {
                Some("What was recorded before is intact. Run the command again: it goes on from where it is.")
            }
            StateError::Newer { .. } => Some("Use the payinfra that wrote it, or a newer one."),
            StateError::Io { .. } | StateError::Broken(_) => Some(
                "The last state that was written is intact. Make the folder writable, or choose another with --state.",
            ),
            _ => None,
        };
        Self { exit, error: error.into(), hint: hint.map(ToOwned::to_owned) }
    }
}

impl From<remote_state::Failure> for Problem {
    fn from(failure: remote_state::Failure) -> Self {
        match failure {
            remote_state::Failure::State(error) => error.into(),
            remote_state::Failure::Call(trouble) => {
                let exit = exit_of(trouble.error.class);
                let hint = match trouble.error.class {
                    Class::Denied => "docs/deployment.md lists the rights that the state's bucket needs.",
                    Class::Credentials => "Sign in again and run the command again.",
                    _ => "Check the network and the bucket, then run the command again.",
                };
                Self { exit, error: trouble.into(), hint: Some(hint.to_owned()) }
            }
        }
    }
}

impl From<ConnectError> for Problem {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::Region { .. } => Self { exit: Exit::Usage, error: error.into(), hint: None },
            ConnectError::Identity(refused) => {
                let class = refused.class;
                let problem = Self { exit: exit_of(class), error: refused.into(), hint: None };
                let problem = problem.context("cannot find out which AWS account this is");
                match class {
                    Class::Credentials | Class::Denied => problem.hint(
                        "Nothing was changed. Set AWS_PROFILE or --profile, sign in again (`aws sso login`), or try the stack without AWS: `payinfra up --sandbox`.",
                    ),
                    _ => problem.hint("Nothing was changed. Check the network and the endpoint, then run the command again."),
                }
            }
        }
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        let exit = failure.class().map_or(Exit::Failed, exit_of);
        let hint = hint_for(&failure);
        match failure {
            Failure::State(error) => error.into(),
            failure => Self { exit, error: failure.into(), hint },
        }
    }
}

/// The exit code for a refused call.
pub fn exit_of(class: Class) -> Exit {
    match class {
        Class::Credentials | Class::Denied => Exit::Denied,
        _ => Exit::Failed,
    }
}

/// What helps against one resource's failure.
fn hint_for(failure: &Failure) -> Option<String> {
    let hint = match failure {
        Failure::NotOurs { .. } => {
            "payinfra neither adopts nor deletes what does not carry its tags. Delete or rename that object, or choose another --suffix."
        }
        Failure::Duplicate { .. } => {
            "Both carry this stack's tags. Look at them, delete the one that is not in use, and run the command again."
        }
        Failure::NotKept { .. } => {
            "The service accepted the change and shows the old value. Run `payinfra diff` to see it."
        }
        Failure::PlanChanged { .. } => {
            "The cloud changed after the plan was made. Run the command again to see a new plan."
        }
        Failure::Failed { .. } => "Run `payinfra up` again: the plan will show what has to be replaced.",
        Failure::TimedOut { .. } => "It may still get there. Run the command again: it goes on from where it is.",
        Failure::Call(error) => match error.class {
            Class::Quota => {
                "A quota of the account is used up. Ask AWS for more in the Service Quotas console, or remove what uses it, and run the command again."
            }
            Class::Denied => "The caller may not do this. Add the permission and run the command again.",
            Class::Credentials => {
                "The credentials are missing or have expired. Sign in again and run the command again: it goes on from where it is."
            }
            Class::NoAnswer => {
                "The service gave no answer. Check the network and run the command again: it finds out what was done."
            }
            _ => return None,
        },
        Failure::State(_) => return None,
    };
    Some(hint.to_owned())
}
