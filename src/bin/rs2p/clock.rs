//! The only clock of the command line.

use std::time::Instant;

#[expect(clippy::disallowed_methods, reason = "the commands measure real time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}
