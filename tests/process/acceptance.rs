//! `scripts/aws-acceptance` on an emulator: it passes, resumes, and, where something fails, reports it and leaves nothing.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::support::emulator::ACCOUNT;
use crate::support::ground::gaps;
use crate::support::inventory::{inventory, python};
use crate::support::{Emulator, Fault, Kind, Proxy, Rule, artifacts};
use serde_json::Value;
use tempfile::TempDir;

struct Acceptance {
    emulator: Emulator,
    proxy: Proxy,
    folder: TempDir,
}

impl Acceptance {
    fn begin() -> Self {
        let emulator = Emulator::start(Kind::Moto);
        let proxy = Proxy::start(emulator.address());
        // A probe changes the database proxy, which moto cannot.
        proxy.fill(gaps());
        Self { emulator, proxy, folder: TempDir::new().unwrap() }
    }

    fn command(&self, account: &str) -> Command {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/aws-acceptance");
        let mut command = Command::new(python());
        command.arg("-B").arg(script).args(["--account", account, "--suffix", "accept", "--yes", "--skip", "verify"]);
        command.args(["--probe-seconds", "2", "--folder"]).arg(self.folder.path());
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", self.folder.path());
        command.envs([
            ("AWS_ENDPOINT_URL", self.proxy.endpoint().as_str()),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("PAYINFRA_BINARY", env!("CARGO_BIN_EXE_payinfra")),
            ("PAYINFRA_ARTIFACTS", &artifacts()),
        ]);
        command.stdin(Stdio::null());
        command
    }

    fn run(&self) -> Output {
        self.command(ACCOUNT).output().unwrap()
    }

    fn report(&self) -> Value {
        let text = std::fs::read_to_string(self.folder.path().join("report.json")).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }

    fn nothing_is_left(&self) {
        assert_eq!(inventory(&self.emulator.endpoint(), "accept"), Vec::new());
        assert_eq!(self.report()["certificate"]["left"], Value::Array(Vec::new()));
    }
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn a_run_that_is_killed_resumes_and_passes() {
    let acceptance = Acceptance::begin();
    let mut first = acceptance.command(ACCOUNT).stdout(Stdio::null()).spawn().unwrap();
    let begun = Instant::now();
    while acceptance.report()["steps"]["diff"]["result"] != "passed" {
        assert!(begun.elapsed() < Duration::from_secs(300) && first.try_wait().unwrap().is_none());
        std::thread::sleep(Duration::from_millis(50));
    }
    first.kill().unwrap();
    first.wait().unwrap();
    let before = acceptance.report()["steps"]["up"]["at"].clone();
    let run = acceptance.run();
    assert!(run.status.success(), "{}", said(&run));
    let report = acceptance.report();
    assert_eq!(report["result"], "passed");
    assert_eq!(report["steps"]["up"]["at"], before, "what is done is not done again");
    for (name, step) in report["steps"].as_object().unwrap() {
        assert_eq!(step["result"], if name == "verify" { "skipped" } else { "passed" }, "{name}: {step}");
    }
    let open = |probe: &&Value| probe["answer"].as_str().unwrap().starts_with("not settled");
    let probes = report["probes"].as_object().unwrap();
    let unsettled: Vec<&String> = probes.iter().filter(|(_, probe)| open(probe)).map(|(name, _)| name).collect();
    assert_eq!(unsettled, Vec::<&String>::new(), "{}", said(&run));
    assert!(
        report["durations"].as_array().unwrap().iter().all(|row| row["expected"].is_u64()),
        "{}",
        report["durations"]
    );
    let readable = std::fs::read_to_string(acceptance.folder.path().join("report.md")).unwrap();
    assert!(readable.contains("found of this run: nothing."), "{readable}");
    acceptance.nothing_is_left();
    let again = acceptance.run();
    assert!(!again.status.success() && said(&again).contains("has a finished run"), "{}", said(&again));
}

#[test]
fn a_step_that_fails_is_reported_and_everything_is_removed() {
    let acceptance = Acceptance::begin();
    // Only the step that makes drift asks for this.
    acceptance.proxy.rule(Rule::on("DisableAlarmActions", Fault::Refuse(403, "AccessDenied")).always());
    let run = acceptance.run();
    assert_eq!(run.status.code(), Some(1), "{}", said(&run));
    let report = acceptance.report();
    assert_eq!((&report["result"], &report["steps"]["drift"]["result"]), (&"failed".into(), &"failed".into()));
    assert!(report["steps"]["drift"]["text"].as_str().unwrap().contains("AccessDenied"), "{report}");
    assert_eq!(report["steps"]["second-up"]["result"], "passed");
    assert!(report["steps"]["kill"].is_null(), "nothing follows a failure");
    let readable = std::fs::read_to_string(acceptance.folder.path().join("report.md")).unwrap();
    assert!(readable.contains("## Failures") && readable.contains("AccessDenied"), "{readable}");
    acceptance.nothing_is_left();
}

#[test]
fn with_credentials_of_another_account_nothing_is_done() {
    let acceptance = Acceptance::begin();
    let run = acceptance.command("210987654321").output().unwrap();
    assert_eq!(run.status.code(), Some(1), "{}", said(&run));
    assert!(said(&run).contains("not 210987654321"), "{}", said(&run));
    assert_eq!(acceptance.proxy.mutating(), 0);
}

/// Each probe is described in the documentation, and there are no others.
#[test]
fn the_documentation_has_every_probe() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &str| std::fs::read_to_string(root.join(path)).unwrap();
    let document = read("docs/acceptance.md");
    let table = document.split_once("## Probes").unwrap().1.split_once("\n## ").unwrap().0;
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `")?.split_once(" | "));
    let mut written: Vec<String> =
        rows.flat_map(|(names, _)| names.split("`, `")).map(|name| name.replace('`', "")).collect();
    let mut defined = Vec::new();
    for file in ["names", "policies", "roles"] {
        let text = read(&format!("scripts/acceptance/probes_of_{file}.py"));
        let after = text.split("@probe(\n    \"").skip(1);
        defined.extend(after.map(|rest| rest.split('"').next().unwrap().to_owned()));
    }
    written.sort();
    defined.sort();
    assert_eq!(written, defined);
}
