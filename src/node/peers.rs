//! Peers lists: telling neighbors of each other, and following what they tell.
//! PROTOCOL.md §3.2.

use std::net::SocketAddr;
use std::time::Duration;

use rand::seq::SliceRandom;

use super::connection::Phase;
use super::dial_policy::may_dial;
use super::sorted_map::SortedMap;
use super::{CloseMode, Node};
use crate::conn_id::ConnId;
use crate::error::CloseReason;
use crate::time::Instant;
use crate::wire::{Flag, NodeId, PathfindingMessage, PeerEntry};

/// The most probes at once.
const MAX_PROBES: usize = 4;

/// How soon an address that others told of is dialled again.
const REDIAL_AFTER: Duration = Duration::from_secs(30);

/// The most addresses remembered as dialled within that time.
const MAX_RECENT: usize = 256;

/// The addresses that were dialled because others told of them, and when.
#[derive(Debug, Default)]
pub(super) struct RecentDials {
    by_addr: SortedMap<SocketAddr, Instant>,
}

impl RecentDials {
    /// Whether an address may be dialled now; if so, remembers it.
    fn admit(&mut self, now: Instant, addr: SocketAddr) -> bool {
        self.by_addr.retain(|_, at| now.since(*at) < REDIAL_AFTER);
        let may = self.by_addr.len() < MAX_RECENT && !self.by_addr.contains_key(&addr);
        if may {
            self.by_addr.insert(addr, now);
        }
        may
    }
}

/// The most entries that a list may have to be read.
const MAX_ENTRIES: usize = 1_000;

/// The most entries that this node writes: about four kilobytes, which a py2p node, whose reading
/// takes quadratic time, has read in a tenth of a second.
const MAX_TOLD: usize = 32;

/// What an entry takes at most: an IPv6 address, a port, an id, and what stands around them.
const ENTRY_LEN: usize = 160;

/// What a list's message takes at most beside its entries.
const HEADER_LEN: usize = 256;

impl Node {
    /// Tells a new neighbor of the others.
    ///
    /// An address is told only where this node has reached the peer there itself: a py2p node
    /// that fails to connect to it would close the connection to us.
    pub(super) fn send_peers(&mut self, now: Instant, conn: ConnId) {
        let entries: Vec<PeerEntry> = self
            .table
            .iter()
            .filter(|&(_, other)| other != conn)
            .filter_map(|(_, other)| self.connections.get(&other)?.peer())
            .map(|peer| PeerEntry { address: peer.reached.map(Into::into), id: peer.id })
            .take(MAX_TOLD.min(self.config.max_frame_len.saturating_sub(HEADER_LEN) / ENTRY_LEN))
            .collect();
        if let Some(message) = self.make(now, Flag::Whisper, &PeerEntry::encode_list(&entries)) {
            self.tell(now, conn, message);
        }
    }

    /// Dials peers that a neighbor tells of, while there are fewer outgoing connections than
    /// wanted. A list that cannot be read is left alone: a py2p node passes on what others say.
    pub(super) fn on_peers(&mut self, now: Instant, conn: ConnId, message: &PathfindingMessage) {
        let Some(teller) = self.connections.get(&conn).map(|c| c.addr.ip()) else { return };
        let Ok(entries) = PeerEntry::decode_list(message.payload(), MAX_ENTRIES) else {
            self.stats.ignored += 1;
            return;
        };
        let mut candidates: Vec<(NodeId, SocketAddr)> = entries
            .into_iter()
            .filter(|entry| entry.id != self.id && self.table.conn(&entry.id).is_none())
            .filter_map(|entry| Some((entry.id, entry.address?.socket_addr()?)))
            .filter(|&(_, addr)| may_dial(addr, teller))
            .collect();
        // Of several entries for one node the last counts.
        candidates.reverse();
        candidates.sort_by_key(|&(id, _)| id);
        candidates.dedup_by_key(|&mut (id, _)| id);
        candidates.shuffle(&mut self.rng);
        let outgoing = self.connections.values().filter(|c| c.counts_as_outgoing()).count();
        let mut wanted = self.config.max_outgoing.saturating_sub(outgoing);
        let is_proven = self.encryption.proves_ids();
        for (id, addr) in candidates {
            if wanted == 0 {
                break;
            }
            // Where ids are claims, whoever answers there is as good as the one that was told of.
            let expected = is_proven.then_some(id);
            if self.recent_dials.admit(now, addr) && self.dial_for(now, addr, expected).is_ok() {
                wanted -= 1;
            }
        }
    }

    /// Finds out whether a peer that dialled this node can be dialled itself, at the port that it
    /// announces on the address that it came from. Nothing is sent on such a connection.
    pub(super) fn probe(&mut self, now: Instant, conn: ConnId) {
        // A py2p node does not survive a connection that says nothing under RSA.
        if self.encryption.is_rsa() {
            return;
        }
        let Some(connection) = self.connections.get(&conn) else { return };
        let is_unreached = connection.is_incoming()
            && connection.peer().is_some_and(|peer| peer.reached.is_none());
        let Some(peer) = connection.peer().filter(|_| is_unreached) else { return };
        let Some(addr) = peer.announced.as_ref().and_then(|address| address.socket_addr()) else {
            return;
        };
        let from = connection.addr.ip();
        let probes = self.connections.values().filter(|other| other.is_probe());
        let is_fit = addr.ip().to_canonical() == from.to_canonical() && may_dial(addr, from);
        if !is_fit || probes.clone().any(|other| other.addr == addr) {
            return;
        }
        if probes.count() >= MAX_PROBES {
            self.unprobed.push_back(conn);
        } else {
            self.open(now, addr, Phase::Probing(conn));
        }
    }

    /// A probe is over: the next may begin.
    pub(super) fn probe_next(&mut self, now: Instant) {
        let mut probes = self.connections.values().filter(|other| other.is_probe()).count();
        while probes < MAX_PROBES {
            let Some(conn) = self.unprobed.pop_front() else { return };
            let before = self.last_conn;
            self.probe(now, conn);
            probes += usize::from(self.last_conn != before);
        }
    }

    /// A connection is gone, and whether its peer can be dialled with it.
    pub(super) fn end_probe_of(&mut self, now: Instant, conn: ConnId) {
        let is_its = |probe: &Phase| matches!(probe, Phase::Probing(peer) if *peer == conn);
        let probe = self.connections.iter().find(|(_, other)| is_its(&other.phase));
        if let Some(probe) = probe.map(|(probe, _)| *probe) {
            self.end(now, probe, CloseReason::Local, CloseMode::Abort);
        }
    }

    /// A probe has reached the peer of `conn`.
    pub(super) fn on_reached(&mut self, now: Instant, probe: ConnId, conn: ConnId) {
        let addr = self.connections.get(&probe).map(|connection| connection.addr);
        if let Some(peer) = self.connections.get_mut(&conn).and_then(|c| c.peer_mut()) {
            peer.reached = addr;
        }
        self.end(now, probe, CloseReason::Local, CloseMode::Abort);
    }
}
