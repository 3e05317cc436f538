//! Ciphertext becomes messages: block by block, then the signature, then the proof.

use bytes::{Bytes, BytesMut};

use super::Limits;
use super::packets::{COUNT_HEADER_LEN, bin_to_int, chunk_len, count_of, int_to_bin};
use crate::rsa::{KeySize, PrivateKey, PublicKey, SeededRng, decrypt_with, verify};
use crate::session::SessionError;

/// One part of a record under way: a message, or its signature.
#[derive(Debug, Default)]
struct Part {
    plain: Vec<u8>,
    header_len: usize,
    /// The number of blocks that are still to come; nothing before the first.
    left: Option<usize>,
}

impl Part {
    /// Takes a decrypted block; true if it was the last.
    fn push(&mut self, piece: &[u8], max_count: usize) -> Result<bool, SessionError> {
        let left = match self.left {
            Some(left) => left,
            None => self.read_header(piece, max_count)?,
        };
        self.plain.extend_from_slice(piece);
        self.left = left.checked_sub(1);
        Ok(self.left == Some(0))
    }

    /// Reads the count of blocks, which is whole in the first.
    fn read_header(&mut self, piece: &[u8], max_count: usize) -> Result<usize, SessionError> {
        let (len, rest) =
            piece.split_first_chunk::<COUNT_HEADER_LEN>().ok_or(SessionError::BadCount)?;
        let len = usize::try_from(u32::from_be_bytes(*len)).map_err(|_| SessionError::BadCount)?;
        let digits = rest.get(..len).ok_or(SessionError::BadCount)?;
        let max_count = u128::try_from(max_count).unwrap_or(u128::MAX);
        let count = bin_to_int(digits).ok_or(SessionError::BadCount)?;
        if count == 0 || count > max_count || len > int_to_bin(max_count).len() {
            return Err(SessionError::BadCount);
        }
        self.header_len = COUNT_HEADER_LEN.saturating_add(len);
        usize::try_from(count).map_err(|_| SessionError::BadCount)
    }

    /// What there is behind the header, in a buffer of its own length: it waits for its signature, and
    /// counts as what it has.
    fn finish(self) -> Bytes {
        Bytes::copy_from_slice(self.plain.get(self.header_len..).unwrap_or_default())
    }
}

/// The half of a session that reads.
#[derive(Debug)]
pub(super) struct Receiving {
    peer: PublicKey,
    max_message_len: usize,
    /// The most blocks of a message, and those of a signature.
    max_counts: (usize, usize),
    part: Part,
    message: Option<Bytes>,
}

impl Receiving {
    pub(super) fn new(own: KeySize, peer: PublicKey, limits: &Limits) -> Self {
        let chunk = chunk_len(own);
        let counts =
            (count_of(limits.max_message_len, chunk), count_of(peer.size().block_len(), chunk));
        Self {
            peer,
            max_message_len: limits.max_message_len,
            max_counts: counts,
            part: Part::default(),
            message: None,
        }
    }

    /// The bytes of memory that the message under way takes.
    pub(super) fn held_len(&self) -> usize {
        let message_len = self.message.as_ref().map_or(0, Bytes::len);
        self.part.plain.capacity().saturating_add(message_len)
    }

    /// Whether a message has begun and is not over.
    pub(super) fn is_mid_message(&self) -> bool {
        self.message.is_some() || self.part.left.is_some()
    }

    /// Decrypts one block, if there is one, and verifies the message if it was the last.
    pub(super) fn advance(
        &mut self,
        input: &mut BytesMut,
        own: &PrivateKey,
        rng: &mut SeededRng,
    ) -> Result<Advance, SessionError> {
        let len = own.size().block_len();
        if input.len() < len {
            return Ok(Advance::Idle);
        }
        let block = input.split_to(len);
        let piece = decrypt_with(&block, own, rng).map_err(|_| SessionError::Decryption)?;
        let (of_message, of_signature) = self.max_counts;
        let max_count = if self.message.is_none() { of_message } else { of_signature };
        if !self.part.push(&piece, max_count)? {
            return Ok(Advance::Block);
        }
        let whole = std::mem::take(&mut self.part).finish();
        let Some(message) = self.message.take() else {
            if whole.len() > self.max_message_len {
                return Err(SessionError::TooLong);
            }
            self.message = Some(whole);
            return Ok(Advance::Block);
        };
        verify(&message, &whole, &self.peer).map_err(|_| SessionError::BadSignature)?;
        Ok(Advance::Message(message))
    }
}

/// What one block of work brought.
#[derive(Debug)]
pub(super) enum Advance {
    /// There is no block.
    Idle,
    /// A block, but not the last.
    Block,
    /// A message, with its signature verified.
    Message(Bytes),
}
