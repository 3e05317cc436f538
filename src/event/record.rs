//! What a node remembers of its dealings with one peer.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use crate::error::CloseReason;
use crate::time::UnixTime;
use crate::wire::{DecodeError, NodeId};

/// What lately went wrong with a peer, or mattered.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeerRecord {
    /// The peer, if it has been a neighbor or has proven its id; whoever else was at that address
    /// where it has not.
    pub id: Option<NodeId>,
    /// Where it was last; without a port where it dialled.
    pub addr: SocketAddr,
    /// The last 64 things, the oldest first.
    pub notes: Vec<PeerNote>,
}

/// Something that happened with a peer, once or several times in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeerNote {
    /// What.
    pub incident: Incident,
    /// When it happened first, by this node's calendar clock.
    pub first: UnixTime,
    /// When it happened last.
    pub last: UnixTime,
    /// How many times.
    pub count: u32,
}

/// What can happen with a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Incident {
    /// It became a neighbor.
    Joined,
    /// It was one, and is no longer.
    Lost(CloseReason),
    /// A connection ended before it made the peer a neighbor.
    Failed(CloseReason),
    /// It was not sent a message, because its queue was full.
    QueueFull,
    /// It was not sent a message, because the node had no memory left.
    OutOfMemory,
    /// It sent a frame that could not be decoded, and was forgiven.
    Undecodable(DecodeError),
    /// It asked for something too often, and was not answered.
    TooOften(Favor),
    /// Somebody at this address went by its id and was not the peer.
    Impersonated(IpAddr),
}

/// What a peer gets so many times a minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Favor {
    /// An answer to a question where a node is.
    Question,
    /// The list of everybody that this node knows.
    PeersList,
    /// The last message again.
    Resend,
}

impl Incident {
    /// Whether something went wrong, and not by another's doing.
    pub fn is_error(&self) -> bool {
        !matches!(
            self,
            Self::Joined
                | Self::Lost(CloseReason::Local | CloseReason::Remote)
                | Self::Failed(CloseReason::Local | CloseReason::Duplicate)
                | Self::Impersonated(_)
        )
    }
}

impl fmt::Display for Incident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Joined => f.write_str("it became a neighbor"),
            Self::Lost(reason) => write!(f, "it is no neighbor any more: {reason}"),
            Self::Failed(reason) => write!(f, "it did not become a neighbor: {reason}"),
            Self::QueueFull => f.write_str("it was not sent a message: its queue was full"),
            Self::OutOfMemory => f.write_str("it was not sent a message: no memory was left"),
            Self::Undecodable(error) => write!(f, "a frame could not be decoded: {error}"),
            Self::TooOften(Favor::Question) => f.write_str("it asked for nodes too often"),
            Self::TooOften(Favor::PeersList) => f.write_str("it asked for everybody too often"),
            Self::TooOften(Favor::Resend) => f.write_str("it asked for the last message too often"),
            Self::Impersonated(ip) => write!(f, "somebody at {ip} went by its id"),
        }
    }
}

/// What happened, and how often where it was not once.
impl fmt::Display for PeerNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.count {
            1 => self.incident.fmt(f),
            count => write!(f, "{} ({count} times)", self.incident),
        }
    }
}
