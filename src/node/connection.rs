//! One connection of a node, from the dial or the accept to its end.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;

use super::allowance::Allowance;
use super::budget::Budget;
use super::catch_up::CatchingUp;
use super::ledger::Queue;
use super::outgoing::Form;
use super::reading::{Partial, Rates};
use crate::conn_id::ConnId;
use crate::error::CloseReason;
use crate::event::{Direction, PeerInfo, PeerTraffic};
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
    pub(super) sealed: Vec<u8>,
    /// Whether the driver has been told to read no more for now, and to give it turns.
    pub(super) is_paused: bool,
    /// What the driver has been told to read no more for until it is told otherwise: a sum of
    /// [`reading::MEMORY`](super::reading::MEMORY) and the like.
    pub(super) holds: u8,
    /// Since when, where there is any.
    pub(super) held_since: Instant,
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
    /// The frame that the peer has begun.
    pub(super) partial: Option<Partial>,
    /// Whether there is a timer for it, or for one before it.
    pub(super) is_frame_timed: bool,
    pub(super) rates: Rates,
    /// What the ledger has been told that it holds.
    pub(super) charged_len: usize,
    /// What waits for it, as the ledger has it.
    pub(super) queue: Queue,
    /// Bytes transmitted that the operating system has not taken.
    pub(super) backlog_len: usize,
    /// When the operating system last took some, or the backlog began.
    pub(super) last_progress: Instant,
    /// When the backlog began.
    pub(super) queued_since: Instant,
    /// When the connection was made.
    pub(super) opened_at: Instant,
    /// When it is gone at the latest, where it is ending or another is used instead.
    pub(super) leaves_at: Option<Instant>,
    /// When bytes last arrived, or the connection was made.
    pub(super) last_received: Instant,
    /// When the other end was last asked for a sign of life, and with which number, while there
    /// is none.
    pub(super) ping: Option<(Instant, u64)>,
    /// How long the other end last took to answer that.
    pub(super) round_trip: Option<Duration>,
    /// When a broadcast last came on it that this node had not had.
    pub(super) last_news: Option<Instant>,
    /// How many bytes have arrived.
    pub(super) received_len: u64,
    /// This node's name for the connection.
    pub(super) link: u64,
    /// What the other end can do beyond the 0.2 protocol, once its handshake has told.
    pub(super) extension: Option<Extension>,
    /// Whom this node wants to find at the other end, if anybody will not do.
    pub(super) expected: Option<NodeId>,
    /// What has gone over it.
    pub(super) traffic: PeerTraffic,
    /// What has come on it that costs more than it does.
    pub(super) budgets: Budgets,
    /// Whether it was a probe, and has found what it was to find.
    pub(super) has_answered: bool,
    /// A question about this connection that has to wait for its handshake, and where it came
    /// from.
    pub(super) question: Option<(ConnId, LinkName)>,
    /// What one end has missed and the other holds.
    pub(super) catch_up: CatchingUp,
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
    /// The methods that this node has last told it to use.
    pub(super) told: Compressions,
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
    pub(super) pings: Budget,
    /// When the bucket of the questions that are passed on for it will be full.
    pub(super) questions_full_at: Instant,
    /// When the bucket of its peers lists will be full.
    pub(super) lists_full_at: Instant,
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
            sealed: Vec::new(),
            is_paused: false,
            holds: 0,
            held_since: now,
            #[cfg(feature = "rsa")]
            awaits_key: false,
            is_working: false,
            closes_when_flushed: false,
            fault: None,
            decoder: FrameDecoder::default(),
            unread: None,
            partial: None,
            is_frame_timed: false,
            rates: Rates::default(),
            charged_len: 0,
            queue: Queue::default(),
            backlog_len: 0,
            last_progress: now,
            queued_since: now,
            opened_at: now,
            leaves_at: None,
            last_received: now,
            ping: None,
            round_trip: None,
            last_news: None,
            received_len: 0,
            link,
            extension: None,
            expected: None,
            traffic: PeerTraffic::default(),
            budgets: Budgets::default(),
            has_answered: false,
            question: None,
            catch_up: CatchingUp::default(),
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

    /// Whether it is under RSA.
    #[cfg(feature = "rsa")]
    pub(super) fn is_rsa(&self) -> bool {
        matches!(self.session, Session::Rsa(_))
    }

    /// Whether it is under RSA.
    #[cfg(not(feature = "rsa"))]
    pub(super) fn is_rsa(&self) -> bool {
        false
    }

    /// The bytes of memory that it takes for what has arrived and is not done with.
    pub(super) fn incoming_len(&self) -> usize {
        let unread_len = self.unread.as_ref().map_or(0, Bytes::len);
        self.decoder.held_len() + unread_len + self.sealed.capacity()
    }

    /// The bytes of memory that it takes beside what waits for it, and what every connection takes.
    #[inline(never)]
    pub(super) fn held_len(&self) -> usize {
        let last_sent = self.peer().and_then(|peer| peer.last_sent.as_ref());
        let last_sent_len = last_sent.map_or(0, |message| message.packets().body().len());
        let kept_len = last_sent_len + self.catch_up.held_len();
        self.incoming_len() + self.session.held_len() + kept_len
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

    /// When the other end last showed that it lives: it sent something, or took something of what
    /// waits for it.
    pub(super) fn alive_at(&self) -> Instant {
        let taken_at = (self.backlog_len > 0).then_some(self.last_progress);
        self.last_received.max(taken_at.unwrap_or_default())
    }

    pub(super) fn is_incoming(&self) -> bool {
        self.direction == Direction::Incoming
    }

    /// Whether this node dialled `addr` and the connection leads, or may lead, to a neighbor.
    pub(super) fn is_dialed_to(&self, addr: SocketAddr) -> bool {
        let leads = self.is_pending() || self.peer().is_some();
        leads && !self.is_incoming() && self.addr == addr
    }

    /// Whether it is one of the connections that [`Limits::max_outgoing`] counts: all that this
    /// node dialled, until their sockets are gone, but for probes, which have their own limit.
    ///
    /// [`Limits::max_outgoing`]: super::Limits::max_outgoing
    pub(super) fn counts_as_outgoing(&self) -> bool {
        !self.is_incoming() && !self.is_probe()
    }

    /// Whether it is to have an RSA key: this node needs one to ask, but not to be asked.
    #[cfg(feature = "rsa")]
    pub(super) fn is_worth_a_key(&self) -> bool {
        let is_open = self.fault.is_none() && !matches!(self.phase, Phase::Closing(_));
        is_open && (!self.is_incoming() || self.sealed.starts_with(SIZE_REQUEST))
    }

    /// Whether it leads to no neighbor any more, and never will again.
    pub(super) fn is_leaving(&self) -> bool {
        matches!(self.phase, Phase::Closing(_) | Phase::Retiring(_))
    }

    /// Whether this node has ended it.
    pub(super) fn is_closing(&self) -> bool {
        matches!(self.phase, Phase::Closing(_))
    }

    pub(super) fn is_probe(&self) -> bool {
        matches!(self.phase, Phase::Probing(_))
    }

    /// What this connection tells of a neighbor.
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
            round_trip: self.round_trip,
            backlog_len: self.backlog_len,
            traffic: Box::new(self.traffic),
            last_error: None,
        })
    }
}
