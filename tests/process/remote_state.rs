//! A state in S3 with the real binary: shared by runners, held on a lease, and never lost or doubled.

use std::time::Duration;

use crate::support::inventory::{duplicates, inventory, script};
use crate::support::shared_state::{
    BUCKET, changes, is_state, journal_writes, make_bucket, runner, stored, until_changes,
};
use crate::support::{Emulator, Fault, Finished, Kind, Moment, Payinfra, Proxy, Rule, summary};
use rustix::process::Signal;

fn says(ended: &Finished, texts: &[&str]) {
    for text in texts {
        assert!(
            ended.err.contains(text) || ended.out.contains(text),
            "{text} is missing in:\n{}{}",
            ended.out,
            ended.err
        );
    }
}

fn nothing_doubled(emulator: &Emulator, suffix: &str) {
    assert_eq!(duplicates(&inventory(&emulator.endpoint(), suffix)), Vec::<String>::new());
}

#[test]
fn runners_share_a_stack_on_ministack() {
    runners_share_a_stack(Kind::MiniStack);
}

#[test]
fn runners_share_a_stack_on_moto() {
    runners_share_a_stack(Kind::Moto);
}

fn runners_share_a_stack(kind: Kind) {
    let emulator = Emulator::start(kind);
    make_bucket(&emulator.endpoint());
    let proxy = Proxy::start(emulator.address());
    let (first, second) = (runner(&proxy.endpoint(), "one", 60), runner(&proxy.endpoint(), "one", 60));

    first.run(["up"]).expect(0);
    assert!(!first.state().exists() && !first.folder().join(".payinfra").exists());
    let (writes, made) = (journal_writes(&proxy), changes(&proxy).len());
    assert!(writes <= made, "{writes} objects for {made} calls");
    nothing_doubled(&emulator, "one");
    let state = stored(&emulator.endpoint(), "one");
    assert_eq!((&state.lease["fence"], &state.lease["released"]), (&1.into(), &true.into()));
    let records = state.snapshot["stack"]["records"].as_object().unwrap();
    assert!(records.len() > 140, "{}", records.len());
    assert!(records.values().all(|record| record["phase"] == "ready"));
    assert_eq!(state.journal.len(), 2, "the mark of the run, and the last object: {:?}", state.journal);

    proxy.forget();
    says(&second.run(["diff"]).expect(0), &["No changes: "]);
    says(&second.run(["up"]).expect(0), &["No changes"]);
    assert_eq!(changes(&proxy), Vec::<String>::new());
    assert_eq!(journal_writes(&proxy), 2, "a mark for each run, and no entry");
    assert_eq!(stored(&emulator.endpoint(), "one").lease["fence"], 3);
    says(&second.run(["outputs"]).expect(0), &["api/url"]);
    says(&second.run(["unlock"]).expect(0), &["nobody holds the state of one in s3://payinfra-state/team"]);

    proxy.forget();
    let destroyed = second.run(["destroy", "--yes"]).expect(0);
    says(&destroyed, &["0 resources with payinfra:stack=one left"]);
    let touched =
        |call: &&crate::support::Call| is_state(call) && call.method == "DELETE" && !call.path.contains("/journal/");
    assert_eq!(proxy.calls().iter().filter(touched).count(), 0, "the bucket itself is left alone");
    let state = stored(&emulator.endpoint(), "one");
    assert_eq!(state.snapshot["stack"]["records"], serde_json::json!({}));
    summary::line(6, &format!("shared state on {}: {writes} journal objects for {made} calls of `up`", kind.name()));
}

#[test]
fn a_killed_run_is_resumed_by_another_runner() {
    let emulator = Emulator::start(Kind::Moto);
    make_bucket(&emulator.endpoint());
    let proxy = Proxy::start(emulator.address());
    let kills = [(1, Moment::AfterForward), (9, Moment::BeforeForward)];
    let kills = kills.into_iter().chain([(60, Moment::AfterAnswer), (100, Moment::AfterForward)]);
    let mut killed = 0;
    for (call, moment) in kills {
        proxy.forget();
        let held = proxy.hold(call, moment);
        let runner = runner(&proxy.endpoint(), "killed", 12);
        let mut run = runner.start(["up", "--lock-wait", "5m"]);
        while held.recv_timeout(Duration::from_millis(100)).is_err() {
            assert!(run.runs(), "it has ended before call {call}: {}", run.wait().err);
        }
        run.kill();
        proxy.release();
        killed += 1;
    }
    let elsewhere = runner(&proxy.endpoint(), "killed", 60);
    elsewhere.run(["up", "--lock-wait", "5m"]).expect(0);
    nothing_doubled(&emulator, "killed");
    elsewhere.run(["diff"]).expect(0);
    says(&elsewhere.run(["destroy", "--yes"]).expect(0), &["0 resources with payinfra:stack=killed left"]);
    assert_eq!(inventory(&emulator.endpoint(), "killed"), Vec::new());
    summary::line(6, &format!("killed runners with a shared state: {killed} kills, orphans 0, doubled 0"));
}

#[test]
fn a_paused_runner_is_shut_out_by_its_successor() {
    let emulator = Emulator::start(Kind::MiniStack);
    make_bucket(&emulator.endpoint());
    let proxy = Proxy::start(emulator.address());
    let paused = runner(&proxy.endpoint(), "paused", 10);
    proxy.latency(Duration::from_millis(60));
    let old = paused.start(["up"]);
    until_changes(&proxy, 60);
    old.signal(Signal::STOP);
    proxy.latency(Duration::ZERO);

    let next = runner(&proxy.endpoint(), "paused", 60);
    let refused = next.run(["diff"]).expect(75);
    says(&refused, &["the state is locked by `payinfra up` of", "--lock-wait", "payinfra unlock"]);
    let went_on = next.run(["up", "--lock-wait", "2m"]).expect(0);
    says(&went_on, &["the state is locked by `payinfra up` of", "waiting up to"]);

    proxy.forget();
    old.signal(Signal::CONT);
    let old = old.wait().expect(75);
    says(
        &old,
        &[
            "no new calls",
            "the lease on the state was lost",
            "took it over and has ended",
            "--lock-wait 10m",
            "is recorded or can be found by its tags",
        ],
    );
    assert_eq!(changes(&proxy), Vec::<String>::new(), "it changes nothing any more");
    next.run(["diff"]).expect(0);
    nothing_doubled(&emulator, "paused");
    summary::line(6, "paused runner: 1 taken over after its lease; calls it made afterwards 0, doubled 0");
}

#[test]
fn unlock_shows_the_holder_and_takes_over_only_when_confirmed() {
    let emulator = Emulator::start(Kind::Moto);
    make_bucket(&emulator.endpoint());
    let proxy = Proxy::start(emulator.address());
    let held = runner(&proxy.endpoint(), "held", 600);
    proxy.latency(Duration::from_millis(60));
    let old = held.start(["up"]);
    until_changes(&proxy, 20);
    old.signal(Signal::STOP);
    proxy.latency(Duration::ZERO);

    let other = runner(&proxy.endpoint(), "held", 600);
    let process = old.pid().as_raw_pid().to_string();
    let shown = other.run(["unlock"]).expect(75);
    says(&shown, &["host", "user", "payinfra up", "age", "renewed", &process, "--yes"]);
    assert_eq!(stored(&emulator.endpoint(), "held").lease["fence"], 1, "looking changes nothing");
    let json = other.run(["unlock", "--json"]).expect(75);
    let line: serde_json::Value = serde_json::from_str(json.out.lines().next().unwrap()).unwrap();
    assert_eq!((&line["type"], &line["holder"]["command"]), (&"lock".into(), &"up".into()));
    other.run(["diff", "--lock-wait", "1"]).expect(75);

    says(&other.run(["unlock", "--yes"]).expect(0), &["nobody holds the state of held"]);
    says(&other.run(["unlock", "--yes"]).expect(0), &["nobody holds the state of held"]);
    proxy.forget();
    old.signal(Signal::CONT);
    // Its lease would hold for minutes: here only the log tells it, with the first append.
    let old = old.wait().expect(75);
    says(&old, &["the lease on the state was lost", "took it over and has ended"]);
    let announced = changes(&proxy).len();
    assert!(announced <= 20, "only what it had announced before: {announced}");
    other.run(["up"]).expect(0);
    nothing_doubled(&emulator, "held");
    other.run(["diff"]).expect(0);
}

#[test]
fn a_folder_is_waited_for_and_has_nothing_to_force() {
    let emulator = Emulator::start(Kind::Moto);
    let proxy = Proxy::start(emulator.address());
    let payinfra = Payinfra::alone().argument("--endpoint-url").argument(proxy.endpoint());
    let payinfra = payinfra.argument("--suffix").argument("folder");
    payinfra.configure_with_functions("");
    says(&payinfra.run(["unlock"]).expect(0), &["nobody holds the state of folder in .payinfra"]);
    assert!(!payinfra.folder().join(".payinfra").exists(), "looking makes nothing");
    proxy.latency(Duration::from_millis(60));
    let first = payinfra.start(["up"]);
    until_changes(&proxy, 10);
    let shown = payinfra.run(["unlock", "--yes"]).expect(75);
    says(&shown, &["payinfra up", "nothing to force", &format!("kill {}", first.pid().as_raw_pid())]);
    proxy.latency(Duration::ZERO);
    let second = payinfra.run(["diff", "--lock-wait", "5m"]).expect(0);
    says(&second, &["the state is locked by `payinfra up` of", "waiting up to"]);
    first.wait().expect(0);
}

#[test]
fn twenty_runs_at_once_double_nothing() {
    const RUNS: usize = 20;
    let emulator = Emulator::start(Kind::MiniStack);
    make_bucket(&emulator.endpoint());
    let proxy = Proxy::start(emulator.address());
    let runners: Vec<Payinfra> = (0..RUNS).map(|_| runner(&proxy.endpoint(), "many", 120)).collect();
    let wait = |n: usize| if n.is_multiple_of(2) { "10m" } else { "0" };
    let runs: Vec<_> =
        runners.iter().enumerate().map(|(n, runner)| runner.start(["up", "--lock-wait", wait(n)])).collect();
    let ended: Vec<Finished> = runs.into_iter().map(|run| run.wait()).collect();

    let (worked, refused): (Vec<&Finished>, Vec<&Finished>) = ended.iter().partition(|run| run.code() == Some(0));
    for run in &refused {
        assert_eq!(run.code(), Some(75), "{}{}", run.out, run.err);
    }
    let made: Vec<&&Finished> = worked.iter().filter(|run| run.out.contains(" created")).collect();
    let waited = worked.iter().filter(|run| run.err.contains("waiting up to")).count();
    assert_eq!(made.len(), 1, "one brings the stack up");
    assert!(worked.len() >= RUNS / 2, "those who wait get their turn: {}", worked.len());
    assert!(waited >= RUNS / 2 - 1, "{waited}");
    nothing_doubled(&emulator, "many");
    assert_eq!(stored(&emulator.endpoint(), "many").lease["fence"], worked.len());
    runners[0].run(["diff"]).expect(0);
    summary::line(
        6,
        &format!(
            "many hands: {RUNS} concurrent runs, {} worked, {waited} waited, {} refused; doubled 0; {} changes by 1 run",
            worked.len() - waited,
            refused.len(),
            changes(&proxy).len()
        ),
    );
}

#[test]
fn lost_doubled_and_failed_answers_of_the_states_own_calls_do_no_harm() {
    let emulator = Emulator::start(Kind::MiniStack);
    make_bucket(&emulator.endpoint());
    let proxy = Proxy::start(emulator.address());
    let faults = [
        Fault::DropAnswer,
        Fault::Twice,
        Fault::Unavailable,
        Fault::InternalError,
        Fault::Throttle,
        Fault::Reset,
        Fault::Truncate,
        Fault::Refuse(409, "ConditionalRequestConflict"),
        Fault::Delay(Duration::from_secs(12)),
    ];
    // Lease, mark, and then appends: no other calls of the stack are named so.
    for (n, fault) in faults.into_iter().cycle().take(45).enumerate() {
        let also = if matches!(fault, Fault::Delay(_)) && n > 8 { Fault::DropAnswer } else { fault };
        proxy.rule(Rule::on("PutObject", also).from(n + 1));
    }
    for n in [1, 3, 5] {
        proxy.rule(Rule::on("GetObject", faults[n]).from(n));
        proxy.rule(Rule::on("ListObjectsV2", faults[n]).from(n));
    }
    let runner = runner(&proxy.endpoint(), "faults", 60);
    runner.run(["up"]).expect(0);
    let met = proxy.calls().iter().filter(|call| is_state(call) && call.fault.is_some()).count();
    assert!(met >= 40, "{met}");
    proxy.clear_rules();
    nothing_doubled(&emulator, "faults");
    let state = stored(&emulator.endpoint(), "faults");
    assert!(state.snapshot["stack"]["records"].as_object().unwrap().values().all(|record| record["phase"] == "ready"));
    runner.run(["diff"]).expect(0);
    summary::line(6, &format!("faults of the state's own calls: {met} injected; lost 0, doubled 0"));
}

#[test]
fn an_unsuitable_bucket_is_refused_with_the_commands_that_fix_it() {
    for kind in Kind::ALL {
        let emulator = Emulator::start(kind);
        let endpoint = emulator.endpoint();
        let runner = runner(&endpoint, "fit", 60);
        let missing = runner.run(["diff"]).expect(64);
        says(&missing, &["cannot use the bucket payinfra-state", "NoSuchBucket", "aws s3api create-bucket"]);
        script("state_bucket.py", &[&endpoint, "make", BUCKET]);
        let bare = runner.run(["diff"]).expect(64);
        says(&bare, &["does not keep old versions", "put-bucket-versioning --bucket payinfra-state"]);
        if kind == Kind::Moto {
            says(&bare, &["has no default encryption", "put-bucket-encryption --bucket payinfra-state"]);
        }
        script("state_bucket.py", &[&endpoint, "make", BUCKET, "versioning", "encryption"]);
        let open = runner.run(["diff"]).expect(2);
        says(
            &open,
            &["Warning: the state's bucket payinfra-state does not block public access", "put-public-access-block"],
        );
    }
}

#[test]
fn a_missing_right_on_the_bucket_foreign_objects_are_left_alone() {
    let emulator = Emulator::start(Kind::Moto);
    make_bucket(&emulator.endpoint());
    let proxy = Proxy::start(emulator.address());
    let runner = runner(&proxy.endpoint(), "rights", 60);
    for operation in ["GetBucketVersioning", "PutObject", "ListObjectsV2"] {
        proxy.rule(Rule::on(operation, Fault::Refuse(403, "AccessDenied")).always());
        let denied = runner.run(["diff", "--lock-wait", "90"]);
        assert!(denied.err.contains("AccessDenied"), "{operation}: {}", denied.err);
        assert_eq!(denied.code(), Some(77), "{operation}: {}", denied.err);
        says(&denied, &["docs/deployment.md", "the rights that the state's bucket needs"]);
        proxy.clear_rules();
    }
    assert_eq!(stored(&emulator.endpoint(), "rights").lease["released"], true, "what was taken is given back");
}

#[test]
fn a_run_that_ends_before_its_work_releases_the_lease() {
    for kind in Kind::ALL {
        let emulator = Emulator::start(kind);
        make_bucket(&emulator.endpoint());
        let proxy = Proxy::start(emulator.address());
        let runner = runner(&proxy.endpoint(), "ended", 600);
        for (command, signal) in [("up", Signal::INT), ("diff", Signal::TERM)] {
            // Held while it compares: the lease is taken and nothing is changed yet.
            proxy.rule(Rule::on("DescribeVpcs", Fault::Stall(Duration::from_secs(20))).always());
            proxy.forget();
            let run = runner.start([command]);
            while proxy.count("DescribeVpcs") == 0 {
                std::thread::sleep(Duration::from_millis(5));
            }
            run.signal(signal);
            says(&run.wait().expect(130), &["interrupted; nothing was changed"]);
            assert_eq!(changes(&proxy), Vec::<String>::new());
            proxy.clear_rules();
            assert_eq!(stored(&emulator.endpoint(), "ended").lease["released"], true, "{command} on {kind:?}");
            runner.run(["diff"]).expect(2);
        }
    }
    summary::line(6, "4 runs ended before their work: 0 leases kept");
}

#[test]
fn a_place_that_is_none_is_refused_before_any_call() {
    let payinfra = Payinfra::alone().argument("--endpoint-url").argument("http://127.0.0.1:9");
    for place in ["s3://Bad_Bucket/x", "s3://bucket", "https://bucket/x"] {
        let refused = payinfra.run(["unlock", "--suffix", "dev", "--state", place]).expect(64);
        says(&refused, &["--state: ", "Nothing was changed. Name a folder, or s3://bucket/prefix."]);
    }
    let refused = payinfra.run(["unlock", "--suffix", "dev", "--lock-wait", "soon"]).expect(64);
    says(&refused, &["--lock-wait", "10m"]);
}
