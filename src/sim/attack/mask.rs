//! Whom an attacker pretends to be.

use rand::RngExt;

use crate::sim::hand::Hand;
use crate::wire::{
    Address, Compressions, Extension, Flag, Handshake, NodeId, Origin, PathfindingMessage,
};

/// An id, and what goes with it.
#[derive(Clone, Debug)]
pub(super) struct Mask {
    pub(super) id: NodeId,
    extension: Option<Extension>,
    last_sequence: u64,
}

impl Mask {
    /// Somebody whom nobody knows: as a node of this crate, or as one of py2p.
    pub(super) fn nobody(hand: &mut Hand<'_>, is_extended: bool) -> Self {
        let salt = hand.rng().random::<u128>().to_string();
        let id = NodeId::new(&Address::from(hand.addr()), hand.protocol(), &salt);
        let id = hand.proven_id().unwrap_or(id);
        Self::of(hand, id, is_extended)
    }

    /// Somebody of whom this is the id.
    pub(super) fn of(hand: &mut Hand<'_>, id: NodeId, is_extended: bool) -> Self {
        let (incarnation, link) = (hand.rng().random(), hand.rng().random());
        // Where ids are proven, nobody is let in who does not say that it signs what it says.
        let signed = hand.proven_id().is_some();
        let extension = (is_extended || signed)
            .then(|| Extension { signed, ..Extension::new(incarnation, link) });
        Self { id, extension, last_sequence: 0 }
    }

    /// Its handshake.
    pub(super) fn handshake(&self, hand: &Hand<'_>) -> Option<PathfindingMessage> {
        let address = Some(Address::from(hand.addr()));
        let methods = Compressions::supported();
        let handshake = Handshake::new(self.id, hand.protocol(), address, methods);
        let handshake = Handshake { extension: self.extension, ..handshake };
        self.message(hand, Flag::Whisper, &handshake.encode())
    }

    /// A message of its own, stamped now.
    pub(super) fn message<P: AsRef<[u8]>>(
        &self,
        hand: &Hand<'_>,
        flag: Flag,
        payload: &[P],
    ) -> Option<PathfindingMessage> {
        self.message_of(hand.wall().as_secs(), flag, payload)
    }

    /// A message of its own, stamped as one likes.
    pub(super) fn message_of<P: AsRef<[u8]>>(
        &self,
        time: u64,
        flag: Flag,
        payload: &[P],
    ) -> Option<PathfindingMessage> {
        PathfindingMessage::new(flag.as_bytes(), self.id.as_bytes(), time, payload).ok()
    }

    /// A broadcast of its own, numbered where it goes by the numbers.
    pub(super) fn broadcast(&mut self, time: u64, text: &str) -> Option<PathfindingMessage> {
        let payload = ["broadcast", text];
        let Some(Extension { incarnation, .. }) = self.extension else {
            return self.message_of(time, Flag::Broadcast, &payload);
        };
        self.last_sequence += 1;
        let origin = Origin { incarnation, sequence: self.last_sequence };
        let id = self.id.as_bytes();
        PathfindingMessage::numbered(b"broadcast", id, origin, time, &payload).ok()
    }
}

/// Introduces somebody, without whom there is nobody to introduce.
pub(super) fn introduce(hand: &mut Hand<'_>, conn: crate::conn_id::ConnId, mask: &Mask) {
    if let Some(handshake) = mask.handshake(hand) {
        hand.send(conn, &handshake);
    }
}
