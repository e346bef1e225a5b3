//! The test environment of the functions: a real PostgreSQL with TLS, a real MiniStack, the function binaries behind
//! Lambda's runtime API, and a merchant's server.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]
#![allow(dead_code, reason = "each test crate uses only some of it")]

pub mod certificates;
pub mod merchant;
pub mod ministack;
pub mod pool;
pub mod postgres;
pub mod proxy;
pub mod relay;
pub mod requests;
pub mod runtime_api;
pub mod stack;
pub mod summary;

use std::net::TcpListener;

/// Returns an unused port.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
