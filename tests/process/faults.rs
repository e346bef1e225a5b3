//! Answers that are lost, doubled, refused, cut off or late: the run that meets them ends well by itself, with one
//! object for each step.
//!
//! In a life, the first call of *every* mutating operation meets a fault: in `up`, in an `up` that repairs drift and
//! applies a changed configuration, and in `destroy`. Neighbouring operations meet different faults, and which one an
//! operation meets changes daily: four days in a row cover every operation with every fault, seven days on each emulator.
//! `scripts/sweep together` runs all of them at once, `scripts/sweep faults` each in a life of its own.

#![allow(clippy::print_stdout, reason = "the test reports while it runs")]

use crate::support::sweep::faults::{FAULTS, Life, STALL, Tally};
use crate::support::sweep::harness::Harness;
use crate::support::sweep::turn;
use crate::support::{Kind, summary};

/// One in so many operations of each run is stalled here; `scripts/sweep stalls` stalls all.
const STALLED: usize = 60;

#[test]
fn every_operation_meets_a_fault_on_ministack() {
    a_sample_of_faults(Kind::MiniStack, 0);
}

#[test]
fn every_operation_meets_a_fault_on_moto() {
    a_sample_of_faults(Kind::Moto, 1);
}

/// Each day begins with the fault after the next, and moto with the one after MiniStack's.
fn a_sample_of_faults(kind: Kind, first: usize) {
    let mut harness = Harness::start(kind);
    let life = Life::undisturbed(&mut harness);
    let mut tally = Tally::default();
    let turn = turn();
    tally.whole_life(&mut harness, &life, "mixed", |n| match (n + turn) % STALLED {
        0 => STALL,
        _ => FAULTS[(2 * turn + first + n) % FAULTS.len()].1,
    });
    let text = format!("lost, doubled and failed answers on {} (turn {turn}): {}", kind.name(), tally.line());
    println!("{text}");
    assert!(tally.failures.is_empty(), "{}", tally.failures.join("\n"));
    assert!(tally.with_token >= 1 && tally.looked_for >= 2, "{text}");
    summary::line(2, &text);
}
