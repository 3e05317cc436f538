//! Why a message was not sent, or not to everybody.

use std::error::Error;
use std::fmt;

/// Why a message was not sent. No neighbor got it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SendError {
    /// The node has no neighbors.
    NoNeighbors,
    /// The message is longer than the node's limit.
    TooLong {
        /// The message's length in bytes, with its header packets.
        len: usize,
        /// The limit: [`Limits::max_frame_len`](crate::Limits::max_frame_len).
        max: usize,
    },
    /// The message has more packets than the node's limit.
    TooManyPackets {
        /// The number of packets, with the header packets.
        count: usize,
        /// The limit: [`Limits::max_packets`](crate::Limits::max_packets).
        max: usize,
    },
    /// A batch has more messages than one signature covers. None of them was sent.
    TooManyMessages {
        /// The number of messages.
        count: usize,
        /// The limit: [`MAX_BATCH_COUNT`](crate::node::MAX_BATCH_COUNT).
        max: usize,
    },
    /// The same packets were sent too often within the last seconds, and all neighbors are py2p
    /// nodes, which could not tell one more from the others. See PROTOCOL.md §4.
    DuplicateInFlight,
    /// The protocol has a meaning for this sub-flag.
    ReservedFlag,
    /// The neighbor's queue has no room.
    QueueFull,
    /// The node has no memory left to keep the message until its receiver is found, for which the last
    /// fifth is not used: [`Limits::max_memory`](crate::Limits::max_memory).
    OutOfMemory,
    /// The node's own id was given for another's.
    Myself,
    /// Too many nodes are being located: [`Limits::max_requests`](crate::Limits::max_requests).
    TooManyRequests,
    /// The node's memory of messages is full of younger ones. Try again in a second.
    Overloaded,
    /// The calendar clock was set back so far that a new message would look like an old one.
    ClockSetBack,
    /// The mesh socket is closed.
    Closed,
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoNeighbors => write!(f, "there is no neighbor to send to"),
            Self::TooLong { len, max } => {
                write!(f, "a message of {len} bytes exceeds the limit of {max}")
            }
            Self::TooManyPackets { count, max } => {
                write!(f, "a message of {count} packets exceeds the limit of {max}")
            }
            Self::TooManyMessages { count, max } => {
                write!(f, "a batch of {count} messages exceeds the limit of {max}")
            }
            Self::DuplicateInFlight => {
                write!(f, "the same packets were sent too often within the last seconds")
            }
            Self::ReservedFlag => write!(f, "the protocol has a meaning for this sub-flag"),
            Self::QueueFull => write!(f, "the neighbor's queue is full"),
            Self::OutOfMemory => write!(f, "the node has no memory left"),
            Self::Myself => write!(f, "the id is this node's own"),
            Self::TooManyRequests => write!(f, "too many nodes are being located"),
            Self::Overloaded => write!(f, "the node remembers too many recent messages"),
            Self::ClockSetBack => {
                write!(f, "the clock was set back, a new message would look like an old one")
            }
            Self::Closed => write!(f, "the mesh socket is closed"),
        }
    }
}

impl Error for SendError {}

/// Why one neighbor's queue did not take a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refusal {
    /// It is full: [`Limits::max_backlog_len`](crate::Limits::max_backlog_len).
    QueueFull,
    /// The node has no memory left: [`Limits::max_memory`](crate::Limits::max_memory).
    OutOfMemory,
    /// The neighbor is a py2p node, which could not tell the message from equal ones that were
    /// sent within the last seconds.
    DuplicateInFlight,
    /// The message is at the limit, and longer in the form that the neighbor reads.
    TooLong,
    /// It is no neighbor.
    Gone,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::QueueFull => "its queue is full",
            Self::OutOfMemory => "the node has no memory left",
            Self::DuplicateInFlight => "it could not tell the message from equal ones",
            Self::TooLong => "the message is too long in the form that it reads",
            Self::Gone => "it is no neighbor",
        })
    }
}

impl Error for Refusal {}
