//! Peers lists: telling neighbors of each other, and following what they tell.
//! PROTOCOL.md §3.2.

use std::net::SocketAddr;

use rand::seq::SliceRandom;

use super::connection::Phase;
use super::dial_policy::may_dial;
use super::{CloseMode, Node};
use crate::error::CloseReason;
use crate::event::ConnId;
use crate::time::Instant;
use crate::wire::{Flag, PathfindingMessage, PeerEntry};

/// The most entries that a list may have to be read.
const MAX_ENTRIES: usize = 1_000;

/// The most entries that this node writes.
const MAX_TOLD: usize = 100;

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
            .take(MAX_TOLD)
            .collect();
        if let Some(message) = self.make(now, Flag::Whisper, &PeerEntry::encode_list(&entries)) {
            self.transmit_message(now, conn, &message);
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
        let mut candidates: Vec<SocketAddr> = entries
            .into_iter()
            .filter(|entry| entry.id != self.id && self.table.conn(&entry.id).is_none())
            .filter_map(|entry| entry.address?.socket_addr())
            .filter(|&addr| may_dial(addr, teller))
            .collect();
        candidates.shuffle(&mut self.rng);
        let outgoing = self.connections.values().filter(|c| c.counts_as_outgoing()).count();
        let mut wanted = self.config.max_outgoing.saturating_sub(outgoing);
        for addr in candidates {
            if wanted == 0 {
                break;
            }
            if self.dial(now, addr).is_ok() {
                wanted -= 1;
            }
        }
    }

    /// Finds out whether a peer that dialled this node can be dialled itself, at the port that it
    /// announces on the address that it came from. Nothing is sent on such a connection.
    pub(super) fn probe(&mut self, now: Instant, conn: ConnId) {
        let Some(connection) = self.connections.get(&conn) else { return };
        let Some(peer) = connection.peer().filter(|_| connection.is_incoming()) else { return };
        let Some(addr) = peer.announced.as_ref().and_then(|address| address.socket_addr()) else {
            return;
        };
        let from = connection.addr.ip();
        if addr.ip().to_canonical() == from.to_canonical() && may_dial(addr, from) {
            self.open(now, addr, Phase::Probing(conn));
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
