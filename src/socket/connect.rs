//! Meeting other nodes: anybody at an address, or nobody but whom one means.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::time::Duration;

use super::MeshSocket;
use crate::driver::{Answer, Handle, answer};
use crate::error::{CloseReason, ConnectError, DialError};
use crate::wire::NodeId;

impl MeshSocket {
    /// Connects to a node of the same mesh, and returns its id once both have introduced
    /// themselves. Names are resolved on the calling thread, and each of their addresses is tried
    /// in turn.
    ///
    /// # Errors
    ///
    /// [`ConnectError`] of the last address tried.
    pub fn connect(&self, addr: impl ToSocketAddrs) -> Result<NodeId, ConnectError> {
        let mut outcome = Err(ConnectError::SocketClosed);
        for addr in resolve(&addr).map_err(ConnectError::Resolve)? {
            outcome = self.start_connect(addr).wait();
            if outcome.is_ok() {
                break;
            }
        }
        outcome
    }

    /// Begins to connect, and returns at once.
    pub fn start_connect(&self, addr: SocketAddr) -> Connecting {
        let (dialer, outcome) = answer();
        let handle = self.inner.started.handle.clone();
        handle.tell(move |daemon| daemon.dial(addr, dialer));
        Connecting { outcome, handle }
    }

    /// Connects to this node alone, at an address where it should be. Under TLS it has to prove
    /// that it is the one; in other meshes its id is what it says. Names are resolved on the calling
    /// thread, and each of their addresses is tried in turn.
    ///
    /// # Errors
    ///
    /// [`ConnectError`] of the last address tried; where another node answered there, that is
    /// [`CloseReason::WrongPeer`].
    pub fn connect_to(&self, addr: impl ToSocketAddrs, id: &NodeId) -> Result<(), ConnectError> {
        let mut outcome = Err(ConnectError::SocketClosed);
        for addr in resolve(&addr).map_err(ConnectError::Resolve)? {
            outcome = self.start_connect_to(addr, id).wait();
            if outcome.is_ok() {
                break;
            }
        }
        match outcome {
            // By a connection to whoever answers, which was made or on its way before.
            Ok(other) | Err(ConnectError::Dial(DialError::AlreadyConnected(other)))
                if other != *id =>
            {
                Err(ConnectError::Closed(CloseReason::WrongPeer(other)))
            }
            outcome => outcome.map(|_| ()),
        }
    }

    fn start_connect_to(&self, addr: SocketAddr, id: &NodeId) -> Connecting {
        let id = *id;
        let (dialer, outcome) = answer();
        let handle = self.inner.started.handle.clone();
        handle.tell(move |daemon| daemon.dial_peer(addr, id, dialer));
        Connecting { outcome, handle }
    }

    /// Keeps a connection to each of these addresses: dials them now, and again whenever there is
    /// no connection, after a pause drawn at random. Its longest length doubles with each failure
    /// from one second to five minutes, and is one second again after a connection that lasted a
    /// minute. For a minute after one that lasted ten seconds it is two seconds at most, so that what
    /// is said meanwhile is not missed. Each failure is a trouble in [`MeshSocket::status`]. Names are resolved once, on the
    /// calling thread.
    ///
    /// # Errors
    ///
    /// An [`io::Error`] where the text names no address.
    pub fn add_seed(&self, addr: impl ToSocketAddrs) -> io::Result<()> {
        for addr in resolve(&addr)? {
            self.inner.started.handle.tell(move |daemon| {
                let (node, now) = daemon.node();
                node.add_seed(now, addr);
            });
        }
        Ok(())
    }

    /// Keeps a connection to each of these addresses, as [`MeshSocket::add_seed`] does, while this
    /// node answers there. Under TLS it has to prove that it is the one.
    ///
    /// # Errors
    ///
    /// An [`io::Error`] where the text names no address.
    pub fn add_seed_peer(&self, addr: impl ToSocketAddrs, id: &NodeId) -> io::Result<()> {
        let id = *id;
        for addr in resolve(&addr)? {
            self.inner.started.handle.tell(move |daemon| {
                let (node, now) = daemon.node();
                node.add_seed_peer(now, addr, id);
            });
        }
        Ok(())
    }

    /// Keeps a connection to an address no more. The one that there is stays. Returns whether it
    /// was a seed.
    pub fn remove_seed(&self, addr: SocketAddr) -> bool {
        let removed =
            self.inner.started.handle.ask(move |daemon| daemon.node().0.remove_seed(addr));
        removed.unwrap_or(false)
    }
}

/// A connection that is being made. Dropping it does not stop that.
#[derive(Debug)]
#[must_use = "the outcome is lost otherwise"]
pub struct Connecting {
    outcome: Answer<Result<NodeId, ConnectError>>,
    handle: Handle,
}

impl Connecting {
    /// Waits for the outcome: the id of the node that answered.
    ///
    /// # Errors
    ///
    /// [`ConnectError`], once it is known that there will be no connection.
    pub fn wait(self) -> Result<NodeId, ConnectError> {
        self.handle.wait(self.outcome).unwrap_or(Err(ConnectError::SocketClosed))
    }

    /// Waits for the outcome at most so long; `None` when the time is up. Once it has been told,
    /// it is [`ConnectError::SocketClosed`].
    pub fn wait_timeout(&self, timeout: Duration) -> Option<Result<NodeId, ConnectError>> {
        let outcome = self.outcome.wait_timeout(timeout)?;
        Some(outcome.unwrap_or(Err(ConnectError::SocketClosed)))
    }
}

/// The addresses that a text or value names: at least one.
pub(crate) fn resolve(addr: &impl ToSocketAddrs) -> io::Result<Vec<SocketAddr>> {
    let addrs: Vec<SocketAddr> = addr.to_socket_addrs()?.collect();
    if addrs.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
    }
    Ok(addrs)
}
