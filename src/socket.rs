//! The user's hand on a node: a socket that sends to, and receives from, a whole mesh.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use rand::TryRng;
use rand::rngs::SysRng;

use crate::driver::{self, InboxLimits, Started};
use crate::error::{BindError, ConnectError, DialError, RecvError, SendError};
use crate::event::{PeerInfo, SendReport};
use crate::message::Message;
use crate::node::{Config, Stats};
use crate::wire::{Address, NodeId, Protocol};

/// How the connections of a mesh are encrypted. Its name is part of the protocol, so meshes of
/// different encryption never mix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Encryption {
    /// Not at all: everybody on the way can read and change everything. What py2p does.
    Plaintext,
}

impl Encryption {
    /// The name in the protocol id.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plaintext => "Plaintext",
        }
    }
}

/// Collects what a [`MeshSocket`] is to be like. Made by [`MeshSocket::builder`].
#[derive(Clone, Debug)]
#[must_use = "nothing is opened before `bind`"]
pub struct Builder {
    subnet: String,
    encryption: Option<Encryption>,
    config: Config,
    inbox: InboxLimits,
}

impl Builder {
    /// The name that keeps this mesh apart from others. Default `mesh`, as in py2p.
    pub fn subnet(mut self, subnet: &str) -> Self {
        subnet.clone_into(&mut self.subnet);
        self
    }

    /// The encryption of the mesh's connections. There is no default yet.
    pub fn encryption(mut self, encryption: Encryption) -> Self {
        self.encryption = Some(encryption);
        self
    }

    /// Where others can reach this node, if that is not where it binds: behind a port forwarding,
    /// or where it binds every address of the machine.
    pub fn out_addr(mut self, address: impl Into<Address>) -> Self {
        self.config.out_addr = Some(address.into());
        self
    }

    /// The number of connections that the node opens of its own accord to peers that others tell
    /// it of. Default 8; 0 keeps the shape that the calls of [`MeshSocket::connect`] make.
    pub fn max_outgoing(mut self, count: usize) -> Self {
        self.config.max_outgoing = count;
        self
    }

    /// The most messages, and the most bytes of them, that wait to be received. Default 4,096
    /// and 64 MiB. Beyond, the oldest are discarded and counted: see [`RecvError::Lagged`].
    pub fn inbox_limits(mut self, count: usize, len: usize) -> Self {
        self.inbox = InboxLimits { count, len };
        self
    }

    /// Changes any field of the node's configuration. Its protocol follows from
    /// [`Builder::subnet`] and [`Builder::encryption`].
    pub fn configure(mut self, change: impl FnOnce(&mut Config)) -> Self {
        change(&mut self.config);
        self
    }

    /// Opens the socket and starts its event loop. `addr` is where it listens: the first of its
    /// addresses that can be bound. Port 0 lets the operating system choose one.
    ///
    /// # Errors
    ///
    /// [`BindError`]; then nothing was started.
    pub fn bind(self, addr: impl ToSocketAddrs) -> Result<MeshSocket, BindError> {
        let encryption = self.encryption.ok_or(BindError::NoEncryption)?;
        let addrs = resolve(&addr).map_err(BindError::Resolve)?;
        let protocol = Protocol::new(&self.subnet, encryption.name());
        let config = Config { protocol: protocol.clone(), ..self.config };
        let mut seed = [0; 32];
        SysRng.try_fill_bytes(&mut seed).map_err(|error| BindError::Io(io::Error::other(error)))?;
        let started = driver::bind(&addrs, config, self.inbox, seed)?;
        Ok(MeshSocket { inner: Arc::new(Inner { started, protocol }) })
    }
}

/// A node of a mesh, with a socket's interface: what is sent reaches every node that is connected
/// directly or over others, and what they send is received.
///
/// An event loop in a thread of its own keeps the connections. A `MeshSocket` is a handle on it:
/// clones share it, any thread may use any clone, and when the last clone is dropped the node
/// leaves the mesh, waiting at most a second for what was sent to go out.
///
/// ```
/// use rs2p::{Encryption, MeshSocket};
///
/// let alice = MeshSocket::builder().encryption(Encryption::Plaintext).bind("127.0.0.1:0")?;
/// let bob = MeshSocket::builder().encryption(Encryption::Plaintext).bind("127.0.0.1:0")?;
/// bob.connect(alice.local_addr())?;
/// bob.send(&["hello", "mesh"])?;
/// let message = alice.recv()?;
/// assert_eq!(message.sender(), bob.id());
/// assert!(message.contents().eq([&b"hello"[..], b"mesh"]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct MeshSocket {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    started: Started,
    protocol: Protocol,
}

/// How long `close` waits for connections to end in good order.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(6);

/// How long dropping the last handle waits.
const DROP_TIMEOUT: Duration = Duration::from_secs(1);

impl MeshSocket {
    /// A socket with the defaults, to be changed and bound.
    pub fn builder() -> Builder {
        Builder {
            subnet: "mesh".to_owned(),
            encryption: None,
            config: Config::new(Protocol::new("mesh", Encryption::Plaintext.name())),
            inbox: InboxLimits { count: 4_096, len: 64 << 20 },
        }
    }

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
            outcome = self.connect_to(addr);
            if outcome.is_ok() {
                break;
            }
        }
        outcome
    }

    fn connect_to(&self, addr: SocketAddr) -> Result<NodeId, ConnectError> {
        let (dialer, outcome) = crossbeam_channel::bounded(1);
        self.inner.started.handle.tell(move |daemon| daemon.dial(addr, dialer));
        match outcome.recv() {
            Ok(Err(ConnectError::Dial(DialError::Closed))) | Err(_) => {
                Err(ConnectError::SocketClosed)
            }
            Ok(outcome) => outcome,
        }
    }

    /// Sends packets to every node of the mesh. Returns what became of the message at this node's
    /// own neighbors; never waits for any of them.
    ///
    /// # Errors
    ///
    /// [`SendError`]; then no neighbor got it.
    pub fn send<P: AsRef<[u8]>>(&self, packets: &[P]) -> Result<SendReport, SendError> {
        let packets: Vec<Vec<u8>> = packets.iter().map(|packet| packet.as_ref().to_vec()).collect();
        self.inner
            .started
            .handle
            .ask(move |daemon| {
                let (node, now) = daemon.node();
                node.broadcast(now, &packets)
            })
            .unwrap_or(Err(SendError::Closed))
    }

    /// Waits for a message.
    ///
    /// # Errors
    ///
    /// [`RecvError::Lagged`] where messages were discarded since the last call, and
    /// [`RecvError::Closed`] once the socket is closed and its last message received.
    pub fn recv(&self) -> Result<Message, RecvError> {
        self.inner.started.inbox.recv().map(Message::new)
    }

    /// Takes a message if there is one.
    ///
    /// # Errors
    ///
    /// As [`MeshSocket::recv`].
    pub fn try_recv(&self) -> Result<Option<Message>, RecvError> {
        Ok(self.inner.started.inbox.try_recv()?.map(Message::new))
    }

    /// Waits for a message at most so long; `None` when the time is up.
    ///
    /// # Errors
    ///
    /// As [`MeshSocket::recv`].
    pub fn recv_timeout(&self, timeout: Duration) -> Result<Option<Message>, RecvError> {
        Ok(self.inner.started.inbox.recv_timeout(timeout)?.map(Message::new))
    }

    /// The neighbors, in the order of their ids; none once the socket is closed.
    pub fn routing_table(&self) -> Vec<PeerInfo> {
        let ask = self.inner.started.handle.ask(|daemon| daemon.node().0.routing_table().collect());
        ask.unwrap_or_default()
    }

    /// Waits until the node has at least `count` neighbors, at most so long. Returns how many it
    /// has then.
    pub fn wait_for_peers(&self, count: usize, timeout: Duration) -> usize {
        self.inner.started.peers.wait_for(count, timeout)
    }

    /// Ends the connection to a neighbor once what is queued for it has been sent. Returns
    /// whether there was one.
    pub fn disconnect(&self, peer: &NodeId) -> bool {
        let peer = *peer;
        let ask = self.inner.started.handle.ask(move |daemon| {
            let (node, now) = daemon.node();
            node.disconnect(now, &peer)
        });
        ask.unwrap_or(false)
    }

    /// What the node has counted so far; zeros once the socket is closed.
    pub fn stats(&self) -> Stats {
        self.inner.started.handle.ask(|daemon| daemon.node().0.stats()).unwrap_or_default()
    }

    /// The id that this node goes by.
    pub fn id(&self) -> NodeId {
        self.inner.started.id
    }

    /// The protocol that this node speaks.
    pub fn protocol(&self) -> &Protocol {
        &self.inner.protocol
    }

    /// Where the socket listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.inner.started.local_addr
    }

    /// Leaves the mesh: sends what is queued, ends every connection, and stops the event loop.
    /// Returns when that is done, after 6 seconds at the latest. Every clone is closed with it;
    /// messages that have arrived can still be received. Returns whether every connection ended
    /// in good order.
    pub fn close(&self) -> bool {
        self.inner.close(CLOSE_TIMEOUT)
    }
}

impl Inner {
    fn close(&self, timeout: Duration) -> bool {
        self.started.handle.tell(driver::Daemon::close);
        self.started.ended.recv_timeout(timeout)
            == Err(crossbeam_channel::RecvTimeoutError::Disconnected)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close(DROP_TIMEOUT);
    }
}

/// The addresses that a text or value names: at least one.
fn resolve(addr: &impl ToSocketAddrs) -> io::Result<Vec<SocketAddr>> {
    let addrs: Vec<SocketAddr> = addr.to_socket_addrs()?.collect();
    if addrs.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
    }
    Ok(addrs)
}
