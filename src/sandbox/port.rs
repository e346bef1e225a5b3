//! Free ports on 127.0.0.1.

use std::net::TcpListener;

use anyhow::{Context, Result};

use super::error::SandboxError;

/// Returns `wanted`, or an error if the port is in use.
pub fn claim(wanted: u16) -> Result<u16> {
    if is_free(wanted) {
        return Ok(wanted);
    }
    Err(SandboxError::new(
        format!("port {wanted} on 127.0.0.1 is in use by another program"),
        "choose another with --port, or omit it to get a free one",
    )
    .into())
}

/// Returns the port used last time if it is still free, or any free one.
pub fn free(former: Option<u16>) -> Result<u16> {
    if let Some(port) = former.filter(|port| is_free(*port)) {
        return Ok(port);
    }
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("no free port on 127.0.0.1")?;
    Ok(listener.local_addr().context("no free port on 127.0.0.1")?.port())
}

fn is_free(port: u16) -> bool {
    TcpListener::bind(("127.0.0.1", port)).is_ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn a_port_in_use_is_an_error_if_requested_and_skipped_if_remembered() {
        let holder = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let taken = holder.local_addr().unwrap().port();
        assert!(claim(taken).unwrap_err().to_string().contains(&taken.to_string()));
        assert_ne!(free(Some(taken)).unwrap(), taken);
        drop(holder);
        assert_eq!(free(Some(taken)).unwrap(), taken);
    }
}
