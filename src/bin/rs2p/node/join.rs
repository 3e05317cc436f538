//! Joining a mesh by the addresses of the command line.

use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};

use rs2p::{CloseReason, ConnectError, DialError, MeshSocket, NodeId};

/// What became of an address to connect to.
#[derive(Debug)]
pub(super) enum Joined {
    /// The node there is a neighbor.
    Neighbor(NodeId),
    /// The address is this node's own.
    Myself,
    /// There is no connection.
    Failed(Failure),
}

/// Why there is no connection.
#[derive(Debug)]
pub(super) struct Failure {
    error: ConnectError,
    /// The encryption of this node's mesh.
    own: String,
}

impl Failure {
    fn new(socket: &MeshSocket, error: ConnectError) -> Self {
        Self { error, own: socket.protocol().encryption().to_owned() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.error, &self.own) {
            (ConnectError::Closed(CloseReason::OtherEncryption(theirs)), own) => {
                write!(f, "not connected: the peer speaks {theirs}, not {own}; see --encryption")
            }
            (error, _) => error.fmt(f),
        }
    }
}

impl fmt::Display for Joined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Neighbor(id) => write!(f, "connected to {}", id.short()),
            Self::Myself => write!(f, "that address is this node's own"),
            Self::Failed(error) => error.fmt(f),
        }
    }
}

/// Connects once.
pub(super) fn connect(socket: &MeshSocket, addr: impl ToSocketAddrs) -> Joined {
    match socket.connect(addr) {
        Ok(id) | Err(ConnectError::Dial(DialError::AlreadyConnected(id))) => Joined::Neighbor(id),
        Err(
            ConnectError::Dial(DialError::SelfConnection)
            | ConnectError::Closed(CloseReason::SelfConnection),
        ) => Joined::Myself,
        Err(error) => Joined::Failed(Failure::new(socket, error)),
    }
}

/// Connects, and keeps the connection: of several addresses of one name, to the first that
/// answers.
pub(super) fn keep(socket: &MeshSocket, name: &str) -> Joined {
    let addrs: Vec<SocketAddr> = match name.to_socket_addrs() {
        Ok(addrs) => addrs.collect(),
        Err(error) => {
            return Joined::Failed(Failure::new(socket, ConnectError::Resolve(error)));
        }
    };
    let mut joined = None;
    for addr in &addrs {
        let outcome = connect(socket, addr);
        if !matches!(outcome, Joined::Failed(_)) {
            keep_address(socket, *addr);
            return outcome;
        }
        joined = Some(outcome);
    }
    if let Some(first) = addrs.first() {
        keep_address(socket, *first);
    }
    joined.unwrap_or_else(|| Joined::Failed(Failure::new(socket, ConnectError::SocketClosed)))
}

fn keep_address(socket: &MeshSocket, addr: SocketAddr) {
    // An address needs no resolving, which is all that can fail.
    drop(socket.add_seed(addr));
}
