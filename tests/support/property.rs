//! Properties over random values, from a seed that is printed and can be given again.

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};

/// Demands that `test` holds for so many values, and gives their number and the seed as a text for the summary.
///
/// `PAYINFRA_PROPTEST_CASES` sets another number, `PAYINFRA_PROPTEST_SEED` repeats a printed seed. What is found goes
/// into a test of its own.
pub fn holds<S: Strategy>(cases: u32, values: &S, test: impl Fn(S::Value) -> Result<(), TestCaseError>) -> String {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let cases = number("PAYINFRA_PROPTEST_CASES").and_then(|cases| cases.try_into().ok()).unwrap_or(cases);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let seed = number("PAYINFRA_PROPTEST_SEED").unwrap_or(u64::from(now.subsec_nanos()));
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    if let Err(error) = runner.run(values, test) {
        panic!("PAYINFRA_PROPTEST_SEED={seed}: {error}");
    }
    format!("{cases} cases, seed {seed}")
}
