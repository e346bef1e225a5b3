//! The Lambda functions, their code, aliases and permissions.

pub mod artifact;
pub mod configuration;
pub mod elf;
pub mod function;
pub mod function_alias;
mod function_name;
mod interfaces;
pub mod permission;
mod turns;

pub use artifact::{Artifact, ArtifactError, Artifacts};
pub use configuration::Configuration;
pub use function::Function;
pub use function_alias::{FunctionAlias, LIVE};
pub use function_name::{Architecture, FunctionName};
pub use permission::Permission;
pub use turns::Turns;
