//! What a mesh tells its user.

use std::net::SocketAddr;

use crate::error::CloseReason;
use crate::time::Instant;
use crate::wire::{Address, Compressions, MessageId, NodeId, PathfindingMessage};

/// Names one connection of one node. Never used again for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId(pub u64);

impl std::fmt::Display for ConnId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "c{}", self.0)
    }
}

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

/// A message on its way to the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The message as it stood on the wire.
    pub message: PathfindingMessage,
    /// The node that made it, as the message states it.
    pub sender: NodeId,
    /// The neighbor that it came from.
    pub neighbor: NodeId,
}

/// What a node knows of a neighbor.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeerInfo {
    /// The id it goes by.
    pub id: NodeId,
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
    /// When it became a neighbor, on the node's time line.
    pub since: Instant,
    /// The bytes that wait to be sent to it.
    pub backlog_len: usize,
}

/// What became of a message that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SendReport {
    /// The message's id.
    pub id: MessageId,
    /// The number of neighbors whose queue took it.
    pub queued: usize,
    /// The neighbors whose queue had no room for it. They may still get it from others.
    pub refused: Vec<NodeId>,
}
