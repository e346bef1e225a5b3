//! The data stores: Aurora PostgreSQL with its proxy, and the table of sessions.

mod table;

pub use table::{Table, WarmThroughput};
