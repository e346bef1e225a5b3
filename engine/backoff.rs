//! When to try again.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::{Class, Error};

/// The delays between attempts: dense at first, because most propagation takes seconds, then even.
#[derive(Debug, Clone)]
struct Backoff {
    next: Duration,
    most: Duration,
    left: Duration,
}

impl Backoff {
    /// Starts with the shortest delay; the delays add up to `budget`.
    fn new(most: Duration, budget: Duration) -> Self {
        Self { next: Duration::from_millis(250).min(most), most, left: budget }
    }

    /// The budget for an error class: how long it is retried before it is taken as final.
    ///
    /// IAM usually needs seconds and at most two minutes, a fresh KMS key or WAF entity up to five (the propagation
    /// timeouts of Terraform's AWS provider); throttling ends when the token bucket refills.
    fn for_class(class: Class, timeout: Duration) -> Option<Self> {
        let (most, budget) = match class {
            Class::NotYet => (2, Duration::from_secs(300)),
            Class::InUse => (10, timeout),
            Class::Throttled => (20, Duration::from_secs(600)),
            Class::NoAnswer | Class::Transient => (5, Duration::from_secs(120)),
            _ => return None,
        };
        Some(Self::new(Duration::from_secs(most), budget))
    }

    /// The next delay, between half and all of the step; `None` when the budget is spent.
    fn next(&mut self, jitter: &mut StdRng) -> Option<Duration> {
        if self.left.is_zero() {
            return None;
        }
        let delay = self.next.mul_f64(0.5 + jitter.random::<f64>() / 2.0).min(self.left);
        self.next = (self.next * 2).min(self.most);
        self.left -= delay;
        Some(delay)
    }
}

/// One back-off for each class of error that an operation meets.
#[derive(Debug)]
pub(crate) struct Retries {
    timeout: Duration,
    classes: Vec<(Class, Backoff)>,
    jitter: StdRng,
}

impl Retries {
    /// The jitter follows from `seed`: two stacks that hit the same rate limit drift apart, and a test can repeat a
    /// run.
    pub(crate) fn new(timeout: Duration, seed: impl Hash) -> Self {
        let mut hasher = DefaultHasher::new();
        seed.hash(&mut hasher);
        Self { timeout, classes: Vec::new(), jitter: StdRng::seed_from_u64(hasher.finish()) }
    }

    /// How long to wait after an error of this class; `None` where it is final or its budget is spent.
    pub(crate) fn delay(&mut self, class: Class) -> Option<Duration> {
        if let Some((_, backoff)) = self.classes.iter_mut().find(|(known, _)| *known == class) {
            return backoff.next(&mut self.jitter);
        }
        let mut backoff = Backoff::for_class(class, self.timeout)?;
        let delay = backoff.next(&mut self.jitter);
        self.classes.push((class, backoff));
        delay
    }
}

/// How long a read is repeated while what it reads is in use.
const READ: Duration = Duration::from_secs(120);

/// Reads something outside a run, again and again as long as the class of the error says that this helps: a throttled
/// read must not end a command.
///
/// # Errors
/// The last one.
pub async fn retry_read<T>(name: &str, mut read: impl AsyncFnMut() -> Result<T, Error>) -> Result<T, Error> {
    let mut retries = Retries::new(READ, name);
    loop {
        let error = match read().await {
            Ok(read) => return Ok(read),
            Err(error) => error,
        };
        let Some(delay) = retries.delay(error.class) else { return Err(error) };
        tokio::time::sleep(delay).await;
    }
}

/// The class that decides how long an error of a create, update, or delete call is retried.
///
/// What such a call finds absent is something it refers to that is not visible everywhere yet.
pub(crate) fn waits_for(class: Class) -> Class {
    if class == Class::Absent { Class::NotYet } else { class }
}

/// What the run is waiting for, as a phrase after "waiting for".
pub(crate) fn phrase(class: Class) -> &'static str {
    match class {
        Class::NotYet => "something it needs to become visible everywhere",
        Class::InUse => "its dependents to release it",
        Class::Throttled => "the service's rate limit",
        Class::NoAnswer => "an answer",
        _ => "the service to recover",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delays_grow_and_add_up_to_the_budget() {
        for seed in 0..100 {
            let mut retries = Retries::new(Duration::from_secs(45 * 60), seed);
            let delays: Vec<Duration> = std::iter::from_fn(|| retries.delay(Class::InUse)).collect();
            assert!(delays[0] <= Duration::from_millis(250));
            assert!(delays.iter().all(|delay| *delay <= Duration::from_secs(10)));
            assert_eq!(delays.iter().sum::<Duration>(), Duration::from_secs(45 * 60));
            let rushed = delays[5..delays.len() - 1].iter().filter(|delay| **delay < Duration::from_secs(4)).count();
            assert_eq!(rushed, 0, "attempts do not crowd at the end of the budget");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_throttled_read_is_repeated_and_a_refused_one_is_not() {
        let answers = |class| {
            let mut asked = 0;
            async move {
                let answer = retry_read("zones", async || {
                    asked += 1;
                    if asked < 3 { Err(Error::new(class, "DescribeZones", "no")) } else { Ok(asked) }
                });
                answer.await.map_err(|error| error.class)
            }
        };
        assert_eq!(answers(Class::Throttled).await, Ok(3));
        assert_eq!(answers(Class::NoAnswer).await, Ok(3));
        assert_eq!(answers(Class::Denied).await, Err(Class::Denied));
    }

    #[test]
    fn each_class_has_its_own_budget_and_final_ones_have_none() {
        let mut retries = Retries::new(Duration::from_secs(1), 7);
        while retries.delay(Class::InUse).is_some() {}
        assert!(retries.delay(Class::Throttled).is_some());
        for class in [Class::Denied, Class::Quota, Class::Invalid, Class::Exists, Class::Credentials, Class::Absent] {
            assert_eq!(retries.delay(class), None);
        }
    }
}
