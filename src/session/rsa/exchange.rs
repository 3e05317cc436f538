//! The exchange of keys, in the clear, before anything is encrypted.
//!
//! ```text
//! client                                             server
//! Asking::Size   "Requesting key size"      -->      Telling::Size
//!                <--  size in decimal, 16 bytes, padded with blanks
//! Asking::Key    "Requesting key"           -->      Telling::Key
//!                <--  "n,e" in decimal, as many bytes as the size has bits, padded with blanks
//! ```
//!
//! and then the same with the roles exchanged. Each item has a length that is known before, so
//! the pieces that they arrive in do not matter here. They do to py2p, which reads each with one
//! call: every item is written at once, and none before it was asked for.

use std::collections::VecDeque;

use bytes::{Buf, Bytes, BytesMut};

use super::{Limits, Role};
use crate::rsa::{KeySize, PrivateKey, PublicKey};
use crate::session::SessionError;

/// Asks for the size of a key.
pub const SIZE_REQUEST: &[u8] = b"Requesting key size";
/// Asks for a key.
pub const KEY_REQUEST: &[u8] = b"Requesting key";
/// The length of the answer to [`SIZE_REQUEST`].
const SIZE_LEN: usize = 16;

/// More than all that one side says in an exchange.
pub(super) const MAX_LEN: usize = KeySize::MAX.bits() + 64;

/// What is read next.
///
/// A client goes from `AskedSize` by `AskedKey` to `TellsSize`, `TellsKey` and the end; a server
/// begins with `TellsSize` and asks after `TellsKey`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The size of the peer's key.
    AskedSize,
    /// The peer's key, of the size that it announced.
    AskedKey(KeySize),
    /// The peer's question for the size of the own key.
    TellsSize,
    /// The peer's question for the own key.
    TellsKey,
}

/// One exchange of keys under way.
#[derive(Debug)]
pub(super) struct Exchange {
    state: State,
    peer: Option<PublicKey>,
    has_told: bool,
}

impl Exchange {
    /// Begins; a client asks at once.
    pub(super) fn new(role: Role, out: &mut VecDeque<Bytes>) -> Self {
        let mut exchange = Self { state: State::TellsSize, peer: None, has_told: false };
        if role == Role::Client {
            exchange.ask(out);
        }
        exchange
    }

    fn ask(&mut self, out: &mut VecDeque<Bytes>) {
        out.push_back(Bytes::from_static(SIZE_REQUEST));
        self.state = State::AskedSize;
    }

    /// The peer's key, once it is read.
    pub(super) fn peer(&self) -> Option<&PublicKey> {
        self.peer.as_ref()
    }

    /// Whether both sides have told their key.
    pub(super) fn is_done(&self) -> bool {
        self.has_told && self.peer.is_some()
    }

    /// Takes the next item out of `input` and does what it asks for; false if it is not there yet.
    pub(super) fn advance(
        &mut self,
        input: &mut BytesMut,
        own: &PrivateKey,
        limits: &Limits,
        out: &mut VecDeque<Bytes>,
    ) -> Result<bool, SessionError> {
        match self.state {
            State::AskedSize => {
                // Whoever speaks something else may say less than a size takes.
                let is_foreign = |byte: &u8| !byte.is_ascii_digit() && !byte.is_ascii_whitespace();
                if input.first().is_some_and(is_foreign) {
                    return Err(SessionError::MalformedKeySize);
                }
                let Some(text) = take(input, SIZE_LEN) else { return Ok(false) };
                let size = limits.check_peer(read_size(&text)?)?;
                out.push_back(Bytes::from_static(KEY_REQUEST));
                self.state = State::AskedKey(size);
            }
            State::AskedKey(size) => {
                let Some(text) = take(input, size.bits()) else { return Ok(false) };
                let text = std::str::from_utf8(&text).map_err(|_| SessionError::BadKey)?;
                let key: PublicKey = text.parse().map_err(|_| SessionError::BadKey)?;
                if key.size() != size {
                    return Err(SessionError::BadKey);
                }
                self.peer = Some(key);
                self.state = State::TellsSize;
            }
            State::TellsSize => {
                if !take_request(input, SIZE_REQUEST)? {
                    return Ok(false);
                }
                let size = own.size().bits();
                out.push_back(format!("{size:<SIZE_LEN$}").into());
                self.state = State::TellsKey;
            }
            State::TellsKey => {
                if !take_request(input, KEY_REQUEST)? {
                    return Ok(false);
                }
                let len = own.size().bits();
                out.push_back(format!("{:<len$}", own.public().to_string()).into());
                self.has_told = true;
                if self.peer.is_none() {
                    self.ask(out);
                }
            }
        }
        Ok(true)
    }
}

fn take(input: &mut BytesMut, len: usize) -> Option<BytesMut> {
    (input.len() >= len).then(|| input.split_to(len))
}

/// Takes a request; false if it is not whole yet. It is refused at the first wrong byte.
fn take_request(input: &mut BytesMut, request: &[u8]) -> Result<bool, SessionError> {
    let len = input.len().min(request.len());
    if input.get(..len) != request.get(..len) {
        return Err(SessionError::BadRequest);
    }
    if len < request.len() {
        return Ok(false);
    }
    input.advance(len);
    Ok(true)
}

/// Reads a size in decimal between blanks. py2p pads on the right; other writers may do otherwise.
fn read_size(text: &[u8]) -> Result<usize, SessionError> {
    let digits = text.trim_ascii();
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(SessionError::MalformedKeySize);
    }
    let text = std::str::from_utf8(digits).map_err(|_| SessionError::MalformedKeySize)?;
    // Sixteen digits fit 64 bits, but not 32.
    Ok(text.parse().unwrap_or(usize::MAX))
}
