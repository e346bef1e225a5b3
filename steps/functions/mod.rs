//! The Lambda functions, their code, aliases and permissions.

pub mod configuration;
pub mod function;
pub mod function_alias;
mod interfaces;
pub mod permission;

pub use configuration::Configuration;
pub use function::Function;
pub use function_alias::{FunctionAlias, LIVE};
pub use permission::Permission;

pub use crate::cloud::{Architecture, Artifact, ArtifactError, Artifacts, FunctionName, PackageCache};
