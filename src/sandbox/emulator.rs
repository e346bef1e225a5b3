//! The AWS emulator of the sandbox: MiniStack on 127.0.0.1.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use hyper::StatusCode;
use rustix::process::Signal;
use serde::Deserialize;
use tokio::process::Command;

use super::cache::{Cache, private_folder};
use super::error::SandboxError;
use super::http;
use super::install::{Requirements, interpreter};
use super::launch::{Launched, gated};
use super::record::Service;

/// The release that is pinned in `requirements.txt`.
pub const VERSION: &str = "1.5.33";
/// The account that all objects in the emulator belong to.
pub const ACCOUNT: &str = "123456789012";
/// The emulator and its dependencies.
pub const REQUIREMENTS: Requirements =
    Requirements { name: "MiniStack 1.5.33, the AWS emulator", text: include_str!("requirements.txt") };

/// It writes its data to disk before it ends.
const STOP_TIMEOUT: Duration = Duration::from_secs(60);

#[derive(Deserialize)]
struct Health {
    version: String,
}

/// Starts the emulator from its environment; [`healthy`] returns true once it answers.
pub fn launch(cache: &Cache, environment: &Path, port: u16) -> Result<Launched> {
    let data = cache.data();
    let (state, objects, temporary) = (data.join("state"), data.join("objects"), data.join("tmp"));
    for folder in [&data, &state, &objects, &temporary] {
        private_folder(folder)?;
    }
    let mut command = gated(Command::new("/bin/sh"), &interpreter(environment));
    // As a module: the script beside it contains the path that the environment was built in, not its current one.
    command.args(["-m", "ministack"]);
    // The emulator passes its environment on to the functions, so it gets nothing of the user's.
    command.env_clear().envs([
        ("PATH", "/usr/bin:/bin"),
        ("BIND_HOST", "127.0.0.1"),
        ("MINISTACK_ACCOUNT_ID", ACCOUNT),
        ("PERSIST_STATE", "1"),
        ("S3_PERSIST", "1"),
    ]);
    command.env("GATEWAY_PORT", port.to_string()).env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}"));
    command.env("HOME", &data).env("STATE_DIR", &state).env("S3_DATA_DIR", &objects).env("TMPDIR", &temporary);
    command.current_dir(&data);
    Launched::spawn(command, "the emulator", cache.log("emulator"), port, VERSION)
}

/// Whether the pinned release of the emulator answers on the port.
pub async fn healthy(port: u16) -> bool {
    let Ok((StatusCode::OK, body)) = http::get(port, "/_ministack/health").await else {
        return false;
    };
    serde_json::from_slice::<Health>(&body).is_ok_and(|health| health.version == VERSION)
}

/// Asks the emulator to save and end, and waits. It is never killed: unsaved data would be lost.
pub async fn stop(service: &Service) -> Result<()> {
    if !service.process.stop(Signal::TERM, STOP_TIMEOUT).await {
        let pid = service.process.pid;
        return Err(SandboxError::new(
            format!("the emulator (process {pid}) has not ended after {} seconds", STOP_TIMEOUT.as_secs()),
            format!("`kill -KILL {pid}` ends it; what it has not saved is lost"),
        )
        .into());
    }
    service.process.end_group();
    Ok(())
}
