//! Why nobody was met at an address.

use std::error::Error;
use std::fmt;
use std::io;

use super::{CloseReason, Denial};
use crate::conn_id::ConnId;
use crate::wire::NodeId;

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
