//! One machine of a world: a node, the program on it, and its clock.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::agenda::Step;
use super::conduct::Conduct;
use super::link::LinkId;
use crate::conn_id::ConnId;
use crate::node::{Config, Node, TLS};
use crate::time::{Instant, UnixTime};

/// The port that every simulated node listens at.
const PORT: u16 = 4_000;

/// A machine with one node.
#[derive(Debug)]
pub(super) struct Machine<A> {
    /// `None` while it is crashed.
    pub(super) node: Option<Node>,
    pub(super) app: A,
    pub(super) config: Config,
    pub(super) life: u64,
    pub(super) links: BTreeMap<ConnId, LinkId>,
    /// Connections that the node has paused.
    pub(super) paused: BTreeSet<ConnId>,
    /// Until when the machine stands still.
    pub(super) stopped_until: Option<Instant>,
    /// What happened to it while it stood still.
    pub(super) missed: VecDeque<Step>,
    /// How far its calendar is ahead of the world's, or behind.
    pub(super) clock_offset: ClockOffset,
    /// How fast its calendar runs, as a share of the world's.
    pub(super) clock_rate: f64,
    /// When it next looks at its calendar, while that runs wrong.
    pub(super) tick_at: Option<Instant>,
    /// How many of the next dials to it are refused.
    pub(super) refusals: usize,
    /// What its node does within a turn.
    pub(super) conduct: Conduct,
    /// How many bytes its node has been given in this life.
    pub(super) given_len: u64,
    /// The most connections that it has had at once.
    pub(super) most_links: usize,
    /// The one timer on the agenda that counts. Later ones there are of earlier plans.
    pub(super) timer_at: Option<Instant>,
    /// The port of the next connection that it dials.
    pub(super) next_port: u16,
}

/// A difference between two clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClockOffset {
    Ahead(Duration),
    Behind(Duration),
}

impl ClockOffset {
    pub(super) fn apply(self, wall: UnixTime) -> UnixTime {
        match self {
            Self::Ahead(offset) => wall + offset,
            Self::Behind(offset) => {
                UnixTime::from_epoch(wall.since(UnixTime::default()).saturating_sub(offset))
            }
        }
    }
}

impl<A> Machine<A> {
    /// Whether what its node sends is different each time.
    pub(super) fn draws_entropy(&self) -> bool {
        self.config.protocol.encryption() == TLS
    }

    pub(super) fn new(config: Config, app: A) -> Self {
        Self {
            node: None,
            app,
            config,
            life: 0,
            links: BTreeMap::new(),
            paused: BTreeSet::new(),
            stopped_until: None,
            missed: VecDeque::new(),
            clock_offset: ClockOffset::Ahead(Duration::ZERO),
            clock_rate: 1.0,
            tick_at: None,
            refusals: 0,
            conduct: Conduct::default(),
            given_len: 0,
            most_links: 0,
            timer_at: None,
            next_port: 50_000,
        }
    }
}

/// The address of a machine: 10.x.y.z.
pub(super) fn addr_of(index: usize) -> SocketAddr {
    // 2^24 machines are more than anybody has the memory for.
    let [_, high, mid, low] = u32::try_from(index + 1).unwrap_or(u32::MAX).to_be_bytes();
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, high, mid, low)), PORT)
}

/// The machine at an address.
pub(super) fn index_of(addr: SocketAddr) -> Option<usize> {
    match addr.ip() {
        IpAddr::V4(ip) if addr.port() == PORT => {
            let [net, high, mid, low] = ip.octets();
            let number = u32::from_be_bytes([0, high, mid, low]);
            (net == 10).then_some(usize::try_from(number).ok()?.checked_sub(1)?)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_machine_has_its_own_address() {
        for index in [0, 1, 254, 255, 256, 65_535, 100_000] {
            assert_eq!(index_of(addr_of(index)), Some(index));
        }
        assert_eq!(index_of("10.0.0.0:4000".parse().unwrap()), None);
        assert_eq!(index_of("10.0.0.1:4001".parse().unwrap()), None);
        assert_eq!(index_of("127.0.0.1:4000".parse().unwrap()), None);
    }
}
