//! The stack's key and the roles.
