//! The only clock of the command line.

use std::time::{Duration, Instant, SystemTime};

/// How often a terminal is told of progress.
const PROGRESS_PERIOD: Duration = Duration::from_millis(50);

#[expect(clippy::disallowed_methods, reason = "the commands measure real time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Calendar time since the Unix epoch; zero where the clock stands before it.
#[expect(clippy::disallowed_methods, reason = "messages carry calendar time")]
pub(crate) fn unix_time() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
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

/// A calendar time in Unix seconds, as JSON shows it.
pub(crate) fn seconds(time: rs2p::UnixTime) -> f64 {
    time.since(rs2p::UnixTime::default()).as_secs_f64()
}
