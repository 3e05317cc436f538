//! The number of neighbors, for threads that wait for some.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::error::SendError;

/// Changed by the event loop, read by anybody.
#[derive(Debug, Default)]
pub(crate) struct PeerCount {
    state: Mutex<State>,
    changed: Condvar,
    /// Whether there are any, for those who ask often.
    has_some: AtomicBool,
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

    #[inline(never)]
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

    /// Whether somebody could be sent something.
    ///
    /// # Errors
    ///
    /// Why not.
    pub(crate) fn check(&self) -> Result<(), SendError> {
        if self.has_some.load(Ordering::Acquire) {
            return Ok(());
        }
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match *state {
            State { closed: true, .. } => Err(SendError::Closed),
            State { count: 0, .. } => Err(SendError::NoNeighbors),
            State { .. } => Ok(()),
        }
    }

    #[inline(never)]
    fn update(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut state);
        self.has_some.store(state.count > 0, Ordering::Release);
        drop(state);
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::thread;

    const PATIENCE: Duration = Duration::from_secs(30);

    #[test]
    fn whoever_waits_is_woken_by_the_last_neighbor_it_waits_for() {
        let peers = Arc::new(PeerCount::default());
        let waiting: Vec<_> = (1..=8)
            .map(|wanted| {
                let peers = Arc::clone(&peers);
                thread::spawn(move || peers.wait_for(wanted, PATIENCE) >= wanted)
            })
            .collect();
        for count in 1..=8 {
            peers.set(count);
        }
        assert!(waiting.into_iter().all(|thread| thread.join().unwrap()));
    }

    #[test]
    fn enough_neighbors_are_not_waited_for_and_too_few_are_told_when_the_time_is_up() {
        let peers = PeerCount::default();
        assert_eq!(peers.wait_for(0, PATIENCE), 0);
        peers.set(2);
        assert_eq!(peers.wait_for(1, PATIENCE), 2);
        assert_eq!(peers.wait_for(3, Duration::ZERO), 2);
        assert_eq!(peers.wait_for(2, Duration::MAX), 2);
    }

    #[test]
    fn nobody_waits_for_a_loop_that_has_ended() {
        let peers = Arc::new(PeerCount::default());
        peers.set(1);
        let waiting = {
            let peers = Arc::clone(&peers);
            thread::spawn(move || peers.wait_for(2, Duration::MAX))
        };
        peers.close();
        assert_eq!(waiting.join().unwrap(), 0);
        assert_eq!(peers.wait_for(1, Duration::MAX), 0);
    }
}
