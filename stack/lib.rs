//! What a payment stack is: its settings, the graph of its resources, and the capacity it is sized for.

pub mod capacity;
pub mod evidence;
pub mod graph;
pub mod instance_offer;
pub mod restarts;
pub mod settings;
pub mod zones;

#[cfg(test)]
#[path = "../tests/support/written.rs"]
mod written;
