//! A message as a user receives it.

use crate::driver::Handle;
use crate::error::WhisperError;
use crate::event::Delivery;
use crate::wire::{Flag, MessageId, NodeId, PathfindingMessage, Protocol};
use std::fmt;
use std::sync::Arc;

/// A message that another node sent.
///
/// In plaintext and under RSA nothing in it is proven: any neighbor can state any sender. See
/// [`Message::is_authenticated`]. It does not keep the socket that received it open; without that
/// there is no replying.
#[derive(Clone)]
pub struct Message {
    delivery: Delivery,
    protocol: Arc<Protocol>,
    handle: Handle,
}

impl Message {
    pub(crate) fn new(delivery: Delivery, protocol: Arc<Protocol>, handle: Handle) -> Self {
        Self { delivery, protocol, handle }
    }

    /// The node that made the message.
    pub fn sender(&self) -> NodeId {
        self.delivery.sender
    }

    /// The neighbor that this node got it from: the sender itself, or one that passed it on.
    pub fn neighbor(&self) -> NodeId {
        self.delivery.neighbor
    }

    /// When it was sent by the sender's clock, in Unix seconds; `None` for a whisper that states
    /// a time above [`u64::MAX`].
    pub fn time(&self) -> Option<u64> {
        self.delivery.message.time()
    }

    /// The message id, as py2p computes it. Takes a SHA-384 over the payload.
    pub fn id(&self) -> MessageId {
        self.delivery.message.id()
    }

    /// The protocol of the mesh that it came through.
    pub fn protocol(&self) -> &Protocol {
        &self.protocol
    }

    /// The packets, the sub-flag first, as in py2p: `broadcast`, then what was given to
    /// [`MeshSocket::send`](crate::MeshSocket::send).
    pub fn packets(&self) -> impl Iterator<Item = &[u8]> + Clone {
        self.delivery.message.payload()
    }

    /// The sub-flag: `broadcast`, `whisper`, or a word of the application's own.
    pub fn sub_flag(&self) -> &[u8] {
        self.packets().next().unwrap_or_default()
    }

    /// The packets that the sender gave to [`MeshSocket::send`](crate::MeshSocket::send): all but
    /// the sub-flag.
    pub fn contents(&self) -> impl Iterator<Item = &[u8]> + Clone {
        self.packets().skip(1)
    }

    /// Whether the sender is proven to have made the message as it stands: its sender has signed it,
    /// or it is a whisper straight from a neighbor whose id is proven. False in a mesh whose ids
    /// are not proven, and for broadcasts where
    /// [`Config::signatures`](crate::Config::signatures) are off.
    #[doc(alias = "authenticated")]
    pub fn is_authenticated(&self) -> bool {
        self.delivery.is_authenticated
    }

    /// Whether it was for this node alone.
    pub fn is_whisper(&self) -> bool {
        self.delivery.message.msg_type() == Flag::Whisper.as_bytes()
            || self.delivery.message.sub_flag() == Some(Flag::Whisper)
    }

    /// The message as it stood on the wire.
    pub fn as_pathfinding(&self) -> &PathfindingMessage {
        &self.delivery.message
    }

    /// Whispers packets to the sender. Where it is no neighbor it is located and dialled first,
    /// for which this waits.
    ///
    /// # Errors
    ///
    /// [`WhisperError`]; then the sender does not get the packets. It comes after
    /// [`Limits::locate_timeout`](crate::Limits::locate_timeout) at the latest.
    pub fn reply<P: AsRef<[u8]>>(&self, packets: &[P]) -> Result<(), WhisperError> {
        self.handle.whisper(self.sender(), Flag::Whisper.as_bytes(), packets)
    }
}

impl PartialEq for Message {
    fn eq(&self, other: &Self) -> bool {
        self.delivery == other.delivery
    }
}

impl Eq for Message {}

/// Lengths only: payloads do not belong in logs.
impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("sender", &self.sender())
            .field("neighbor", &self.neighbor())
            .field("packets", &self.delivery.message.packets())
            .finish_non_exhaustive()
    }
}
