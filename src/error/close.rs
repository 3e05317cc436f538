//! Why a connection ended.

use std::error::Error;
use std::fmt;

use super::NetworkError;
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
    /// It gave its place to a newcomer, from a network that had fewer.
    Evicted,
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
    /// The peer began a frame and sent the rest more slowly than the limits ask for:
    /// [`Limits::progress_len`](crate::Limits::progress_len) and
    /// [`Limits::frame_timeout`](crate::Limits::frame_timeout).
    SlowFrame {
        /// The bytes of the frame that had come, its size header included.
        received_len: usize,
    },
    /// The node ran out of memory, and this connection held the most of it, and more than its share:
    /// [`Limits::max_memory`](crate::Limits::max_memory).
    OutOfMemory {
        /// The bytes that it held: what had come and was not done with, and what waited for it.
        held_len: usize,
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
            Self::Evicted => write!(f, "it gave its place to a newcomer"),
            Self::HandshakeTimeout => write!(f, "connecting or the handshake took too long"),
            Self::Stalled { unsent_len } => {
                write!(f, "the peer stopped reading, {unsent_len} bytes were not sent")
            }
            Self::SlowFrame { received_len } => {
                write!(f, "the peer sent a frame too slowly, {received_len} bytes had come")
            }
            Self::OutOfMemory { held_len } => {
                write!(f, "there was no memory left, of which it held {held_len} bytes")
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
