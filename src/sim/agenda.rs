//! What is going to happen, in order.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::link::{End, LinkId};
use super::world::NodeIndex;
use crate::conn_id::ConnId;
use crate::error::NetworkError;
use crate::time::Instant;
use std::net::SocketAddr;

/// One thing that is going to happen.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// A machine's node wants a turn.
    Timer { machine: NodeIndex, due: Instant },
    /// A machine's program wants one.
    Wake { machine: NodeIndex, life: u64 },
    /// A dial arrives where it is meant to.
    Dial { from: End, addr: SocketAddr },
    /// A connection that a machine has taken comes before its node.
    Accept { machine: NodeIndex, addr: SocketAddr, link: Option<LinkId> },
    /// A machine's node is told of an address that it is to dial.
    Seed { machine: NodeIndex, addr: SocketAddr },
    /// A machine's calendar clock was set.
    ClockSet { machine: NodeIndex },
    /// A dial has been answered.
    Connected { link: LinkId },
    /// The next piece of a stream arrives.
    Arrive { link: LinkId, side: usize },
    /// A paused connection may have another turn.
    Continue { machine: NodeIndex, life: u64, conn: ConnId },
    /// A machine reads on from a connection that its node had it not read.
    ReadOn { machine: NodeIndex, life: u64, conn: ConnId },
    /// An end learns that its connection is gone.
    Broken { end: End, error: Option<NetworkError> },
    /// A machine looks at its calendar clock, which runs fast or slow.
    Tick { machine: NodeIndex, due: Instant },
    /// A link that was clogged may pass on again.
    Unclog { link: LinkId },
    /// A key for a machine's node has been made.
    #[cfg(feature = "rsa")]
    Key { machine: NodeIndex, life: u64 },
    /// A receiver may read on.
    Unstall { link: LinkId, side: usize },
    /// A node that is closing must be closed.
    Stopped { machine: NodeIndex, life: u64 },
    /// A machine's table of descriptors has room again.
    Free { machine: NodeIndex },
    /// A machine that stood still goes on.
    Resume { machine: NodeIndex },
}

/// When something happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    at: Instant,
    /// Of things at one instant, the one that was planned first comes first.
    number: u64,
}

#[derive(Debug)]
struct Scheduled {
    place: Place,
    step: Step,
}

impl Ord for Scheduled {
    /// Reversed: the heap gives the greatest, and the earliest is wanted.
    fn cmp(&self, other: &Self) -> Ordering {
        other.place.cmp(&self.place)
    }
}

impl PartialOrd for Scheduled {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Scheduled {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Scheduled {}

/// Everything that is going to happen.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    heap: BinaryHeap<Scheduled>,
    last_number: u64,
}

impl Agenda {
    pub(super) fn push(&mut self, at: Instant, step: Step) {
        let place = self.place(at);
        self.push_at(place, step);
    }

    /// Plans something without saying what: whoever has much to plan, one after the other, keeps it,
    /// and [pushes](Self::push_at) the first.
    pub(super) fn place(&mut self, at: Instant) -> Place {
        self.last_number += 1;
        Place { at, number: self.last_number }
    }

    /// Says what happens at a place.
    pub(super) fn push_at(&mut self, place: Place, step: Step) {
        self.heap.push(Scheduled { place, step });
    }

    /// How many things are going to happen.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.heap.len()
    }

    /// Takes the first thing that happens until `end`.
    pub(super) fn pop_until(&mut self, end: Instant) -> Option<(Instant, Step)> {
        if self.heap.peek()?.place.at > end {
            return None;
        }
        self.heap.pop().map(|scheduled| (scheduled.place.at, scheduled.step))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_happen_in_the_order_of_their_times_and_then_of_their_planning() {
        let at = Instant::from_millis;
        let mut agenda = Agenda::default();
        for (millis, machine) in [(5, 0), (3, 1), (5, 2), (3, 3)] {
            agenda.push(at(millis), Step::Resume { machine });
        }
        let order: Vec<_> = std::iter::from_fn(|| agenda.pop_until(at(5)))
            .map(|(_, step)| match step {
                Step::Resume { machine } => machine,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(order, [1, 3, 0, 2]);
        agenda.push(at(9), Step::Resume { machine: 9 });
        assert!(agenda.pop_until(at(8)).is_none());
    }
}
