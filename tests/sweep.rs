//! The real binary is killed at its calls, on both emulators, and the next run makes it good.
//!
//! `scripts/sweep` visits every point; the tests visit a sample. There a story has several kills: `up` is killed at the
//! first call of any of eight operations, run again and killed at the next, until all have had their turn, and then run
//! to its end, or followed by `destroy`. A kill so costs the start of a run, a quarter of what it costs with a life of
//! its own, and what is recovered from is messier.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "the full sweep reports while it goes")]

mod support;

use std::time::Duration;

use support::sweep::lab::Lab;
use support::sweep::point::{self, Command, Kill, Story};
use support::sweep::runner::{self, Pace, Tally};
use support::{Kind, Moment, summary};

/// The stories of one sample; printed, so that a failure can be looked at again.
const SEED: u64 = 20_261_123;

/// Kills in one story.
const CHAIN: usize = 8;

#[test]
fn every_operation_is_killed_at_every_moment_on_ministack() {
    sample(Kind::MiniStack, 1);
}

#[test]
fn a_twentieth_of_that_is_killed_on_moto() {
    sample(Kind::Moto, 20);
}

fn sample(kind: Kind, share: usize) {
    let reference = Lab::start(kind).reference();
    let kills = |calls| point::every_operation(calls, SEED, share);
    let mut stories = point::chained(Command::Up, kills(&reference.up), CHAIN);
    stories.extend(point::chained(Command::Destroy, kills(&reference.destroy), CHAIN));
    stories.extend(found_on_the_way());
    let jobs = if share == 1 { 2 } else { 1 };
    let pace = Pace { jobs, until: Duration::MAX, report: Duration::from_secs(20) };
    let tally = runner::run(kind, stories, &reference, pace, &|line| println!("{line}"));
    let text = format!(
        "kill at every call on {} (seed {SEED}): {} points in up, {} in destroy, of these {} inside a recovery, {} not \
         reached; orphans {}, duplicates {}, phantoms {}",
        kind.name(),
        tally.up,
        tally.destroy,
        tally.second,
        tally.missed,
        tally.orphans,
        tally.duplicates,
        tally.phantoms
    );
    println!("{text}\n{tally:?}");
    summary::line(1, &format!("{text}; stories that ended badly {}", tally.failures.len()));
    demand_clean(&tally);
    assert!(tally.missed * 20 <= tally.wanted, "{} of {} points were not reached", tally.missed, tally.wanted);
}

/// What once went wrong, by itself.
fn found_on_the_way() -> [Story; 1] {
    // A flow log that the killed run had made and that bore no marks was not found, and so left.
    let flow_log = Kill { operation: "ec2:CreateFlowLogs".to_owned(), occurrence: 1, moment: Moment::AfterForward };
    [Story { recovery: Command::Destroy, ..Story::new(Command::Up, vec![flow_log]) }]
}

/// All points, or as many as the options allow; `scripts/sweep --help` tells them.
#[test]
#[ignore = "takes hours; scripts/sweep runs it"]
fn every_point() {
    let options = Options::read(&std::env::var("PAYINFRA_SWEEP").unwrap_or_default());
    let mut failures = 0;
    for kind in options.kinds {
        let reference = Lab::start(kind).reference();
        let count = |calls: &std::collections::BTreeMap<String, usize>| calls.values().sum::<usize>();
        println!(
            "{}: up makes {} mutating calls of {} operations, destroy {} of {}; seed {}",
            kind.name(),
            count(&reference.up),
            reference.up.len(),
            count(&reference.destroy),
            reference.destroy.len(),
            options.seed
        );
        let mut stories = Vec::new();
        for (killed, calls) in [(Command::Up, &reference.up), (Command::Destroy, &reference.destroy)] {
            let (part, parts) = options.part;
            let kills = point::every_call(calls, options.seed).into_iter().skip(part - 1).step_by(parts);
            let kills: Vec<_> = kills.collect();
            stories.extend(match options.chain {
                1 => point::one_by_one(killed, &kills, options.second),
                chain => point::chained(killed, kills, chain),
            });
        }
        let pace = Pace { jobs: options.jobs, until: options.until, report: Duration::from_secs(30) };
        let tally = runner::run(kind, stories, &reference, pace, &|line| println!("{line}"));
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
    assert_eq!(failures, 0, "stories that ended badly are told above");
}

fn demand_clean(tally: &Tally) {
    if let Some(first) = tally.failures.first() {
        panic!("{} stories ended badly; the first:\n{first}", tally.failures.len());
    }
}

struct Options {
    kinds: Vec<Kind>,
    part: (usize, usize),
    until: Duration,
    seed: u64,
    jobs: usize,
    second: usize,
    chain: usize,
}

impl Options {
    fn read(text: &str) -> Self {
        let mut options = Self {
            kinds: Kind::ALL.to_vec(),
            part: (1, 1),
            until: Duration::MAX,
            seed: SEED,
            jobs: std::thread::available_parallelism().map_or(2, usize::from),
            second: 20,
            chain: 1,
        };
        let mut words = text.split_whitespace();
        while let Some(word) = words.next() {
            let value = words.next().unwrap_or_default();
            match word {
                "--emulator" if value == "both" => {}
                "--emulator" => options.kinds.retain(|kind| kind.name() == value),
                "--part" => {
                    let (part, parts) = value.split_once('/').unwrap();
                    options.part = (part.parse().unwrap(), parts.parse().unwrap());
                }
                "--minutes" => options.until = Duration::from_secs(60 * value.parse::<u64>().unwrap()),
                "--seed" => options.seed = value.parse().unwrap(),
                "--jobs" => options.jobs = value.parse().unwrap(),
                "--second" => options.second = value.parse().unwrap(),
                "--chain" => options.chain = value.parse().unwrap(),
                other => panic!("unknown option {other}"),
            }
        }
        assert!(!options.kinds.is_empty(), "--emulator takes ministack, moto or both");
        options
    }
}
