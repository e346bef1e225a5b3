//! Lives of a stack whose answers are lost, doubled, refused, cut off or late, and what is counted of them.

#![allow(clippy::print_stdout, reason = "a sweep reports while it runs")]

use std::collections::BTreeMap;
use std::time::Duration;

use crate::support::inventory::script;
use crate::support::{Fault, Rule};

use super::creates::repetitions;
use super::harness::{Findings, Harness, Reference, mutating};
use super::point::Command;

/// What happens to answers; the stall is apart, since each costs the client's whole read timeout of 25 seconds and holds up
/// what depends on it.
pub const FAULTS: [(&str, Fault); 7] = [
    ("answer dropped", Fault::DropAnswer),
    ("delivered twice", Fault::Twice),
    ("refused with 500", Fault::InternalError),
    ("refused with 503", Fault::Unavailable),
    ("throttled", Fault::Throttle),
    ("connection reset", Fault::Reset),
    ("answer cut off", Fault::Truncate),
];

/// Longer than the client waits for an answer (`aws/clients.rs`).
pub const STALL: Fault = Fault::Stall(Duration::from_secs(30));

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

/// What operations a life with an update in it calls.
pub struct Life {
    /// What `up` and `destroy` call, and what exists in between.
    pub reference: Reference,
    /// How often an `up` that repairs drift and applies a changed configuration calls each mutating operation.
    update: BTreeMap<String, usize>,
}

impl Life {
    /// Runs one without a disturbance and records it.
    pub fn undisturbed(harness: &mut Harness) -> Self {
        let reference = harness.reference();
        harness.blank();
        harness.run(Command::Up).expect(0);
        assert_eq!(meddle(harness), Vec::<String>::new());
        harness.configure(CHANGED);
        harness.run(Command::Up).expect(0);
        let update = mutating(&harness.proxy);
        harness.configure("");
        Self { reference, update }
    }
}

/// Changes the stack behind payinfra's back; returns what did not work.
fn meddle(harness: &Harness) -> Vec<String> {
    // Through the proxy, which must know what is deleted to let it be made again.
    let drifts = script("drift.py", &[&harness.proxy.endpoint(), "swept", harness.kind().name()]);
    drifts.iter().filter(|drift| drift.get("failed").is_some()).map(ToString::to_string).collect()
}

/// The results of lives under faults.
#[derive(Debug, Default)]
pub struct Tally {
    runs: usize,
    faults: usize,
    /// Creates repeated with the token of the first attempt.
    pub with_token: usize,
    /// Creates whose object was searched for by its ownership tags before they were repeated.
    pub looked_for: usize,
    findings: Findings,
    /// The failures, described.
    pub failures: Vec<String>,
}

impl Tally {
    /// A run under faults: it ends well, and its calls are what they must be.
    pub fn run(&mut self, harness: &Harness, command: Command, case: &str, rules: Vec<Rule>) {
        harness.proxy.clear_rules();
        rules.into_iter().for_each(|rule| harness.proxy.rule(rule));
        let ended = harness.run(command);
        harness.proxy.quiet();
        harness.proxy.clear_rules();
        let calls = harness.proxy.calls();
        let seen = repetitions(&calls);
        self.runs += 1;
        self.faults += calls.iter().filter(|call| call.fault.is_some()).count();
        self.with_token += seen.with_token;
        self.looked_for += seen.looked_for;
        seen.blind.into_iter().for_each(|blind| self.fail(format!("{case}: {blind}")));
        if ended.code() != Some(0) {
            self.fail(format!("{case}: it ended with {:?}:\n{}", ended.code(), ended.err));
        }
    }

    fn fail(&mut self, failure: String) {
        println!("FAILED: {failure}");
        self.failures.push(failure);
    }

    /// Inspects what a run has left; returns whether all is well.
    pub fn judge(&mut self, case: &str, judge: impl FnOnce(&mut Findings)) -> bool {
        let mut findings = Findings::default();
        judge(&mut findings);
        let clean = findings.is_clean();
        if !clean {
            self.fail(format!("{case}:\n{findings}"));
        }
        self.findings.orphans.extend(findings.orphans);
        self.findings.duplicates.extend(findings.duplicates);
        self.findings.phantoms.extend(findings.phantoms);
        clean
    }

    /// Lets the operation number n of a life meet the fault that `fault` returns for n, in `up`, in an update and in
    /// `destroy`.
    pub fn whole_life(&mut self, harness: &mut Harness, life: &Life, name: &str, fault: impl Fn(usize) -> Fault) {
        harness.blank();
        let case = format!("up, {name}");
        self.run(harness, Command::Up, &case, rules(life.reference.up.keys(), &fault));
        if !self.judge(&case, |findings| harness.demand_whole(&life.reference, findings)) {
            return;
        }
        let case = format!("an update, {name}");
        meddle(harness).into_iter().for_each(|failed| self.fail(format!("{case}: {failed}")));
        harness.configure(CHANGED);
        self.run(harness, Command::Up, &case, rules(life.update.keys(), &fault));
        self.judge(&case, |findings| harness.demand_whole(&life.reference, findings));
        harness.configure("");
        let case = format!("destroy, {name}");
        self.run(harness, Command::Destroy, &case, rules(life.reference.destroy.keys(), &fault));
        self.judge(&case, |findings| harness.demand_nothing(findings));
    }

    /// The counts in one line.
    pub fn line(&self) -> String {
        format!(
            "{} faults in {} runs; orphans {}, duplicates {}, phantoms {}; {} creates repeated with their token, {} \
             searched for by their ownership tags, failures {}",
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

/// The fault that `fault` returns for n, for the first call of the operation number n of these.
pub fn rules<'a>(operations: impl IntoIterator<Item = &'a String>, fault: impl Fn(usize) -> Fault) -> Vec<Rule> {
    let faults = operations.into_iter().enumerate().map(|(n, operation)| (operation, fault(n)));
    let fits = |(operation, fault): &(&String, Fault)| {
        *fault != Fault::Twice || NOT_TWICE.iter().all(|(name, _)| name != operation)
    };
    faults.filter(fits).map(|(operation, fault)| Rule::on(operation, fault)).collect()
}
