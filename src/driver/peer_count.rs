//! The number of neighbors, for threads that wait for some.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Changed by the event loop, read by anybody.
#[derive(Debug, Default)]
pub(crate) struct PeerCount {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    count: usize,
    closed: bool,
}

impl PeerCount {
    pub(super) fn set(&self, count: usize) {
        self.update(|state| state.count = count);
    }

    pub(super) fn close(&self) {
        self.update(|state| *state = State { count: 0, closed: true });
    }

    /// Waits until there are `wanted` neighbors; returns how many there are then, which are fewer
    /// when the time is up or the loop has ended.
    pub(crate) fn wait_for(&self, wanted: usize, timeout: Duration) -> usize {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = |state: &mut State| state.count < wanted && !state.closed;
        self.changed
            .wait_timeout_while(state, timeout, waiting)
            .unwrap_or_else(PoisonError::into_inner)
            .0
            .count
    }

    fn update(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
    }
}
