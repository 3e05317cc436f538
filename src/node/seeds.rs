//! Addresses that the user wants to be connected to, tried for ever.

use std::net::SocketAddr;

use super::Node;
use super::backoff::Backoff;
use super::timer::Timer;
use crate::error::DialError;
use crate::sorted_map::SortedMap;
use crate::time::Instant;
use crate::wire::NodeId;

/// What is known of one seed.
#[derive(Debug, Default)]
pub(super) struct Seed {
    backoff: Backoff,
    /// Who is to answer there, if not anybody.
    expected: Option<NodeId>,
}

/// The seeds by their addresses.
pub(super) type Seeds = SortedMap<SocketAddr, Seed>;

impl Node {
    /// Dials `addr` now, and again whenever there is no connection to it: after pauses that
    /// double up to five minutes and are drawn at random, so that nodes that lost one seed
    /// together do not come back to it together. For a minute after it is lost they are two seconds
    /// at most.
    pub fn add_seed(&mut self, now: Instant, addr: SocketAddr) {
        if !self.closing && !self.seeds.contains_key(&addr) {
            self.seeds.insert(addr, Seed::default());
            self.dial_seed(now, addr);
        }
    }

    /// Like [`Node::add_seed`], for this node alone: a connection at whose other end another one
    /// answers, or under TLS proves to be, is closed, and the address tried again. For an address
    /// that is a seed already this counts from the next dial on.
    pub fn add_seed_peer(&mut self, now: Instant, addr: SocketAddr, id: NodeId) {
        if let Some(seed) = self.seeds.get_mut(&addr) {
            seed.expected = Some(id);
        } else if !self.closing {
            self.seeds.insert(addr, Seed { expected: Some(id), ..Seed::default() });
            self.dial_seed(now, addr);
        }
    }

    /// Tries an address no more, but as one of the address book. Returns whether it was a seed. A
    /// connection stays.
    pub fn remove_seed(&mut self, addr: SocketAddr) -> bool {
        self.timers.stop(Timer::Seed(addr));
        self.seeds.remove(&addr).is_some()
    }

    pub(super) fn forget_seeds(&mut self) {
        for (addr, _) in std::mem::take(&mut self.seeds) {
            self.timers.stop(Timer::Seed(addr));
        }
    }

    pub(super) fn dial_seed(&mut self, now: Instant, addr: SocketAddr) {
        let expected = self.seeds.get(&addr).and_then(|seed| seed.expected);
        match self.dial_for(now, addr, expected) {
            Ok(_)
            | Err(
                DialError::AlreadyConnected(_) | DialError::AlreadyDialing(_) | DialError::Closed,
            ) => {}
            // One's own address is a seed like any other: a list of seeds is often the same for
            // all nodes of a mesh.
            Err(DialError::SelfConnection) => {
                self.remove_seed(addr);
            }
            // The lists may change.
            Err(DialError::Denied(_)) => self.on_seed_gone(now, addr),
        }
    }

    pub(super) fn on_seed_reached(&mut self, now: Instant, addr: SocketAddr) {
        if let Some(seed) = self.seeds.get_mut(&addr) {
            seed.backoff.on_reached(now);
        }
    }

    /// A connection that this node dialled to `addr` has ended, or was not made.
    pub(super) fn on_seed_gone(&mut self, now: Instant, addr: SocketAddr) {
        let Some(seed) = self.seeds.get_mut(&addr) else { return };
        let pause = seed.backoff.on_gone(now, &mut self.rng);
        self.timers.set(Timer::Seed(addr), now + pause);
    }
}
