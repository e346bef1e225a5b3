//! A private emulator for one test: started on a free port, gone when dropped.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tempfile::TempDir;

/// The account both emulators put every object in.
pub const ACCOUNT: &str = "123456789012";

const START_TIMEOUT: Duration = Duration::from_secs(90);
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// The two emulators, of unrelated code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Runs functions and serves deployed APIs.
    MiniStack,
    /// The control plane only; reads EC2 and RDS back best.
    Moto,
}

impl Kind {
    /// Both, for tests that must hold on either.
    pub const ALL: [Self; 2] = [Self::MiniStack, Self::Moto];

    /// The lower-case name, as `tests/support/setup` takes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::MiniStack => "ministack",
            Self::Moto => "moto",
        }
    }

    /// The program and its first arguments: the one `PAYINFRA_MINISTACK` or `PAYINFRA_MOTO` names, else the module
    /// in the environment that `tests/support/setup` makes.
    fn command(self) -> Command {
        static PYTHONS: [OnceLock<PathBuf>; 2] = [OnceLock::new(), OnceLock::new()];
        let (variable, module) = match self {
            Self::MiniStack => ("PAYINFRA_MINISTACK", "ministack"),
            Self::Moto => ("PAYINFRA_MOTO", "moto.server"),
        };
        if let Some(program) = std::env::var_os(variable).filter(|value| !value.is_empty()) {
            return Command::new(program);
        }
        let mut command = Command::new(PYTHONS[self as usize].get_or_init(|| self.interpreter()));
        command.args(["-m", module]);
        command
    }

    fn interpreter(self) -> PathBuf {
        let setup = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/setup");
        let made = Command::new(&setup).arg(self.name()).stderr(Stdio::inherit()).output().unwrap();
        assert!(made.status.success(), "{} {} failed", setup.display(), self.name());
        PathBuf::from(String::from_utf8(made.stdout).unwrap().trim())
    }
}

/// A running emulator.
#[derive(Debug)]
pub struct Emulator {
    kind: Kind,
    child: Child,
    port: u16,
    folder: TempDir,
}

impl Emulator {
    /// Starts one and waits until it answers; panics with its last words if it does not.
    pub fn start(kind: Kind) -> Self {
        // Another process may take a free port between the look and the start; then the emulator ends at once.
        for _ in 0..3 {
            let folder = TempDir::new().unwrap();
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let child = spawn(kind, port, folder.path());
            let mut emulator = Self { kind, child, port, folder };
            if emulator.becomes_healthy() {
                return emulator;
            }
            let words = emulator.log().to_lowercase();
            assert!(words.contains("already in use") || words.contains("address in use"), "{kind:?} ended:\n{words}");
        }
        panic!("{kind:?} found its port taken three times")
    }

    /// The kind that was started.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The address on 127.0.0.1.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    /// The address as a URL, for `--endpoint-url`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Empties the emulator.
    pub fn reset(&self) {
        let path = match self.kind {
            Kind::MiniStack => "/_ministack/reset",
            Kind::Moto => "/moto-api/reset",
        };
        assert_eq!(status_of(self.address(), "POST", path), Some(200), "{path}");
    }

    /// What the emulator has written so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn becomes_healthy(&mut self) -> bool {
        let path = match self.kind {
            Kind::MiniStack => "/_ministack/health",
            Kind::Moto => "/moto-api/",
        };
        let begun = Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            if status_of(self.address(), "GET", path) == Some(200) {
                return true;
            }
            assert!(begun.elapsed() < START_TIMEOUT, "{:?} does not answer:\n{}", self.kind, self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
        false
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let pid = Pid::from_child(&self.child);
        // Asked first: MiniStack takes the functions it runs along.
        kill_process(pid, Signal::TERM).ok();
        let begun = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) && begun.elapsed() < STOP_TIMEOUT {
            std::thread::sleep(Duration::from_millis(10));
        }
        kill_process_group(pid, Signal::KILL).ok();
        self.child.wait().ok();
    }
}

fn spawn(kind: Kind, port: u16, folder: &Path) -> Child {
    let mut command = kind.command();
    command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", folder).env("TMPDIR", folder);
    match kind {
        Kind::MiniStack => {
            command.env("BIND_HOST", "127.0.0.1").env("GATEWAY_PORT", port.to_string());
            command.env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}"));
            command.env("MINISTACK_ACCOUNT_ID", ACCOUNT).env("STATE_DIR", folder.join("state"));
        }
        Kind::Moto => {
            command.env("MOTO_IAM_LOAD_MANAGED_POLICIES", "true").env("MOTO_ACM_VALIDATION_WAIT", "2");
            command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
        }
    }
    let log = File::create(folder.join("log")).unwrap();
    command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).current_dir(folder).process_group(0);
    command.spawn().unwrap()
}

/// The status of one bare request; none if there was no answer.
pub fn status_of(address: SocketAddr, method: &str, path: &str) -> Option<u16> {
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1)).ok()?;
    // moto reads all managed policies of IAM again when it is reset.
    stream.set_read_timeout(Some(Duration::from_secs(120))).ok()?;
    let head = format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    std::str::from_utf8(answer.get(9..12)?).ok()?.parse().ok()
}
