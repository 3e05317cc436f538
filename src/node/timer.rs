//! The node's timers: at most one of each kind, and one deadline over all.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use crate::conn_id::ConnId;
use crate::time::Instant;
use crate::wire::RequestId;

/// What a timer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// A connection must be open, and its handshake done, by then; or a parked one's word come.
    Opening(ConnId),
    /// This node's handshake is held back until then.
    Hold(ConnId),
    /// A connection with a backlog must have made progress by then.
    Stall(ConnId),
    /// A connection that is ending must be gone by then.
    Linger(ConnId),
    /// A seed is to be dialled then.
    Seed(SocketAddr),
    /// A question must have been answered by then.
    Request(RequestId),
    /// No more copies of a question come after that.
    Forget(RequestId),
}

#[derive(Debug, Default)]
pub(super) struct Timers {
    by_time: BTreeSet<(Instant, Timer)>,
    by_timer: BTreeMap<Timer, Instant>,
}

impl Timers {
    /// Sets a timer, or moves it.
    pub(super) fn set(&mut self, timer: Timer, at: Instant) {
        self.stop(timer);
        self.by_time.insert((at, timer));
        self.by_timer.insert(timer, at);
    }

    pub(super) fn stop(&mut self, timer: Timer) {
        if let Some(at) = self.by_timer.remove(&timer) {
            self.by_time.remove(&(at, timer));
        }
    }

    /// Stops every timer of one connection.
    pub(super) fn stop_all(&mut self, conn: ConnId) {
        for timer in
            [Timer::Opening(conn), Timer::Hold(conn), Timer::Stall(conn), Timer::Linger(conn)]
        {
            self.stop(timer);
        }
    }

    pub(super) fn is_set(&self, timer: Timer) -> bool {
        self.by_timer.contains_key(&timer)
    }

    pub(super) fn len(&self) -> usize {
        self.by_timer.len()
    }

    /// When the first timer is due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.by_time.first().map(|&(at, _)| at)
    }

    /// Takes a timer that is due at `now`, the earliest first.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<Timer> {
        let &(at, timer) = self.by_time.first()?;
        if at > now {
            return None;
        }
        self.stop(timer);
        Some(timer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_come_due_in_order_and_once() {
        let at = Instant::from_millis;
        let [first, second] = [1, 2].map(|conn| Timer::Stall(ConnId::from_number(conn)));
        let mut timers = Timers::default();
        timers.set(first, at(5));
        timers.set(second, at(3));
        timers.set(first, at(9));
        assert_eq!(timers.next(), Some(at(3)));
        assert_eq!(timers.pop_due(at(2)), None);
        assert_eq!(timers.pop_due(at(9)), Some(second));
        assert!(timers.is_set(first));
        assert_eq!(timers.pop_due(at(9)), Some(first));
        assert_eq!((timers.pop_due(at(9)), timers.next()), (None, None));
    }
}
