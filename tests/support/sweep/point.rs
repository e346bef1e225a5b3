//! Where a run is killed, and in which order all such points are visited.

use std::collections::BTreeMap;
use std::fmt;

use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

use crate::support::Moment;

/// The three moments, as they follow one another.
pub const MOMENTS: [Moment; 3] = [Moment::BeforeForward, Moment::AfterForward, Moment::AfterAnswer];

/// What is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Command {
    /// `up --yes`.
    Up,
    /// `destroy --yes`.
    Destroy,
}

impl Command {
    /// The argument.
    pub fn name(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Destroy => "destroy",
        }
    }
}

/// A call and a moment of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kill {
    /// Service and operation, as `ec2:CreateVpc`.
    pub operation: String,
    /// Which call of that operation since the scenario began, from 1; a later one if that has passed.
    pub occurrence: usize,
    /// The moment.
    pub moment: Moment,
}

impl fmt::Display for Kill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = match self.moment {
            Moment::BeforeForward => "before it arrived",
            Moment::AfterForward => "before its answer",
            Moment::AfterAnswer => "after its answer",
        };
        write!(f, "{}#{} {moment}", self.operation, self.occurrence)
    }
}

/// A command that is killed, at one point or at several one after the other, and the command that recovers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scenario {
    /// What is killed, and with several kills run again until all are done.
    pub killed: Command,
    /// Where, whichever comes first.
    pub kills: Vec<Kill>,
    /// What is run to its end.
    pub recovery: Command,
    /// The mutating call of the recovery, from 1, at which that is killed too, before it is run again.
    pub second: Option<(usize, Moment)>,
    /// Whether it is played again, for kills that were not reached the first time.
    pub again: bool,
}

impl Scenario {
    /// Ends with `up`, without a second kill.
    pub fn new(killed: Command, kills: Vec<Kill>) -> Self {
        Self { killed, kills, recovery: Command::Up, second: None, again: false }
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kills: Vec<String> = self.kills.iter().map(ToString::to_string).collect();
        write!(f, "{} killed at {}, then {}", self.killed.name(), kills.join(" and "), self.recovery.name())?;
        match self.second {
            Some((number, moment)) => write!(f, " killed at its call {number} ({moment:?}), then again"),
            None => Ok(()),
        }
    }
}

/// Every mutating call of a run at each moment, in an order that the seed shuffles.
///
/// The first call of every operation comes before any second: what a bounded sweep covers is spread over all operations.
pub fn every_call(calls: &BTreeMap<String, usize>, seed: u64) -> Vec<Kill> {
    let most = calls.values().copied().max().unwrap_or_default();
    let mut random = StdRng::seed_from_u64(seed);
    let mut kills = Vec::new();
    for occurrence in 1..=most {
        let there = calls.iter().filter(|(_, count)| **count >= occurrence);
        let kill = |operation: &String, moment| Kill { operation: operation.clone(), occurrence, moment };
        let mut round: Vec<Kill> =
            there.flat_map(|(operation, _)| MOMENTS.map(|moment| kill(operation, moment))).collect();
        round.shuffle(&mut random);
        kills.extend(round);
    }
    kills
}

/// The first call of each operation at one of the moments, of which one in `share` is kept, in an order that the seed
/// shuffles.
///
/// Neighbours have different moments, and `turn` moves all of them on by one: three turns in a row cover each operation
/// at each moment.
pub fn every_operation(calls: &BTreeMap<String, usize>, seed: u64, turn: usize, share: usize) -> Vec<Kill> {
    let operations = calls.keys().enumerate();
    let kill = |(n, operation): (usize, &String)| Kill {
        operation: operation.clone(),
        occurrence: 1,
        moment: MOMENTS[(n + turn) % MOMENTS.len()],
    };
    let mut kills: Vec<Kill> = operations.map(kill).collect();
    kills.shuffle(&mut StdRng::seed_from_u64(seed));
    kills.truncate(kills.len().div_ceil(share));
    kills
}

/// Two scenarios for each kill, one with each recovery. One in `seconds` is killed again while it recovers.
pub fn one_by_one(killed: Command, kills: &[Kill], seconds: usize) -> Vec<Scenario> {
    let scenario = |kill: &Kill, recovery| Scenario { recovery, ..Scenario::new(killed, vec![kill.clone()]) };
    let mut scenarios: Vec<Scenario> = kills
        .iter()
        .flat_map(|kill| [Command::Up, Command::Destroy].map(|recovery| scenario(kill, recovery)))
        .collect();
    for (number, scenario) in scenarios.iter_mut().enumerate().filter(|(number, _)| (number + 1) % seconds == 0) {
        // Early and late calls of the recovery; one that is never reached is not counted as a second kill.
        let turn = number / seconds;
        scenario.second = Some((1 + turn * 7 % 60, MOMENTS[turn % MOMENTS.len()]));
    }
    scenarios
}

/// Scenarios of up to `chain` kills, no operation twice in one, ended by either recovery in turn.
pub fn chained(killed: Command, kills: Vec<Kill>, chain: usize) -> Vec<Scenario> {
    let mut scenarios: Vec<Scenario> = Vec::new();
    for kill in kills {
        let others = |scenario: &Scenario| scenario.kills.iter().all(|other| other.operation != kill.operation);
        match scenarios.iter().position(|scenario| scenario.kills.len() < chain && others(scenario)) {
            Some(scenario) => scenarios[scenario].kills.push(kill),
            None => scenarios.push(Scenario::new(killed, vec![kill])),
        }
    }
    for scenario in scenarios.iter_mut().skip(1).step_by(2) {
        scenario.recovery = Command::Destroy;
    }
    scenarios
}
