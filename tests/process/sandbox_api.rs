//! The sandbox's API from the outside: the commands that `up` prints work when they are pasted, the gateway refuses
//! before a function runs, a flag flipped in Parameter Store changes what it says, and the README's morning is true.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::inventory::script;
use crate::support::sandbox::{Own, database};
use crate::support::summary;
use crate::support::transcript::Transcript;
use serde_json::{Value, json};

const IAM: &[&str] = &["--aws-sigv4", "aws:amz:us-east-1:execute-api", "--user", "test:test"];

/// Runs what `up` printed, as a shell that it is pasted into would.
fn paste(printed: &str) -> String {
    let commands = printed.split_once("# The API answers.").unwrap().1.split_once('\n').unwrap().1;
    let ended = Command::new("sh").args(["-euc", commands]).stdin(Stdio::null()).output().unwrap();
    let (out, err) = (String::from_utf8(ended.stdout).unwrap(), String::from_utf8(ended.stderr).unwrap());
    assert!(ended.status.success(), "{commands}\n{out}\n{err}");
    out
}

/// The payments of a merchant in the ledger, and the sum of its entries.
async fn booked(own: &Own, transaction: &str) -> (i64, i64) {
    let client = database(&own.running(&["status"]), "localhost").await.unwrap();
    let text = "select count(*), coalesce(sum(amount), 0)::bigint from payments.entries where transaction_id = $1";
    let row = client.query_one(text, &[&transaction]).await.unwrap();
    (row.get(0), row.get(1))
}

fn transaction(out: &str) -> String {
    let line = out.lines().find(|line| line.ends_with("(201)")).unwrap_or_else(|| panic!("nothing was booked: {out}"));
    let body: Value = serde_json::from_str(line.strip_suffix("(201)").unwrap()).unwrap();
    assert_eq!((&body["amount"], &body["kind"]), (&1050.into(), &"payment".into()));
    body["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_printed_commands_book_a_payment_with_either_way_to_be_known() {
    let own = Own::new();
    own.configure("[functions]\n");
    let printed = own.stack(&["up", "--yes"]).expect(0).out;
    let out = paste(&printed);
    assert!(out.starts_with(r#"{"function":"payment-validation","status":"ok""#), "{out}");
    assert_eq!(booked(&own, &transaction(&out)).await, (2, 0), "two entries that sum to zero");
    let again = paste(&own.stack(&["up", "--yes"]).expect(0).out);
    assert_ne!(transaction(&again), transaction(&out), "the commands can be pasted again");

    own.configure("[api]\nauth = \"api-key\"\n[functions]\n");
    let printed = own.stack(&["up", "--yes"]).expect(0).out;
    assert!(printed.contains("x-api-key"), "{printed}");
    assert_eq!(booked(&own, &transaction(&paste(&printed))).await, (2, 0));
    own.stack(&["verify", "--timeout", "20"]).expect(0);
    summary::payments("pasted commands", "3 payments booked, with signatures and with a key");
}

/// The stack's API, called with curl as a person would.
struct Api {
    url: String,
}

impl Api {
    fn call(&self, path: &str, arguments: &[&str]) -> (u16, Value) {
        let url = format!("{}{path}", self.url);
        let ended = Command::new("curl")
            .args(["-sS", "-w", "\n%{http_code}", &url, "-H", "Content-Type: application/json"])
            .args(arguments)
            .output()
            .unwrap();
        let out = String::from_utf8(ended.stdout).unwrap();
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
        let (body, status) = out.rsplit_once('\n').unwrap();
        (status.parse().unwrap(), serde_json::from_str(body).unwrap_or_default())
    }

    fn post(&self, path: &str, body: &Value, arguments: &[&str]) -> (u16, Value) {
        self.call(path, &[IAM, &["-d", &body.to_string()], arguments].concat())
    }

    fn book(&self, number: u32) -> String {
        let (status, session) = self.post("/payments/validate", &payment(), &[]);
        assert_eq!(status, 200, "{session}");
        let body = json!({"merchant_id": "m-1", "session_id": session["session_id"]});
        let key = format!("Idempotency-Key: key-{number}");
        let (status, booked) = self.post("/payments/transactions", &body, &["-H", &key]);
        assert_eq!(status, 201, "{booked}");
        booked["id"].as_str().unwrap().to_owned()
    }
}

fn payment() -> Value {
    json!({"merchant_id": "m-1", "amount": 1050, "currency": "EUR", "source_token": "tok_abcdefgh", "reference": "Order 7"})
}

#[test]
fn the_gateway_refuses_before_a_function_runs_and_a_flag_needs_no_deploy() {
    let own = Own::new();
    own.configure("[functions]\nconfig_max_age_seconds = 1\n");
    own.stack(&["up", "--yes"]).expect(0);
    let api = Api { url: own.output("api/url") };
    refusals(&api);
    flag(&own, &api);

    own.configure("[api.routes.\"POST /payments/validate\"]\nthrottle_rate = 1\nthrottle_burst = 2\n[functions]\n");
    own.stack(&["up", "--yes"]).expect(0);
    let answers: Vec<u16> = (0..6).map(|_| api.post("/payments/validate", &payment(), &[]).0).collect();
    assert!(answers.contains(&200) && answers.contains(&429), "{answers:?}");
    assert_eq!(api.call("/health", &[]).0, 200, "the other routes are as before");
    summary::payments("gateway", "400 for body and header, 403, 429, and a flag flipped without a deploy");
}

/// What the gateway refuses by itself carries no `code`; the functions' refusals do.
fn refusals(api: &Api) {
    let mut textual = payment();
    textual["amount"] = json!("1050");
    let mut incomplete = payment();
    incomplete.as_object_mut().unwrap().remove("currency");
    let mut surplus = payment();
    surplus["more"] = json!(1);
    for body in [textual, incomplete, surplus, json!([])] {
        let (status, answer) = api.post("/payments/validate", &body, &[]);
        assert_eq!((status, answer.get("code")), (400, None), "{body}: {answer}");
    }
    let booking = json!({"merchant_id": "m-1", "session_id": "ses_abcdefghijklmnopabcdefghijklmnop"});
    let (status, answer) = api.post("/payments/transactions", &booking, &[]);
    assert_eq!((status, answer.get("code")), (400, None), "no Idempotency-Key: {answer}");
    let (status, answer) = api.post("/payments/transactions", &booking, &["-H", "Idempotency-Key: k"]);
    assert_eq!((status, answer["code"].as_str()), (410, Some("session_expired")), "the function's own refusal");

    let body = payment().to_string();
    for (path, arguments) in [
        ("/payments/validate", vec!["-d", body.as_str()]),
        ("/payments/transactions/txn_abcdefghijklmnopabcdefghijklmnop", vec![]),
        ("/nowhere", vec![]),
    ] {
        let (status, answer) = api.call(path, &arguments);
        assert_eq!((status, answer.get("code")), (403, None), "{path}: {answer}");
    }
    assert_eq!(api.call("/health", &[]).0, 200, "open to all");
}

/// A refund is refused while the flag is off in Parameter Store, and only then.
fn flag(own: &Own, api: &Api) {
    let (path, body) =
        (format!("/payments/transactions/{}/refunds", api.book(1)), json!({"amount": 50, "reason": "r"}));
    let refund = |key: &str| api.post(&path, &body, &["-H", &format!("Idempotency-Key: {key}")]);
    let set = |value: &str| {
        script("breaks.py", &[&own.endpoint(), "sandbox", "parameter", "features/refunds-enabled", value]);
    };
    assert_eq!(refund("r1").0, 201);
    set("false");
    let mut number = 2;
    let mut until = |wanted: u16| {
        let begun = Instant::now();
        loop {
            let (status, answer) = refund(&format!("r{number}"));
            number += 1;
            if status == wanted {
                return answer;
            }
            assert!(begun.elapsed() < Duration::from_secs(10), "{status} {answer}");
            std::thread::sleep(Duration::from_millis(100));
        }
    };
    assert_eq!(until(403)["code"], "refunds_disabled");
    set("true");
    assert_eq!(until(201)["kind"], "refund");
}

#[test]
fn the_mornings_transcript_in_the_readme_is_what_happens() {
    let own = Own::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    std::fs::create_dir(own.payinfra.folder().join("target")).unwrap();
    std::os::unix::fs::symlink(root.join("target/function"), own.payinfra.folder().join("target/function")).unwrap();
    std::fs::copy(root.join("payinfra.toml"), own.payinfra.folder().join("payinfra.toml")).unwrap();
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    let transcript = Transcript::in_section(&readme, "## A morning in the sandbox");
    assert!(transcript.commands().len() >= 7, "{:?}", transcript.commands());
    let path = format!("{}:/usr/bin:/bin", Path::new(env!("CARGO_BIN_EXE_payinfra")).parent().unwrap().display());
    let mut shell = Command::new("sh");
    shell.env_clear().env("PATH", path).env("HOME", own.payinfra.home()).env("PAYINFRA_CACHE", own.cache.path());
    shell.current_dir(own.payinfra.folder());
    let differences = transcript.differences(shell);
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    summary::payments("README", &format!("{} commands of the morning, as printed there", transcript.commands().len()));
}
