//! A sandbox that no other test shares.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::{Finished, Payinfra};

/// A sandbox of the test's own; the installed packages are the shared ones.
pub struct Own {
    /// The binary, with its sandbox in the cache.
    pub payinfra: Payinfra,
    /// What stands for the user's cache folder.
    pub cache: TempDir,
}

impl Own {
    /// Makes one that does not run yet.
    pub fn new() -> Self {
        let cache = TempDir::new().unwrap();
        let setup = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/setup");
        let made = Command::new(setup).arg("ministack").stderr(Stdio::inherit()).output().unwrap();
        assert!(made.status.success());
        let interpreter = PathBuf::from(String::from_utf8(made.stdout).unwrap().trim());
        let environment = interpreter.parent().unwrap().parent().unwrap();
        let place = cache.path().join("sandbox");
        std::fs::create_dir(&place).unwrap();
        std::os::unix::fs::symlink(environment, place.join(environment.file_name().unwrap())).unwrap();
        let payinfra = Payinfra::alone().variable("PAYINFRA_CACHE", cache.path().to_str().unwrap());
        Self { payinfra, cache }
    }

    /// Runs `payinfra sandbox …`.
    pub fn sandbox(&self, arguments: &[&str]) -> Finished {
        self.payinfra.run(["sandbox"].iter().chain(arguments))
    }

    /// The `running` part of the answer; null if nothing runs.
    pub fn running(&self, arguments: &[&str]) -> Value {
        let finished = self.payinfra.run(["--json", "sandbox"].iter().chain(arguments)).expect(0);
        serde_json::from_str::<Value>(&finished.out).unwrap()["running"].take()
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        self.sandbox(&["reset"]);
    }
}
