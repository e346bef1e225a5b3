//! The options of `scripts/sweep`, which come in `PAYINFRA_SWEEP`.

use std::time::Duration;

use crate::support::Kind;

use super::SEED;

/// What to sweep, and how. `scripts/sweep --help` describes the options.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The emulators.
    pub kinds: Vec<Kind>,
    /// The part, from 1, and the number of parts.
    pub part: (usize, usize),
    /// Nothing begins later than this after the start.
    pub until: Duration,
    /// The seed of the order.
    pub seed: u64,
    /// The number of harnesses at work.
    pub jobs: usize,
    /// One scenario in so many is killed again while it recovers.
    pub second: usize,
    /// The number of kills in one scenario.
    pub chain: usize,
}

impl Options {
    /// Reads the options from the environment.
    pub fn from_environment() -> Self {
        Self::read(&std::env::var("PAYINFRA_SWEEP").unwrap_or_default())
    }

    /// Reads pairs of a name and a value; panics at anything else.
    pub fn read(text: &str) -> Self {
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
            let number = || value.parse::<u64>().unwrap_or_else(|_| panic!("{word} takes a number, not {value:?}"));
            let size = || usize::try_from(number()).unwrap();
            match word {
                "--emulator" if value == "both" => {}
                "--emulator" => options.kinds.retain(|kind| kind.name() == value),
                "--part" => {
                    let (part, parts) = value.split_once('/').unwrap();
                    options.part = (part.parse().unwrap(), parts.parse().unwrap());
                }
                "--minutes" => options.until = Duration::from_secs(60 * number()),
                "--seed" => options.seed = number(),
                "--jobs" => options.jobs = size(),
                "--second" => options.second = size(),
                "--chain" => options.chain = size(),
                other => panic!("unknown option {other}"),
            }
        }
        assert!(!options.kinds.is_empty(), "--emulator takes ministack, moto or both");
        options
    }
}
