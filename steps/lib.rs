//! The payment stack: its configuration, its names and its resources.

pub mod names;
pub mod settings;
