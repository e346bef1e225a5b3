//! What an emulator holds of a stack, seen by programs of another language and SDK (`inventory.py`, `drift.py`).

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
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

impl Thing {
    fn read(line: &Value) -> Self {
        let text = |field: &str| line[field].as_str().map(ToOwned::to_owned);
        Self { from: text("from").unwrap(), id: text("id").unwrap(), address: text("address") }
    }

    /// What it is, whatever ids it was given: the same for the same part of two stacks of one suffix.
    pub fn shape(&self) -> String {
        let what = self.address.clone().unwrap_or_else(|| without_made_up_words(&self.id));
        format!("{} {what}", self.from)
    }
}

/// Replaces what only a machine makes up: UUIDs, words of eight letters or more with a digit among them, and those that
/// may have none: the id of an API in the name of its log group, and a proxy's.
fn without_made_up_words(id: &str) -> String {
    let made_up = |word: &str| word.len() >= 8 && word.contains(|letter: char| letter.is_ascii_digit());
    let before_made_up = |shape: &str| shape.ends_with("Execution-Logs_") || shape.ends_with(":prx-");
    let mut shape = String::new();
    let mut rest = id;
    while let Some(first) = rest.chars().next() {
        let word = if is_uuid(rest) {
            36
        } else {
            rest.find(|letter: char| !letter.is_ascii_alphanumeric()).unwrap_or(rest.len())
        };
        match word {
            0 => shape.push(first),
            _ if made_up(&rest[..word]) || before_made_up(&shape) => shape.push('*'),
            _ => shape.push_str(&rest[..word]),
        }
        rest = &rest[word.max(if word == 0 { first.len_utf8() } else { 0 })..];
    }
    shape
}

fn is_uuid(text: &str) -> bool {
    let bytes = text.as_bytes();
    let fits = |(at, byte): (usize, &u8)| match at {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    // The version stands at the third part's beginning, so a digit is among them.
    bytes.len() >= 36 && bytes[..36].iter().enumerate().all(fits)
}

/// Lists everything of the stack with this suffix.
pub fn inventory(endpoint: &str, suffix: &str) -> Vec<Thing> {
    script("inventory.py", &[endpoint, suffix]).iter().map(Thing::read).collect()
}

/// The inventory as a running program: asked often, it answers in a fraction of the time that its start takes.
#[derive(Debug)]
pub struct InventoryServer {
    child: Child,
    asked: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl InventoryServer {
    /// Starts it.
    pub fn start() -> Self {
        let mut command = python_running("inventory.py");
        // What an emulator lacks is known by now, and would be told at every question.
        command.arg("--serve").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let (asked, answers) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, asked, answers }
    }

    /// Lists everything of the stack with this suffix.
    pub fn inventory(&mut self, endpoint: &str, suffix: &str) -> Vec<Thing> {
        writeln!(self.asked, "{endpoint} {suffix}").unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        let things: Vec<Value> = serde_json::from_str(&line).unwrap();
        things.iter().map(Thing::read).collect()
    }
}

impl Drop for InventoryServer {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
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
    let ended = python_running(name).args(arguments).stderr(Stdio::inherit()).output().unwrap();
    assert!(ended.status.success(), "{name} failed");
    String::from_utf8(ended.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn python_running(name: &str) -> Command {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support").join(name);
    let mut command = Command::new(python());
    command.arg("-B").arg(path).env_clear().env("PATH", "/usr/bin:/bin");
    command.env("HOME", std::env::temp_dir()).env("AWS_EC2_METADATA_DISABLED", "true");
    command
}

/// The interpreter of moto's environment: boto3 comes with moto.
pub fn python() -> &'static Path {
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
