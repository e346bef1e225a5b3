//! The Lambda functions, their code, aliases, permissions, schedule and dead-letter queue.

pub mod artifact;
pub mod configuration;
pub mod elf;
pub mod function;
pub mod function_alias;
mod interfaces;
pub mod permission;
pub mod queue;
pub mod schedule;

pub use artifact::{Artifact, ArtifactError, Artifacts};
pub use configuration::Configuration;
pub use function::Function;
pub use function_alias::{FunctionAlias, LIVE};
pub use permission::Permission;
pub use queue::Queue;
pub use schedule::Schedule;
