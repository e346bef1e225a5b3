//! The cloud that a run works on, and how long it takes to show changes.

use std::sync::Arc;
use std::time::Duration;

/// The cloud that a run works on, and how long to wait for it.
pub struct Base<C> {
    /// The clients.
    pub cloud: Arc<C>,
    /// How long changes take to become visible.
    pub timing: Timing,
}

impl<C> Clone for Base<C> {
    fn clone(&self) -> Self {
        Self { cloud: Arc::clone(&self.cloud), timing: self.timing }
    }
}

/// How long a cloud takes to show changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// How long a fresh object may stay invisible to a search by its ownership tags.
    pub visibility: Duration,
    /// How long a change may take to be readable.
    pub settle: Duration,
    /// The shortest and the longest time between two looks at a pending object.
    pub ticks: (Duration, Duration),
}

impl Timing {
    /// For AWS: EC2's tag filters lag by seconds, bucket configuration by up to half a minute.
    pub const AWS: Self = Self {
        visibility: Duration::from_secs(60),
        settle: Duration::from_secs(60),
        ticks: (Duration::from_secs(1), Duration::from_secs(10)),
    };
    /// For an emulator, which shows changes at once.
    pub const AT_ONCE: Self = Self {
        visibility: Duration::ZERO,
        settle: Duration::from_millis(200),
        ticks: (Duration::from_millis(50), Duration::from_millis(200)),
    };
}
