//! The user's hand on a node: a socket that sends to, and receives from, a whole mesh.
//!
//! Knows how a call becomes work for the event loop, and what its caller waits for. What a mesh is,
//! `node` knows; threads and sockets of the system are the `driver`'s.

mod admission;
mod connect;
mod publish;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::driver::{Started, answer, owned};
use crate::error::{LocateError, RecvError, SendError, WhisperError};
use crate::event::{Direction, Event, Explanation, PeerInfo, PeerRecord, SendReport};
use crate::message::Message;
use crate::node::{AddressBook, MAX_BATCH_COUNT, Stats};
use crate::status::{CloseReport, Status};
use crate::tools::ProtocolTools;
use crate::wire::{Address, Flag, MessageId, NodeId, Protocol};
pub use connect::Connecting;
pub(crate) use connect::resolve;

/// A node of a mesh, with a socket's interface: what is sent reaches every node that is connected
/// directly or over others, and what they send is received.
///
/// An event loop in a thread of its own keeps the connections. A `MeshSocket` is a handle on it:
/// clones share it, any thread may use any clone, and when the last clone is dropped the node
/// leaves the mesh, waiting at most a second for what was sent to go out. Each message and each
/// event goes to one caller, whichever clone it asks; a thread that waits for one on a clone of its
/// own keeps the node alive, and ends when any clone is [closed](MeshSocket::close).
///
/// ```
/// # #[cfg(feature = "tls")] {
/// use rs2p::MeshSocket;
///
/// let alice = MeshSocket::builder().bind("127.0.0.1:0")?;
/// let bob = MeshSocket::builder().bind("127.0.0.1:0")?;
/// bob.connect(alice.local_addr())?;
/// bob.send(&["hello", "mesh"])?;
/// let message = alice.recv()?;
/// assert_eq!(message.sender(), bob.id());
/// assert!(message.contents().eq([&b"hello"[..], b"mesh"]));
/// message.reply(&["hello", "bob"])?;
/// assert!(bob.recv()?.is_whisper());
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct MeshSocket {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    started: Started,
    protocol: Arc<Protocol>,
}

/// How long `close` waits, beyond the time for connections to end in good order, for the loop.
const CLOSE_GRACE: Duration = Duration::from_secs(1);

/// How long dropping the last handle waits.
const DROP_TIMEOUT: Duration = Duration::from_secs(1);

impl MeshSocket {
    pub(crate) fn new(started: Started, protocol: Protocol) -> Self {
        Self { inner: Arc::new(Inner { started, protocol: Arc::new(protocol) }) }
    }

    /// Sends packets to every node of the mesh. Returns what became of the message at this node's
    /// own neighbors; never waits for any of them.
    ///
    /// # Errors
    ///
    /// [`SendError`]; then no neighbor got it.
    pub fn send<P: AsRef<[u8]>>(&self, packets: &[P]) -> Result<SendReport, SendError> {
        self.send_as(Flag::Broadcast.as_bytes(), packets)
    }

    /// Like [`MeshSocket::send`], under a sub-flag of the application's own: py2p's
    /// `send(type=…)`.
    ///
    /// # Errors
    ///
    /// As [`MeshSocket::send`]; [`SendError::ReservedFlag`] for a word that the protocol has a
    /// meaning for.
    pub fn send_as<P: AsRef<[u8]>>(
        &self,
        sub_flag: impl AsRef<[u8]>,
        packets: &[P],
    ) -> Result<SendReport, SendError> {
        let (packets, sub_flag) = (owned(packets), sub_flag.as_ref().to_vec());
        let handle = &self.inner.started.handle;
        let sent = handle.ask(move |daemon| daemon.broadcast(&sub_flag, &packets));
        sent.unwrap_or(Err(SendError::Closed))
    }

    /// Sends several messages, each as [`MeshSocket::send`] does. In a mesh whose messages are
    /// signed, as they are under TLS, one signature covers them all: that saves the sender and each
    /// receiver most of what signatures cost. Returns what became of each, in their order.
    ///
    /// # Errors
    ///
    /// [`SendError`] where none of them was sent; [`SendError::TooManyMessages`] beyond 1,024.
    pub fn send_batch<M: AsRef<[P]>, P: AsRef<[u8]>>(
        &self,
        messages: &[M],
    ) -> Result<Vec<Result<SendReport, SendError>>, SendError> {
        let count = messages.len();
        if count > MAX_BATCH_COUNT {
            return Err(SendError::TooManyMessages { count, max: MAX_BATCH_COUNT });
        }
        let messages: Vec<_> = messages.iter().map(|packets| owned(packets.as_ref())).collect();
        let sent = self.inner.started.handle.ask(move |daemon| daemon.broadcast_batch(&messages));
        sent.unwrap_or(Err(SendError::Closed))
    }

    /// Like [`MeshSocket::send`], but waits until every neighbor's queue has room, at most so
    /// long; then it goes to those that have.
    ///
    /// # Errors
    ///
    /// As [`MeshSocket::send`].
    pub fn send_timeout<P: AsRef<[u8]>>(
        &self,
        packets: &[P],
        timeout: Duration,
    ) -> Result<SendReport, SendError> {
        let packets = owned(packets);
        let (sender, outcome) = answer();
        let handle = &self.inner.started.handle;
        handle.tell(move |daemon| daemon.send_when_room(packets, timeout, sender));
        handle.wait(outcome).unwrap_or(Err(SendError::Closed))
    }

    /// Sends packets to one node alone. Where it is no neighbor it is located and dialled first,
    /// for which this waits.
    ///
    /// # Errors
    ///
    /// [`WhisperError`]; then the node does not get the packets. It comes after
    /// [`Limits::locate_timeout`](crate::Limits::locate_timeout) at the latest.
    pub fn whisper<P: AsRef<[u8]>>(&self, to: &NodeId, packets: &[P]) -> Result<(), WhisperError> {
        self.whisper_as(to, Flag::Whisper.as_bytes(), packets)
    }

    /// Like [`MeshSocket::whisper`], under a sub-flag of the application's own.
    ///
    /// # Errors
    ///
    /// As [`MeshSocket::whisper`].
    pub fn whisper_as<P: AsRef<[u8]>>(
        &self,
        to: &NodeId,
        sub_flag: impl AsRef<[u8]>,
        packets: &[P],
    ) -> Result<(), WhisperError> {
        self.inner.started.handle.whisper(*to, sub_flag.as_ref(), packets)
    }

    /// Asks the mesh where a node can be reached, and waits for an answer.
    ///
    /// # Errors
    ///
    /// [`LocateError`], after [`Limits::locate_timeout`](crate::Limits::locate_timeout) at the
    /// latest.
    pub fn locate(&self, id: &NodeId) -> Result<Address, LocateError> {
        let id = *id;
        let (locator, outcome) = answer();
        let handle = &self.inner.started.handle;
        handle.tell(move |daemon| daemon.locate(&id, locator));
        handle.wait(outcome).unwrap_or(Err(LocateError::Closed))
    }

    /// Waits for a message.
    ///
    /// # Errors
    ///
    /// [`RecvError::Lagged`] where messages were discarded since the last call, and
    /// [`RecvError::Closed`] once the socket is closed and its last message received.
    pub fn recv(&self) -> Result<Message, RecvError> {
        self.inner.started.inbox.recv().map(|delivery| self.message(delivery))
    }

    /// Takes a message if there is one.
    ///
    /// # Errors
    ///
    /// As [`MeshSocket::recv`].
    pub fn try_recv(&self) -> Result<Option<Message>, RecvError> {
        Ok(self.inner.started.inbox.try_recv()?.map(|delivery| self.message(delivery)))
    }

    /// Waits for a message at most so long; `None` when the time is up.
    ///
    /// # Errors
    ///
    /// As [`MeshSocket::recv`].
    pub fn recv_timeout(&self, timeout: Duration) -> Result<Option<Message>, RecvError> {
        Ok(self.inner.started.inbox.recv_timeout(timeout)?.map(|delivery| self.message(delivery)))
    }

    /// Waits for a message, and takes up to `count` that are there then: py2p's `recv(quantity)`.
    ///
    /// # Errors
    ///
    /// As [`MeshSocket::recv`].
    pub fn recv_many(&self, count: usize) -> Result<Vec<Message>, RecvError> {
        let mut messages = Vec::new();
        if count > 0 {
            messages.push(self.recv()?);
        }
        while messages.len() < count {
            // What stands in the way of one more is told by the next call.
            match self.inner.started.inbox.take() {
                Some(delivery) => messages.push(self.message(delivery)),
                None => break,
            }
        }
        Ok(messages)
    }

    /// The messages as they come, until the socket is closed. Messages that were discarded because
    /// the program was too slow are passed over, and counted in [`Stats::lagged`].
    pub fn messages(&self) -> impl Iterator<Item = Message> {
        std::iter::from_fn(|| {
            loop {
                match self.recv() {
                    Ok(message) => return Some(message),
                    Err(RecvError::Lagged(_)) => {}
                    Err(_) => return None,
                }
            }
        })
    }

    /// Waits for something else to happen than a message, at most so long; `None` when the time
    /// is up. Up to 1,024 events wait; beyond, the oldest are discarded and counted.
    ///
    /// # Errors
    ///
    /// As [`MeshSocket::recv`].
    pub fn next_event(&self, timeout: Duration) -> Result<Option<Event>, RecvError> {
        self.inner.started.events.recv_timeout(timeout)
    }

    /// The events as they come, until the socket is closed. Messages are none of them. What the
    /// socket's own calls do makes events too: a `connect`, say, a `Dialed` or a `DialFailed`.
    pub fn events(&self) -> impl Iterator<Item = Event> {
        std::iter::from_fn(|| {
            loop {
                match self.inner.started.events.recv() {
                    Ok(event) => return Some(event),
                    Err(RecvError::Lagged(_)) => {}
                    Err(_) => return None,
                }
            }
        })
    }

    /// The neighbors, in the order of their ids; none once the socket is closed.
    pub fn routing_table(&self) -> Vec<PeerInfo> {
        let ask = self.inner.started.handle.ask(|daemon| daemon.node().0.routing_table().collect());
        ask.unwrap_or_default()
    }

    /// The addresses at which this node has met others, or was told that it would. Kept in a file
    /// ([`AddressBook::save`]) and given to [`Builder::address_book`](crate::Builder::address_book)
    /// they let the next run find the mesh again, even where its seeds are gone. Empty once the
    /// socket is closed: to be taken before.
    pub fn address_book(&self) -> AddressBook {
        let ask = self.inner.started.handle.ask(|daemon| {
            let (node, now) = daemon.node();
            node.address_book(now)
        });
        ask.unwrap_or_default()
    }

    /// The neighbors that this node dialled.
    pub fn outgoing(&self) -> Vec<NodeId> {
        self.dialed(Direction::Outgoing)
    }

    /// The neighbors that dialled this node.
    pub fn incoming(&self) -> Vec<NodeId> {
        self.dialed(Direction::Incoming)
    }

    fn dialed(&self, direction: Direction) -> Vec<NodeId> {
        let table = self.routing_table().into_iter();
        table.filter(|info| info.direction == direction).map(|info| info.id).collect()
    }

    /// The other ends of connections whose handshakes are not done: py2p's `awaiting_ids`.
    pub fn awaiting(&self) -> Vec<SocketAddr> {
        let ask = self.inner.started.handle.ask(|daemon| daemon.node().0.awaiting().collect());
        ask.unwrap_or_default()
    }

    /// Waits until the node has at least `count` neighbors, at most so long. Returns how many it
    /// has then.
    pub fn wait_for_peers(&self, count: usize, timeout: Duration) -> usize {
        self.inner.started.peers.wait_for(count, timeout)
    }

    /// Ends the connection to a neighbor once what is queued for it has been sent. Returns
    /// whether there was one. A seed is dialled again: see [`MeshSocket::remove_seed`]. Another
    /// address is not, for an hour; but the other end may dial: [`MeshSocket::deny`] keeps it away.
    pub fn disconnect(&self, peer: &NodeId) -> bool {
        let peer = *peer;
        let ask = self.inner.started.handle.ask(move |daemon| {
            let (node, now) = daemon.node();
            node.disconnect(now, &peer)
        });
        ask.unwrap_or(false)
    }

    /// What the node has counted so far, or had when it was closed.
    pub fn stats(&self) -> Stats {
        let running = self.inner.started.handle.ask(|daemon| daemon.stats());
        let ended = || self.inner.started.ending.get().map(|ending| ending.stats);
        running.or_else(ended).unwrap_or_default()
    }

    /// What lately went wrong with a peer, or mattered; `None` where nothing is remembered of it.
    /// Of the 256 peers with whom something happened last, neighbors before others, the last 64
    /// things are.
    pub fn peer_record(&self, peer: &NodeId) -> Option<PeerRecord> {
        let peer = *peer;
        self.inner.started.handle.ask(move |daemon| daemon.node().0.peer_record(&peer)).flatten()
    }

    /// What became of a message at this node: from whom it came and when, who sent it again, and to
    /// whom it went. `None` where the node does not remember it: see
    /// [`Limits::max_explained_count`](crate::Limits::max_explained_count). The id is that of
    /// [`Message::id`] or [`SendReport::id`]. Looking for it takes the event loop up to some
    /// milliseconds.
    pub fn explain(&self, id: &MessageId) -> Option<Explanation> {
        let id = *id;
        self.inner.started.handle.ask(move |daemon| daemon.node().0.explain(&id)).flatten()
    }

    /// Whether the node runs, and what went wrong lately.
    pub fn status(&self) -> Status {
        let running =
            self.inner.started.handle.ask(|daemon| daemon.node().0.troubles().cloned().collect());
        match (running, self.inner.started.ending.get()) {
            (Some(troubles), _) => Status::running(troubles),
            (None, Some(ending)) => Status::ended(ending.failure.as_ref()),
            (None, None) => Status::ended(None),
        }
    }

    /// Forgets what went wrong.
    pub fn clear_status(&self) {
        self.inner.started.handle.tell(|daemon| daemon.node().0.clear_troubles());
    }

    /// The protocol itself, for tests and tools.
    pub fn tools(&self) -> ProtocolTools<'_> {
        ProtocolTools::new(&self.inner.started.handle)
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

    /// Where others can reach the node, as it tells them.
    pub fn out_addr(&self) -> &Address {
        &self.inner.started.out_addr
    }

    /// Leaves the mesh: sends what is queued, ends every connection, and stops the event loop.
    /// Every clone is closed with it; messages that have arrived can still be received. Returns
    /// when that is done, within [`Limits::linger_timeout`](crate::Limits::linger_timeout) and a
    /// second, with what could not be sent.
    ///
    /// Any thread may call it, and several may: each gets the report. Where a
    /// [`Builder::admission`](crate::Builder::admission) function calls it, on the loop itself, it
    /// only begins.
    pub fn close(&self) -> CloseReport {
        self.close_timeout(self.inner.started.linger_timeout)
    }

    /// Like [`MeshSocket::close`], but what has not been sent after so long is given up, and named
    /// in the report. No connection is waited for longer than
    /// [`Limits::linger_timeout`](crate::Limits::linger_timeout), which bounds the time from above.
    pub fn close_timeout(&self, timeout: Duration) -> CloseReport {
        self.inner.close(timeout, timeout.saturating_add(CLOSE_GRACE))
    }

    fn message(&self, delivery: crate::event::Delivery) -> Message {
        let Inner { started, protocol } = &*self.inner;
        Message::new(delivery, Arc::clone(protocol), started.handle.clone())
    }
}

impl Inner {
    /// Has the loop end in so long, and waits for that no longer than `patience`.
    fn close(&self, timeout: Duration, patience: Duration) -> CloseReport {
        self.started.handle.tell(move |daemon| daemon.close(timeout));
        let patience = if self.started.handle.is_on_loop() { Duration::ZERO } else { patience };
        let ended = self.started.ended.wait_timeout(patience);
        match ended.and_then(|_| self.started.ending.get()) {
            Some(ending) => {
                let is_orderly = ending.failure.is_none();
                CloseReport::new(is_orderly, &ending.unsent, ending.stats.unpublished)
            }
            None => CloseReport::new(false, &[], 0),
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close(self.started.linger_timeout, DROP_TIMEOUT);
    }
}
