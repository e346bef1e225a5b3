//! A run dies at every moment there is, and the next one converges: no orphan, no duplicate, no phantom.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]
#![allow(clippy::print_stdout, reason = "the summary line is what the sweep is for")]

mod fake;

use payinfra_engine::Purpose::{Destroy, Up};
use payinfra_engine::{Outcome, Purpose};

use fake::cloud::Delays;
use fake::lab::{End, Findings, Lab, in_virtual_time};
use fake::stacks::{Plant, payments, small};
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
    fn add(&mut self, findings: &Findings, story: &[String]) {
        self.points += 1;
        self.orphans += findings.orphans.len();
        self.duplicates += findings.duplicates.len();
        self.phantoms += findings.phantoms.len();
        if !findings.is_clean() {
            self.failures.push(format!("{}\n{findings:#?}", story.join("\n")));
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

/// One story: runs, each killed at its point, and a last one that is not. `None` where a run ended before its point.
fn story(
    seed: u64,
    delays: Delays,
    plants: &[Plant],
    runs: &[(Purpose, Option<u64>)],
) -> Option<(Findings, Vec<String>)> {
    in_virtual_time(async {
        let lab = Lab::new(seed, delays);
        let mut told = vec![format!("seed {seed}")];
        let (last, before) = runs.split_last().unwrap();
        for (purpose, at) in before {
            lab.kill.arm(*at);
            let end = if *purpose == Up { lab.up(plants).await } else { lab.destroy(plants).await };
            match (end, at) {
                (End::Killed, Some(_)) => told.push(format!("{purpose:?} killed {}", lab.kill.label().unwrap())),
                (_, Some(_)) => return None,
                (end, None) => {
                    told.push(format!("{purpose:?}"));
                    assert!(end.is_complete(), "{told:?}: {end:?}");
                }
            }
        }
        lab.kill.arm(None);
        let end = if last.0 == Up { lab.up(plants).await } else { lab.destroy(plants).await };
        told.push(format!("then {:?}", last.0));
        let mut findings = if last.0 == Up { lab.settled(plants).await } else { lab.findings() };
        match end {
            End::Ran(_, Outcome::Completed(_)) => {}
            End::Ran(_, outcome) => findings.others.push(format!("the last run ended as {outcome:?}")),
            other => findings.others.push(format!("the last run ended as {other:?}")),
        }
        Some((findings, told))
    })
}

/// So many runs in a row that ended before their point say that there are no more points: each has its own seed, and
/// some are shorter than others.
const BEYOND: u32 = 8;

/// Kills one run at every point, after `before` and before `last`.
fn sweep(count: &mut Count, delays: Delays, plants: &[Plant], before: &[Purpose], killed: Purpose, last: Purpose) {
    let mut beyond = 0;
    for at in 0.. {
        let mut runs: Vec<_> = before.iter().map(|purpose| (*purpose, None)).collect();
        runs.extend([(killed, Some(at)), (last, None)]);
        match story(at, delays, plants, &runs) {
            Some((findings, told)) => {
                count.add(&findings, &told);
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
fn destroy_killed_anywhere_is_taken_back_by_up() {
    let mut count = Count::default();
    sweep(&mut count, Delays::AWS, &payments(), &[Up], Destroy, Up);
    count.report("destroy, then up");
}

#[test]
fn a_second_kill_inside_the_recovery_changes_nothing() {
    let mut count = Count::default();
    for (killed, again, last) in [(Up, Up, Up), (Up, Destroy, Destroy)] {
        for first in 0.. {
            let mut any = false;
            for second in 0.. {
                let runs = [(killed, Some(first)), (again, Some(second)), (last, None)];
                let Some((findings, told)) = story(first, Delays::AWS, &small(), &runs) else { break };
                any = true;
                count.add(&findings, &told);
            }
            if !any {
                break;
            }
        }
    }
    count.report("all pairs of a small stack");
}

#[test]
fn a_second_kill_inside_the_recovery_of_the_whole_stack_changes_nothing() {
    let mut count = Count::default();
    let ways = [(Up, Up, Up), (Up, Up, Destroy), (Up, Destroy, Up), (Up, Destroy, Destroy)];
    for sample in 0..400_u64 {
        let (killed, again, last) = ways[(sample % 4) as usize];
        // Two strides without a common divisor with the number of points spread the sample over all pairs.
        let (first, second) = ((sample * 7919) % 211, (sample * 104_729) % 149);
        let runs = [(killed, Some(first)), (again, Some(second)), (last, None)];
        if let Some((findings, told)) = story(sample, Delays::AWS, &payments(), &runs) {
            count.add(&findings, &told);
        }
    }
    count.report("sample of pairs of the whole stack");
}
