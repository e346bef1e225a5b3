//! Lets many stories happen at the same time, each worker in a lab of its own, and counts.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::support::Kind;

use super::lab::{Lab, Reference, Told};
use super::point::{Command, Kill, Story};

/// What came out of a sweep.
#[derive(Debug, Default)]
pub struct Tally {
    /// Kills that took place, first and second ones.
    pub points: usize,
    /// Kills of `up`, and of `destroy`.
    pub up: usize,
    /// See `up`.
    pub destroy: usize,
    /// Kills inside a recovery: all of a story but the first.
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
    /// Stories that ended badly, told.
    pub failures: Vec<String>,
    /// From the first story to the last.
    pub took: Duration,
}

impl Tally {
    fn add(&mut self, story: &Story, told: &Told) {
        let kills = told.killed.len();
        self.points += kills + usize::from(told.second);
        match story.killed {
            Command::Up => self.up += kills,
            Command::Destroy => self.destroy += kills,
        }
        self.second += kills.saturating_sub(1) + usize::from(told.second);
        if story.again {
            self.missed += story.kills.len() - kills;
        }
        self.journalled += told.journalled;
        self.answered += told.killed.iter().filter(|kill| kill.moment == crate::support::Moment::AfterAnswer).count();
        self.orphans += told.findings.orphans.len();
        self.duplicates += told.findings.duplicates.len();
        self.phantoms += told.findings.phantoms.len();
        if !told.findings.is_clean() {
            self.failures.push(format!("{story}\n  took place: {:?}\n{}", told.killed, told.findings));
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
pub struct Pace {
    /// So many labs at once.
    pub jobs: usize,
    /// No story begins later than this after the first.
    pub until: Duration,
    /// Between two lines of progress.
    pub report: Duration,
}

struct Queues {
    up: VecDeque<Story>,
    destroy: VecDeque<Story>,
    tally: Tally,
    reported: Instant,
}

/// Tells all stories, those that kill `up` and those that kill `destroy` as it fits: where a stack stands after one
/// story, the next may tear it down.
pub fn run(kind: Kind, stories: Vec<Story>, reference: &Reference, pace: Pace, say: &(dyn Fn(String) + Sync)) -> Tally {
    let begun = Instant::now();
    let wanted = stories.iter().map(|story| story.kills.len()).sum();
    let (up, destroy) = stories.into_iter().partition(|story| story.killed == Command::Up);
    let tally = Tally { wanted, ..Tally::default() };
    let queues = Mutex::new(Queues { up, destroy, tally, reported: begun });
    let lock = || -> MutexGuard<'_, Queues> { queues.lock().unwrap() };
    let next = |stands: bool| {
        let queues = &mut *lock();
        if begun.elapsed() >= pace.until {
            return None;
        }
        // Both last about as long, whichever was longer to begin with.
        let (first, second) =
            if stands { (&mut queues.destroy, &mut queues.up) } else { (&mut queues.up, &mut queues.destroy) };
        first.pop_front().or_else(|| second.pop_front())
    };
    std::thread::scope(|scope| {
        for _ in 0..pace.jobs {
            scope.spawn(|| {
                let mut lab = Lab::start(kind);
                while let Some(story) = next(lab.stands()) {
                    let started = Instant::now();
                    let told = lab.tell(&story, reference);
                    say(format!("{} {:.1} s: {story}", kind.name(), started.elapsed().as_secs_f64()));
                    let queues = &mut *lock();
                    queues.tally.add(&story, &told);
                    let left: Vec<Kill> =
                        story.kills.iter().filter(|kill| !told.killed.contains(kill)).cloned().collect();
                    if !left.is_empty() && !story.again {
                        let again = Story { kills: left, second: None, again: true, ..story };
                        let queue = if again.killed == Command::Up { &mut queues.up } else { &mut queues.destroy };
                        queue.push_back(again);
                    }
                    if !told.findings.is_clean() {
                        say(format!("{} FAILED: {}", kind.name(), queues.tally.failures.last().unwrap()));
                    }
                    if queues.reported.elapsed() >= pace.report {
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
