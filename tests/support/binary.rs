//! The real `payinfra` binary, in an environment with nothing of the developer's in it.

use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

/// No single command of a test takes longer; one that does is killed and fails the test.
const TIMEOUT: Duration = Duration::from_secs(600);

/// The folder of the functions' binaries, as `scripts/build` leaves them.
pub fn artifacts() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/function").display().to_string()
}

/// A home, a working folder and a state folder of their own, and the settings every run shares.
#[derive(Debug)]
pub struct Payinfra {
    folder: TempDir,
    program: PathBuf,
    /// The user that it runs as, where it is not the test's own.
    user: Option<u32>,
    arguments: Vec<String>,
    variables: Vec<(String, String)>,
}

impl Payinfra {
    /// Runs against the emulator or proxy at `endpoint`.
    pub fn against(endpoint: &str) -> Self {
        let mut payinfra = Self::alone();
        payinfra.arguments.extend(["--endpoint-url".to_owned(), endpoint.to_owned()]);
        payinfra.arguments.extend(["--state".to_owned(), payinfra.state().display().to_string()]);
        payinfra
    }

    /// Runs without an endpoint, for commands that make no calls.
    pub fn alone() -> Self {
        let folder = TempDir::new().unwrap();
        std::fs::create_dir(folder.path().join("work")).unwrap();
        // `scripts/sweep` may name another build of the binary, such as a release.
        let chosen = std::env::var_os("PAYINFRA_BINARY").filter(|value| !value.is_empty());
        let program = PathBuf::from(chosen.unwrap_or_else(|| env!("CARGO_BIN_EXE_payinfra").into()));
        Self { folder, program, user: None, arguments: Vec::new(), variables: Vec::new() }
    }

    /// Runs as a user whom permissions bind, as root is not.
    pub fn bound_by_permissions(mut self) -> Self {
        if rustix::process::geteuid().is_root() {
            let program = self.folder.path().join("payinfra");
            std::fs::copy(&self.program, &program).unwrap();
            for (path, mode) in [(program.as_path(), 0o755), (self.folder.path(), 0o777), (&self.folder(), 0o777)] {
                std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
            }
            self.program = program;
            // "nobody" on Linux.
            self.user = Some(65_534);
        }
        self
    }

    /// Adds an argument to every run, before the command's own.
    pub fn argument(mut self, argument: impl Into<String>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Sets a variable for every run.
    pub fn variable(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// The folder the binary is run in; `payinfra.toml` goes here.
    pub fn folder(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    /// The folder given as `--state`.
    pub fn state(&self) -> PathBuf {
        self.folder().join(".payinfra")
    }

    /// The home directory of every run.
    pub fn home(&self) -> &Path {
        self.folder.path()
    }

    /// Writes `payinfra.toml`.
    pub fn configure(&self, text: &str) {
        std::fs::write(self.folder().join("payinfra.toml"), text).unwrap();
    }

    /// Writes `payinfra.toml` with the functions' binaries: in the table of the functions, or in one at the end, so that
    /// what stands before the first table of `text` is at the top level.
    pub fn configure_with_functions(&self, text: &str) {
        const TABLE: &str = "[functions]\n";
        let (before, after) = text.split_once(TABLE).unwrap_or((text, ""));
        self.configure(&format!("{before}\n{TABLE}artifacts = {:?}\n{after}", artifacts()));
    }

    /// Runs to the end.
    pub fn run<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Finished {
        self.start(arguments).wait()
    }

    /// Starts and returns at once, to kill or interrupt it.
    pub fn start<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Started {
        let mut command = self.command(arguments);
        let begun = Instant::now();
        let mut child = command.spawn().unwrap();
        let out = collect(child.stdout.take().unwrap());
        let err = collect(child.stderr.take().unwrap());
        Started { child, out: Some(out), err: Some(err), begun }
    }

    /// The command line in its environment, with both outputs piped; for tests that need the child itself.
    pub fn command<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new(&self.program);
        if let Some(user) = self.user {
            command.uid(user).gid(user);
        }
        command.args(&self.arguments).args(arguments);
        command.env_clear().current_dir(self.folder());
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", self.home());
        command.envs([
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_REGION", "us-east-1"),
            // Nothing outside 127.0.0.1 is asked for credentials.
            ("AWS_EC2_METADATA_DISABLED", "true"),
        ]);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

fn collect(mut pipe: impl std::io::Read + Send + 'static) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).ok();
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// A run that is under way; killed when dropped.
#[derive(Debug)]
pub struct Started {
    child: Child,
    out: Option<JoinHandle<String>>,
    err: Option<JoinHandle<String>>,
    begun: Instant,
}

impl Started {
    /// The process's id.
    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Sends a signal, such as the one Ctrl-C sends.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Kills it, as a machine that goes down would, and collects what it had said.
    pub fn kill(mut self) -> Finished {
        self.child.kill().unwrap();
        self.wait()
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits for the end; a run of more than ten minutes fails the test.
    pub fn wait(mut self) -> Finished {
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            if self.begun.elapsed() >= TIMEOUT {
                self.child.kill().ok();
                let said = |reader: Option<JoinHandle<String>>| reader.unwrap().join().unwrap();
                let (out, err) = (said(self.out.take()), said(self.err.take()));
                panic!("payinfra has not ended after {TIMEOUT:?}\nstdout:\n{out}\nstderr:\n{err}");
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        let took = self.begun.elapsed();
        let text = |reader: Option<JoinHandle<String>>| reader.unwrap().join().unwrap();
        Finished { status, out: text(self.out.take()), err: text(self.err.take()), took }
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.child.kill().ok();
            self.child.wait().ok();
        }
    }
}

/// What a run left.
#[derive(Debug)]
pub struct Finished {
    /// The exit status.
    pub status: ExitStatus,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
    /// From start to end.
    pub took: Duration,
}

impl Finished {
    /// The exit code; none if a signal ended it.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Demands an exit code, and shows what was said if it was another.
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code(), Some(code), "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }

    /// Demands of a `diff` that it found nothing to do.
    pub fn demand_no_changes(&self) {
        assert_eq!(self.code(), Some(0), "{}{}", self.out, self.err);
        assert!(self.out.contains("No changes: "), "{}", self.out);
    }

    /// Demands of a `destroy` that nothing of the stack is left.
    pub fn demand_nothing_left(&self, suffix: &str) {
        assert_eq!(self.code(), Some(0), "{}{}", self.out, self.err);
        let line = format!("0 resources with payinfra:stack={suffix} left");
        assert!(self.out.lines().any(|text| text == line), "{}", self.out);
    }

    /// The changes of the plan that a run with `--json` showed.
    pub fn changes(&self) -> Vec<Value> {
        let lines = self.out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let plan = lines.into_iter().find(|line| line["type"] == "plan").unwrap();
        plan["changes"].as_array().unwrap().clone()
    }
}
