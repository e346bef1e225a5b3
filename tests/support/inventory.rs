//! What an emulator holds of a stack, seen by programs of another language and SDK (`inventory.py`, `drift.py`).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

/// Something of a stack.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Thing {
    /// The listing that showed it, as `ec2:Subnets`.
    pub from: String,
    /// What identifies it there.
    pub id: String,
    /// The address in its tags.
    pub address: Option<String>,
}

/// Lists everything of the stack with this suffix.
pub fn inventory(endpoint: &str, suffix: &str) -> Vec<Thing> {
    let text = |line: &Value, field: &str| line[field].as_str().map(ToOwned::to_owned);
    let thing = |line: &Value| Thing {
        from: text(line, "from").unwrap(),
        id: text(line, "id").unwrap(),
        address: text(line, "address"),
    };
    script("inventory.py", &[endpoint, suffix]).iter().map(thing).collect()
}

/// The addresses that more than one thing of a listing carries.
pub fn duplicates(things: &[Thing]) -> Vec<String> {
    let mut counts = BTreeMap::new();
    for thing in things.iter().filter(|thing| thing.address.is_some()) {
        *counts.entry((&thing.from, &thing.address)).or_insert(0) += 1;
    }
    counts.into_iter().filter(|(_, count)| *count > 1).map(|(of, count)| format!("{of:?}: {count}")).collect()
}

/// Runs one of the programs and reads the JSON objects it prints, one a line.
pub fn script(name: &str, arguments: &[&str]) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support").join(name);
    let mut command = Command::new(python());
    command.arg("-B").arg(path).args(arguments).env_clear().env("PATH", "/usr/bin:/bin");
    command.env("HOME", std::env::temp_dir()).env("AWS_EC2_METADATA_DISABLED", "true");
    let ended = command.stderr(Stdio::inherit()).output().unwrap();
    assert!(ended.status.success(), "{name} failed");
    String::from_utf8(ended.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The interpreter of moto's environment: boto3 comes with moto.
fn python() -> &'static Path {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    PYTHON.get_or_init(|| {
        if let Some(moto) = std::env::var_os("PAYINFRA_MOTO").filter(|value| !value.is_empty()) {
            return Path::new(&moto).with_file_name("python");
        }
        let setup = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/setup");
        let made = Command::new(setup).arg("moto").stderr(Stdio::inherit()).output().unwrap();
        assert!(made.status.success(), "tests/support/setup moto failed");
        PathBuf::from(String::from_utf8(made.stdout).unwrap().trim())
    })
}
