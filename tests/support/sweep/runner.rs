//! Plays many scenarios at the same time, each worker in its own harness, and counts.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::support::Kind;

use super::harness::{Harness, Outcome, Reference};
use super::point::{Command, Kill, Scenario};

/// What came out of a sweep.
#[derive(Debug, Default)]
pub struct Tally {
    /// Kills that took place, first and second ones.
    pub points: usize,
    /// Kills of `up`, and of `destroy`.
    pub up: usize,
    /// See `up`.
    pub destroy: usize,
    /// Kills inside a recovery: all of a scenario but the first.
    pub second: usize,
    /// Points that a run ended without, also when it was tried again.
    pub missed: usize,
    /// Points in all, had nothing stopped the sweep.
    pub wanted: usize,
    /// Kills after an answer that the journal still grew after.
    pub journalled: usize,
    /// Kills after an answer.
    pub answered: usize,
    /// Objects that nothing explains.
    pub orphans: usize,
    /// Objects that are there more than once.
    pub duplicates: usize,
    /// Objects that are said to be there and are not.
    pub phantoms: usize,
    /// Scenarios that failed, described.
    pub failures: Vec<String>,
    /// From the first scenario to the last.
    pub took: Duration,
}

impl Tally {
    fn add(&mut self, scenario: &Scenario, outcome: &Outcome) {
        let kills = outcome.killed.len();
        self.points += kills + usize::from(outcome.second);
        match scenario.killed {
            Command::Up => self.up += kills,
            Command::Destroy => self.destroy += kills,
        }
        self.second += kills.saturating_sub(1) + usize::from(outcome.second);
        if scenario.again {
            self.missed += scenario.kills.len() - kills;
        }
        self.journalled += outcome.journalled;
        self.answered +=
            outcome.killed.iter().filter(|kill| kill.moment == crate::support::Moment::AfterAnswer).count();
        self.orphans += outcome.findings.orphans.len();
        self.duplicates += outcome.findings.duplicates.len();
        self.phantoms += outcome.findings.phantoms.len();
        if !outcome.findings.is_clean() {
            self.failures.push(format!("{scenario}\n  took place: {:?}\n{}", outcome.killed, outcome.findings));
        }
    }

    /// The counts in one line.
    pub fn line(&self) -> String {
        format!(
            "{} points tested of {} (up {}, destroy {}, not reached {}, inside a recovery {}); orphans {}, duplicates {}, \
             phantoms {}; failures {}",
            self.points,
            self.wanted,
            self.up,
            self.destroy,
            self.missed,
            self.second,
            self.orphans,
            self.duplicates,
            self.phantoms,
            self.failures.len()
        )
    }
}

/// How a sweep goes about it.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The number of harnesses at work.
    pub jobs: usize,
    /// No scenario begins later than this after the first.
    pub until: Duration,
    /// Between two lines of progress.
    pub report: Duration,
}

struct Queues {
    up: VecDeque<Scenario>,
    destroy: VecDeque<Scenario>,
    tally: Tally,
    reported: Instant,
}

/// Plays all scenarios, those that kill `up` and those that kill `destroy` as it fits: where a stack stands after one
/// scenario, the next may tear it down.
pub fn run(
    kind: Kind,
    scenarios: Vec<Scenario>,
    reference: &Reference,
    limits: Limits,
    say: &(dyn Fn(String) + Sync),
) -> Tally {
    let begun = Instant::now();
    let wanted = scenarios.iter().map(|scenario| scenario.kills.len()).sum();
    let (up, destroy) = scenarios.into_iter().partition(|scenario| scenario.killed == Command::Up);
    let tally = Tally { wanted, ..Tally::default() };
    let queues = Mutex::new(Queues { up, destroy, tally, reported: begun });
    let lock = || -> MutexGuard<'_, Queues> { queues.lock().unwrap() };
    let next = |stands: bool| {
        let queues = &mut *lock();
        if begun.elapsed() >= limits.until {
            return None;
        }
        // Both last about as long, whichever was longer to begin with.
        let (first, second) =
            if stands { (&mut queues.destroy, &mut queues.up) } else { (&mut queues.up, &mut queues.destroy) };
        first.pop_front().or_else(|| second.pop_front())
    };
    std::thread::scope(|scope| {
        for _ in 0..limits.jobs {
            scope.spawn(|| {
                let mut harness = Harness::start(kind);
                while let Some(scenario) = next(harness.stands()) {
                    let started = Instant::now();
                    let outcome = harness.play(&scenario, reference);
                    say(format!("{} {:.1} s: {scenario}", kind.name(), started.elapsed().as_secs_f64()));
                    let queues = &mut *lock();
                    queues.tally.add(&scenario, &outcome);
                    let left: Vec<Kill> =
                        scenario.kills.iter().filter(|kill| !outcome.killed.contains(kill)).cloned().collect();
                    if !left.is_empty() && !scenario.again {
                        let again = Scenario { kills: left, second: None, again: true, ..scenario };
                        let queue = if again.killed == Command::Up { &mut queues.up } else { &mut queues.destroy };
                        queue.push_back(again);
                    }
                    if !outcome.findings.is_clean() {
                        say(format!("{} FAILED: {}", kind.name(), queues.tally.failures.last().unwrap()));
                    }
                    if queues.reported.elapsed() >= limits.report {
                        queues.reported = Instant::now();
                        say(format!("{} {:>5}s: {}", kind.name(), begun.elapsed().as_secs(), queues.tally.line()));
                    }
                }
            });
        }
    });
    let mut tally = queues.into_inner().unwrap().tally;
    tally.took = begun.elapsed();
    tally
}
