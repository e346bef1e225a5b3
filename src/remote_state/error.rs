//! Why a state in S3 cannot be used.

use payinfra_engine::Class;
use payinfra_state::Error as StateError;

use super::store::StoreError;
use crate::command_error::{CommandError, exit_of};

/// Why a state in S3 cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RemoteStateError {
    /// A call was refused or not answered.
    #[error(transparent)]
    Call(#[from] StoreError),
    /// The state is held by another run, or cannot be read.
    #[error(transparent)]
    State(#[from] StateError),
}

impl From<RemoteStateError> for StateError {
    fn from(error: RemoteStateError) -> Self {
        match error {
            RemoteStateError::Call(call) => call.into(),
            RemoteStateError::State(error) => error,
        }
    }
}

impl From<RemoteStateError> for CommandError {
    fn from(error: RemoteStateError) -> Self {
        match error {
            RemoteStateError::State(error) => error.into(),
            RemoteStateError::Call(call) => {
                let exit = exit_of(call.error.class);
                let hint = match call.error.class {
                    Class::Denied => "docs/deployment.md lists the rights that the state's bucket needs.",
                    Class::Credentials => "Sign in again and run the command again.",
                    _ => "Check the network and the bucket, then run the command again.",
                };
                Self { exit, error: call.into(), hint: Some(hint.to_owned()) }
            }
        }
    }
}
