//! Answers that are lost, doubled, refused, cut off or late: the run that meets them ends well by itself, with one
//! object for each step.
//!
//! In one run the first call of *every* mutating operation meets the fault: in `up`, in an `up` that repairs drift and
//! brings a changed configuration, and in `destroy`. `scripts/sweep faults` has one run for each operation and fault.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "the full sweep reports while it goes")]

mod support;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::{IteratorRandom, SliceRandom};
use support::inventory::script;
use support::sweep::creates::repetitions;
use support::sweep::lab::{Findings, Lab, Reference, mutating};
use support::sweep::point::Command;
use support::{Fault, Kind, Rule, summary};

/// What happens to answers; the stall is apart, since each costs the client's whole patience of 25 seconds and holds up
/// what depends on it.
const FAULTS: [(&str, Fault); 7] = [
    ("answer dropped", Fault::DropAnswer),
    ("delivered twice", Fault::Twice),
    ("refused with 500", Fault::InternalError),
    ("refused with 503", Fault::Unavailable),
    ("throttled", Fault::Throttle),
    ("connection reset", Fault::Reset),
    ("answer cut off", Fault::Truncate),
];

/// Longer than the client waits for an answer (`steps/aws/clients.rs`).
const STALL: Fault = Fault::Stall(Duration::from_secs(30));

/// So many operations of each run are stalled in the tests; `scripts/sweep stalls` stalls all.
const STALLED: usize = 3;

const SEED: u64 = 20_261_123;

/// The configuration that the second `up` brings.
const CHANGED: &str = "project = \"swept\"\n[logs]\nretention_days = 400\n[limits]\nmaximum_amount_minor = 5";

/// Creates that are not delivered twice, with what AWS would do.
///
/// The client does not repeat a request by itself and a TLS connection does not deliver one twice, so this fault stands
/// for a repetition after a lost answer. These creates payinfra never repeats without a look, which the other faults
/// show; where somebody else repeats them, AWS makes two objects, and the next run names both and chooses none.
const NOT_TWICE: [(&str, &str); 7] = [
    ("ec2:CreateVpc", "two VPCs may have one range"),
    ("ec2:CreateInternetGateway", "takes neither a name nor a token"),
    ("ec2:AllocateAddress", "takes neither a name nor a token"),
    ("kms:CreateKey", "takes neither a name nor a token"),
    ("apigateway:CreateRestApi", "two APIs may have one name"),
    ("apigateway:CreateRequestValidator", "two validators of an API may have one name"),
    ("apigateway:CreateDeployment", "each is a snapshot of its own"),
];

#[test]
fn every_operation_meets_every_fault_on_ministack() {
    all_at_once(Kind::MiniStack);
}

#[test]
fn every_operation_meets_every_fault_on_moto() {
    all_at_once(Kind::Moto);
}

/// What operations a life with an update in it calls.
struct Life {
    reference: Reference,
    update: BTreeMap<String, usize>,
}

impl Life {
    /// The same life of which only so many operations are known in each run, chosen by the seed.
    fn of_few(&self, count: usize) -> Self {
        let mut random = StdRng::seed_from_u64(SEED);
        let mut few = |calls: &BTreeMap<String, usize>| {
            calls.iter().map(|(name, number)| (name.clone(), *number)).sample(&mut random, count)
        };
        let (up, update, destroy) = (few(&self.reference.up), few(&self.update), few(&self.reference.destroy));
        let reference = Reference {
            up: up.into_iter().collect(),
            destroy: destroy.into_iter().collect(),
            stands: self.reference.stands.clone(),
        };
        Self { reference, update: update.into_iter().collect() }
    }
}

fn undisturbed(lab: &mut Lab, kind: Kind) -> Life {
    let reference = lab.reference();
    lab.blank();
    lab.run(Command::Up).expect(0);
    assert_eq!(meddle(lab, kind), Vec::<String>::new());
    lab.configure(CHANGED);
    lab.run(Command::Up).expect(0);
    let update = mutating(&lab.proxy);
    lab.configure("");
    Life { reference, update }
}

/// Changes the stack behind payinfra's back; returns what did not work.
fn meddle(lab: &Lab, kind: Kind) -> Vec<String> {
    // Through the proxy, which must know what is deleted to let it be made again.
    let drifts = script("drift.py", &[&lab.proxy.endpoint(), "swept", kind.name()]);
    drifts.iter().filter(|drift| drift.get("failed").is_some()).map(ToString::to_string).collect()
}

#[derive(Debug, Default)]
struct Tally {
    runs: usize,
    faults: usize,
    with_token: usize,
    looked_for: usize,
    findings: Findings,
    failures: Vec<String>,
}

impl Tally {
    /// A run under faults: it ends well, and its calls are what they must be.
    fn run(&mut self, lab: &Lab, command: Command, told: &str, rules: Vec<Rule>) {
        lab.proxy.clear_rules();
        rules.into_iter().for_each(|rule| lab.proxy.rule(rule));
        let ended = lab.run(command);
        lab.proxy.quiet();
        lab.proxy.clear_rules();
        let calls = lab.proxy.calls();
        let seen = repetitions(&calls);
        self.runs += 1;
        self.faults += calls.iter().filter(|call| call.fault.is_some()).count();
        self.with_token += seen.with_token;
        self.looked_for += seen.looked_for;
        seen.blind.into_iter().for_each(|blind| self.fail(format!("{told}: {blind}")));
        if ended.code() != Some(0) {
            self.fail(format!("{told}: it ended with {:?}:\n{}", ended.code(), ended.err));
        }
    }

    fn fail(&mut self, failure: String) {
        println!("FAILED: {failure}");
        self.failures.push(failure);
    }

    fn judge(&mut self, told: &str, judge: impl FnOnce(&mut Findings)) -> bool {
        let mut findings = Findings::default();
        judge(&mut findings);
        let clean = findings.is_clean();
        if !clean {
            self.fail(format!("{told}:\n{findings}"));
        }
        self.findings.orphans.extend(findings.orphans);
        self.findings.duplicates.extend(findings.duplicates);
        self.findings.phantoms.extend(findings.phantoms);
        clean
    }

    fn line(&self) -> String {
        format!(
            "{} faults in {} runs; orphans {}, duplicates {}, phantoms {}; {} creates repeated with their token, {} \
             looked for by their marks, failures {}",
            self.faults,
            self.runs,
            self.findings.orphans.len(),
            self.findings.duplicates.len(),
            self.findings.phantoms.len(),
            self.with_token,
            self.looked_for,
            self.failures.len()
        )
    }
}

fn rules<'a>(operations: impl IntoIterator<Item = &'a String>, fault: Fault) -> Vec<Rule> {
    let fits = |operation: &&String| fault != Fault::Twice || NOT_TWICE.iter().all(|(name, _)| name != operation);
    operations.into_iter().filter(fits).map(|operation| Rule::on(operation, fault)).collect()
}

fn all_at_once(kind: Kind) {
    let mut lab = Lab::start(kind);
    let life = undisturbed(&mut lab, kind);
    let mut tally = Tally::default();
    for (name, fault) in FAULTS {
        let begun = Instant::now();
        whole_life(&mut lab, kind, &life, &mut tally, name, fault);
        println!("{} {name}: {:?}, {}", kind.name(), begun.elapsed(), tally.line());
    }
    whole_life(&mut lab, kind, &life.of_few(STALLED), &mut tally, "answers stalled", STALL);
    println!("{} answers stalled: {}", kind.name(), tally.line());
    let text = format!("lost, doubled and failed answers on {}: {}", kind.name(), tally.line());
    println!("{text}");
    assert!(tally.failures.is_empty(), "{}", tally.failures.join("\n"));
    assert!(tally.with_token >= 4 && tally.looked_for >= 20, "{text}");
    summary::line(2, &text);
}

fn whole_life(lab: &mut Lab, kind: Kind, life: &Life, tally: &mut Tally, name: &str, fault: Fault) {
    lab.blank();
    let told = format!("up, {name}");
    tally.run(lab, Command::Up, &told, rules(life.reference.up.keys(), fault));
    if !tally.judge(&told, |findings| lab.demand_whole(&life.reference, findings)) {
        return;
    }
    let told = format!("an update, {name}");
    meddle(lab, kind).into_iter().for_each(|failed| tally.fail(format!("{told}: {failed}")));
    lab.configure(CHANGED);
    tally.run(lab, Command::Up, &told, rules(life.update.keys(), fault));
    tally.judge(&told, |findings| lab.demand_whole(&life.reference, findings));
    lab.configure("");
    let told = format!("destroy, {name}");
    tally.run(lab, Command::Destroy, &told, rules(life.reference.destroy.keys(), fault));
    tally.judge(&told, |findings| lab.demand_nothing(findings));
}

/// A life in which every operation is stalled once; hardly any work, but a quarter of an hour of waiting for each run.
#[test]
#[ignore = "takes an hour; scripts/sweep runs it"]
fn every_operation_stalls() {
    let chosen = std::env::var("PAYINFRA_SWEEP").unwrap_or_default();
    for kind in Kind::ALL.into_iter().filter(|kind| !chosen.contains("--emulator") || chosen.contains(kind.name())) {
        let mut lab = Lab::start(kind);
        let life = undisturbed(&mut lab, kind);
        let (begun, mut tally) = (Instant::now(), Tally::default());
        whole_life(&mut lab, kind, &life, &mut tally, "answers stalled", STALL);
        println!("answers stalled on {}: {} in {:?}", kind.name(), tally.line(), begun.elapsed());
        assert!(tally.failures.is_empty(), "{}", tally.failures.join("\n"));
    }
}

/// One life for each operation of `up` and of `destroy` and each fault, the stall included; `PAYINFRA_SWEEP` may bound
/// it: `--emulator ministack --minutes 30`.
#[test]
#[ignore = "takes hours; scripts/sweep runs it"]
fn every_operation_meets_every_fault_alone() {
    let text = std::env::var("PAYINFRA_SWEEP").unwrap_or_default();
    let words: Vec<&str> = text.split_whitespace().collect();
    let value = |name: &str| words.iter().position(|word| *word == name).and_then(|at| words.get(at + 1));
    let until = value("--minutes").map_or(Duration::MAX, |text| Duration::from_secs(60 * text.parse::<u64>().unwrap()));
    let mut failures = 0;
    for kind in Kind::ALL.into_iter().filter(|kind| value("--emulator").is_none_or(|name| *name == kind.name())) {
        let mut lab = Lab::start(kind);
        let Life { reference, .. } = undisturbed(&mut lab, kind);
        let (begun, mut tally) = (Instant::now(), Tally::default());
        let faults = FAULTS.into_iter().chain([("answer stalled", STALL)]);
        let mut lives: Vec<_> = faults
            .flat_map(|fault| {
                let length = reference.up.len().max(reference.destroy.len());
                let (up, destroy) = (reference.up.keys().cycle(), reference.destroy.keys().cycle());
                up.zip(destroy).take(length).map(move |pair| (pair, fault)).collect::<Vec<_>>()
            })
            .collect();
        lives.shuffle(&mut StdRng::seed_from_u64(SEED));
        let wanted = lives.len();
        for (done, ((up, destroy), (name, fault))) in lives.into_iter().enumerate() {
            if begun.elapsed() > until {
                break;
            }
            lab.blank();
            let told = format!("up, {up} {name}");
            tally.run(&lab, Command::Up, &told, rules([up], fault));
            tally.judge(&told, |findings| lab.demand_whole(&reference, findings));
            let told = format!("destroy, {destroy} {name}");
            tally.run(&lab, Command::Destroy, &told, rules([destroy], fault));
            tally.judge(&told, |findings| lab.demand_nothing(findings));
            if done % 20 == 19 {
                println!("{} {} of {wanted} lives, {:?}: {}", kind.name(), done + 1, begun.elapsed(), tally.line());
            }
        }
        println!("{}: {} in {:?}\n{}", kind.name(), tally.line(), begun.elapsed(), tally.failures.join("\n"));
        failures += tally.failures.len();
    }
    assert_eq!(failures, 0, "stories that ended badly are told above");
}
