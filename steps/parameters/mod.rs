//! Parameters, plain and secret.

mod parameter;
mod secret_parameter;
mod tags;

pub use parameter::Parameter;
pub use secret_parameter::{SIGNING_KEY, SecretParameter};
