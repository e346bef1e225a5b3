//! A world in which payinfra believes in AWS: no endpoint is given, and every name of AWS leads to a proxy on port 443.
//!
//! The test runs itself again inside user, mount and network namespaces of its own. There is nothing but the loopback
//! interface, so nothing can leave; a name server answers for `*.amazonaws.com` with 127.0.0.1, and the proxy's
//! certificates come from an authority that only this run trusts. The binary is the one that ships.

#![allow(clippy::print_stderr, reason = "a test that cannot run says so")]

mod authority;
mod names;

use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::{Emulator, Kind, Payinfra, Proxy, summary};
use authority::Authority;
use names::NameServer;

/// Set inside.
const INSIDE: &str = "PAYINFRA_WORLD_INSIDE";

/// The world, seen from inside.
pub struct World {
    /// The ground: moto, behind the proxy.
    pub emulator: Emulator,
    /// What payinfra takes for AWS.
    pub proxy: Proxy,
    /// The binary, without an endpoint.
    pub payinfra: Payinfra,
    names: NameServer,
    authority: Authority,
    _files: TempDir,
}

impl World {
    /// Enters the world: inside, gives it; outside, runs the test with this name there and gives nothing.
    pub fn enter(test: &str) -> Option<Self> {
        if std::env::var_os(INSIDE).is_some() {
            return Some(Self::begin());
        }
        let unshare = || {
            let mut command = Command::new("unshare");
            command.args(["--map-root-user", "--mount", "--net"]).stdin(Stdio::null());
            command
        };
        let allowed = unshare().arg("true").stdout(Stdio::null()).status().is_ok_and(|status| status.success());
        if !allowed {
            let why = "this machine does not allow user namespaces (`unshare -r -m -n true` fails)";
            eprintln!("SKIPPED: {test}: {why}");
            // What a test prints is not shown when it passes; the summary is.
            summary::line(1, &format!("SKIPPED {test}: {why}"));
            return None;
        }
        let test_binary = std::env::current_exe().unwrap();
        let status = unshare()
            .arg(test_binary)
            .args(["--exact", test, "--nocapture", "--include-ignored"])
            .env(INSIDE, "1")
            .status();
        assert!(status.unwrap().success(), "{test} failed inside");
        None
    }

    fn begin() -> Self {
        let files = TempDir::new().unwrap();
        raise_loopback();
        replace(files.path(), "/etc/resolv.conf", "nameserver 127.0.0.1\n");
        replace(files.path(), "/etc/hosts", "127.0.0.1 localhost\n");
        replace(files.path(), "/etc/nsswitch.conf", "hosts: files dns\n");
        let names = NameServer::start();
        let authority = Authority::new(files.path());
        let emulator = Emulator::start(Kind::Moto);
        let proxy = Proxy::start(emulator.address());
        proxy.listen_as_aws(authority.acceptor());
        proxy.fill(super::ground::gaps());
        let payinfra = Payinfra::alone();
        let state = payinfra.state().display().to_string();
        let payinfra = payinfra.argument("--state").argument(state);
        let payinfra = payinfra.variable("SSL_CERT_FILE", authority.file().display().to_string());
        Self { emulator, proxy, payinfra, names, authority, _files: files }
    }

    /// Names that were asked for and that are not AWS's.
    pub fn strangers(&self) -> Vec<String> {
        self.names.strangers()
    }

    /// The file with the authority's certificate.
    pub fn authority(&self) -> &Path {
        self.authority.file()
    }
}

/// Python is there for the emulators anyway; `ip` may not be.
fn raise_loopback() {
    const RAISE: &str = "import fcntl, socket, struct
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
SIOCSIFFLAGS, IFF_UP = 0x8914, 1
fcntl.ioctl(s, SIOCSIFFLAGS, struct.pack('16sh', b'lo', IFF_UP))";
    let raised = Command::new("python3").args(["-c", RAISE]).status().unwrap();
    assert!(raised.success(), "the loopback interface could not be raised");
}

/// Puts a text in the place of a file, for this mount namespace only.
fn replace(folder: &Path, path: &str, text: &str) {
    let Ok(target) = std::fs::canonicalize(path) else { return };
    let source = folder.join(path.rsplit('/').next().unwrap_or_default());
    std::fs::write(&source, text).unwrap();
    let mounted = Command::new("mount").arg("--bind").arg(&source).arg(&target).status().unwrap();
    assert!(mounted.success(), "{path} could not be replaced");
}
