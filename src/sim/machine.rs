//! One machine of a world: a node, the program on it, and its clock.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::account::Account;
use super::agenda::Step;
use super::conduct::Conduct;
use super::farewell::Farewell;
use super::link::LinkId;
use super::outsider::Outside;
use super::reach::Lately;
use super::watch::Question;
use crate::conn_id::ConnId;
use crate::node::{Config, Node, TLS};
use crate::time::{Instant, UnixTime};
use crate::wire::{NodeId, RequestId};

/// The port that every simulated node listens at.
const PORT: u16 = 4_000;

/// A machine with one node, or with a program that is none.
#[derive(Debug)]
pub(super) struct Machine<A> {
    /// `None` while it is crashed, and for a machine that has none.
    pub(super) node: Option<Node>,
    /// What runs there in place of a node.
    pub(super) outside: Option<Outside>,
    /// What runs on the node.
    pub(super) app: Option<A>,
    pub(super) config: Config,
    pub(super) life: u64,
    /// When that began.
    pub(super) started_at: Instant,
    pub(super) links: BTreeMap<ConnId, LinkId>,
    /// Connections that the node has paused.
    pub(super) paused: BTreeSet<ConnId>,
    /// Connections that the node does not want to be read.
    pub(super) unwanted: BTreeSet<ConnId>,
    /// Until when the machine stands still.
    pub(super) stopped_until: Option<Instant>,
    /// When it last went on after that.
    pub(super) stood_at: Instant,
    /// What happened to it while it stood still.
    pub(super) missed: VecDeque<Step>,
    /// How far its calendar is ahead of the world's, or behind.
    pub(super) clock_offset: ClockOffset,
    /// How fast its calendar runs, as a share of the world's.
    pub(super) clock_rate: f64,
    /// When it next looks at its calendar, while that runs wrong.
    pub(super) tick_at: Option<Instant>,
    /// Until when its table of descriptors is full.
    pub(super) full_until: Option<Instant>,
    /// Connections that wait until it has room.
    pub(super) untaken: Vec<Step>,
    /// How long it takes over whatever it reads.
    pub(super) turn: Duration,
    /// What its node, which is closing, leaves behind.
    pub(super) farewell: Option<Farewell>,
    /// How many dials have ever come to it.
    pub(super) dialed: u64,
    /// How many of the next dials to it are refused.
    pub(super) refusals: usize,
    /// What its node does within a turn.
    pub(super) conduct: Conduct,
    /// The connection that its node is reading.
    pub(super) reading: Option<ConnId>,
    /// Whether an outsider writes what it reads there.
    pub(super) reads_outsider: bool,
    /// The broadcasts that its node has lately come to hold, while that matters.
    pub(super) known: Lately,
    /// Its node's neighbors, as events have told.
    pub(super) neighbors: BTreeSet<NodeId>,
    /// Whether those have changed since they were last compared with its own.
    pub(super) has_new_neighbors: bool,
    /// What its node has been asked to find out.
    pub(super) questions: BTreeMap<RequestId, Question>,
    /// What of that it has answered.
    pub(super) outcomes: BTreeSet<RequestId>,
    /// How often something had kept its node from telling others what they had missed, or from being
    /// told, after its last turn.
    pub(super) hindrances: u64,
    /// How many messages that its node held had made room for others, before its last turn and after.
    pub(super) displaced: [u64; 2],
    /// What its node must have counted in this life.
    pub(super) account: Account,
    /// The most connections that it has had at once in this life.
    pub(super) most_links: usize,
    /// How many frames its node could not decode by the end of its last turn.
    pub(super) undecodable: u64,
    /// Its turns since its memory was counted anew.
    pub(super) turns_unchecked: usize,
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

    /// Whether its node wants nothing more of a connection for now.
    pub(super) fn is_unread(&self, conn: ConnId) -> bool {
        self.paused.contains(&conn) || self.unwanted.contains(&conn)
    }

    /// Whether its node goes by the same id in each of its lives.
    pub(super) fn keeps_id(&self) -> bool {
        self.config.protocol.encryption() == TLS || self.config.id.is_some()
    }

    /// Whether its node signs its broadcasts, and takes no others.
    pub(super) fn signs(&self) -> bool {
        #[cfg(feature = "tls")]
        let signs = self.config.signs();
        #[cfg(not(feature = "tls"))]
        let signs = false;
        signs
    }

    /// Whether somebody is there, and not crashed.
    pub(super) fn is_up(&self) -> bool {
        let is_outsider_up = self.outside.as_ref().is_some_and(|outside| !outside.is_down);
        self.node.is_some() || is_outsider_up
    }

    pub(super) fn new(config: Config, app: Option<A>) -> Self {
        Self {
            node: None,
            outside: None,
            app,
            config,
            life: 0,
            started_at: Instant::ZERO,
            links: BTreeMap::new(),
            paused: BTreeSet::new(),
            unwanted: BTreeSet::new(),
            stopped_until: None,
            stood_at: Instant::ZERO,
            missed: VecDeque::new(),
            clock_offset: ClockOffset::Ahead(Duration::ZERO),
            clock_rate: 1.0,
            tick_at: None,
            full_until: None,
            untaken: Vec::new(),
            turn: Duration::ZERO,
            farewell: None,
            dialed: 0,
            refusals: 0,
            conduct: Conduct::default(),
            reading: None,
            reads_outsider: false,
            known: Lately::new(),
            neighbors: BTreeSet::new(),
            has_new_neighbors: false,
            questions: BTreeMap::new(),
            outcomes: BTreeSet::new(),
            hindrances: 0,
            displaced: [0; 2],
            account: Account::default(),
            most_links: 0,
            undecodable: 0,
            turns_unchecked: 0,
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
