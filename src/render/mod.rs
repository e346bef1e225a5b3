//! What people and pipelines see. Decides nothing.

mod attribute;
mod curl;
mod link;
mod lock;
mod plan;
mod progress;
mod screen;

pub use curl::commands;
pub use link::LinkLine;
pub use lock::Held;
pub use progress::Progress;
pub use screen::Screen;
