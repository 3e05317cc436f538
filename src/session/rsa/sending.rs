//! Messages become ciphertext: the signature first, then block by block, then one write.

use bytes::Bytes;

use super::packets::{chunk_len, with_count};
use crate::rsa::{KeySize, PrivateKey, PublicKey, SeededRng, best_hash, encrypt_with, sign_with};
use crate::session::SessionError;

/// The number of blocks that are encrypted for one unit of the budget.
///
/// One block for a key of 1,024 bits takes a tenth of what a decryption does, and four times as
/// long for every doubling of the size; by the exponent, a peer can make it twice that.
fn blocks_per_unit(size: KeySize) -> usize {
    match size.bits() {
        4_096.. => 1,
        2_048.. => 2,
        _ => 8,
    }
}

/// One message on its way to ciphertext.
///
/// Message and signature become one piece of ciphertext: py2p waits 10 ms for the second and then
/// forgets the first.
#[derive(Debug)]
pub(super) struct Sending {
    /// The message and its signature, each behind its count.
    parts: [Bytes; 2],
    /// The bytes of both, which are in memory until the last of them is encrypted.
    parts_len: usize,
    chunk: usize,
    ciphertext: Vec<u8>,
}

impl Sending {
    /// Signs a message.
    pub(super) fn new(
        message: &[u8],
        own: &PrivateKey,
        peer: &PublicKey,
        rng: &mut SeededRng,
    ) -> Result<Self, SessionError> {
        let signature = sign_with(message, own, best_hash(own.size()), rng);
        let signature = signature.map_err(|_| SessionError::OwnKey)?;
        let chunk = chunk_len(peer.size());
        let parts = [message, &signature].map(|part| Bytes::from(with_count(part, chunk)));
        let parts_len = parts.iter().map(Bytes::len).fold(0, usize::saturating_add);
        Ok(Self { parts, parts_len, chunk, ciphertext: Vec::new() })
    }

    /// The bytes of memory that the message under way takes.
    pub(super) fn held_len(&self) -> usize {
        self.parts_len.saturating_add(self.ciphertext.capacity())
    }

    /// Encrypts the next blocks, for one unit of the budget; true if they were the last.
    pub(super) fn advance(
        &mut self,
        peer: &PublicKey,
        rng: &mut SeededRng,
    ) -> Result<bool, SessionError> {
        for _ in 0..blocks_per_unit(peer.size()) {
            let Some(part) = self.parts.iter_mut().find(|part| !part.is_empty()) else { break };
            let piece = part.split_to(self.chunk.min(part.len()));
            let block = encrypt_with(&piece, peer, rng).map_err(|_| SessionError::OwnKey)?;
            self.ciphertext.extend_from_slice(&block);
        }
        Ok(self.parts.iter().all(Bytes::is_empty))
    }

    /// Message and signature, encrypted.
    pub(super) fn finish(self) -> Bytes {
        // It may wait for long, at its length.
        self.ciphertext.into_boxed_slice().into()
    }
}
