//! The node's timers: at most one of each kind, and one deadline over all.

use std::collections::VecDeque;
use std::net::SocketAddr;

use crate::conn_id::ConnId;
use crate::sorted_map::SortedMap;
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
    /// A neighbor is to have given a sign of life by then.
    Alive(ConnId),
    /// A connection that is ending must be gone by then.
    Linger(ConnId),
    /// A seed is to be dialled then.
    Seed(SocketAddr),
    /// The address book is to be looked through then.
    Search,
    /// A question must have been answered by then.
    Request(RequestId),
    /// No more copies of a question come after that.
    Forget(RequestId),
    /// Something is to be done then about missed messages.
    CatchUp,
    /// A frame that a connection has begun must have grown by then.
    Frame(ConnId),
    /// A connection whose bytes came too fast is not read until then.
    Rate(ConnId),
    /// Memory must have become free by then.
    Memory,
}

/// How many of these each connection may have, and how many kinds there is one of.
#[cfg(feature = "sim")]
pub(crate) const KINDS_OF_CONNECTION: usize = 7;
#[cfg(feature = "sim")]
pub(crate) const KINDS: usize = 3;

#[cfg(feature = "sim")]
impl std::fmt::Display for Timer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Opening(conn) => write!(f, "opening {conn}"),
            Self::Hold(conn) => write!(f, "hold {conn}"),
            Self::Alive(conn) => write!(f, "alive {conn}"),
            Self::Stall(conn) => write!(f, "stall {conn}"),
            Self::Linger(conn) => write!(f, "linger {conn}"),
            Self::Frame(conn) => write!(f, "frame {conn}"),
            Self::Rate(conn) => write!(f, "rate {conn}"),
            Self::Memory => write!(f, "memory"),
            Self::Seed(addr) => write!(f, "seed {addr}"),
            Self::Search => write!(f, "search"),
            Self::CatchUp => write!(f, "catch-up"),
            Self::Request(request_id) => write!(f, "request {request_id}"),
            Self::Forget(request_id) => write!(f, "forget {request_id}"),
        }
    }
}

/// Sorted lists, because trees of these types would add twenty kilobytes to every program. A timer
/// is mostly set behind nearly all the others and goes off in front of them, which moves few.
#[derive(Debug, Default)]
pub(super) struct Timers {
    by_time: VecDeque<(Instant, Timer)>,
    by_timer: SortedMap<Timer, Instant>,
}

impl Timers {
    /// Sets a timer, or moves it.
    #[inline(never)]
    pub(super) fn set(&mut self, timer: Timer, at: Instant) {
        self.stop(timer);
        self.by_time.insert(self.place(at, timer), (at, timer));
        self.by_timer.insert(timer, at);
    }

    #[inline(never)]
    pub(super) fn stop(&mut self, timer: Timer) {
        if let Some(at) = self.by_timer.remove(&timer) {
            self.by_time.remove(self.place(at, timer));
        }
    }

    /// Where a timer stands among all, or would stand.
    fn place(&self, at: Instant, timer: Timer) -> usize {
        self.by_time.partition_point(|other| *other < (at, timer))
    }

    /// Stops every timer of one connection.
    pub(super) fn stop_all(&mut self, conn: ConnId) {
        for timer in [
            Timer::Opening(conn),
            Timer::Hold(conn),
            Timer::Stall(conn),
            Timer::Alive(conn),
            Timer::Linger(conn),
            Timer::Frame(conn),
            Timer::Rate(conn),
        ] {
            self.stop(timer);
        }
    }

    pub(super) fn is_set(&self, timer: Timer) -> bool {
        self.by_timer.contains_key(&timer)
    }

    pub(super) fn len(&self) -> usize {
        self.by_timer.len()
    }

    /// All that are set, the first due first.
    #[cfg(feature = "sim")]
    pub(super) fn iter(&self) -> impl Iterator<Item = (Instant, Timer)> {
        self.by_time.iter().copied()
    }

    /// When the first timer is due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.by_time.front().map(|&(at, _)| at)
    }

    /// Takes a timer that is due at `now`, the earliest first.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<Timer> {
        let &(at, timer) = self.by_time.front()?;
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
