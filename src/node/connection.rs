//! One connection of a node, from the dial or the accept to its end.

use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};

use super::allowance::Allowance;
use super::budget::Budget;
use super::outgoing::Form;
use crate::conn_id::ConnId;
use crate::error::CloseReason;
use crate::event::{Direction, PeerInfo};
use crate::session::Session;
#[cfg(feature = "rsa")]
use crate::session::rsa::SIZE_REQUEST;
use crate::time::{Instant, UnixTime};
use crate::wire::{
    Address, Compressions, Extension, FrameDecoder, Handshake, LinkName, NodeId, PathfindingMessage,
};

/// One TCP connection as the node sees it.
#[derive(Debug)]
pub(super) struct Connection {
    /// The other end.
    pub(super) addr: SocketAddr,
    pub(super) direction: Direction,
    pub(super) phase: Phase,
    /// What lies between the bytes of the connection and the frames on it.
    pub(super) session: Session,
    /// Whether the session has been established.
    pub(super) is_secured: bool,
    /// How much the session may do in one turn.
    pub(super) allowance: Allowance,
    /// What arrived and waits for the session.
    pub(super) sealed: BytesMut,
    /// Whether the driver has been told to read no more for now.
    pub(super) is_paused: bool,
    /// Whether the session cannot begin before there is a key for it.
    #[cfg(feature = "rsa")]
    pub(super) awaits_key: bool,
    /// Whether the session has more to do than fitted its turn.
    pub(super) is_working: bool,
    /// Whether the socket is to be closed as soon as the session has nothing left to send.
    pub(super) closes_when_flushed: bool,
    /// Why the session is over, until the other end may know.
    pub(super) fault: Option<CloseReason>,
    pub(super) decoder: FrameDecoder,
    /// What arrived and waits for the connection's next turn, while it is paused.
    pub(super) unread: Option<Bytes>,
    /// Bytes transmitted that the operating system has not taken.
    pub(super) backlog_len: usize,
    /// When the operating system last took some, or the backlog began.
    pub(super) last_progress: Instant,
    /// When the connection was made.
    pub(super) opened_at: Instant,
    /// When bytes last arrived, or the connection was made.
    pub(super) last_received: Instant,
    /// This node's name for the connection.
    pub(super) link: u64,
    /// What the other end can do beyond the 0.2 protocol, once its handshake has told.
    pub(super) extension: Option<Extension>,
    /// Whom this node wants to find at the other end, if anybody will not do.
    pub(super) expected: Option<NodeId>,
    /// What has come on it that costs more than it does.
    pub(super) budgets: Budgets,
    /// A question about this connection that has to wait for its handshake, and where it came
    /// from.
    pub(super) question: Option<(ConnId, LinkName)>,
}

/// How far a connection is.
///
/// ```text
///  dial ──> Dialing ──Connected──> Opening ──handshake──┬──> Established ──┬──> Closing ──> gone
///                       accept ──────^  │               ├──> Parked ──^  │ └──> Retiring ─> gone
///  probe ─> Probing ──Connected──> gone └──> Holding ───┘               └───────^
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
    /// Open; the peer's handshake has not come. This node has sent its own where it dialled.
    Opening,
    /// Accepted from a py2p node that has sent its handshake; this node's is held back.
    Holding(Box<Handshake>),
    /// The handshakes are done, but there is a connection to the same id, whose other end has
    /// been asked whether this is its own as well. Read, and not written to.
    Parked(Box<Parked>),
    /// A neighbor.
    Established(Box<Peer>),
    /// Another connection to the same peer is used instead; this one is flushed, and read to its
    /// end.
    Retiring(NodeId),
    /// Being flushed, to the peer with this id if it was one; nothing that arrives counts.
    Closing(Option<NodeId>),
}

/// A second connection to an id that waits for the word of the first.
#[derive(Debug)]
pub(super) struct Parked {
    pub(super) handshake: Handshake,
    /// The connection that was there before.
    pub(super) incumbent: ConnId,
    /// When it was parked.
    pub(super) since: Instant,
    /// When the incumbent was last asked; `None` where its queue had no room for the question.
    pub(super) asked_at: Option<Instant>,
}

/// What a peer's handshake told, and what was found out since.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    pub(super) id: NodeId,
    pub(super) announced: Option<Address>,
    pub(super) compressions: Compressions,
    pub(super) since: UnixTime,
    /// Where this node has reached it: the only address that others are told.
    pub(super) reached: Option<SocketAddr>,
    /// The last broadcast or whisper sent to it, if it is short enough to be sent again.
    pub(super) last_sent: Option<PathfindingMessage>,
}

/// What a peer has asked for within the last minute.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Budgets {
    pub(super) undecodable: Budget,
    pub(super) complaints: Budget,
    pub(super) resends: Budget,
    pub(super) renegotiations: Budget,
    pub(super) peers_lists: Budget,
    pub(super) requests: Budget,
}

impl Connection {
    pub(super) fn new(
        addr: SocketAddr,
        direction: Direction,
        phase: Phase,
        link: u64,
        now: Instant,
    ) -> Self {
        Self {
            addr,
            direction,
            phase,
            session: Session::plaintext(),
            is_secured: false,
            allowance: Allowance::new(now),
            sealed: BytesMut::new(),
            is_paused: false,
            #[cfg(feature = "rsa")]
            awaits_key: false,
            is_working: false,
            closes_when_flushed: false,
            fault: None,
            decoder: FrameDecoder::default(),
            unread: None,
            backlog_len: 0,
            last_progress: now,
            opened_at: now,
            last_received: now,
            link,
            extension: None,
            expected: None,
            budgets: Budgets::default(),
            question: None,
        }
    }

    /// The neighbor at the other end.
    pub(super) fn peer(&self) -> Option<&Peer> {
        if let Phase::Established(peer) = &self.phase { Some(peer) } else { None }
    }

    pub(super) fn peer_mut(&mut self) -> Option<&mut Peer> {
        if let Phase::Established(peer) = &mut self.phase { Some(peer) } else { None }
    }

    /// Who is at the other end, as far as its handshake told.
    pub(super) fn id(&self) -> Option<NodeId> {
        match &self.phase {
            Phase::Dialing | Phase::Probing(_) | Phase::Opening | Phase::Closing(_) => None,
            Phase::Holding(handshake) => Some(handshake.id),
            Phase::Parked(parked) => Some(parked.handshake.id),
            Phase::Established(peer) => Some(peer.id),
            Phase::Retiring(id) => Some(*id),
        }
    }

    /// The id of the key that the other end has proven to hold, where the encryption proves any.
    pub(super) fn proven_id(&self) -> Option<NodeId> {
        #[cfg(feature = "tls")]
        return self.session.peer_key().map(|key| key.node_id());
        #[cfg(not(feature = "tls"))]
        return None;
    }

    /// Who is at the other end, by its handshake or, where it came to none, by its key.
    pub(super) fn known_id(&self) -> Option<NodeId> {
        self.id().or_else(|| self.proven_id())
    }

    /// Whether the id that the other end goes by is proven: a handshake with another is refused.
    pub(super) fn is_authenticated(&self) -> bool {
        self.session.is_authenticated()
    }

    /// Whether frames stand on it as they are. As [`Encryption::is_plaintext`], known when a build
    /// is made that has nothing else.
    ///
    /// [`Encryption::is_plaintext`]: super::Encryption::is_plaintext
    pub(super) fn is_plain(&self) -> bool {
        #[cfg(feature = "rsa")]
        if self.awaits_key {
            return false;
        }
        matches!(self.session, Session::Plaintext(_))
    }

    /// Which form of a message the other end reads.
    pub(super) fn form(&self) -> Form {
        if self.extension.is_some() { Form::Extended } else { Form::Legacy }
    }

    /// Whether the connection has yet to become a neighbor's, or to end.
    pub(super) fn is_pending(&self) -> bool {
        matches!(self.phase, Phase::Dialing | Phase::Opening | Phase::Holding(_) | Phase::Parked(_))
    }

    /// Whether somebody has dialled this node and keeps it waiting for a handshake. Whoever has
    /// begun to ask for an RSA key is kept waiting by this node instead.
    pub(super) fn owes_handshake(&self) -> bool {
        #[cfg(feature = "rsa")]
        if self.awaits_key && !self.sealed.is_empty() {
            return false;
        }
        self.is_incoming() && matches!(self.phase, Phase::Opening)
    }

    pub(super) fn is_incoming(&self) -> bool {
        self.direction == Direction::Incoming
    }

    /// Whether this node dialled `addr` and the connection leads, or may lead, to a neighbor.
    pub(super) fn is_dialed_to(&self, addr: SocketAddr) -> bool {
        let leads = self.is_pending() || self.peer().is_some();
        leads && !self.is_incoming() && self.addr == addr
    }

    /// Whether it is one of the connections that [`Config::max_outgoing`] counts: all that this
    /// node dialled, until their sockets are gone, but for probes, which have their own limit.
    ///
    /// [`Config::max_outgoing`]: super::Config::max_outgoing
    pub(super) fn counts_as_outgoing(&self) -> bool {
        !self.is_incoming() && !self.is_probe()
    }

    /// Whether it is to have an RSA key: this node needs one to ask, but not to be asked.
    #[cfg(feature = "rsa")]
    pub(super) fn is_worth_a_key(&self) -> bool {
        let is_open = self.fault.is_none() && !matches!(self.phase, Phase::Closing(_));
        is_open && (!self.is_incoming() || self.sealed.starts_with(SIZE_REQUEST))
    }

    /// Whether this node has ended it.
    pub(super) fn is_closing(&self) -> bool {
        matches!(self.phase, Phase::Closing(_))
    }

    pub(super) fn is_probe(&self) -> bool {
        matches!(self.phase, Phase::Probing(_))
    }

    pub(super) fn peer_info(&self, conn: ConnId) -> Option<PeerInfo> {
        let peer = self.peer()?;
        Some(PeerInfo {
            id: peer.id,
            is_authenticated: self.is_authenticated(),
            conn,
            addr: self.addr,
            announced: peer.announced.clone(),
            direction: self.direction,
            compressions: peer.compressions,
            is_extended: self.extension.is_some(),
            since: peer.since,
            backlog_len: self.backlog_len,
        })
    }
}
