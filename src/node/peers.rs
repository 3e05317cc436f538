//! Peers lists: telling neighbors of each other, and following what they tell.
//! PROTOCOL.md §3.2.

use std::time::Duration;

use super::connection::{Connection, Phase};
use super::dial_policy::may_dial;
use super::throttle::Limit;
use super::{CloseMode, Node};
use crate::conn_id::ConnId;
use crate::error::CloseReason;
use crate::time::Instant;
use crate::wire::{Flag, PathfindingMessage, PeerEntry};

/// The most probes at once.
const MAX_PROBES: usize = 4;

/// How many lists a neighbor may send.
const LISTS: Limit = Limit::every(Duration::from_secs(10), 32);

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
        let max_len = self.config.limits.max_frame_len.saturating_sub(HEADER_LEN);
        let max_count = MAX_TOLD.min(max_len / ENTRY_LEN);
        let mut entries: Vec<PeerEntry> = Vec::new();
        for (_, other) in self.table.iter().filter(|(_, other)| *other != conn) {
            let peer = self.connections.get(&other).and_then(Connection::peer);
            if let Some(peer) = peer.filter(|_| entries.len() < max_count) {
                entries.push(PeerEntry { address: peer.reached.map(Into::into), id: peer.id });
            }
        }
        if let Some(message) = self.make(now, Flag::Whisper, &PeerEntry::encode_list(&entries)) {
            self.tell(now, conn, message);
        }
    }

    /// Enters peers that a neighbor tells of in the address book, and dials some of them while there
    /// are fewer outgoing connections than wanted. A list that cannot be read is left alone: a py2p
    /// node passes on what others say. So is one that comes too soon behind others.
    pub(super) fn on_peers(&mut self, now: Instant, conn: ConnId, message: &PathfindingMessage) {
        self.stats.frames.peers_lists += 1;
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        let teller = connection.addr.ip();
        let Some(full_at) = LISTS.take(now, connection.budgets.lists_full_at) else {
            return self.stats.ignored.too_many_lists += 1;
        };
        connection.budgets.lists_full_at = full_at;
        let Ok(entries) = PeerEntry::decode_list(message.payload(), MAX_ENTRIES) else {
            return self.stats.ignored.unreadable += 1;
        };
        if self.config.limits.max_outgoing > 0 {
            self.note_told(now, entries, teller);
            self.search(now);
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
            let place = addr.map(|addr| (peer.id, addr));
            if let Some(place) = place.filter(|_| self.config.limits.max_outgoing > 0) {
                self.book.tell(now, &mut self.rng, place, place.1.ip());
            }
        }
        if let Some(probe) = self.connections.get_mut(&probe) {
            probe.has_answered = true;
        }
        self.end(now, probe, CloseReason::Local, CloseMode::Abort);
    }
}
