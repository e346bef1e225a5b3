//! When to try again.

use std::time::Duration;

use crate::Class;

/// The delays between attempts: dense at first, because most propagation takes seconds, then even.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    next: Duration,
    most: Duration,
    left: Duration,
}

impl Backoff {
    /// Starts over; the delays add up to `budget` at most.
    pub(crate) fn new(most: Duration, budget: Duration) -> Self {
        Self { next: Duration::from_millis(250).min(most), most, left: budget }
    }

    /// The budget for an error class: how long it may last before it is believed.
    ///
    /// IAM needs seconds as a rule and two minutes at most, a fresh KMS key or WAF entity up to five
    /// (Terraform's propagation time-outs); throttling ends when the bucket refills.
    pub(crate) fn for_class(class: Class, patience: Duration) -> Option<Self> {
        let (most, budget) = match class {
            Class::NotYet => (2, Duration::from_secs(300)),
            Class::InUse => (10, patience),
            Class::Throttled => (20, Duration::from_secs(600)),
            Class::NoAnswer | Class::Transient => (5, Duration::from_secs(120)),
            _ => return None,
        };
        Some(Self::new(Duration::from_secs(most), budget))
    }

    /// The next delay, between half and all of the step; `None` when the budget is spent.
    pub(crate) fn next(&mut self) -> Option<Duration> {
        if self.left.is_zero() {
            return None;
        }
        let step = self.next.min(self.left);
        self.next = (self.next * 2).min(self.most);
        let delay = step.mul_f64(0.5 + rand::random::<f64>() / 2.0);
        self.left = self.left.saturating_sub(delay.max(Duration::from_millis(1)));
        Some(delay)
    }
}

/// One [`Backoff`] for each class of error that an operation meets.
#[derive(Debug)]
pub(crate) struct Retries {
    patience: Duration,
    classes: Vec<(Class, Backoff)>,
}

impl Retries {
    pub(crate) fn new(patience: Duration) -> Self {
        Self { patience, classes: Vec::new() }
    }

    /// How long to wait after an error of this class; `None` where it is final or its budget is spent.
    pub(crate) fn delay(&mut self, class: Class) -> Option<Duration> {
        if let Some((_, backoff)) = self.classes.iter_mut().find(|(known, _)| *known == class) {
            return backoff.next();
        }
        let mut backoff = Backoff::for_class(class, self.patience)?;
        let delay = backoff.next();
        self.classes.push((class, backoff));
        delay
    }
}

/// What is being waited for, in words for a person.
pub(crate) fn phrase(class: Class) -> &'static str {
    match class {
        Class::NotYet => "something it needs to become visible everywhere",
        Class::InUse => "what still uses it to let go",
        Class::Throttled => "the service's rate limit",
        Class::NoAnswer => "an answer",
        _ => "the service to recover",
    }
}
