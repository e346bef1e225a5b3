//! Who may do what, and what encrypts it: roles and the stack's key.

mod key;
mod role;

pub use key::Key;
pub use role::Role;
