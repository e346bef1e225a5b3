//! Starting a service that outlives this command.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use jiff::Timestamp;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, ChildStdin, Command};

use super::cache::open_private;
use super::error::SandboxError;
use super::process::Process;
use super::record::Service;

/// A start takes about a second, and longer on a machine that compiles on all cores.
const TIMEOUT: Duration = Duration::from_secs(60);
const INTERVAL: Duration = Duration::from_millis(50);

/// Waits for a line and then becomes the given program; ends if whoever would write the line is gone.
const GATE: &str = r#"read -r go && exec "$@" </dev/null"#;

/// Makes `shell`, a command that runs `/bin/sh`, wait at the gate and then become `program`; arguments may follow.
pub fn gated(mut shell: Command, program: &Path) -> Command {
    shell.args(["-c", GATE, "sh"]).arg(program);
    shell
}

/// A process that waits to become a service.
pub struct Launched {
    /// To be recorded before the wait begins: a command that is killed before that leaves nothing running, and one that
    /// is killed later leaves nothing unrecorded.
    pub service: Service,
    child: Child,
    gate: ChildStdin,
    name: &'static str,
    log: PathBuf,
}

impl Launched {
    /// Starts a [`gated`] command with its output going to `log`. `name` is for messages, such as `the emulator`.
    pub fn spawn(mut command: Command, name: &'static str, log: PathBuf, port: u16, version: &str) -> Result<Self> {
        let output = open_private(&log, OpenOptions::new().create(true).truncate(true))?;
        command.stdin(Stdio::piped()).stderr(output.try_clone().context("cannot open a log twice")?).stdout(output);
        // Its own process group: Ctrl-C on the terminal ends the command, not the sandbox.
        command.process_group(0);
        let mut child = command.spawn().with_context(|| format!("cannot start {name}"))?;
        let (Some(process), Some(gate)) = (child.id().and_then(Process::find), child.stdin.take()) else {
            let status = child.try_wait().ok().flatten().map(|status| format!(" ({status})")).unwrap_or_default();
            return Err(ended(name, &status, &log).into());
        };
        let service = Service { process, port, since: Timestamp::now(), version: version.to_owned() };
        Ok(Self { service, child, gate, name, log })
    }

    /// Lets the service begin and waits until it is `ready`. If it ends, or takes over a minute, the error has its last
    /// output.
    pub async fn until<F: Future<Output = bool> + Send>(mut self, ready: impl Fn() -> F) -> Result<Service> {
        // If it has ended already, the loop below finds out.
        self.gate.write_all(b"go\n").await.ok();
        let begun = Instant::now();
        while begun.elapsed() < TIMEOUT {
            if let Some(status) = self.child.try_wait().with_context(|| format!("cannot watch {}", self.name))? {
                return Err(ended(self.name, &format!(" ({status})"), &self.log).into());
            }
            if ready().await {
                return Ok(self.service);
            }
            tokio::time::sleep(INTERVAL).await;
        }
        self.child.kill().await.ok();
        let (name, port, seconds) = (self.name, self.service.port, TIMEOUT.as_secs());
        Err(SandboxError::new(
            format!(
                "{name} did not answer on port {port} within {seconds} seconds; its last output:\n{}",
                last_lines(&self.log)
            ),
            format!("the whole log is {}; is the machine out of memory or very busy?", self.log.display()),
        )
        .into())
    }
}

fn ended(name: &str, status: &str, log: &Path) -> SandboxError {
    SandboxError::new(
        format!("{name} ended while starting{status}; its last output:\n{}", last_lines(log)),
        format!("the whole log is {}; `payinfra sandbox reset` starts again with empty data", log.display()),
    )
}

fn last_lines(log: &Path) -> String {
    let text = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let lines = lines.get(lines.len().saturating_sub(12)..).unwrap_or_default();
    if lines.is_empty() { "    (no output)".to_owned() } else { format!("    {}", lines.join("\n    ")) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn launch(script: &str, log: &Path) -> Result<Launched> {
        let mut command = gated(Command::new("/bin/sh"), Path::new("/bin/sh"));
        command.args(["-c", script]).kill_on_drop(true);
        Launched::spawn(command, "the probe", log.to_owned(), 1, "1")
    }

    #[tokio::test]
    async fn the_output_of_a_service_that_ends_at_once_is_shown() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let launched = launch("sleep 0.1; echo out of luck >&2; exit 7", &log).unwrap();
        let error = launched.until(async || false).await.unwrap_err();
        assert!(error.to_string().contains("out of luck") && error.to_string().contains('7'), "{error}");
        assert!(error.downcast_ref::<SandboxError>().unwrap().hint().contains(&*log.to_string_lossy()));
    }

    #[tokio::test]
    async fn a_service_nobody_waits_for_never_begins() {
        let folder = tempfile::tempdir().unwrap();
        let begun = folder.path().join("begun");
        let script = format!("touch {}", begun.display());
        let Launched { mut child, gate, .. } = launch(&script, &folder.path().join("log")).unwrap();
        drop(gate);
        assert!(!child.wait().await.unwrap().success());
        assert!(!begun.exists());
    }

    #[tokio::test]
    async fn a_service_that_is_ready_is_known_by_its_process() {
        let folder = tempfile::tempdir().unwrap();
        let launched = launch("sleep 60", &folder.path().join("log")).unwrap();
        let expected = launched.service.process.clone();
        assert!(expected.runs());
        assert_eq!(launched.until(async || true).await.unwrap().process, expected);
    }
}
