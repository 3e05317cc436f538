//! The messages that a program can receive and reply to, filled by one thread and read by another.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::super::kept::{Kept, Received};

#[derive(Debug, Default)]
pub(super) struct Inbox {
    kept: Mutex<Kept>,
    came: Condvar,
}

impl Inbox {
    /// Looks at what is kept, or changes it; whoever waits for a message looks again.
    pub(super) fn with<T>(&self, look: impl FnOnce(&mut Kept) -> T) -> T {
        let found = look(&mut self.lock());
        self.came.notify_all();
        found
    }

    /// Takes up to `max` messages that were not received before; waits for the first at most so
    /// long.
    pub(super) fn recv(&self, timeout: Duration, max: usize) -> Vec<Received> {
        let is_empty = |kept: &mut Kept| kept.unread() == 0;
        let waited = self.came.wait_timeout_while(self.lock(), timeout, is_empty);
        waited.unwrap_or_else(PoisonError::into_inner).0.read(max)
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
