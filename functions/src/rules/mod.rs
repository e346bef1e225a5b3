//! The rules of the payment domain. They know neither HTTP nor AWS and do no I/O.

pub mod addresses;
pub mod cards;
pub mod identifiers;
pub mod money;
pub mod redaction;
pub mod validation;
