//! The world around the functions in the tests: a real PostgreSQL with TLS, a real MiniStack, the real
//! function binaries behind Lambda's runtime interface, and a merchant's server.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test's world may fail loudly")]
#![allow(dead_code, reason = "each test crate uses a part of it")]

pub mod certificates;
pub mod merchant;
pub mod ministack;
pub mod pool;
pub mod postgres;
pub mod relay;
pub mod requests;
pub mod runtime_api;
pub mod stack;
pub mod summary;
pub mod wire;

use std::net::TcpListener;

/// Gives a port nobody listens on.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
