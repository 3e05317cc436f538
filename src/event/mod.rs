//! What a mesh tells its user.
//!
//! Knows what can happen, what is told of a neighbor, and what became of a message, as plain values.
//! Does not know how a node finds it out, nor how it reaches the user.

mod explanation;
mod record;

use std::net::SocketAddr;
use std::time::Duration;

pub use explanation::{DropReason, Explanation, Fate};
pub use record::{Favor, Incident, PeerNote, PeerRecord};

use crate::conn_id::ConnId;
use crate::error::{CloseReason, LocateError, Refusal, WhisperError};
use crate::time::UnixTime;
use crate::wire::{Address, Compressions, MessageId, NodeId, PathfindingMessage, RequestId};

/// Which end opened a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// This node dialled.
    Outgoing,
    /// The peer dialled.
    Incoming,
}

/// Something that happened in the mesh around a node.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A message for the user.
    Message(Delivery),
    /// A peer became a neighbor: the handshakes on a connection are done.
    PeerJoined(Box<PeerInfo>),
    /// A neighbor is no longer one.
    PeerLost {
        /// Which one.
        id: NodeId,
        /// Why.
        reason: CloseReason,
    },
    /// A node was located, or not: see [`Node::locate`](crate::node::Node::locate).
    LocateDone {
        /// The name of the question.
        request_id: RequestId,
        /// Where the node can be reached, as another one says.
        outcome: Result<Address, LocateError>,
    },
    /// A whisper to a distant node is on its way to it, or will never be: see
    /// [`Node::whisper`](crate::node::Node::whisper).
    WhisperDone {
        /// The name of the question.
        request_id: RequestId,
        /// Whether the node was met and its queue took the message.
        outcome: Result<(), WhisperError>,
    },
    /// A turn of the event loop took longer than a second; nobody was served meanwhile. Where the
    /// machine was not asleep or overloaded, the program's own function did that which judges who
    /// may join, or its logger: no other code of a program runs on the loop.
    LoopHeldUp {
        /// How long the turn took.
        took: Duration,
    },
    /// Nearly all that others send is stamped so that it counts as too old, or as of the future:
    /// this machine's clock may be wrong. At most once a minute, as long as that is so. Whoever
    /// sends more than all others together can make it look so.
    ClockSuspect {
        /// How far the others' clocks are ahead of this one, in seconds: the median of the last
        /// messages.
        ahead_secs: i64,
    },
    /// A connection that this node dialled leads to a neighbor now. Where the peer was one before
    /// by another connection, this one replaces that.
    Dialed {
        /// The connection.
        conn: ConnId,
        /// Who answered.
        id: NodeId,
    },
    /// A connection that this node dialled ended before it led to a neighbor. Where the reason is
    /// [`CloseReason::Duplicate`], the peer is one already, by another connection.
    DialFailed {
        /// The connection.
        conn: ConnId,
        /// The address that was dialled.
        addr: SocketAddr,
        /// Who answered, where it came that far.
        id: Option<NodeId>,
        /// Why it ended.
        reason: CloseReason,
    },
}

/// A connection that ended by somebody's fault.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Trouble {
    /// When, by this node's calendar clock.
    pub time: UnixTime,
    /// The other end.
    pub addr: SocketAddr,
    /// Who that was, as far as it told.
    pub id: Option<NodeId>,
    /// Whether it has proven that id.
    pub is_authenticated: bool,
    /// What went wrong.
    pub reason: CloseReason,
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { addr, reason, .. } = self;
        match &self.id {
            Some(id) => write!(f, "{} at {addr}: {reason}", id.short()),
            None => write!(f, "{addr}: {reason}"),
        }
    }
}

/// A message on its way to the user.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Delivery {
    /// The message as it stood on the wire.
    pub message: PathfindingMessage,
    /// The node that made it, as the message states it.
    pub sender: NodeId,
    /// The neighbor that it came from.
    pub neighbor: NodeId,
    /// Whether `sender` has been proven to have made it, as it stands.
    pub is_authenticated: bool,
}

/// What a node knows of a neighbor.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeerInfo {
    /// The id it goes by.
    pub id: NodeId,
    /// Whether it has proven that id.
    pub is_authenticated: bool,
    /// The connection to it.
    pub conn: ConnId,
    /// The other end of that connection.
    pub addr: SocketAddr,
    /// Where it says it can be reached.
    pub announced: Option<Address>,
    /// Which end dialled.
    pub direction: Direction,
    /// The compression methods that it reads.
    pub compressions: Compressions,
    /// Whether it is a node of this crate, with what that can do beyond the 0.2 protocol.
    pub is_extended: bool,
    /// When it became a neighbor, by this node's calendar clock.
    pub since: UnixTime,
    /// How long it last took to answer a ping; `None` for one that was never asked: it has not been
    /// silent long enough, or is a py2p node.
    pub round_trip: Option<Duration>,
    /// The bytes that wait to be sent to it.
    pub backlog_len: usize,
    /// What has gone over the connection.
    // Boxed, as what follows is: events are moved a lot, and most are messages.
    pub traffic: Box<PeerTraffic>,
    /// The last thing that went wrong with it. There is more in
    /// [`MeshSocket::peer_record`](crate::MeshSocket::peer_record).
    pub last_error: Option<Box<PeerNote>>,
}

/// What is known of the bytes that were queued for a neighbor of a closed node, which did not show
/// that it took them all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Leftover {
    /// So many were left on this machine.
    Unsent(usize),
    /// This machine's system took all, and whether the neighbor got them nobody knows.
    Unconfirmed,
}

/// What has gone over the connection to a neighbor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeerTraffic {
    /// Frames that it sent.
    pub frames_in: u64,
    /// Frames put into its queue.
    pub frames_out: u64,
    /// Bytes of the frames that it sent, as they came out of its encryption.
    pub bytes_in: u64,
    /// Bytes put into its queue.
    pub bytes_out: u64,
    /// Broadcasts that it brought before anybody else did: how useful it is.
    pub fresh: u64,
    /// Frames that were meant for it and not put into its queue: see [`Refusal`].
    pub refused: u64,
}

/// What became of a message at this node's own neighbors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendReport {
    message: PathfindingMessage,
    queued: usize,
    refused: Vec<(NodeId, Refusal)>,
}

impl SendReport {
    pub(crate) fn new(message: PathfindingMessage) -> Self {
        Self { message, queued: 0, refused: Vec::new() }
    }

    pub(crate) fn count_queued(&mut self) {
        self.queued += 1;
    }

    pub(crate) fn add_refused(&mut self, id: NodeId, refusal: Refusal) {
        self.refused.push((id, refusal));
    }

    /// The number of neighbors whose queue took the message.
    pub fn queued(&self) -> usize {
        self.queued
    }

    /// The neighbors whose queue did not take it, and why. They may still get it from others.
    pub fn refused(&self) -> &[(NodeId, Refusal)] {
        &self.refused
    }

    /// The message id, as py2p computes it. Takes a SHA-384 over the payload.
    pub fn id(&self) -> MessageId {
        self.message.id()
    }
}
