//! Kills, faults and drift where the emulator behaves as AWS does: the next run recovers, whatever AWS is slow with or
//! refuses meanwhile. Each day has other kills and another fault; `PAYINFRA_SWEEP_TURN` repeats those of a printed turn.

#![allow(clippy::print_stdout, reason = "a sample reports while it runs")]

use crate::support::aws_rules::rows_of_any_world;
use crate::support::sweep::faults::{FAULTS, Life, Tally};
use crate::support::sweep::harness::Harness;
use crate::support::sweep::point::{self, Command};
use crate::support::sweep::{SEED, turn};
use crate::support::{Fault, Kind, summary};

/// Kills in one scenario; each command has one.
const CHAIN: usize = 4;

#[test]
fn runs_that_are_killed_or_lose_answers_under_all_rules_are_completed_by_the_next() {
    let mut harness = Harness::under(Kind::Moto, rows_of_any_world());
    let (life, turn) = (Life::undisturbed(&mut harness), turn());
    kills(&mut harness, &life, turn);
    lost_answers(&mut harness, &life, turn);
}

fn kills(harness: &mut Harness, life: &Life, turn: usize) {
    let reference = &life.reference;
    let (mut killed, mut failures) = (0, Vec::new());
    for (command, calls) in [(Command::Up, &reference.up), (Command::Destroy, &reference.destroy)] {
        let kills = point::every_operation(calls, SEED, turn, 1);
        let scenarios = point::chained(command, kills, CHAIN);
        let scenario = &scenarios[turn % scenarios.len()];
        let outcome = harness.play(scenario, reference);
        killed += outcome.killed.len();
        println!("{scenario}: {:?}", outcome.killed);
        if !outcome.findings.is_clean() {
            failures.push(format!("{scenario}\n{}", outcome.findings));
        }
    }
    let text = format!("kills under the rules of AWS (turn {turn}): {killed} points, failures {}", failures.len());
    summary::line(1, &text);
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(killed >= CHAIN, "{text}");
}

fn lost_answers(harness: &mut Harness, life: &Life, turn: usize) {
    let mut tally = Tally::default();
    // Delivered twice and refused are things that the rules do themselves.
    let lost =
        FAULTS.into_iter().filter(|(name, _)| ["dropped", "reset", "cut off"].iter().any(|end| name.ends_with(end)));
    let lost: Vec<Fault> = lost.map(|(_, fault)| fault).collect();
    tally.whole_life(harness, life, "answers lost", |n| lost[(turn + n) % lost.len()]);
    let text = format!("lost answers under the rules of AWS (turn {turn}): {}", tally.line());
    println!("{text}");
    assert!(tally.failures.is_empty(), "{}", tally.failures.join("\n"));
    summary::line(2, &text);
}
