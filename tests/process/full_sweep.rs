//! The sweeps that take hours; `scripts/sweep` runs them, with its options in `PAYINFRA_SWEEP`.

#![allow(clippy::print_stdout, reason = "a full sweep reports while it runs")]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::support::sweep::faults::{FAULTS, Life, STALL, Tally, rules};
use crate::support::sweep::harness::{Harness, Reference};
use crate::support::sweep::options::Options;
use crate::support::sweep::point::{self, Command};
use crate::support::sweep::runner::{self, Limits};
use crate::support::{Fault, Kind};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

/// All points, or as many as the options allow; `scripts/sweep --help` describes them.
#[test]
#[ignore = "takes hours; scripts/sweep runs it"]
fn every_point() {
    let options = Options::from_environment();
    let mut failures = 0;
    for kind in options.kinds {
        let reference = Harness::start(kind).reference();
        let count = |calls: &BTreeMap<String, usize>| calls.values().sum::<usize>();
        println!(
            "{}: up makes {} mutating calls of {} operations, destroy {} of {}; seed {}",
            kind.name(),
            count(&reference.up),
            reference.up.len(),
            count(&reference.destroy),
            reference.destroy.len(),
            options.seed
        );
        let mut scenarios = Vec::new();
        for (killed, calls) in [(Command::Up, &reference.up), (Command::Destroy, &reference.destroy)] {
            let (part, parts) = options.part;
            let kills = point::every_call(calls, options.seed).into_iter().skip(part - 1).step_by(parts);
            let kills: Vec<_> = kills.collect();
            scenarios.extend(match options.chain {
                1 => point::one_by_one(killed, &kills, options.second),
                chain => point::chained(killed, kills, chain),
            });
        }
        let limits = Limits { jobs: options.jobs, until: options.until, report: Duration::from_secs(30) };
        let tally = runner::run(kind, scenarios, &reference, limits, &|line| println!("{line}"));
        let each = tally.took.as_secs_f64() / tally.points.max(1) as f64;
        println!("{}: {} in {:?}, {each:.2} s each", kind.name(), tally.line(), tally.took);
        println!(
            "{}: of {} kills after an answer, the journal still grew after {}",
            kind.name(),
            tally.answered,
            tally.journalled
        );
        failures += tally.failures.len();
    }
    assert_eq!(failures, 0, "the scenarios that failed are shown above");
}

/// A life for each fault, in which every operation meets it.
#[test]
#[ignore = "takes half an hour; scripts/sweep runs it"]
fn every_operation_meets_every_fault_together() {
    for kind in Options::from_environment().kinds {
        let mut harness = Harness::start(kind);
        let life = Life::undisturbed(&mut harness);
        let mut tally = Tally::default();
        for (name, fault) in FAULTS {
            let begun = Instant::now();
            tally.whole_life(&mut harness, &life, name, |_| fault);
            println!("{} {name}: {:?}, {}", kind.name(), begun.elapsed(), tally.line());
        }
        assert!(tally.failures.is_empty(), "{}", tally.failures.join("\n"));
        assert!(tally.with_token >= 4 && tally.looked_for >= 20, "{}", tally.line());
    }
}

/// A life in which every operation is stalled once; hardly any work, but a quarter of an hour of waiting for each run.
#[test]
#[ignore = "takes an hour; scripts/sweep runs it"]
fn every_operation_stalls() {
    for kind in Options::from_environment().kinds {
        let mut harness = Harness::start(kind);
        let life = Life::undisturbed(&mut harness);
        let (begun, mut tally) = (Instant::now(), Tally::default());
        tally.whole_life(&mut harness, &life, "answers stalled", |_| STALL);
        println!("answers stalled on {}: {} in {:?}", kind.name(), tally.line(), begun.elapsed());
        assert!(tally.failures.is_empty(), "{}", tally.failures.join("\n"));
    }
}

/// One life for each operation of `up` and of `destroy` and each fault, the stall included.
#[test]
#[ignore = "takes hours; scripts/sweep runs it"]
fn every_operation_meets_every_fault_alone() {
    let options = Options::from_environment();
    let mut failures = 0;
    for kind in options.kinds {
        let mut harness = Harness::start(kind);
        let reference = Life::undisturbed(&mut harness).reference;
        let (begun, mut tally) = (Instant::now(), Tally::default());
        let lives = lives(&reference, options.seed);
        let wanted = lives.len();
        for (done, ((up, destroy), (name, fault))) in lives.into_iter().enumerate() {
            if begun.elapsed() > options.until {
                break;
            }
            harness.blank();
            let case = format!("up, {up} {name}");
            tally.run(&harness, Command::Up, &case, rules([up], |_| fault));
            tally.judge(&case, |findings| harness.demand_whole(&reference, findings));
            let case = format!("destroy, {destroy} {name}");
            tally.run(&harness, Command::Destroy, &case, rules([destroy], |_| fault));
            tally.judge(&case, |findings| harness.demand_nothing(findings));
            if done % 20 == 19 {
                println!("{} {} of {wanted} lives, {:?}: {}", kind.name(), done + 1, begun.elapsed(), tally.line());
            }
        }
        println!("{}: {} in {:?}\n{}", kind.name(), tally.line(), begun.elapsed(), tally.failures.join("\n"));
        failures += tally.failures.len();
    }
    assert_eq!(failures, 0, "the scenarios that failed are shown above");
}

/// An operation of `up`, one of `destroy`, and the fault that both meet.
type LifeUnderFault<'a> = ((&'a String, &'a String), (&'static str, Fault));

/// All pairs of operations with every fault, in an order that the seed shuffles.
fn lives(reference: &Reference, seed: u64) -> Vec<LifeUnderFault<'_>> {
    let faults = FAULTS.into_iter().chain([("answer stalled", STALL)]);
    let mut lives: Vec<_> = faults
        .flat_map(|fault| {
            let length = reference.up.len().max(reference.destroy.len());
            let (up, destroy) = (reference.up.keys().cycle(), reference.destroy.keys().cycle());
            up.zip(destroy).take(length).map(move |pair| (pair, fault)).collect::<Vec<_>>()
        })
        .collect();
    lives.shuffle(&mut StdRng::seed_from_u64(seed));
    lives
}

#[test]
fn the_options_are_read_and_unknown_ones_refused() {
    let options = Options::read("--emulator moto --minutes 30 --part 2/8 --seed 7 --jobs 1 --second 5 --chain 16");
    let part = Options { kinds: vec![Kind::Moto], until: Duration::from_secs(1800), part: (2, 8), ..options.clone() };
    assert_eq!(options, Options { seed: 7, jobs: 1, second: 5, chain: 16, ..part });
    assert_eq!(Options::read("--emulator both"), Options::read(""));
    for wrong in ["--emulator localstack", "--minute 3", "--jobs many"] {
        assert!(std::panic::catch_unwind(|| Options::read(wrong)).is_err(), "{wrong}");
    }
}
