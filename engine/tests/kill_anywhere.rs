//! A run is killed at every possible point, and the next one converges: no orphan, no duplicate, no phantom.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]
#![allow(clippy::print_stdout, reason = "the summary line is what the sweep is for")]

mod fake;

use payinfra_engine::Purpose::{Destroy, Up};
use payinfra_engine::{Outcome, Purpose};

use fake::cloud::Delays;
use fake::harness::{End, Findings, Harness, in_virtual_time};
use fake::stacks::{FakeResource, payments, small};
use fake::summary;

/// The counts of a sweep.
#[derive(Default)]
struct Count {
    points: u64,
    orphans: usize,
    duplicates: usize,
    phantoms: usize,
    failures: Vec<String>,
}

impl Count {
    fn add(&mut self, findings: &Findings, history: &[String]) {
        self.points += 1;
        self.orphans += findings.orphans.len();
        self.duplicates += findings.duplicates.len();
        self.phantoms += findings.phantoms.len();
        if !findings.is_clean() {
            self.failures.push(format!("{}\n{findings:#?}", history.join("\n")));
        }
    }

    fn report(self, what: &str) {
        let counts = format!(
            "{} kill points in virtual time ({what}): {} orphans, {} duplicates, {} phantoms",
            self.points, self.orphans, self.duplicates, self.phantoms
        );
        println!("{counts}");
        summary::line(1, &counts);
        assert!(self.points > 50, "only {} points", self.points);
        if let Some(first) = self.failures.first() {
            panic!("{} of {} points failed; the first:\n{first}", self.failures.len(), self.points);
        }
    }
}

/// One scenario: runs that are each killed at a point, and a last one that is not. `None` if a run ended before its
/// point.
fn scenario(
    seed: u64,
    delays: Delays,
    resources: &[FakeResource],
    runs: &[(Purpose, Option<u64>)],
) -> Option<(Findings, Vec<String>)> {
    in_virtual_time(async {
        let harness = Harness::new(seed, delays);
        let mut history = vec![format!("seed {seed}")];
        let (last, before) = runs.split_last().unwrap();
        for (purpose, at) in before {
            harness.kill.arm(*at);
            let end = if *purpose == Up { harness.up(resources).await } else { harness.destroy(resources).await };
            match (end, at) {
                (End::Killed, Some(_)) => history.push(format!("{purpose:?} killed {}", harness.kill.label().unwrap())),
                (_, Some(_)) => return None,
                (end, None) => {
                    history.push(format!("{purpose:?}"));
                    assert!(end.is_complete(), "{history:?}: {end:?}");
                }
            }
        }
        harness.kill.arm(None);
        let end = if last.0 == Up { harness.up(resources).await } else { harness.destroy(resources).await };
        history.push(format!("then {:?}", last.0));
        let mut findings = if last.0 == Up { harness.settled(resources).await } else { harness.findings() };
        match end {
            End::Ran(_, Outcome::Completed(_)) => {}
            End::Ran(_, outcome) => findings.others.push(format!("the last run ended as {outcome:?}")),
            other => findings.others.push(format!("the last run ended as {other:?}")),
        }
        Some((findings, history))
    })
}

/// After this many runs in a row that ended before their point, there are no more points: each run has its own seed,
/// and some are shorter than others.
const BEYOND: u32 = 8;

/// Kills one run at every point, between the runs `before` and the run `last`.
fn sweep(
    count: &mut Count,
    delays: Delays,
    resources: &[FakeResource],
    before: &[Purpose],
    killed: Purpose,
    last: Purpose,
) {
    let mut beyond = 0;
    for at in 0.. {
        let mut runs: Vec<_> = before.iter().map(|purpose| (*purpose, None)).collect();
        runs.extend([(killed, Some(at)), (last, None)]);
        match scenario(at, delays, resources, &runs) {
            Some((findings, history)) => {
                count.add(&findings, &history);
                beyond = 0;
            }
            None if beyond == BEYOND => break,
            None => beyond += 1,
        }
    }
}

#[test]
fn up_killed_anywhere_is_completed_by_the_next_up() {
    let mut count = Count::default();
    sweep(&mut count, Delays::AWS, &payments(), &[], Up, Up);
    sweep(&mut count, Delays::NONE, &payments(), &[], Up, Up);
    count.report("up, then up");
}

#[test]
fn up_killed_anywhere_is_removed_by_destroy() {
    let mut count = Count::default();
    sweep(&mut count, Delays::AWS, &payments(), &[], Up, Destroy);
    sweep(&mut count, Delays::NONE, &payments(), &[], Up, Destroy);
    count.report("up, then destroy");
}

#[test]
fn destroy_killed_anywhere_is_completed_by_the_next_destroy() {
    let mut count = Count::default();
    sweep(&mut count, Delays::AWS, &payments(), &[Up], Destroy, Destroy);
    count.report("destroy, then destroy");
}

#[test]
fn destroy_killed_anywhere_is_reversed_by_up() {
    let mut count = Count::default();
    sweep(&mut count, Delays::AWS, &payments(), &[Up], Destroy, Up);
    count.report("destroy, then up");
}

#[test]
fn a_second_kill_during_recovery_changes_nothing() {
    let mut count = Count::default();
    for (killed, again, last) in [(Up, Up, Up), (Up, Destroy, Destroy)] {
        for first in 0.. {
            let mut any = false;
            for second in 0.. {
                let runs = [(killed, Some(first)), (again, Some(second)), (last, None)];
                let Some((findings, history)) = scenario(first, Delays::AWS, &small(), &runs) else { break };
                any = true;
                count.add(&findings, &history);
            }
            if !any {
                break;
            }
        }
    }
    count.report("all pairs of a small stack");
}

#[test]
fn a_second_kill_during_recovery_of_the_whole_stack_changes_nothing() {
    let mut count = Count::default();
    let ways = [(Up, Up, Up), (Up, Up, Destroy), (Up, Destroy, Up), (Up, Destroy, Destroy)];
    for sample in 0..400_u64 {
        let (killed, again, last) = ways[(sample % 4) as usize];
        // Two strides that share no divisor with the number of points spread the sample over all pairs.
        let (first, second) = ((sample * 7919) % 211, (sample * 104_729) % 149);
        let runs = [(killed, Some(first)), (again, Some(second)), (last, None)];
        if let Some((findings, history)) = scenario(sample, Delays::AWS, &payments(), &runs) {
            count.add(&findings, &history);
        }
    }
    count.report("sample of pairs of the whole stack");
}
