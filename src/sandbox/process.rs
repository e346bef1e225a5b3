//! A process that outlives the command that started it, and how to recognise it.

use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde::{Deserialize, Serialize};

const INTERVAL: Duration = Duration::from_millis(20);

/// A process id with the time at which the process started: ids are reused, the pair is not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// The process id, which is also the id of its process group.
    pub pid: u32,
    /// The start in the system's own format; it is only compared.
    pub begun: String,
}

impl Process {
    /// Finds a running process; a zombie counts as gone.
    pub fn find(pid: u32) -> Option<Self> {
        let begun = if Path::new("/proc/self/stat").exists() { begun_by_proc(pid) } else { begun_by_ps(pid) };
        Some(Self { pid, begun: begun? })
    }

    /// Whether this very process still runs.
    pub fn runs(&self) -> bool {
        Self::find(self.pid).as_ref() == Some(self)
    }

    /// Sends a signal, unless the process is gone.
    pub fn signal(&self, signal: Signal) {
        if let Some(pid) = self.runs().then(|| id(self.pid)).flatten() {
            // It may end between the check and the call, which is fine.
            kill_process(pid, signal).ok();
        }
    }

    /// Asks the process to end and waits; false if it still runs after `timeout`.
    pub async fn stop(&self, signal: Signal, timeout: Duration) -> bool {
        self.signal(signal);
        let begun = Instant::now();
        while self.runs() {
            if begun.elapsed() > timeout {
                return false;
            }
            tokio::time::sleep(INTERVAL).await;
        }
        true
    }

    /// Ends what a process that has just stopped left in its group, such as an emulator's workers.
    pub fn end_group(&self) {
        // No new process gets the id while its group has members; a process with the id is a different one.
        if let Some(group) = id(self.pid).filter(|_| Self::find(self.pid).is_none()) {
            kill_process_group(group, Signal::KILL).ok();
        }
    }
}

fn id(pid: u32) -> Option<Pid> {
    i32::try_from(pid).ok().and_then(Pid::from_raw)
}

/// Linux: the boot and the clock ticks since then, fields 3 and 22 of `/proc/<pid>/stat` (proc(5)).
fn begun_by_proc(pid: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in field 2 may contain spaces and brackets; the fields after its last bracket do not.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    let ticks = fields.nth(18)?;
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    (!matches!(state, "Z" | "X")).then(|| format!("{}/{ticks}", boot.trim()))
}

/// macOS and the BSDs: the state and start time that ps(1) prints.
fn begun_by_ps(pid: u32) -> Option<String> {
    let answer = std::process::Command::new("ps")
        .args(["-o", "stat=", "-o", "lstart=", "-p", &pid.to_string()])
        .output()
        .ok()?;
    let line = String::from_utf8(answer.stdout).ok()?;
    let (state, begun) = line.trim().split_once(char::is_whitespace)?;
    (!state.starts_with('Z')).then(|| begun.trim().to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[tokio::test]
    async fn a_process_is_recognised_by_id_and_start_and_stops_on_a_signal() {
        let mut child = tokio::process::Command::new("sleep").arg("60").process_group(0).spawn().unwrap();
        let process = Process::find(child.id().unwrap()).unwrap();
        assert!(process.runs());
        let other = Process { begun: "before".into(), ..process.clone() };
        assert!(!other.runs(), "the id alone is not enough");
        other.signal(Signal::KILL);
        assert!(process.runs(), "a signal for a former owner of the id hits nobody");
        assert!(process.stop(Signal::TERM, Duration::from_secs(5)).await);
        child.wait().await.unwrap();
        assert_eq!(Process::find(process.pid), None);
    }

    #[test]
    fn ps_knows_a_running_process() {
        let own = std::process::id();
        assert_eq!(begun_by_ps(own), begun_by_ps(own));
        assert!(begun_by_ps(own).is_some());
    }
}
