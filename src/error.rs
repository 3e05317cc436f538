//! What can go wrong, one enum per operation, and why a connection ended.
//!
//! Each variant says whose fault it is by its name. Causes are kept as `source()`.

use std::error::Error;
use std::fmt;
use std::io;

use crate::wire::{DecodeError, NodeId};

/// Why a connection ended, or never came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CloseReason {
    /// The peer sent bytes that are no message.
    Malformed(DecodeError),
    /// The peer sent a message that the protocol does not allow there.
    Misbehaved(Misbehavior),
    /// The peer speaks another protocol: another subnet, encryption or version.
    WrongProtocol,
    /// The other end is this node itself.
    SelfConnection,
    /// This node has another connection to the same peer, and keeps that one.
    Duplicate,
    /// Connecting or the handshake took longer than the limit.
    HandshakeTimeout,
    /// The peer took no byte for longer than the limit while bytes were waiting for it.
    Stalled {
        /// The bytes that it did not take.
        unsent_len: usize,
    },
    /// This node's user ended it.
    Local,
    /// The peer ended it.
    Remote,
    /// The network ended it.
    Network(io::ErrorKind),
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(error) => write!(f, "the peer sent no valid message: {error}"),
            Self::Misbehaved(kind) => write!(f, "the peer broke the protocol: {kind}"),
            Self::WrongProtocol => {
                write!(f, "the peer speaks another protocol (subnet, encryption or version)")
            }
            Self::SelfConnection => write!(f, "the address leads back to this node"),
            Self::Duplicate => write!(f, "there is another connection to the same peer"),
            Self::HandshakeTimeout => write!(f, "the peer did not finish its handshake in time"),
            Self::Stalled { unsent_len } => {
                write!(f, "the peer stopped reading, {unsent_len} bytes were not sent")
            }
            Self::Local => write!(f, "closed by this node"),
            Self::Remote => write!(f, "closed by the peer"),
            Self::Network(kind) => write!(f, "the network failed: {kind}"),
        }
    }
}

/// A message that is well formed and out of place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Misbehavior {
    /// Something else before the handshake.
    NoHandshake,
    /// Another handshake after the first.
    SecondHandshake,
}

impl fmt::Display for Misbehavior {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoHandshake => "a message before the handshake",
            Self::SecondHandshake => "a second handshake",
        })
    }
}

/// Why a configuration makes no node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConfigError {
    /// The named limit is below its least useful value.
    TooSmall {
        /// The field of [`Config`](crate::Config).
        field: &'static str,
        /// Its least value.
        min: usize,
    },
    /// The named limit is above what the protocol or the node can hold.
    TooLarge {
        /// The field of [`Config`](crate::Config).
        field: &'static str,
        /// Its greatest value.
        max: usize,
    },
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooSmall { field, min } => write!(f, "{field} must be at least {min}"),
            Self::TooLarge { field, max } => write!(f, "{field} must be at most {max}"),
        }
    }
}

impl Error for ConfigError {}

/// Why a socket could not be opened. Nothing was started.
#[derive(Debug)]
#[non_exhaustive]
pub enum BindError {
    /// The address text names no address.
    Resolve(io::Error),
    /// The operating system refused the address, the poller, the thread or its entropy.
    Io(io::Error),
    /// The configuration makes no node.
    Config(ConfigError),
    /// No encryption was chosen. There is no default yet, so that a later one surprises nobody:
    /// say `Encryption::Plaintext`.
    NoEncryption,
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resolve(_) => write!(f, "the address to bind could not be resolved"),
            Self::Io(_) => write!(f, "the operating system refused the socket"),
            Self::Config(_) => write!(f, "the configuration makes no node"),
            Self::NoEncryption => write!(f, "no encryption was chosen for the mesh"),
        }
    }
}

impl Error for BindError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Resolve(error) | Self::Io(error) => Some(error),
            Self::Config(error) => Some(error),
            Self::NoEncryption => None,
        }
    }
}

/// Why a node does not dial an address. Nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DialError {
    /// The address is the node's own.
    SelfConnection,
    /// The node has a connection that it dialled to this address, or is dialling it.
    AlreadyConnected(Option<NodeId>),
    /// The node is closing.
    Closed,
}

impl fmt::Display for DialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SelfConnection => write!(f, "the address is this node's own"),
            Self::AlreadyConnected(Some(id)) => {
                write!(f, "already connected to that address, node {}", id.short())
            }
            Self::AlreadyConnected(None) => write!(f, "already connecting to that address"),
            Self::Closed => write!(f, "the node is closed"),
        }
    }
}

impl Error for DialError {}

/// Why `connect` made no connection.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConnectError {
    /// The address text names no address.
    Resolve(io::Error),
    /// The node did not even dial.
    Dial(DialError),
    /// The connection ended before the handshakes were done.
    Closed(CloseReason),
    /// The mesh socket is closed.
    SocketClosed,
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resolve(_) => write!(f, "the address could not be resolved"),
            Self::Dial(error) => error.fmt(f),
            Self::Closed(reason) => write!(f, "not connected: {reason}"),
            Self::SocketClosed => write!(f, "the mesh socket is closed"),
        }
    }
}

impl Error for ConnectError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Resolve(error) => Some(error),
            Self::Dial(error) => Some(error),
            Self::Closed(_) | Self::SocketClosed => None,
        }
    }
}

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
        /// The limit: [`Config::max_frame_len`](crate::Config::max_frame_len).
        max: usize,
    },
    /// The message has more packets than the node's limit.
    TooManyPackets {
        /// The number of packets, with the header packets.
        count: usize,
        /// The limit: [`Config::max_packets`](crate::Config::max_packets).
        max: usize,
    },
    /// The same packets were sent too often within the last seconds: a node of the 0.2 protocol
    /// could not tell one more from the others. See PROTOCOL.md §4.
    DuplicateInFlight,
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
            Self::DuplicateInFlight => {
                write!(f, "the same packets were sent too often within the last seconds")
            }
            Self::Overloaded => write!(f, "the node remembers too many recent messages"),
            Self::ClockSetBack => {
                write!(f, "the clock was set back, a new message would look like an old one")
            }
            Self::Closed => write!(f, "the mesh socket is closed"),
        }
    }
}

impl Error for SendError {}

/// Why no message was received. The messages that follow are not affected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RecvError {
    /// So many messages were discarded, the oldest first, because the inbox was full: the program
    /// receives more slowly than the mesh sends. Reported once, before the messages that remain.
    Lagged(u64),
    /// The mesh socket is closed, and every message has been received.
    Closed,
}

impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lagged(count) => {
                write!(f, "{count} messages were discarded because the inbox was full")
            }
            Self::Closed => write!(f, "the mesh socket is closed"),
        }
    }
}

impl Error for RecvError {}
