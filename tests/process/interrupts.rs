//! A run that is told to stop, twice, by every signal, loses its credentials or its reader: it ends in order, and the
//! next one goes on.

use std::io::{BufRead, BufReader};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::support::inventory::{duplicates, inventory};
use crate::support::terminal::OnTerminal;
use crate::support::{
    Call, Emulator, Fault, Finished, Kind, Moment, Payinfra, Proxy, Rule, Started, artifacts, summary,
};
use rustix::process::Signal;
use serde_json::Value;

/// An emulator, a proxy before it, and the binary behind both.
struct World {
    emulator: Emulator,
    proxy: Proxy,
    payinfra: Payinfra,
}

fn world(suffix: &str) -> World {
    let emulator = Emulator::start(Kind::MiniStack);
    let proxy = Proxy::start(emulator.address());
    let payinfra = Payinfra::against(&proxy.endpoint()).argument("--suffix").argument(suffix);
    payinfra.configure_with_functions("");
    World { emulator, proxy, payinfra }
}

impl World {
    /// Starts a run and returns once so many mutating calls have arrived.
    fn until(&self, run: &[&str], mutating: usize) -> Started {
        self.proxy.forget();
        let mut started = self.payinfra.start(run);
        while self.proxy.mutating() < mutating {
            assert!(started.runs(), "the run has ended too early: {:?}", started.wait());
            sleep(Duration::from_millis(5));
        }
        started
    }

    /// Demands that a run brings the stack up, without a second object of anything and with nothing left to do.
    fn demand_recovery(&self, suffix: &str) {
        self.payinfra.run(["up"]).expect(0);
        assert_eq!(duplicates(&inventory(&self.emulator.endpoint(), suffix)), Vec::<String>::new());
        self.payinfra.run(["diff"]).expect(0);
    }

    /// The addresses in the state that wait for the answer of their creation.
    fn unanswered(&self, suffix: &str) -> Vec<String> {
        let text = std::fs::read_to_string(self.payinfra.state().join(suffix).join("snapshot.json")).unwrap();
        let snapshot: Value = serde_json::from_str(&text).unwrap();
        let records = snapshot["state"]["records"].as_object().unwrap();
        records.iter().filter(|(_, record)| record["phase"] == "creating").map(|(address, _)| address.clone()).collect()
    }
}

fn says(ended: &Finished, texts: &[&str]) {
    for text in texts {
        assert!(ended.err.contains(text), "{text} is missing in:\n{}", ended.err);
    }
}

#[test]
fn the_first_signal_starts_nothing_new_and_records_calls_in_flight() {
    let world = world("calm");
    // Long enough that many calls are on their way when the signal comes.
    world.proxy.latency(Duration::from_millis(300));
    let mut in_flight = 0;
    // Without a terminal all of them mean the same.
    let signals = [(Signal::INT, 25), (Signal::TERM, 40), (Signal::HUP, 10)];
    for (signal, after) in signals {
        let run = world.until(&["up"], after);
        run.signal(signal);
        let begun = Instant::now();
        in_flight += world.proxy.calls().iter().filter(|call| call.mutating.is_some() && call.took.is_none()).count();
        // What had left before the signal has arrived by then, even on a crowded machine.
        sleep(Duration::from_millis(700));
        let calls = world.proxy.mutating();
        let ended = run.wait().expect(130);
        assert!(begun.elapsed() < Duration::from_secs(10), "it ends soon: {:?}", begun.elapsed());
        assert_eq!(world.proxy.mutating(), calls, "{signal:?}: a call was started after the signal");
        let unheard = |call: &&Call| call.mutating.is_some() && call.took.is_none();
        assert_eq!(world.proxy.calls().iter().filter(unheard).count(), 0, "calls in flight are waited for");
        says(
            &ended,
            &["stopping: no new calls", "resources are in place and recorded. Run `payinfra up --suffix calm"],
        );
        assert_eq!(world.unanswered("calm"), Vec::<String>::new(), "calls in flight are recorded");
    }
    assert!(in_flight > 0, "the signals never met a call on its way");
    world.proxy.latency(Duration::ZERO);
    world.demand_recovery("calm");

    world.proxy.latency(Duration::from_millis(300));
    let run = world.until(&["destroy", "--yes"], 20);
    run.signal(Signal::TERM);
    let ended = run.wait().expect(130);
    says(&ended, &["Run `payinfra destroy --suffix calm"]);
    world.proxy.latency(Duration::ZERO);
    world.payinfra.run(["destroy", "--yes"]).expect(0);
    assert_eq!(inventory(&world.emulator.endpoint(), "calm"), Vec::new());
    summary::line(
        7,
        &format!(
            "4 runs of the real binary stopped by INT, TERM and HUP: 0 calls started afterwards, {in_flight} in flight and recorded"
        ),
    );
}

#[test]
fn the_second_signal_leaves_within_a_second_even_if_calls_hang() {
    let world = world("rush");
    let mut slowest = Duration::ZERO;
    for (call, moment) in [(12, Moment::BeforeForward), (30, Moment::AfterForward), (15, Moment::AfterForward)] {
        world.proxy.forget();
        let held = world.proxy.hold(call, moment);
        let mut run = world.payinfra.start(["up"]);
        held.recv_timeout(Duration::from_secs(120)).unwrap();
        run.signal(Signal::INT);
        sleep(Duration::from_millis(300));
        assert!(run.runs(), "the first signal waits for the calls");
        let begun = Instant::now();
        run.signal(Signal::TERM);
        let ended = run.wait().expect(130);
        slowest = slowest.max(begun.elapsed());
        assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
        says(&ended, &["leaving now; the next run finds out what the last calls did"]);
        world.proxy.release();
    }
    world.demand_recovery("rush");
    summary::line(
        7,
        &format!("3 runs left by a second signal while calls hung: {} ms at most, 0 duplicates", slowest.as_millis()),
    );
}

#[test]
fn before_anything_is_changed_one_signal_is_enough() {
    let world = world("early");
    world.proxy.latency(Duration::from_secs(2));
    for command in [&["up"][..], &["destroy", "--yes"][..]] {
        let run = world.payinfra.start(command);
        while world.proxy.calls().is_empty() {
            sleep(Duration::from_millis(5));
        }
        let begun = Instant::now();
        run.signal(Signal::INT);
        let ended = run.wait().expect(130);
        assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
        says(&ended, &["interrupted; nothing was changed"]);
        assert_eq!(world.proxy.mutating(), 0);
        world.proxy.forget();
    }
    summary::line(7, "2 runs stopped while they only read: 0 calls");
}

#[test]
fn a_question_on_a_terminal_waits_for_its_answer_and_for_ctrl_c() {
    let world = world("asked");
    let asks = |command: &str| OnTerminal::start(world.payinfra.command([command]));
    let question = [("up", "Do this? [y/N]", "y"), ("destroy", "Type the suffix (asked) to continue:", "asked")];
    for (command, question, yes) in question {
        world.proxy.forget();
        let mut run = asks(command);
        run.shows(question);
        run.interrupts();
        assert_eq!(run.ends().code(), Some(130));
        run.shows("interrupted; nothing was changed");
        for no in ["", "n", "yes please"] {
            let mut run = asks(command);
            run.shows(question);
            run.types(no);
            assert_eq!(run.ends().code(), Some(1), "{command}: {no:?} is no consent");
            run.shows("Nothing was changed.");
        }
        assert_eq!(world.proxy.mutating(), 0, "nothing is done unasked");
        let mut run = asks(command);
        run.shows(question);
        run.types(yes);
        assert_eq!(run.ends().code(), Some(0));
    }
    assert_eq!(inventory(&world.emulator.endpoint(), "asked"), Vec::new());
    summary::line(7, "2 questions on a terminal left by Ctrl-C, 6 answered with no: 0 calls");
}

#[test]
fn an_output_that_nobody_reads_any_more_does_not_end_the_run() {
    let world = world("piped");
    // As under `payinfra up | head -1`, and with the log going nowhere as well.
    for (arguments, days) in [(&["up"][..], 365), (&["-vv", "up"][..], 400), (&["--json", "-vv", "up"][..], 545)] {
        let days = format!("[functions]\nartifacts = {:?}\n[logs]\nretention_days = {days}\n", artifacts());
        world.payinfra.configure(&days);
        let mut child = world.payinfra.command(arguments).spawn().unwrap();
        let mut first = String::new();
        // Dropped after one line: every later write fails.
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
        assert!(!first.is_empty());
        drop(child.stderr.take());
        assert_eq!(child.wait().unwrap().code(), Some(0), "{arguments:?}");
        world.payinfra.run(["diff"]).expect(0);
    }
    summary::line(7, "3 runs whose output nobody reads: 0 ended by it");
}

#[test]
fn credentials_that_expire_mid_run_end_it_with_the_command_to_resume() {
    let world = world("expired");
    let code = "ExpiredTokenException";
    world.proxy.rule(Rule::on_any(Fault::Refuse(400, code)).from(150).always());
    let ended = world.payinfra.run(["up"]).expect(77);
    says(&ended, &["Sign in again", code, "are in place and recorded. Then run `payinfra up --suffix expired"]);
    let made = world.proxy.calls().iter().filter(|call| call.mutating.is_some() && call.fault.is_none()).count();
    let refused = world.proxy.calls().iter().filter(|call| call.mutating.is_some() && call.fault.is_some()).count();
    assert!(made > 0 && refused < 100, "{made} made, {refused} refused: the others do not go on asking");
    world.proxy.clear_rules();
    world.demand_recovery("expired");
    summary::line(3, "1 runs of the real binary whose credentials expired: 0 duplicates");
}
