//! How much time has passed, including the time that the machine slept.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// A point in time on two clocks. The monotonic one may stop while a machine is suspended, the other may be set.
/// The longer time counts, because a lease that is given up too early costs only a run.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    monotonic: Instant,
    wall: SystemTime,
}

impl Moment {
    /// This moment.
    pub fn now() -> Self {
        Self { monotonic: Instant::now(), wall: SystemTime::now() }
    }

    /// The time since then.
    pub fn elapsed(&self) -> Duration {
        self.monotonic.elapsed().max(self.wall.elapsed().unwrap_or_default())
    }

    /// The monotonic instant.
    pub fn instant(&self) -> Instant {
        self.monotonic
    }

    #[cfg(test)]
    pub fn earlier(self, by: Duration) -> Self {
        Self { wall: self.wall - by, ..self }
    }
}
