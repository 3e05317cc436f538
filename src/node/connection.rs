//! One connection of a node, from the dial or the accept to its end.

use std::net::SocketAddr;

use crate::event::{ConnId, Direction, PeerInfo};
use crate::time::Instant;
use crate::wire::{Address, Compressions, FrameDecoder, NodeId};

/// One TCP connection as the node sees it.
#[derive(Debug)]
pub(super) struct Connection {
    /// The other end.
    pub(super) addr: SocketAddr,
    pub(super) direction: Direction,
    pub(super) phase: Phase,
    pub(super) decoder: FrameDecoder,
    /// Bytes transmitted that the operating system has not taken.
    pub(super) backlog_len: usize,
    /// When the operating system last took some, or the backlog began.
    pub(super) last_progress: Instant,
}

/// How far a connection is.
///
/// ```text
///  dial ──> Dialing ──Connected──> Opening ──handshake──> Established ──┬──> Closing ──> gone
///                       accept ──────^                                  └──> Retiring ─> gone
///  probe ─> Probing ──Connected──> gone
/// ```
///
/// Every phase leads to "gone" when the driver reports the connection closed, and every open one
/// to Closing when this node ends it.
#[derive(Debug)]
pub(super) enum Phase {
    /// Dialled, and not open yet.
    Dialing,
    /// Dialled only to learn whether the address of this connection's peer can be reached.
    Probing(ConnId),
    /// Open; our handshake is sent, the peer's has not come.
    Opening,
    /// A neighbor.
    Established(Peer),
    /// Another connection to the same peer is used instead; this one is flushed, and read to its
    /// end.
    Retiring(NodeId),
    /// Being flushed; nothing that arrives counts.
    Closing,
}

/// What a peer's handshake told, and what was found out since.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    pub(super) id: NodeId,
    pub(super) announced: Option<Address>,
    pub(super) compressions: Compressions,
    pub(super) since: Instant,
    /// Where this node has reached it: the only address that others are told.
    pub(super) reached: Option<SocketAddr>,
}

impl Connection {
    pub(super) fn new(addr: SocketAddr, direction: Direction, phase: Phase, now: Instant) -> Self {
        Self {
            addr,
            direction,
            phase,
            decoder: FrameDecoder::default(),
            backlog_len: 0,
            last_progress: now,
        }
    }

    /// The neighbor at the other end.
    pub(super) fn peer(&self) -> Option<&Peer> {
        match &self.phase {
            Phase::Established(peer) => Some(peer),
            Phase::Dialing
            | Phase::Probing(_)
            | Phase::Opening
            | Phase::Retiring(_)
            | Phase::Closing => None,
        }
    }

    pub(super) fn peer_mut(&mut self) -> Option<&mut Peer> {
        match &mut self.phase {
            Phase::Established(peer) => Some(peer),
            Phase::Dialing
            | Phase::Probing(_)
            | Phase::Opening
            | Phase::Retiring(_)
            | Phase::Closing => None,
        }
    }

    /// Whether the connection has yet to show who is at its other end.
    pub(super) fn is_pending(&self) -> bool {
        matches!(self.phase, Phase::Dialing | Phase::Opening)
    }

    pub(super) fn is_incoming(&self) -> bool {
        self.direction == Direction::Incoming
    }

    /// Whether this node dialled `addr` and the connection leads, or may lead, to a neighbor.
    pub(super) fn is_dialed_to(&self, addr: SocketAddr) -> bool {
        self.counts_as_outgoing() && self.addr == addr
    }

    /// Whether it is one of the connections that [`Config::max_outgoing`] counts.
    ///
    /// [`Config::max_outgoing`]: super::Config::max_outgoing
    pub(super) fn counts_as_outgoing(&self) -> bool {
        !self.is_incoming() && (self.is_pending() || self.peer().is_some())
    }

    pub(super) fn peer_info(&self, conn: ConnId) -> Option<PeerInfo> {
        let peer = self.peer()?;
        Some(PeerInfo {
            id: peer.id,
            conn,
            addr: self.addr,
            announced: peer.announced.clone(),
            direction: self.direction,
            compressions: peer.compressions,
            since: peer.since,
            backlog_len: self.backlog_len,
        })
    }
}
