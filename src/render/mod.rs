//! What people and pipelines see. Decides nothing.

mod attribute;
mod plan;
mod progress;
mod screen;

pub use progress::Progress;
pub use screen::Screen;
