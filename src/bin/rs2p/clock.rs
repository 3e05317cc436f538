//! The only clock of the command line.

use std::time::{Duration, Instant, SystemTime};

/// How often a terminal is told of progress.
const PROGRESS_PERIOD: Duration = Duration::from_millis(50);

#[expect(clippy::disallowed_methods, reason = "the commands measure real time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Whole seconds since the Unix epoch; 0 where the clock stands before it.
#[expect(clippy::disallowed_methods, reason = "messages carry calendar time")]
pub(crate) fn unix_secs() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

/// Tells when a terminal is to be told again.
#[derive(Debug)]
pub(crate) struct Pulse {
    shown: Instant,
}

impl Pulse {
    pub(crate) fn new() -> Self {
        Self { shown: now() }
    }

    pub(crate) fn is_due(&mut self) -> bool {
        let due = self.shown.elapsed() >= PROGRESS_PERIOD;
        if due {
            self.shown = now();
        }
        due
    }
}
