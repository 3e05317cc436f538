//! A message as a user receives it.

use crate::event::Delivery;
use crate::wire::{MessageId, NodeId, Packets, PathfindingMessage};

/// A message that another node sent.
///
/// Nothing in it is proven: in a plaintext mesh any neighbor can state any sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    delivery: Delivery,
}

impl Message {
    pub(crate) fn new(delivery: Delivery) -> Self {
        Self { delivery }
    }

    /// The node that made the message.
    pub fn sender(&self) -> NodeId {
        self.delivery.sender
    }

    /// The neighbor that this node got it from: the sender itself, or one that passed it on.
    pub fn neighbor(&self) -> NodeId {
        self.delivery.neighbor
    }

    /// When it was sent by the sender's clock, in Unix seconds.
    pub fn time(&self) -> u64 {
        self.delivery.message.time().unwrap_or(u64::MAX)
    }

    /// The message id, as py2p computes it. Takes a SHA-384 over the payload.
    pub fn id(&self) -> MessageId {
        self.delivery.message.id()
    }

    /// The packets, the sub-flag first, as in py2p: `broadcast`, then what was given to
    /// [`MeshSocket::send`](crate::MeshSocket::send).
    pub fn packets(&self) -> impl Iterator<Item = &[u8]> + Clone {
        self.delivery.message.payload()
    }

    /// The packets that the sender gave to [`MeshSocket::send`](crate::MeshSocket::send): all but
    /// the sub-flag.
    pub fn contents(&self) -> impl Iterator<Item = &[u8]> + Clone {
        self.packets().skip(1)
    }

    /// The message as it stood on the wire.
    pub fn as_pathfinding(&self) -> &PathfindingMessage {
        &self.delivery.message
    }

    /// All packets as they stood on the wire, the header included.
    pub fn as_packets(&self) -> &Packets {
        self.delivery.message.packets()
    }
}
