//! Answers that are lost, doubled, refused, cut off or late: the run that meets them ends well by itself, with one
//! object for each step.
//!
//! In one run the first call of *every* mutating operation meets the fault: in `up`, in an `up` that repairs drift and
//! applies a changed configuration, and in `destroy`. `scripts/sweep faults` has one run for each operation and fault.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "the test reports while it runs")]

mod support;

use std::time::Instant;

use support::sweep::faults::{FAULTS, Life, STALL, Tally};
use support::sweep::harness::Harness;
use support::{Kind, summary};

/// The number of operations of each run that are stalled here; `scripts/sweep stalls` stalls all.
const STALLED: usize = 3;

#[test]
fn every_operation_meets_every_fault_on_ministack() {
    all_at_once(Kind::MiniStack);
}

#[test]
fn every_operation_meets_every_fault_on_moto() {
    all_at_once(Kind::Moto);
}

fn all_at_once(kind: Kind) {
    let mut harness = Harness::start(kind);
    let life = Life::undisturbed(&mut harness);
    let mut tally = Tally::default();
    for (name, fault) in FAULTS {
        let begun = Instant::now();
        tally.whole_life(&mut harness, &life, name, fault);
        println!("{} {name}: {:?}, {}", kind.name(), begun.elapsed(), tally.line());
    }
    tally.whole_life(&mut harness, &life.of_few(STALLED), "answers stalled", STALL);
    println!("{} answers stalled: {}", kind.name(), tally.line());
    let text = format!("lost, doubled and failed answers on {}: {}", kind.name(), tally.line());
    println!("{text}");
    assert!(tally.failures.is_empty(), "{}", tally.failures.join("\n"));
    assert!(tally.with_token >= 4 && tally.looked_for >= 20, "{text}");
    summary::line(2, &text);
}
