//! A stack's whole life at the highest log level, and a search for every secret in play in all that it left behind.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::support::inventory::script;
use crate::support::sandbox::Own;
use crate::support::{Emulator, Fault, Finished, Garble, Kind, Payinfra, Proxy, Rule, artifacts, summary};

/// The caller's credentials; an emulator takes any.
const CALLER: [(&str, &str); 2] = [
    ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMIK7MDENGbPxRfiCYsecretOfTheCaller"),
    ("AWS_SESSION_TOKEN", "IQoJb3JpZ2luX2VjEDsessionTokenOfTheCaller"),
];

/// A password in an endpoint's address.
const PASSWORD: &str = "basicAuthOfTheEndpoint";

/// What the commands wrote, with what they left in files and showed in other processes.
#[derive(Default)]
struct Heap(Vec<(String, Vec<u8>)>);

impl Heap {
    fn add(&mut self, what: &str, ended: &Finished) {
        self.0.push((format!("standard output of {what}"), ended.out.clone().into_bytes()));
        self.0.push((format!("standard error of {what}"), ended.err.clone().into_bytes()));
    }

    fn files(&mut self, folder: &Path) {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            match entry.file_type().unwrap() {
                kind if kind.is_dir() => self.files(&entry.path()),
                kind if kind.is_file() => {
                    self.0.push((entry.path().display().to_string(), fs::read(entry.path()).unwrap()));
                }
                _ => {}
            }
        }
    }

    /// Where a text stands.
    fn places(&self, text: &str) -> Vec<&str> {
        let holds = |bytes: &[u8]| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        self.0.iter().filter(|(_, bytes)| holds(bytes)).map(|(name, _)| name.as_str()).collect()
    }

    fn len(&self) -> usize {
        self.0.iter().map(|(_, bytes)| bytes.len()).sum()
    }
}

/// Collects the arguments and environments of all processes but those to which a test gives the caller's secrets.
struct Watch {
    ends: Arc<AtomicBool>,
    thread: JoinHandle<BTreeSet<(String, Vec<u8>)>>,
}

impl Watch {
    fn begin() -> Self {
        let ends = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&ends);
        let thread = std::thread::spawn(move || {
            let mut seen = BTreeSet::new();
            while !until.load(Ordering::SeqCst) {
                for process in fs::read_dir("/proc").unwrap().filter_map(Result::ok) {
                    let file = |name: &str| fs::read(process.path().join(name)).unwrap_or_default();
                    let program = String::from_utf8_lossy(&file("comm")).trim().to_owned();
                    // Its arguments may be looked at by anybody, its environment is where the caller put the secrets.
                    if program != "payinfra" {
                        seen.insert((format!("environment of {program}"), file("environ")));
                    }
                    seen.insert((format!("arguments of {program}"), file("cmdline")));
                }
                std::thread::sleep(Duration::from_millis(20));
            }
            seen
        });
        Self { ends, thread }
    }

    fn end(self) -> impl Iterator<Item = (String, Vec<u8>)> {
        self.ends.store(true, Ordering::SeqCst);
        self.thread.join().unwrap().into_iter()
    }
}

fn configuration(more: &str) -> String {
    let artifacts = artifacts();
    format!("{more}\n[functions]\nartifacts = {artifacts:?}\n[api]\nauth = \"api-key\"\n")
}

fn demand_none(heap: &Heap, secrets: &[(String, String)]) {
    for (name, value) in secrets {
        assert!(value.len() > 7, "{name} is too short to be looked for");
        assert_eq!(heap.places(value), Vec::<&str>::new(), "{name} got out");
    }
}

#[test]
fn no_secret_gets_out_in_a_stacks_whole_life() {
    let emulator = Emulator::start(Kind::MiniStack);
    let proxy = Proxy::start(emulator.address());
    let mut payinfra = Payinfra::against(&proxy.endpoint()).argument("--suffix").argument("quiet");
    let temporary = payinfra.home().join("tmp");
    fs::create_dir(&temporary).unwrap();
    for (name, value) in CALLER {
        payinfra = payinfra.variable(name, value);
    }
    let payinfra = payinfra.variable("RUST_LOG", "trace").variable("RUST_BACKTRACE", "full");
    let payinfra = payinfra.variable("TMPDIR", temporary.display().to_string());
    payinfra.configure(&configuration(""));
    let mut heap = Heap::default();
    let run = |heap: &mut Heap, arguments: &[&str], code: i32| {
        let ended = payinfra.run(arguments).expect(code);
        heap.add(&arguments.join(" "), &ended);
        heap.files(payinfra.home());
    };

    let watch = Watch::begin();
    run(&mut heap, &["-vv", "--json", "diff"], 2);
    // The answers that hold a secret break off, so that errors are told about them.
    for operation in ["CreateApiKey", "PutParameter", "CreateDBCluster", "CreateFunction"] {
        proxy.rule(Rule::on(operation, Fault::Garble(Garble::Cut(900))));
        proxy.rule(Rule::on(operation, Fault::Truncate));
    }
    // The credentials are refused half way.
    proxy.rule(Rule::on("CreateDBInstance", Fault::Refuse(400, "ExpiredToken")).always());
    run(&mut heap, &["-vv", "--json", "up"], 77);
    proxy.clear_rules();
    // Killed with its journal open.
    proxy.forget();
    let held = proxy.hold(2, crate::support::Moment::AfterForward);
    let killed = payinfra.start(["-vv", "up"]);
    held.recv().unwrap();
    heap.files(payinfra.home());
    heap.add("a killed up", &killed.kill());
    proxy.release();
    run(&mut heap, &["-vv", "up"], 0);
    run(&mut heap, &["-vv", "diff"], 0);
    run(&mut heap, &["-vv", "--json", "outputs"], 0);
    payinfra.configure(&configuration("[logs]\nretention_days = 400"));
    run(&mut heap, &["-vv", "diff"], 2);

    let known = script("held_secrets.py", &[&emulator.endpoint(), "quiet"]);
    let text = |line: &serde_json::Value, field: &str| line[field].as_str().unwrap().to_owned();
    let mut secrets: Vec<(String, String)> =
        known.iter().map(|line| (text(line, "name"), text(line, "value"))).collect();
    assert!(secrets.iter().any(|(name, _)| name.ends_with("webhook-signing-key")), "{secrets:?}");
    assert!(secrets.iter().any(|(name, _)| name.starts_with("API key")), "{secrets:?}");
    secrets.extend(CALLER.map(|(name, value)| (name.to_owned(), value.to_owned())));

    run(&mut heap, &["-vv", "--json", "destroy", "--yes"], 0);
    heap.0.extend(watch.end());
    demand_none(&heap, &secrets);
    let (count, bytes) = (secrets.len(), heap.len() / 1024);
    summary::line(
        10,
        &format!("{count} secrets looked for in {bytes} KiB of output, files and processes of a whole life: 0 found"),
    );
}

#[test]
fn a_password_in_an_endpoint_is_not_shown() {
    let emulator = Emulator::start(Kind::MiniStack);
    let mut heap = Heap::default();
    for (address, code) in [(emulator.address().to_string(), None), ("127.0.0.1:9".to_owned(), Some(1))] {
        let endpoint = format!("http://name:{PASSWORD}@{address}");
        let payinfra = Payinfra::alone().variable("AWS_ENDPOINT_URL", endpoint).argument("--suffix").argument("quiet");
        payinfra.configure(&configuration(""));
        for arguments in [&["-vv", "diff"][..], &["-vv", "--json", "up"][..], &["-vv", "destroy", "--yes"][..]] {
            let ended = payinfra.run(arguments);
            assert!(code.is_none() || ended.code() == code, "{ended:?}");
            heap.add(&arguments.join(" "), &ended);
            heap.files(payinfra.home());
        }
    }
    for bad in ["https://hooks:PASSWORD@example.com/in", "http://hooks:PASSWORD@example.com/in"] {
        let payinfra = Payinfra::against("http://127.0.0.1:9").argument("--suffix").argument("quiet");
        payinfra.configure(&format!("[webhooks]\nmerchant = {:?}\n", bad.replace("PASSWORD", PASSWORD)));
        let ended = payinfra.run(["-vv", "up"]).expect(64);
        heap.add("a refused webhook", &ended);
    }
    demand_none(&heap, &[("the endpoint's password".to_owned(), PASSWORD.to_owned())]);
    summary::line(10, "1 password in addresses looked for: 0 found");
}

#[test]
fn the_sandbox_and_its_functions_never_get_the_callers_credentials() {
    let mut own = Own::new();
    for (name, value) in CALLER {
        own.payinfra = std::mem::replace(&mut own.payinfra, Payinfra::alone()).variable(name, value);
    }
    own.payinfra.configure(&configuration(""));
    let mut heap = Heap::default();
    let watch = Watch::begin();
    for arguments in [&["-vv", "up"][..], &["-vv", "destroy", "--yes"][..]] {
        let ended = own.payinfra.run([&["--sandbox"], arguments].concat()).expect(0);
        heap.add(&arguments.join(" "), &ended);
    }
    heap.files(own.cache.path());
    heap.files(own.payinfra.home());
    let seen: Vec<_> = watch.end().collect();
    assert!(seen.iter().any(|(name, _)| name.starts_with("environment of postgres")), "the database was not seen");
    let processes = seen.len();
    heap.0.extend(seen);
    demand_none(&heap, &CALLER.map(|(name, value)| (name.to_owned(), value.to_owned())));
    summary::line(
        10,
        &format!("2 secrets of the caller looked for in the sandbox, {processes} arguments and environments: 0 found"),
    );
}
