//! What the three payment functions share.

pub mod openapi;
pub mod routes;
