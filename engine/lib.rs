//! Graph, plan, and execution of resources. The engine knows no cloud: a cloud is a type parameter, a resource is an
//! implementation of [`Resource`], and progress is a stream of [`Event`]s. ARCHITECTURE.md lists the invariants.

mod backoff;
mod base;
mod converge;
mod create;
mod delete;
mod diff;
mod error;
mod events;
mod execute;
mod graph;
mod kind;
mod observe;
mod order;
mod plan;
mod planner;
mod records;
mod refresh;
mod removal;
mod resource;
mod run;
mod shutdown;
mod unknown;
mod update;

pub use backoff::retry_read;
pub use base::{Base, Timing};
pub use error::{ApplyError, Class, Error};
pub use events::{Event, Events};
pub use execute::{Outcome, Summary, execute, inventory};
pub use graph::{Graph, Handle, Need, Scope};
pub use kind::{Kind, Kinds};
pub use plan::{Action, AttributeChange, Change, Plan, Purpose, Reason};
pub use planner::{plan, plan_destroy};
pub use records::refresh;
pub use resource::{Context, Created, Durations, Idempotency, Live, LiveValue, Progress, Resource, Select, Status};
pub use shutdown::Shutdown;
pub use unknown::{is_unknown, unknown};

pub use payinfra_state::Address;
