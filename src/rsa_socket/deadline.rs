//! The only place in this room that reads a clock.

#![expect(clippy::disallowed_methods, reason = "a call that blocks ends by the machine's clock")]

use std::time::{Duration, Instant};

use super::RsaSocketError;

/// When a call has to return, however little the peer sends at a time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline(Option<Instant>);

impl Deadline {
    /// Zero is no timeout, as is what lies beyond the end of the clock.
    pub(super) fn after(timeout: Option<Duration>) -> Self {
        let timeout = timeout.filter(|timeout| !timeout.is_zero());
        Self(timeout.and_then(|timeout| Instant::now().checked_add(timeout)))
    }

    /// What is left for one operation of the system, which takes no zero; `None` is for ever.
    pub(super) fn left(self) -> Result<Option<Duration>, RsaSocketError> {
        let Some(end) = self.0 else { return Ok(None) };
        match end.checked_duration_since(Instant::now()) {
            Some(left) if !left.is_zero() => Ok(Some(left)),
            _ => Err(RsaSocketError::TimedOut),
        }
    }
}
