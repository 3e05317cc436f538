//! The protocol itself, for tests and tools.

use crate::driver::{Handle, owned};
use crate::error::{Refusal, SendError};
use crate::wire::{Compressions, MessageId, NodeId, RequestId};

/// What tests and tools need of the protocol and a well-behaved application does not: messages of
/// any kind, bytes that are none, and words about the connection. Made by
/// [`MeshSocket::tools`](crate::MeshSocket::tools).
///
/// What belongs to a node from its beginning is chosen in its [`Config`](crate::Config): forced
/// compression ([`compress`](crate::Config::compress)), the methods that it announces
/// ([`compressions`](crate::Config::compressions)), no connections of its own accord
/// ([`max_outgoing`](crate::Limits::max_outgoing) 0), a fixed id ([`id`](crate::Config::id)), or
/// no word of this crate's extension ([`extension`](crate::Config::extension)).
#[derive(Clone, Copy, Debug)]
pub struct ProtocolTools<'a> {
    handle: &'a Handle,
}

impl<'a> ProtocolTools<'a> {
    pub(crate) fn new(handle: &'a Handle) -> Self {
        Self { handle }
    }

    /// Sends a neighbor a message with any main flag and any payload, the sub-flag first.
    ///
    /// # Errors
    ///
    /// [`Refusal`]; then nothing was sent.
    pub fn send_raw<P: AsRef<[u8]>>(
        &self,
        to: &NodeId,
        main: impl AsRef<[u8]>,
        payload: &[P],
    ) -> Result<(), Refusal> {
        let (to, main, payload) = (*to, main.as_ref().to_vec(), owned(payload));
        let sent = self.handle.ask(move |daemon| {
            let (node, now) = daemon.node();
            node.send_raw(now, &to, &main, &payload)
        });
        sent.unwrap_or(Err(Refusal::Gone))
    }

    /// Sends a neighbor any bytes, which need not be a frame.
    ///
    /// # Errors
    ///
    /// [`Refusal`]; then nothing was sent.
    pub fn send_bytes(&self, to: &NodeId, data: &[u8]) -> Result<(), Refusal> {
        let (to, data) = (*to, data.to_vec());
        let sent = self.handle.ask(move |daemon| {
            let (node, now) = daemon.node();
            node.send_bytes(now, &to, data.into())
        });
        sent.unwrap_or(Err(Refusal::Gone))
    }

    /// Asks a neighbor to use these methods from now on, and uses no others towards it.
    ///
    /// A py2p node holds one list for both directions, and can only be asked for fewer methods,
    /// while nothing is under way: see PROTOCOL.md §3.6.
    ///
    /// # Errors
    ///
    /// [`Refusal::Gone`] where it is no neighbor.
    pub fn renegotiate(&self, to: &NodeId, methods: Compressions) -> Result<(), Refusal> {
        let to = *to;
        let sent = self.handle.ask(move |daemon| {
            let (node, now) = daemon.node();
            node.renegotiate(now, &to, methods)
        });
        sent.unwrap_or(Err(Refusal::Gone))
    }

    /// Compresses what goes to a neighbor by these methods from now on, without telling it.
    ///
    /// # Errors
    ///
    /// [`Refusal::Gone`] where it is no neighbor.
    pub fn set_compressions(&self, to: &NodeId, methods: Compressions) -> Result<(), Refusal> {
        let to = *to;
        let set = self.handle.ask(move |daemon| daemon.node().0.set_compressions(&to, methods));
        set.unwrap_or(Err(Refusal::Gone))
    }

    /// Asks a neighbor to send its last broadcast or whisper on the connection again.
    ///
    /// # Errors
    ///
    /// [`Refusal::Gone`] where it is no neighbor.
    pub fn ask_resend(&self, to: &NodeId) -> Result<(), Refusal> {
        let to = *to;
        let sent = self.handle.ask(move |daemon| {
            let (node, now) = daemon.node();
            node.ask_resend(now, &to)
        });
        sent.unwrap_or(Err(Refusal::Gone))
    }

    /// Asks every neighbor of this crate for its peers: `request *`. py2p nodes are not asked;
    /// they would close the connection. Returns the question's name; what is heard of it are the
    /// connections that follow.
    ///
    /// # Errors
    ///
    /// [`SendError::Closed`] where the socket is closed.
    pub fn request_peers(&self) -> Result<RequestId, SendError> {
        let asked = self.handle.ask(|daemon| {
            let (node, now) = daemon.node();
            node.request_peers(now)
        });
        asked.ok_or(SendError::Closed)
    }

    /// Asks the mesh where a node can be reached, and returns the question's name at once. The
    /// outcome comes as [`Event::LocateDone`](crate::Event::LocateDone) with this name. To wait
    /// for it there is [`MeshSocket::locate`](crate::MeshSocket::locate).
    ///
    /// # Errors
    ///
    /// [`SendError`]; then nobody was asked.
    pub fn start_locate(&self, id: &NodeId) -> Result<RequestId, SendError> {
        let id = *id;
        let asked = self.handle.ask(move |daemon| {
            let (node, now) = daemon.node();
            node.locate(now, &id)
        });
        asked.unwrap_or(Err(SendError::Closed))
    }

    /// The ids and timestamps of up to 64 messages that were passed on last, the oldest first:
    /// py2p's `waterfalls`.
    pub fn recent_messages(&self) -> Vec<(MessageId, u64)> {
        let ask = self.handle.ask(|daemon| daemon.node().0.recent_messages().collect());
        ask.unwrap_or_default()
    }

    /// The names of the questions that this node has asked and that are still open: py2p's
    /// `requests`.
    pub fn pending_requests(&self) -> Vec<RequestId> {
        let ask = self.handle.ask(|daemon| daemon.node().0.pending_requests().collect());
        ask.unwrap_or_default()
    }
}
