//! The three payment functions and the library they share.
//!
//! Dependencies go one way: a function uses the stores, the stores use the frame, and the frame uses the rules. The
//! handlers are plain async functions; [`frame::lambda`] runs them behind Lambda's runtime API.

pub mod frame;
pub mod notifications;
pub mod openapi;
pub mod payment_validation;
pub mod rules;
pub mod stores;
pub mod transaction_processing;
