//! What a session takes from its peer.

use crate::rsa::KeySize;
use crate::session::SessionError;

/// Larger ones are no more of a secret here, and cost more.
const MESH_MAX_PEER_SIZE: KeySize = match KeySize::new(4_096) {
    Ok(size) => size,
    Err(_) => KeySize::DEFAULT,
};

/// What a session takes from its peer, and how much waits in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The smallest key of a peer that is taken.
    pub min_peer_size: KeySize,
    /// The largest key of a peer that is taken. The work for a message grows with it.
    pub max_peer_size: KeySize,
    /// The longest message in bytes, both ways.
    pub max_message_len: usize,
    /// The most bytes that wait for a step. At least one block and one key must fit; what is set
    /// below that is raised to it.
    pub max_buffered_len: usize,
    /// The most bytes of messages that wait to be encrypted, and again of those that are and wait to
    /// be taken; one message may exceed it alone.
    pub max_queued_len: usize,
}

impl Limits {
    /// For a mesh: peer keys of 1,024 to 4,096 bits, messages of up to 64 KiB.
    pub const MESH: Self = Self {
        min_peer_size: KeySize::DEFAULT,
        max_peer_size: MESH_MAX_PEER_SIZE,
        max_message_len: 64 << 10,
        max_buffered_len: 128 << 10,
        max_queued_len: 256 << 10,
    };

    /// For a link that stands alone: all keys that py2p can work with, messages of up to 1 MiB.
    pub const ALONE: Self = Self {
        min_peer_size: KeySize::MIN,
        max_peer_size: KeySize::MAX,
        max_message_len: 1 << 20,
        max_buffered_len: 128 << 10,
        max_queued_len: 1 << 20,
    };

    pub(super) fn check_peer(&self, bits: usize) -> Result<KeySize, SessionError> {
        let size = KeySize::weak(bits).map_err(|_| SessionError::KeySize { bits })?;
        if (self.min_peer_size..=self.max_peer_size).contains(&size) {
            Ok(size)
        } else {
            Err(SessionError::KeySize { bits })
        }
    }

    /// The most bytes that are buffered.
    pub(super) fn buffer_len(&self) -> usize {
        self.max_buffered_len.max(KeySize::MAX.bits())
    }
}
