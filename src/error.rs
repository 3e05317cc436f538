//! What can go wrong, one enum per operation, and why a connection ended.
//!
//! Each variant says whose fault it is by its name. A text says all that the error knows, so none
//! has a `source()` that would say it again.

use std::error::Error;
use std::fmt;
use std::io;
use std::time::Duration;

use crate::conn_id::ConnId;
use crate::session::SessionError;
use crate::wire::{DecodeError, NodeId, RefusalReason};

/// Why a connection ended, or never came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CloseReason {
    /// The peer sent bytes that are no message.
    Malformed(DecodeError),
    /// The peer sent a message that the protocol does not allow there.
    Misbehaved(Misbehavior),
    /// The peer speaks another protocol: another subnet or version, or an encryption that is not
    /// known here.
    WrongProtocol,
    /// The peer belongs to a mesh of this subnet under the named other encryption, or begins as
    /// that encryption does.
    OtherEncryption(&'static str),
    /// One of the two ends signs its broadcasts, and the other does not.
    Unsigned,
    /// The other end goes by this node's own id: as a rule it is the node itself.
    SelfConnection,
    /// Another node answered than the one that was meant.
    WrongPeer(NodeId),
    /// This node does not admit the peer.
    Denied(Denial),
    /// The peer does not want this node, and said why.
    Refused(RefusalReason),
    /// This node has another connection to the same peer, and keeps that one.
    Duplicate,
    /// Connecting or the handshake took longer than the limit.
    HandshakeTimeout,
    /// The peer took no byte for longer than the limit while bytes were waiting for it.
    Stalled {
        /// The bytes that it did not take.
        unsent_len: usize,
    },
    /// The peer said nothing when it was asked for a sign of life.
    Silent {
        /// The bytes that it did not take.
        unsent_len: usize,
    },
    /// Its encryption failed.
    Encryption(SessionError),
    /// The operating system had no entropy for the keys of its encryption.
    NoEntropy,
    /// This node's user ended it.
    Local,
    /// The peer ended it.
    Remote,
    /// The network ended it.
    Network(NetworkError),
}

impl CloseReason {
    /// What a peer that has proven its id is told before the connection ends for this reason.
    pub(crate) fn refusal(self) -> Option<RefusalReason> {
        match self {
            Self::Denied(Denial::SecretMissing) => Some(RefusalReason::SecretMissing),
            Self::Denied(Denial::SecretWrong) => Some(RefusalReason::SecretWrong),
            Self::Denied(Denial::Listed | Denial::NotListed | Denial::Function(_)) => {
                Some(RefusalReason::Denied)
            }
            Self::WrongPeer(_) => Some(RefusalReason::WrongPeer),
            Self::Misbehaved(Misbehavior::FalseId) => Some(RefusalReason::FalseId),
            _ => None,
        }
    }
}

/// Why a node does not admit a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Denial {
    /// The mesh has a secret, and the peer did not show that it knows any.
    SecretMissing,
    /// The peer knows another secret, or showed what it had from somebody else.
    SecretWrong,
    /// Its id or its address is on the list of those who are denied.
    Listed,
    /// There is a list of those who are allowed, and neither its id nor its address is on it.
    NotListed,
    /// The user's function denied it, with these words.
    Function(&'static str),
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SecretMissing => write!(f, "it did not prove the secret of the mesh"),
            Self::SecretWrong => write!(f, "its secret is not that of the mesh"),
            Self::Listed => write!(f, "it is on the list of those who are denied"),
            Self::NotListed => write!(f, "it is not on the list of those who are allowed"),
            Self::Function(text) => f.write_str(text),
        }
    }
}

impl Error for Denial {}

/// What the operating system said of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct NetworkError {
    kind: io::ErrorKind,
    code: Option<i32>,
}

impl NetworkError {
    /// The kind of error.
    pub fn kind(&self) -> io::ErrorKind {
        self.kind
    }

    /// The operating system's own number for it, where it came from there.
    pub fn raw_os_error(&self) -> Option<i32> {
        self.code
    }
}

impl From<io::Error> for NetworkError {
    fn from(error: io::Error) -> Self {
        Self { kind: error.kind(), code: error.raw_os_error() }
    }
}

impl From<io::ErrorKind> for NetworkError {
    fn from(kind: io::ErrorKind) -> Self {
        Self { kind, code: None }
    }
}

impl fmt::Display for NetworkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            Some(code) => io::Error::from_raw_os_error(code).fmt(f),
            None => self.kind.fmt(f),
        }
    }
}

impl fmt::Debug for NetworkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NetworkError({:?}, {:?})", self.kind, self.code)
    }
}

impl Error for NetworkError {}

impl Error for CloseReason {}

impl Error for Misbehavior {}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(error) => write!(f, "the peer sent no valid message: {error}"),
            Self::Misbehaved(kind) => write!(f, "the peer broke the protocol: {kind}"),
            Self::WrongProtocol => {
                write!(f, "the peer speaks another protocol (subnet, encryption or version)")
            }
            Self::OtherEncryption(name) => {
                write!(f, "the peer speaks {name}, another encryption than this node")
            }
            Self::Unsigned => write!(f, "one end signs its broadcasts and the other does not"),
            Self::Encryption(error) => write!(f, "the encryption failed: {error}"),
            Self::NoEntropy => write!(f, "there was no entropy for its keys"),
            Self::SelfConnection => write!(f, "the other end goes by this node's own id"),
            Self::Duplicate => write!(f, "there is another connection to the same peer"),
            Self::HandshakeTimeout => write!(f, "connecting or the handshake took too long"),
            Self::Stalled { unsent_len } => {
                write!(f, "the peer stopped reading, {unsent_len} bytes were not sent")
            }
            Self::WrongPeer(id) => write!(f, "another node answered, {}", id.short()),
            Self::Denied(denial) => write!(f, "the peer was not admitted: {denial}"),
            Self::Refused(reason) => write!(f, "refused by the peer: {reason}"),
            Self::Silent { unsent_len } => {
                write!(f, "the peer gave no sign of life, {unsent_len} bytes were not sent")
            }
            Self::Local => write!(f, "closed by this node"),
            Self::Remote => write!(f, "closed by the peer"),
            Self::Network(error) => write!(f, "the network failed: {error}"),
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
    /// Other compression methods again and again.
    Renegotiation,
    /// An id in the handshake that is not that of the key which it has proven.
    FalseId,
    /// A message that is not of the sender that it names, or not as that one made it.
    Forgery,
}

impl fmt::Display for Misbehavior {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoHandshake => "a message before the handshake",
            Self::SecondHandshake => "a second handshake",
            Self::Renegotiation => "it changed its compression methods again and again",
            Self::FalseId => "an id that is not that of its key",
            Self::Forgery => "a message that its sender did not make",
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
    /// The named time is too short for anything to happen in it.
    TooShort {
        /// The field of [`Config`](crate::Config).
        field: &'static str,
        /// Its least value.
        min: Duration,
    },
    /// The named limit is above what the protocol or the node can hold.
    TooLarge {
        /// The field of [`Config`](crate::Config).
        field: &'static str,
        /// Its greatest value.
        max: usize,
    },
    /// The encryption needs an identity, and there is none.
    NoIdentity,
    /// The encryption that the protocol names is none that this build has.
    UnknownEncryption,
    /// Broadcasts are to be signed, and ids are not proven under this encryption.
    NoSignatures,
    /// There is a secret of the mesh, and an encryption under which nobody could prove to know it.
    SecretWithoutTls,
    /// The encryption is spoken by nodes of this crate alone, and [`Config::extension`] is off.
    ///
    /// [`Config::extension`]: crate::Config::extension
    NoExtension,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooSmall { field, min } => write!(f, "{field} must be at least {min}"),
            Self::TooShort { field, min } => write!(f, "{field} must be at least {min:?}"),
            Self::TooLarge { field, max } => write!(f, "{field} must be at most {max}"),
            Self::NoIdentity => write!(f, "the encryption needs an identity"),
            Self::UnknownEncryption => write!(f, "this build does not have the encryption"),
            Self::NoSignatures => write!(f, "nothing can be signed under this encryption"),
            Self::SecretWithoutTls => {
                write!(f, "a mesh secret can be proven under TLS alone")
            }
            Self::NoExtension => write!(f, "TLS cannot go without the extension of this crate"),
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
    /// No encryption was chosen, and this build does not have the default, TLS: it was made without
    /// the feature `tls`.
    NoEncryption,
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resolve(error) => {
                write!(f, "the address to bind could not be resolved: {error}")
            }
            Self::Io(error) => write!(f, "the operating system refused the socket: {error}"),
            Self::Config(error) => write!(f, "the configuration makes no node: {error}"),
            Self::NoEncryption => write!(
                f,
                "no encryption was chosen, and this build lacks the default, TLS (feature `tls`)"
            ),
        }
    }
}

impl Error for BindError {}

/// Why a node does not dial an address. Nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DialError {
    /// The address is the node's own.
    SelfConnection,
    /// The node at this address is a neighbor already.
    AlreadyConnected(NodeId),
    /// The address is being dialled already, on this connection.
    AlreadyDialing(ConnId),
    /// The address, or the node that is meant, is not admitted.
    Denied(Denial),
    /// The node is closing.
    Closed,
}

impl fmt::Display for DialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SelfConnection => write!(f, "the address is this node's own"),
            Self::AlreadyConnected(id) => write!(f, "already connected to node {}", id.short()),
            Self::AlreadyDialing(_) => write!(f, "already connecting to that address"),
            Self::Denied(denial) => write!(f, "not to be dialled: {denial}"),
            Self::Closed => write!(f, "the node is closed"),
        }
    }
}

impl Error for DialError {}

/// Why a rule about who may join was not added. Those that there are hold on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RuleError {
    /// The list has 4,096 entries, and none has expired.
    Full,
    /// The mesh socket is closed.
    Closed,
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => write!(f, "the list is full"),
            Self::Closed => write!(f, "the mesh socket is closed"),
        }
    }
}

impl Error for RuleError {}

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
            Self::Resolve(error) => write!(f, "the address could not be resolved: {error}"),
            Self::Dial(error) => error.fmt(f),
            Self::Closed(reason) => write!(f, "not connected: {reason}"),
            Self::SocketClosed => write!(f, "the mesh socket is closed"),
        }
    }
}

impl Error for ConnectError {}

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
    /// The node's own id was given for another's.
    Myself,
    /// Too many nodes are being located: [`Config::max_requests`](crate::Config::max_requests).
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
    /// It is full: [`Config::max_backlog_len`](crate::Config::max_backlog_len).
    QueueFull,
    /// The neighbor is a py2p node, which could not tell the message from equal ones that were
    /// sent within the last seconds.
    DuplicateInFlight,
    /// It is no neighbor.
    Gone,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::QueueFull => "its queue is full",
            Self::DuplicateInFlight => "it could not tell the message from equal ones",
            Self::Gone => "it is no neighbor",
        })
    }
}

impl Error for Refusal {}

/// Why a node was not located.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LocateError {
    /// Nobody was asked.
    Send(SendError),
    /// Nobody answered with an address in time.
    Timeout,
    /// The mesh socket was closed.
    Closed,
}

impl fmt::Display for LocateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send(error) => write!(f, "nobody was asked: {error}"),
            Self::Timeout => write!(f, "nobody answered where the node is"),
            Self::Closed => write!(f, "the mesh socket is closed"),
        }
    }
}

impl Error for LocateError {}

/// Why a whisper did not go out. The node does not get it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WhisperError {
    /// The message was not made, or the neighbor's queue had no room for it.
    Send(SendError),
    /// The node is no neighbor, and was not located.
    NotFound(LocateError),
    /// The node was located, and could not be met there.
    Unreachable(CloseReason),
    /// The node was located at an address that this one does not dial on another's word: a host
    /// name, a port below 1,024, or an address that reaches no further than the teller's own
    /// machine or network. See PROTOCOL.md §3.2.
    NotDialable,
    /// The node was met, and its queue did not take the message.
    Refused(Refusal),
}

impl fmt::Display for WhisperError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send(error) => error.fmt(f),
            Self::NotFound(error) => error.fmt(f),
            Self::Unreachable(reason) => write!(f, "the node could not be met: {reason}"),
            Self::NotDialable => {
                write!(f, "the node is at an address that is not dialled on another's word")
            }
            Self::Refused(refusal) => write!(f, "the node did not take the message: {refusal}"),
        }
    }
}

impl Error for WhisperError {}

/// Why no message, or no event, was received. Those that follow are not affected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RecvError {
    /// So many messages were discarded, or so many events where events were asked for, the oldest
    /// first: the program receives more slowly than they come. Reported once, before those that
    /// remain.
    Lagged(u64),
    /// The mesh socket is closed, and everything that had arrived has been received.
    Closed,
}

impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lagged(count) => {
                write!(f, "{count} discarded, for the program receives too slowly")
            }
            Self::Closed => write!(f, "the mesh socket is closed"),
        }
    }
}

impl Error for RecvError {}
