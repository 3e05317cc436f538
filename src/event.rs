//! What a mesh tells its user.

use std::net::SocketAddr;

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
    PeerJoined(PeerInfo),
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
    /// The bytes that wait to be sent to it.
    pub backlog_len: usize,
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
