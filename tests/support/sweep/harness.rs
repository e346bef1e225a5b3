//! One emulator, the proxy before it, the binary, and an independent inventory: where scenarios are played.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::mpsc::channel;
use std::time::Duration;

use crate::support::aws_rules::Row;
use crate::support::inventory::{InventoryServer, Thing};
use crate::support::proxy::{Collision, Wording};
use crate::support::{Call, Emulator, Finished, Kind, Moment, Payinfra, Proxy, Target};

use super::point::{Command, Kill, Scenario};

const SUFFIX: &str = "swept";

/// What AWS refuses to do twice and an emulator does twice: the proxy refuses in its place.
///
/// Two subnets of one VPC cannot have one range, and two stages of one API cannot have one name; MiniStack takes both.
/// Two resources of one API cannot have one path, two clusters cannot have one name, and two statements of a function's
/// policy cannot have one id; moto takes them all.
const COLLISIONS: [Collision; 5] = [
    Collision { create: "ec2:CreateSubnet", delete: "ec2:DeleteSubnet", refusal: (400, "InvalidSubnet.Conflict") },
    Collision {
        create: "apigateway:CreateStage",
        delete: "apigateway:DeleteStage",
        refusal: (409, "ConflictException"),
    },
    Collision {
        create: "apigateway:CreateResource",
        delete: "apigateway:DeleteResource",
        refusal: (409, "ConflictException"),
    },
    Collision {
        create: "rds:CreateDBCluster",
        delete: "rds:DeleteDBCluster",
        refusal: (400, "DBClusterAlreadyExistsFault"),
    },
    Collision {
        create: "lambda:AddPermission",
        delete: "lambda:RemovePermission",
        refusal: (409, "ResourceConflictException"),
    },
];

/// AWS tags a flow log by the type `vpc-flow-log`. MiniStack keeps the tags of a `flow-log` only, and so would leave one
/// without tags until a second call has written them.
const MINISTACK_WORDINGS: [Wording; 1] =
    [Wording { operation: "ec2:CreateFlowLogs", aws: "vpc-flow-log", emulator: "flow-log" }];

/// What an undisturbed life looks like.
#[derive(Debug, Clone)]
pub struct Reference {
    /// How often `up` calls each mutating operation.
    pub up: BTreeMap<String, usize>,
    /// How often `destroy` does.
    pub destroy: BTreeMap<String, usize>,
    /// What stands in between, by shape.
    pub stands: BTreeMap<String, usize>,
}

/// What is wrong after a scenario; nothing, if all is well.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    /// In the cloud and explained by nothing.
    pub orphans: Vec<String>,
    /// There more than once.
    pub duplicates: Vec<String>,
    /// Said to be there, and not in the cloud.
    pub phantoms: Vec<String>,
    /// Exit codes, differences, tokens.
    pub others: Vec<String>,
}

/// The number of findings of one sort that are shown; the rest is counted.
const SHOWN: usize = 6;

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sorts = [
            ("orphans", &self.orphans),
            ("duplicates", &self.duplicates),
            ("phantoms", &self.phantoms),
            ("others", &self.others),
        ];
        for (sort, found) in sorts.into_iter().filter(|(_, found)| !found.is_empty()) {
            write!(f, "  {sort} ({})", found.len())?;
            found.iter().take(SHOWN).try_for_each(|one| write!(f, "\n    {}", one.replace('\n', "\n    ")))?;
            writeln!(f)?;
        }
        Ok(())
    }
}

impl Findings {
    /// Whether nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.orphans.is_empty() && self.duplicates.is_empty() && self.phantoms.is_empty() && self.others.is_empty()
    }
}

/// How a scenario went.
#[derive(Debug)]
pub struct Outcome {
    /// The kills that took place.
    pub killed: Vec<Kill>,
    /// Whether the recovery was killed too.
    pub second: bool,
    /// Of the kills after an answer, those where the journal grew between that moment and the process's end.
    pub journalled: usize,
    /// What is wrong.
    pub findings: Findings,
}

/// The harness.
pub struct Harness {
    emulator: Emulator,
    /// The proxy before the emulator.
    pub proxy: Proxy,
    inventory_server: InventoryServer,
    /// The binary.
    pub payinfra: Payinfra,
    /// How the emulator behaves besides.
    rules: Vec<Row>,
    stands: bool,
}

impl Harness {
    /// Starts everything.
    pub fn start(kind: Kind) -> Self {
        Self::under(kind, Vec::new())
    }

    /// Starts everything; the emulator behaves as these rules of AWS say.
    pub fn under(kind: Kind, rules: Vec<Row>) -> Self {
        let emulator = Emulator::start(kind);
        let proxy = Proxy::start(emulator.address());
        let payinfra = Payinfra::against(&proxy.endpoint()).argument("--suffix").argument(SUFFIX);
        let harness =
            Self { emulator, proxy, inventory_server: InventoryServer::start(), payinfra, rules, stands: false };
        harness.configure("");
        harness.emulate();
        harness
    }

    fn emulate(&self) {
        let wordings: &[Wording] = match self.emulator.kind() {
            Kind::MiniStack => &MINISTACK_WORDINGS,
            Kind::Moto => &[],
        };
        self.proxy.emulate(&COLLISIONS, wordings);
        if !self.rules.is_empty() {
            self.proxy.behave(self.rules.clone());
        }
    }

    /// The emulator's kind.
    pub fn kind(&self) -> Kind {
        self.emulator.kind()
    }

    /// Writes the configuration: `text` and where the functions are.
    pub fn configure(&self, text: &str) {
        self.payinfra.configure_with_functions(text);
    }

    /// Whether a whole stack stands.
    pub fn stands(&self) -> bool {
        self.stands
    }

    /// Begins anew: an empty emulator, no state.
    pub fn blank(&mut self) {
        self.emulator.reset();
        self.emulate();
        std::fs::remove_dir_all(self.payinfra.state()).ok();
        self.stands = false;
    }

    /// Runs to the end, whatever the end is.
    pub fn run(&self, command: Command) -> Finished {
        self.proxy.forget();
        self.payinfra.run([command.name(), "--yes"])
    }

    /// Lists what the emulator holds of the stack, past the proxy.
    pub fn inventory(&mut self) -> Vec<Thing> {
        self.inventory_server.inventory(&self.emulator.endpoint(), SUFFIX)
    }

    /// Runs `up` and `destroy` without a disturbance and records what they call.
    pub fn reference(&mut self) -> Reference {
        self.blank();
        self.run(Command::Up).expect(0);
        let up = mutating(&self.proxy);
        let stands = shapes(&self.inventory());
        self.run(Command::Destroy).expect(0);
        let reference = Reference { up, destroy: mutating(&self.proxy), stands };
        assert_eq!(self.inventory(), Vec::new(), "an undisturbed life leaves nothing");
        reference
    }

    /// Plays a scenario and returns what is wrong afterwards.
    pub fn play(&mut self, scenario: &Scenario, reference: &Reference) -> Outcome {
        self.prepare(scenario.killed);
        self.proxy.count_anew();
        let mut outcome = Outcome { killed: Vec::new(), second: false, journalled: 0, findings: Findings::default() };
        let mut left = scenario.kills.clone();
        let mut tokens = Vec::new();
        while !left.is_empty() {
            let targets = left.iter().map(target).collect();
            let Some((call, grew)) = self.kill(scenario.killed, targets, &mut outcome.findings) else { break };
            let hit = left.iter().position(|kill| kill.operation == call.name()).unwrap();
            let kill = left.swap_remove(hit);
            outcome.journalled += usize::from(grew && kill.moment == Moment::AfterAnswer);
            outcome.killed.push(kill);
            self.compare_tokens(&mut tokens, &mut outcome.findings);
            if let (Some(address), Some(token)) = (call.address(), call.token.clone()) {
                tokens.push((call.name(), address, token));
            }
        }
        if let (Some((number, moment)), false) = (scenario.second, outcome.killed.is_empty()) {
            let at = vec![(Target::Mutating(number), moment)];
            outcome.second = self.kill(scenario.recovery, at, &mut outcome.findings).is_some();
            self.compare_tokens(&mut tokens, &mut outcome.findings);
        }
        if outcome.killed.is_empty() && scenario.killed == Command::Destroy {
            // It ended before the point: nothing stands and nothing was tested.
            self.stands = false;
            return outcome;
        }
        let end = self.run(scenario.recovery);
        self.compare_tokens(&mut tokens, &mut outcome.findings);
        if end.code() != Some(0) {
            outcome.findings.others.push(format!("the recovery ended with {:?}:\n{}", end.code(), end.err));
        }
        match scenario.recovery {
            Command::Up => self.demand_whole(reference, &mut outcome.findings),
            Command::Destroy => self.demand_nothing(&mut outcome.findings),
        }
        self.stands = scenario.recovery == Command::Up && outcome.findings.is_clean();
        outcome
    }

    fn prepare(&mut self, killed: Command) {
        if killed == Command::Up {
            self.blank();
        } else if !self.stands {
            self.blank();
            self.run(Command::Up).expect(0);
        }
        self.stands = false;
    }

    /// Runs a command and kills it at the first of the targets; the call, and whether the journal still grew. `None`
    /// where the run ended before any of them.
    fn kill(&self, command: Command, at: Vec<(Target, Moment)>, findings: &mut Findings) -> Option<(Call, bool)> {
        self.proxy.forget();
        let journal = self.payinfra.state().join(SUFFIX).join("journal.jsonl");
        let length = move || std::fs::metadata(&journal).map_or(0, |file| file.len());
        let (sender, receiver) = channel();
        let run = self.payinfra.start([command.name(), "--yes"]);
        let (victim, before) = (run.pid(), length.clone());
        // The thread that carries the call kills: between the moment and the signal is nothing but this.
        self.proxy.stop_at(at, move |call| {
            let length = before();
            rustix::process::kill_process(victim, rustix::process::Signal::KILL).ok();
            sender.send((call, length)).ok();
        });
        let ended = run.wait();
        let hit = receiver.try_recv().or_else(|_| {
            // A run that ended by itself has all its answers; one that was killed tells so at once.
            if ended.code().is_some() { Err(()) } else { receiver.recv_timeout(Duration::from_secs(5)).map_err(|_| ()) }
        });
        self.proxy.quiet();
        self.proxy.release();
        if hit.is_err() && ended.code() != Some(0) {
            findings.others.push(format!(
                "{} ended with {}:\n{}{}",
                command.name(),
                ended.status,
                ended.out,
                ended.err
            ));
        }
        let (call, before) = hit.ok()?;
        Some((call, length() != before))
    }

    /// Of a killed create, each repetition must carry the token that the journal has.
    fn compare_tokens(&self, tokens: &mut [(String, String, String)], findings: &mut Findings) {
        for call in self.proxy.calls() {
            let (Some(address), Some(token)) = (call.address(), &call.token) else { continue };
            let known = tokens.iter().find(|(name, of, _)| *name == call.name() && *of == address);
            if let Some((name, _, first)) = known
                && first != token
            {
                findings.others.push(format!("{name} of {address} was repeated with another token"));
            }
        }
    }

    /// The stack stands as after an undisturbed run, and `diff` sees nothing to do.
    pub fn demand_whole(&mut self, reference: &Reference, findings: &mut Findings) {
        let there = shapes(&self.inventory());
        for (shape, count) in &there {
            match reference.stands.get(shape) {
                None => findings.orphans.push(shape.clone()),
                Some(wanted) if count > wanted => findings.duplicates.push(format!("{shape}: {count}")),
                Some(_) => {}
            }
        }
        for (shape, wanted) in &reference.stands {
            if there.get(shape).is_none_or(|count| count < wanted) {
                findings.phantoms.push(shape.clone());
            }
        }
        let diff = self.payinfra.run(["diff"]);
        if diff.code() != Some(0) {
            findings.others.push(format!("diff ended with {:?}:\n{}{}", diff.code(), diff.out, diff.err));
        }
    }

    /// Nothing is there, and the state says so.
    pub fn demand_nothing(&mut self, findings: &mut Findings) {
        let left = self.inventory();
        findings.orphans.extend(left.iter().map(|thing| format!("{} {}", thing.shape(), thing.id)));
        let snapshot = std::fs::read_to_string(self.payinfra.state().join(SUFFIX).join("snapshot.json"));
        let snapshot: serde_json::Value = serde_json::from_str(&snapshot.unwrap_or_default()).unwrap_or_default();
        let records = snapshot["state"]["records"].as_object();
        findings.phantoms.extend(records.into_iter().flat_map(|records| records.keys().cloned()));
    }
}

fn target(kill: &Kill) -> (Target, Moment) {
    (Target::Operation(kill.operation.clone(), kill.occurrence), kill.moment)
}

/// How many things of each shape there are.
pub fn shapes(things: &[Thing]) -> BTreeMap<String, usize> {
    let mut shapes = BTreeMap::new();
    for thing in things {
        *shapes.entry(thing.shape()).or_default() += 1;
    }
    shapes
}

/// How often each mutating operation was called since the last run began.
pub fn mutating(proxy: &Proxy) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for call in proxy.calls().iter().filter(|call| call.mutating.is_some()) {
        *counts.entry(call.name()).or_default() += 1;
    }
    counts
}
