//! One message as a leaf of a tree of hashes.

use sha2::{Digest, Sha256};

use super::{Hash, len_of};
use crate::wire::{NodeId, Origin};

/// What a hash of a message begins with, which no hash of two hashes does: RFC 6962, 2.1.
const PREFIX: [u8; 1] = [0];

/// The hash of everything in a message that its sender chose. The main flag is none of it: relays
/// change that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Leaf(pub(super) Hash);

impl Leaf {
    /// The leaf of a message. `payload` begins with the sub-flag.
    pub(crate) fn new<'a>(
        sender: &NodeId,
        origin: Origin,
        time: u64,
        payload: impl Iterator<Item = &'a [u8]> + Clone,
    ) -> Self {
        let mut hash = Sha256::new();
        hash.update(PREFIX);
        hash.update(len_of(sender.as_bytes()));
        hash.update(sender.as_bytes());
        hash.update(origin.encode());
        hash.update(time.to_be_bytes());
        let count = u64::try_from(payload.clone().count()).unwrap_or(u64::MAX);
        hash.update(count.to_be_bytes());
        for packet in payload {
            hash.update(len_of(packet));
            hash.update(packet);
        }
        Self(hash.finalize().into())
    }
}
