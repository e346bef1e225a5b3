//! What people and pipelines see. Decides nothing.

mod attribute;
mod lock;
mod plan;
mod progress;
mod screen;

pub use lock::Held;
pub use progress::Progress;
pub use screen::Screen;
