//! Graph, plan and execution of resources. Knows no cloud: a cloud is a type parameter, a resource an implementation
//! of [`Resource`], and what happened a stream of [`Event`]s. ARCHITECTURE.md has the invariants.

mod backoff;
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
mod resource;
mod run;
mod shutdown;
mod survey;
mod unknown;
mod update;

pub use error::{Class, Error, Failure};
pub use events::{Event, Events};
pub use execute::{Outcome, Summary, execute, inventory};
pub use graph::{Graph, Handle, Need, Scope};
pub use kind::{Kind, Kinds};
pub use plan::{Action, AttributeChange, Change, Plan, Purpose, Reason, plan, plan_destroy, remember};
pub use resource::{Created, Cx, Identity, Live, LiveValue, Pace, Progress, Resource, Select, Status};
pub use run::{Base, Timing};
pub use shutdown::Shutdown;
pub use unknown::{is_unknown, unknown};

pub use payinfra_state::Address;
