//! What the real binary says when something is wrong before or while it works, and how it ends.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use crate::support::inventory::{duplicates, inventory};
use crate::support::{Emulator, Finished, Kind, Moment, Payinfra, Proxy, artifacts, summary};
use rustix::process::Signal;

/// Nobody listens there: a command that ends as it should makes no call.
const NOWHERE: &str = "http://127.0.0.1:9";

fn says(ended: &Finished, texts: &[&str]) {
    for text in texts {
        assert!(ended.err.contains(text), "{text} is missing in:\n{}", ended.err);
    }
}

#[test]
fn the_help_names_the_exit_codes() {
    let help = Payinfra::alone().run(["--help"]).expect(0);
    let codes = help.out.split_once("Exit codes:").unwrap().1;
    let codes: Vec<&str> = codes.trim().lines().map(str::trim).collect();
    insta::assert_snapshot!(codes.join("\n"), @"
    0    done, or no changes
    1    failed
    2    `diff` found changes
    64   bad usage or configuration
    75   the state is locked by another run, or was taken over by one
    77   credentials missing, expired or not permitted
    130  interrupted; run the command again to resume
    ");
    Payinfra::alone().run(["bogus"]).expect(64);
    Payinfra::alone().run::<&str>([]).expect(64);
}

#[test]
fn a_bad_suffix_is_refused_with_what_is_allowed() {
    let payinfra = Payinfra::against(NOWHERE);
    let bad = [
        ("Prod", "suffix `Prod`: 'P' is not allowed in a name"),
        ("seventeen-letters", "suffix `seventeen-letters`: it has 17 characters"),
        ("", "suffix ``: it is empty"),
    ];
    for (suffix, why) in bad {
        let ended = payinfra.run(["up", "--suffix", suffix]).expect(64);
        says(&ended, &[why, "allowed: 1 to 16 lower-case letters"]);
    }
    assert!(!payinfra.state().exists());
}

#[test]
fn another_region_is_refused() {
    let payinfra = Payinfra::alone().variable("AWS_REGION", "eu-west-1");
    let ended = payinfra.run(["diff", "--suffix", "dev"]).expect(64);
    says(&ended, &["AWS_REGION says region eu-west-1; payinfra deploys to us-east-1 only"]);
}

#[test]
fn an_emulator_is_in_no_region() {
    let payinfra = Payinfra::against(NOWHERE).variable("AWS_REGION", "eu-west-1");
    let ended = payinfra.run(["diff", "--suffix", "dev"]).expect(1);
    assert!(!ended.err.contains("AWS_REGION"), "{}", ended.err);
}

#[test]
fn an_endpoint_that_is_not_a_url_is_refused_and_an_empty_variable_is_unset() {
    let alone = || Payinfra::alone().variable("AWS_ACCESS_KEY_ID", "").variable("AWS_SECRET_ACCESS_KEY", "");
    let ended = alone().variable("AWS_ENDPOINT_URL", "localhost:4566").run(["diff", "--suffix", "dev"]).expect(64);
    says(&ended, &["AWS_ENDPOINT_URL: `localhost:4566` is not the URL of an emulator", "http://127.0.0.1:4566"]);
    let ended = alone().run(["diff", "--suffix", "dev", "--endpoint-url", ""]).expect(64);
    says(&ended, &["--endpoint-url: `` is not the URL of an emulator"]);
    let ended = alone().variable("AWS_ENDPOINT_URL", "").run(["diff", "--suffix", "dev"]).expect(77);
    says(&ended, &["no credentials"]);
}

#[test]
fn bad_usage_is_an_object_too() {
    let ended = Payinfra::alone().run(["diff", "--json", "--bogus"]).expect(64);
    let error: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!((&error["type"], &error["exit_code"]), (&"error".into(), &64.into()));
    assert!(error["message"].as_str().unwrap().contains("--bogus"), "{error}");
}

#[test]
fn all_mistakes_of_a_configuration_are_reported_together() {
    let payinfra = Payinfra::against(NOWHERE);
    payinfra.configure("[databse]\ninstances = 2\n[network]\ncidr = \"10.0.0.0/28\"\n[logs]\nretention_day = 4\n");
    let ended = payinfra.run(["diff", "--suffix", "dev"]).expect(64);
    insta::assert_snapshot!(ended.err, @"
    Error: payinfra.toml:2:1: unknown key `databse.instances`; did you mean `database.instances`?
    payinfra.toml:4:1: network.cidr: 10.0.0.0/28 is too small: the VPC needs a /16 to /22; allowed: a private IPv4 range from /16 to /22, such as 10.0.0.0/16
    payinfra.toml:6:1: unknown key `logs.retention_day`; did you mean `logs.retention_days`?
    ");
}

#[test]
fn code_that_is_missing_or_for_another_processor_is_refused() {
    let payinfra = Payinfra::against(NOWHERE);
    let ended = payinfra.run(["up", "--suffix", "dev"]).expect(64);
    says(&ended, &["there is no target/function/payment-validation; build the functions", "Nothing was changed."]);

    let folder = payinfra.folder().join("target/function");
    std::fs::create_dir_all(&folder).unwrap();
    for name in ["payment-validation", "transaction-processing", "notifications"] {
        let mut program = std::fs::read(Path::new(&artifacts()).join(name)).unwrap();
        if name == "notifications" {
            // e_machine of the ELF header: EM_AARCH64.
            program[18] = 183;
        }
        std::fs::write(folder.join(name), program).unwrap();
    }
    let ended = payinfra.run(["up", "--suffix", "dev"]).expect(64);
    says(&ended, &["notifications cannot run as a function: it is built for arm64", "Nothing was changed."]);
}

#[test]
fn without_credentials_nothing_is_asked_of_the_network() {
    let payinfra = Payinfra::alone().variable("AWS_ACCESS_KEY_ID", "").variable("AWS_SECRET_ACCESS_KEY", "");
    let ended = payinfra.run(["diff", "--suffix", "dev"]).expect(77);
    says(&ended, &["cannot determine the AWS account", "no credentials", "AWS_PROFILE", "--sandbox"]);
    assert!(!ended.err.contains("ProviderAttempt"), "{}", ended.err);
    assert!(ended.took.as_secs() < 5, "{:?}", ended.took);
}

#[test]
fn a_profile_of_aws_login_is_refused_with_what_to_do_instead() {
    let payinfra = Payinfra::alone().argument("--profile").argument("dev");
    let folder = payinfra.home().join(".aws");
    std::fs::create_dir(&folder).unwrap();
    let profile = "[profile dev]\nlogin_session = arn:aws:iam::123456789012:user/dev\nregion = us-east-1\n";
    std::fs::write(folder.join("config"), profile).unwrap();
    let ended = payinfra.run(["diff", "--suffix", "dev"]).expect(77);
    says(&ended, &["the profile `dev` is a session of `aws login`", "aws configure export-credentials"]);
}

#[test]
fn fips_and_dual_stack_variants_are_of_no_concern_to_an_emulator() {
    let emulator = Emulator::start(Kind::Moto);
    for variable in ["AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT"] {
        let payinfra = Payinfra::against(&emulator.endpoint()).variable(variable, "true");
        payinfra.configure_with_functions("");
        payinfra.run(["diff", "--suffix", "dev"]).expect(2);
    }
}

#[test]
fn a_damaged_state_is_rebuilt_and_a_newer_one_refused() {
    let emulator = Emulator::start(Kind::MiniStack);
    let payinfra = Payinfra::against(&emulator.endpoint()).argument("--suffix").argument("weather");
    payinfra.configure_with_functions("");
    payinfra.run(["up"]).expect(0);
    let folder = payinfra.state().join("weather");
    let (snapshot, journal) = (folder.join("snapshot.json"), folder.join("journal.jsonl"));
    let good = std::fs::read_to_string(&snapshot).unwrap();

    // Cut off by a kill while a line was written.
    let before = std::fs::read(&journal).unwrap_or_default();
    std::fs::write(&journal, [before.as_slice(), b"{\"crc32\":\"00"].concat()).unwrap();
    payinfra.run(["diff"]).expect(0);

    std::fs::write(&snapshot, good.replace("\"ready\"", "\"reedy\"")).unwrap();
    let ended = payinfra.run(["diff"]).expect(0);
    says(&ended, &["snapshot.json is damaged at", "set aside as", "rebuilding from the cloud"]);
    assert!(
        std::fs::read_dir(&folder)
            .unwrap()
            .any(|file| { file.unwrap().file_name().to_string_lossy().starts_with("snapshot.json.damaged-") })
    );

    let good = std::fs::read_to_string(&snapshot).unwrap();
    std::fs::write(&snapshot, good.replacen("\"format\": 1", "\"format\": 99", 1)).unwrap();
    let ended = payinfra.run(["diff"]).expect(1);
    says(&ended, &["snapshot.json has format 99, this payinfra reads up to 1", "Use the payinfra that wrote it"]);
}

#[test]
fn a_state_that_cannot_be_written_is_left_as_it_is_and_nothing_is_called() {
    let emulator = Emulator::start(Kind::Moto);
    let proxy = Proxy::start(emulator.address());
    let payinfra = Payinfra::against(&proxy.endpoint()).bound_by_permissions().argument("--suffix").argument("closed");
    // Where that user can read them.
    let functions = payinfra.folder().join("function");
    std::fs::create_dir(&functions).unwrap();
    for file in std::fs::read_dir(artifacts()).unwrap().map(Result::unwrap) {
        std::fs::copy(file.path(), functions.join(file.file_name())).unwrap();
    }
    let configure = |days: u32| {
        payinfra.configure(&format!("[functions]\nartifacts = \"function\"\n[logs]\nretention_days = {days}\n"));
    };
    configure(365);
    payinfra.run(["up"]).expect(0);
    configure(400);
    let folder = payinfra.state().join("closed");
    let (snapshot, journal) = (folder.join("snapshot.json"), folder.join("journal.jsonl"));
    let good = std::fs::read(&snapshot).unwrap();
    proxy.forget();
    for (path, open, closed) in [(&folder, 0o700, 0o500), (&folder, 0o700, 0o000), (&snapshot, 0o600, 0o000)] {
        std::fs::set_permissions(path, PermissionsExt::from_mode(closed)).unwrap();
        let ended = payinfra.run(["up"]).expect(1);
        std::fs::set_permissions(path, PermissionsExt::from_mode(open)).unwrap();
        says(&ended, &["Permission denied", "closed/", "Make the folder writable"]);
        assert_eq!(std::fs::read(&snapshot).unwrap(), good, "{path:?} {closed:o}");
        assert!(std::fs::read(&journal).unwrap_or_default().is_empty(), "{path:?} {closed:o}");
    }
    assert_eq!(proxy.mutating(), 0);
    payinfra.run(["up"]).expect(0);
    payinfra.run(["diff"]).expect(0);
    summary::line(9, "3 states of the real binary that could not be written: 0 calls made, 0 lost");
}

#[test]
fn a_second_run_waits_its_turn_and_ctrl_c_stops_in_order() {
    let emulator = Emulator::start(Kind::MiniStack);
    let proxy = Proxy::start(emulator.address());
    let payinfra = Payinfra::against(&proxy.endpoint()).argument("--suffix").argument("stopped");
    payinfra.configure_with_functions("");

    // Slow enough that the first run is still at work when the second comes.
    proxy.latency(Duration::from_millis(400));
    let mut first = payinfra.start(["up"]);
    while proxy.mutating() < 40 {
        assert!(first.runs(), "the first run has ended too early");
        std::thread::sleep(Duration::from_millis(20));
    }
    let second = payinfra.run(["diff"]).expect(75);
    says(&second, &["the state is locked by `payinfra up` of", "(process ", "since "]);

    first.signal(Signal::INT);
    let first = first.wait().expect(130);
    proxy.latency(Duration::ZERO);
    says(&first, &["stopping: no new calls", "in place and recorded. Run `payinfra up --suffix stopped"]);

    payinfra.run(["up"]).expect(0);
    assert_eq!(duplicates(&inventory(&emulator.endpoint(), "stopped")), Vec::<String>::new());
    payinfra.run(["diff"]).expect(0);
}

#[test]
fn a_killed_run_is_resumed() {
    let emulator = Emulator::start(Kind::Moto);
    let proxy = Proxy::start(emulator.address());
    let payinfra = Payinfra::against(&proxy.endpoint()).argument("--suffix").argument("killed");
    payinfra.configure_with_functions("");
    for (call, moment) in [(12, Moment::AfterForward), (30, Moment::BeforeForward), (60, Moment::AfterAnswer)] {
        proxy.forget();
        let held = proxy.hold(call, moment);
        let run = payinfra.start(["up"]);
        held.recv().unwrap();
        run.kill();
        proxy.release();
    }
    payinfra.run(["up"]).expect(0);
    assert_eq!(duplicates(&inventory(&emulator.endpoint(), "killed")), Vec::<String>::new());
    payinfra.run(["diff"]).expect(0);
}
