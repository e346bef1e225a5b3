//! Private Python environments from hashed requirements.

use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use anyhow::{Context, Result};
use payinfra_aws::fingerprint::fingerprint;
use tokio::process::Command;

use super::cache::remove_folder;
use super::error::SandboxError;

/// Enough to load the 25 MB of the emulator over a slow connection.
const TIMEOUT: Duration = Duration::from_secs(10 * 60);

/// The names of the interpreter, the user's own choice first. All packages need CPython 3.10.
const PYTHONS: [&str; 5] = ["python3", "python3.13", "python3.12", "python3.11", "python3.10"];

/// Exits with 3 if the interpreter is too old, with 4 if it cannot create environments (a separate package in Debian).
const PROBE: &str = "import sys
if sys.version_info < (3, 10): sys.exit(3)
try: import venv, ensurepip
except ImportError: sys.exit(4)";

/// A pinned, hashed set of packages.
#[derive(Debug, Clone, Copy)]
pub struct Requirements {
    /// What the set is for, as shown to the user.
    pub name: &'static str,
    /// The requirements file for pip, each package with its hashes.
    pub text: &'static str,
}

impl Requirements {
    /// The folder for these packages; another list gets another folder.
    pub fn folder(&self, parent: &Path) -> PathBuf {
        parent.join(format!("venv-{}", fingerprint(self.text.as_bytes(), 8)))
    }

    /// Returns the environment's folder, installed on the first call. The caller holds the sandbox's lock.
    pub async fn install(&self, parent: &Path, notice: &mut (dyn FnMut(&str) + Send)) -> Result<PathBuf> {
        let folder = self.folder(parent);
        // Also false if the system's interpreter, which the link leads to, was removed.
        if interpreter(&folder).exists() {
            return Ok(folder);
        }
        notice(&format!("installing {} (once)", self.name));
        // What an interrupted run left has another name and is never mistaken for a complete one.
        let partial = folder.with_extension("partial");
        remove_folder(&partial)?;
        remove_folder(&folder)?;
        let built = tokio::time::timeout(TIMEOUT, self.build(&partial)).await.unwrap_or_else(|_| {
            Err(SandboxError::new(
                format!("installing {} took longer than {} minutes", self.name, TIMEOUT.as_secs() / 60),
                "check the network connection, then run the command again",
            )
            .into())
        });
        if built.is_err() {
            remove_folder(&partial).ok();
        }
        built?;
        std::fs::rename(&partial, &folder).with_context(|| format!("cannot create {}", folder.display()))?;
        Ok(folder)
    }

    async fn build(&self, folder: &Path) -> Result<()> {
        let python = find_python().await?;
        let made = output(Command::new(python).args(["-I", "-m", "venv"]).arg(folder)).await?;
        if !made.status.success() {
            return Err(SandboxError::new(
                format!("{python} cannot create a virtual environment: {}", last_lines(&made, 3)),
                "install the interpreter's venv package (on Debian and Ubuntu: apt install python3-venv)",
            )
            .into());
        }
        let list = folder.join("requirements.txt");
        std::fs::write(&list, self.text).with_context(|| format!("cannot write {}", list.display()))?;
        let mut pip = Command::new(interpreter(folder));
        pip.args(["-I", "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]);
        pip.args(["--require-hashes", "--only-binary=:all:", "--no-deps", "--retries", "2", "-r"]).arg(&list);
        let installed = output(&mut pip).await?;
        if installed.status.success() { Ok(()) } else { Err(self.explain(&installed).into()) }
    }

    /// Explains why pip failed. Its exit code is 1 for everything, so the hint is chosen by its messages.
    fn explain(&self, pip: &Output) -> SandboxError {
        let said = String::from_utf8_lossy(&pip.stderr);
        let words = said.to_lowercase();
        let has = |phrases: &[&str]| phrases.iter().any(|phrase| words.contains(phrase));
        let (what, hint) = if has(&["do not match the hashes", "hashmismatch"]) {
            (
                "a download is not the file that was pinned",
                "the download was incomplete, or the package index altered the file: run the command again, \
                 and check which index pip uses (pip config list)",
            )
        } else if has(&["connection", "name resolution", "timed out", "proxyerror", "sslerror", "network"]) {
            (
                "the package index cannot be reached",
                "the first start needs the network: check the connection and pip's proxy settings, then run again",
            )
        } else if has(&["no matching distribution"]) {
            (
                "no package fits this machine and interpreter",
                "use CPython 3.10 to 3.13 on Linux or macOS, x86_64 or arm64, with access to the package index",
            )
        } else {
            ("pip failed", "read pip's message, then run the command again")
        };
        let errors: Vec<&str> = said.lines().filter_map(|line| line.strip_prefix("ERROR: ")).collect();
        let quoted = if errors.is_empty() { last_lines(pip, 4) } else { errors.join("; ") };
        SandboxError::new(format!("cannot install {}: {what}: {quoted}", self.name), hint)
    }
}

/// The interpreter inside an environment.
pub fn interpreter(folder: &Path) -> PathBuf {
    folder.join("bin/python")
}

async fn find_python() -> Result<&'static str> {
    let (mut too_old, mut without_venv) = (false, false);
    for name in PYTHONS {
        // A program that cannot be started, or a version switch that leads nowhere, counts as absent.
        let Ok(probe) = Command::new(name).args(["-I", "-c", PROBE]).kill_on_drop(true).output().await else {
            continue;
        };
        match probe.status.code() {
            Some(0) => return Ok(name),
            Some(3) => too_old = true,
            Some(4) => without_venv = true,
            _ => {}
        }
    }
    let (what, hint) = if without_venv {
        (
            "the python3 on this machine cannot create virtual environments (venv or ensurepip is missing)",
            "install them; on Debian and Ubuntu: apt install python3-venv",
        )
    } else if too_old {
        ("the python3 on this machine is older than 3.10", "install Python 3.10 or newer")
    } else {
        ("no python3 on the PATH", "install Python 3.10 or newer; the sandbox's emulator is written in it")
    };
    Err(SandboxError::new(what, hint).into())
}

async fn output(command: &mut Command) -> Result<Output> {
    let name = command.as_std().get_program().to_owned();
    command.kill_on_drop(true).output().await.with_context(|| format!("cannot start {}", name.display()))
}

fn last_lines(output: &Output, count: usize) -> String {
    let words = if output.stderr.is_empty() { &output.stdout } else { &output.stderr };
    let words = String::from_utf8_lossy(words);
    let lines: Vec<&str> = words.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines.get(lines.len().saturating_sub(count)..).unwrap_or_default().join("; ")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    const WHEEL: &str = "import sys, zipfile
with zipfile.ZipFile(sys.argv[1] + '/payinfra_probe-1.0-py3-none-any.whl', 'w') as wheel:
    wheel.writestr('payinfra_probe-1.0.dist-info/METADATA', 'Metadata-Version: 2.1\\nName: payinfra-probe\\nVersion: 1.0\\n')";

    /// What an installation of `options` and one package with a hash that cannot be right fails with.
    async fn refusal(options: &str) -> (String, String) {
        let folder = tempfile::tempdir().unwrap();
        let list = format!("{options}\npayinfra-probe==1.0 --hash=sha256:{}\n", "0".repeat(64));
        let set = Requirements { name: "a test", text: list.leak() };
        let error = set.install(folder.path(), &mut |_| {}).await.unwrap_err();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left");
        (format!("{error:#}"), error.downcast_ref::<SandboxError>().unwrap().hint().to_owned())
    }

    #[tokio::test]
    async fn a_download_with_another_hash_is_refused() {
        let wheels = tempfile::tempdir().unwrap();
        let made = Command::new("python3").args(["-I", "-c", WHEEL]).arg(wheels.path()).status().await.unwrap();
        assert!(made.success());
        let (what, hint) = refusal(&format!("--no-index\n--find-links {}", wheels.path().display())).await;
        assert!(what.contains("not the file that was pinned"), "{what}");
        assert!(hint.contains("altered"), "{hint}");
    }

    #[tokio::test]
    async fn an_index_that_does_not_answer_is_reported() {
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let (what, hint) = refusal(&format!("--index-url http://{closed}/simple")).await;
        assert!(what.contains("cannot be reached"), "{what}");
        assert!(hint.contains("connection"), "{hint}");
    }

    #[tokio::test]
    async fn what_an_interrupted_run_left_is_rebuilt() {
        let folder = tempfile::tempdir().unwrap();
        let set = Requirements { name: "a test", text: "# nothing\n" };
        let place = set.folder(folder.path());
        // A link to an interpreter that was removed since, and half an installation beside it.
        std::fs::create_dir_all(place.join("bin")).unwrap();
        std::os::unix::fs::symlink("/nowhere/python", interpreter(&place)).unwrap();
        std::fs::create_dir_all(place.with_extension("partial")).unwrap();
        let mut notices = Vec::new();
        assert_eq!(set.install(folder.path(), &mut |text| notices.push(text.to_owned())).await.unwrap(), place);
        set.install(folder.path(), &mut |text| notices.push(text.to_owned())).await.unwrap();
        assert_eq!(notices, ["installing a test (once)"]);
        let run = Command::new(interpreter(&place)).args(["-I", "-c", "pass"]).status().await.unwrap();
        assert!(run.success());
        assert!(!place.with_extension("partial").exists());
    }
}
