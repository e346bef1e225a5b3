//! What people and pipelines see. It decides nothing.

mod attribute;
mod check;
mod curl;
mod lock;
mod plan;
mod progress;
mod reason;
mod screen;
mod style;
#[cfg(test)]
mod tests;

pub use check::{CheckLine, CheckState};
pub use curl::commands;
pub use lock::Held;
pub use progress::Progress;
pub use screen::Screen;
