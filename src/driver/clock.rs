//! The only place that reads a clock.

#![expect(clippy::disallowed_methods, reason = "this is where time comes from")]

use std::time::{Duration, SystemTime};

use crate::time::{Instant, UnixTime};

/// The machine's clocks, with the node's time line starting where the clock was made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    start: std::time::Instant,
}

impl Clock {
    pub(super) fn start() -> Self {
        Self { start: std::time::Instant::now() }
    }

    pub(super) fn now(&self) -> Instant {
        Instant::ZERO + self.start.elapsed()
    }

    /// The calendar time; the epoch itself on a machine whose clock lies before it.
    pub(super) fn wall() -> UnixTime {
        let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        UnixTime::from_epoch(since_epoch.unwrap_or(Duration::ZERO))
    }
}
