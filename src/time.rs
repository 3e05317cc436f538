//! Time as the node sees it: a monotonic [`Instant`] and a calendar [`UnixTime`].
//!
//! Neither reads a clock. A driver measures time and passes it in, so that a node behaves the same
//! under the real clock, in the simulator and in a test written with literals.

use std::fmt;
use std::ops::Add;
use std::time::Duration;

/// A point on a node's own monotonic time line.
///
/// The line starts at [`Instant::ZERO`], which each driver puts where it likes. Arithmetic
/// saturates at both ends, about 584 years apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant {
    nanos: u64,
}

impl Instant {
    /// Where the time line starts.
    pub const ZERO: Self = Self { nanos: 0 };

    /// The instant `nanos` nanoseconds after [`Instant::ZERO`].
    pub const fn from_nanos(nanos: u64) -> Self {
        Self { nanos }
    }

    /// The instant `micros` microseconds after [`Instant::ZERO`].
    pub const fn from_micros(micros: u64) -> Self {
        Self { nanos: micros.saturating_mul(1_000) }
    }

    /// The instant `millis` milliseconds after [`Instant::ZERO`].
    pub const fn from_millis(millis: u64) -> Self {
        Self { nanos: millis.saturating_mul(1_000_000) }
    }

    /// The instant `secs` seconds after [`Instant::ZERO`].
    pub const fn from_secs(secs: u64) -> Self {
        Self { nanos: secs.saturating_mul(1_000_000_000) }
    }

    /// Nanoseconds since [`Instant::ZERO`].
    pub const fn as_nanos(self) -> u64 {
        self.nanos
    }

    /// How long after `earlier` this is; zero if it is not after it.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.nanos.saturating_sub(earlier.nanos))
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    #[inline(never)]
    fn add(self, delay: Duration) -> Self {
        Self { nanos: self.nanos.saturating_add(saturating_nanos(delay)) }
    }
}

/// Milliseconds and microseconds since [`Instant::ZERO`], as traces show them: `5.120ms`.
impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.nanos / 1_000;
        write!(f, "{}.{:03}ms", micros / 1_000, micros % 1_000)
    }
}

/// Calendar time: what has passed since the Unix epoch, leap seconds not counted.
///
/// The protocol stamps messages with whole seconds ([`UnixTime::as_secs`]); the rest is kept so
/// that a node knows when its second ticks. Arithmetic saturates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime {
    since_epoch: Duration,
}

impl UnixTime {
    /// The moment `secs` whole seconds after the epoch.
    pub const fn from_secs(secs: u64) -> Self {
        Self { since_epoch: Duration::from_secs(secs) }
    }

    /// The moment this long after the epoch.
    pub const fn from_epoch(since_epoch: Duration) -> Self {
        Self { since_epoch }
    }

    /// Whole seconds since the epoch.
    pub const fn as_secs(self) -> u64 {
        self.since_epoch.as_secs()
    }

    /// How long after `earlier` this is; zero if it is not after it.
    pub const fn since(self, earlier: Self) -> Duration {
        self.since_epoch.saturating_sub(earlier.since_epoch)
    }
}

impl Add<Duration> for UnixTime {
    type Output = Self;

    fn add(self, delay: Duration) -> Self {
        Self { since_epoch: self.since_epoch.saturating_add(delay) }
    }
}

fn saturating_nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_saturates_instead_of_wrapping() {
        let late = Instant::from_nanos(u64::MAX - 1);
        assert_eq!(late + Duration::from_secs(5), Instant::from_nanos(u64::MAX));
        assert_eq!(Instant::ZERO + Duration::MAX, Instant::from_nanos(u64::MAX));
        assert_eq!(Instant::ZERO.since(late), Duration::ZERO);
        assert_eq!(Instant::from_secs(u64::MAX), Instant::from_millis(u64::MAX));
    }

    #[test]
    fn an_instant_prints_as_milliseconds() {
        assert_eq!(Instant::from_micros(5_120).to_string(), "5.120ms");
        assert_eq!(Instant::ZERO.to_string(), "0.000ms");
    }

    #[test]
    fn calendar_time_counts_whole_seconds_and_keeps_the_rest() {
        let time = UnixTime::from_secs(1_466_965_490) + Duration::from_millis(999);
        assert_eq!(time.as_secs(), 1_466_965_490);
        assert_eq!((time + Duration::from_millis(1)).as_secs(), 1_466_965_491);
        assert_eq!(
            UnixTime::from_secs(u64::MAX) + Duration::MAX,
            UnixTime::from_epoch(Duration::MAX)
        );
    }
}
