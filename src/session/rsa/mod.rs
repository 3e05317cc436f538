//! A link under `PKCS1_v1.5`, as py2p's sockets speak it.
//!
//! Knows the [exchange](Role) of keys in the clear, and how a message is cut, counted, signed and
//! encrypted for the peer's key. Does not know sockets, clocks or entropy, nor what a message
//! means.
//!
//! What this is worth: it hides messages from those who only listen, today, at sizes of 2,048 bits
//! and more. It does not authenticate anybody, so whoever sits in the middle reads and writes all;
//! what was sent can be sent again; who later gets a key reads all that was recorded; and a peer
//! that watches which of its ciphertexts end the connection can decrypt others (see
//! [`decrypt`](crate::rsa::decrypt)), so a key should serve one connection. Legacy, for the company
//! of py2p.

mod exchange;
mod limits;
mod packets;
mod receiving;
mod sending;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use super::{Progress, SendError, SessionError};
use crate::rsa::{KeySize, PrivateKey, PublicKey, SeededRng};
use exchange::Exchange;
pub use exchange::{KEY_REQUEST, SIZE_REQUEST};
pub use limits::Limits;
pub use packets::{bin_to_int, charlimit, chunk_len, construct_packets, int_to_bin};
use receiving::{Advance, Receiving};
use sending::Sending;

/// The bytes of memory that a session takes beside its buffers: its keys, mostly.
pub const SESSION_LEN: usize = 8 << 10;

/// Which end of the connection this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The end that dialled: it asks for the other's key first.
    Client,
    /// The end that was dialled.
    Server,
}

/// One end of a link under `PKCS1_v1.5`.
///
/// Give it what arrives, take steps until it is idle, and write what it leaves to be transmitted,
/// each piece with one write. A unit of the budget of a step is one operation with the own
/// private key, about half a millisecond at 1,024 bits and four to eight times as much for every
/// doubling, or what takes about as long as that does at 1,024 bits.
///
/// ```
/// use rs2p::rsa::{KeySize, newkeys};
/// use rs2p::session::rsa::{Limits, Role, RsaSession};
///
/// let (_, key) = newkeys(KeySize::DEFAULT)?;
/// let mut client = RsaSession::new(Role::Client, key.clone(), Limits::MESH, [1; 32]);
/// let mut server = RsaSession::new(Role::Server, key, Limits::MESH, [2; 32]);
/// client.send(b"hello")?;
/// let mut messages = Vec::new();
/// while messages.is_empty() {
///     let _ = client.step(8)?;
///     while let Some(data) = client.take_transmit() {
///         assert_eq!(server.received(&data), data.len());
///     }
///     messages = server.step(8)?.messages;
///     while let Some(data) = server.take_transmit() {
///         assert_eq!(client.received(&data), data.len());
///     }
/// }
/// assert_eq!(messages, ["hello"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct RsaSession {
    own: PrivateKey,
    limits: Limits,
    rng: SeededRng,
    input: BytesMut,
    state: State,
    /// Messages that wait to be encrypted.
    queue: VecDeque<Bytes>,
    queued_len: usize,
    transmits: VecDeque<Bytes>,
    is_writers_turn: bool,
}

#[derive(Debug)]
enum State {
    Exchanging(Exchange),
    Established { peer: PublicKey, receiving: Receiving, sending: Option<Sending> },
    Failed(SessionError),
}

impl RsaSession {
    /// Begins a session. From the same key, seed and input it always does the same.
    ///
    /// The seed must be secret, and good for one session.
    pub fn new(role: Role, own: PrivateKey, limits: Limits, seed: [u8; 32]) -> Self {
        let mut transmits = VecDeque::new();
        let state = State::Exchanging(Exchange::new(role, &mut transmits));
        Self {
            own,
            limits,
            rng: SeededRng::from_seed(seed),
            input: BytesMut::new(),
            state,
            queue: VecDeque::new(),
            queued_len: 0,
            transmits,
            is_writers_turn: false,
        }
    }

    /// Keeps bytes that arrived for the next step, and tells how many of them: no more than
    /// [`RsaSession::room`]. Give it the others after a step.
    #[must_use]
    pub fn received(&mut self, data: &[u8]) -> usize {
        let taken = data.get(..self.room()).unwrap_or(data);
        if !self.has_failed() {
            self.input.extend_from_slice(taken);
        }
        taken.len()
    }

    /// The number of bytes that can be received before the next step. A failed session takes and
    /// discards everything.
    pub fn room(&self) -> usize {
        if self.has_failed() {
            return usize::MAX;
        }
        self.limits.buffer_len().saturating_sub(self.input.len())
    }

    /// Works on what was received and on what is to be sent, in turns, for at most `budget` units.
    ///
    /// # Errors
    ///
    /// [`SessionError`], after all messages in front of the fault were returned; and from then on
    /// always the same.
    pub fn step(&mut self, budget: usize) -> Result<Progress, SessionError> {
        let mut progress = Progress::default();
        while progress.spent < budget && !progress.is_idle {
            match self.turn(&mut progress) {
                Ok(true) => progress.spent = progress.spent.saturating_add(1),
                Ok(false) => progress.is_idle = true,
                Err(error) => {
                    self.fail(error);
                    // What came in front of the fault is handed over first.
                    return if progress.messages.is_empty() { Err(error) } else { Ok(progress) };
                }
            }
        }
        Ok(progress)
    }

    /// Queues a message. It is transmitted once it is encrypted and the session established.
    ///
    /// An empty message is taken; a py2p node takes it for the end of the connection.
    ///
    /// # Errors
    ///
    /// [`SendError`]; then nothing was queued.
    pub fn send(&mut self, message: &[u8]) -> Result<(), SendError> {
        if let State::Failed(error) = self.state {
            return Err(SendError::Failed(error));
        }
        let (len, max) = (message.len(), self.limits.max_message_len);
        if len > max {
            return Err(SendError::TooLong { len, max });
        }
        // An empty message counts, too: its signature is as long as that of any other.
        let queued_len = self.queued_len.saturating_add(len.max(1));
        let ready_len = self.transmits.iter().map(Bytes::len).fold(0, usize::saturating_add);
        let max_queued_len = self.limits.max_queued_len;
        if queued_len > max_queued_len && !self.queue.is_empty()
            || ready_len > max_queued_len.saturating_add(exchange::MAX_LEN)
        {
            return Err(SendError::Full);
        }
        self.queue.push_back(Bytes::copy_from_slice(message));
        self.queued_len = queued_len;
        Ok(())
    }

    /// Takes what is to be written next, with one write: an item of the exchange, or a message with
    /// its signature.
    #[must_use]
    pub fn take_transmit(&mut self) -> Option<Bytes> {
        self.transmits.pop_front()
    }

    /// About how many bytes of memory the session takes, beside [`SESSION_LEN`].
    pub fn held_len(&self) -> usize {
        let under_way = match &self.state {
            State::Established { receiving, sending, .. } => {
                let sending = sending.as_ref().map_or(0, Sending::held_len);
                receiving.held_len().saturating_add(sending)
            }
            State::Exchanging(_) | State::Failed(_) => 0,
        };
        let ready = self.transmits.iter().map(Bytes::len);
        let parts = [under_way, self.input.capacity(), self.queued_len];
        ready.chain(parts).fold(0, usize::saturating_add)
    }

    /// Whether there is nothing left to be encrypted or to be taken by
    /// [`RsaSession::take_transmit`].
    pub fn is_flushed(&self) -> bool {
        let is_sending = matches!(self.state, State::Established { sending: Some(_), .. });
        self.transmits.is_empty() && self.queue.is_empty() && !is_sending
    }

    /// Whether both sides know each other's key.
    pub fn is_established(&self) -> bool {
        matches!(self.state, State::Established { .. })
    }

    /// Whether the connection would end within something if it ended now: the exchange, or a
    /// message.
    pub fn is_mid_message(&self) -> bool {
        match &self.state {
            State::Exchanging(_) => true,
            State::Established { receiving, .. } => {
                receiving.is_mid_message() || !self.input.is_empty()
            }
            State::Failed(_) => false,
        }
    }

    /// Whether the session knows who is at the other end. It never does.
    pub fn is_authenticated(&self) -> bool {
        false
    }

    /// The peer's key, once it has told it.
    pub fn peer_key(&self) -> Option<&PublicKey> {
        match &self.state {
            State::Exchanging(exchange) => exchange.peer(),
            State::Established { peer, .. } => Some(peer),
            State::Failed(_) => None,
        }
    }

    /// The size of the peer's key, once it has told it.
    pub fn peer_key_size(&self) -> Option<KeySize> {
        self.peer_key().map(PublicKey::size)
    }

    fn has_failed(&self) -> bool {
        matches!(self.state, State::Failed(_))
    }

    /// One unit of work, if there is any. Reading and writing take turns, so that neither can
    /// starve the other.
    fn turn(&mut self, progress: &mut Progress) -> Result<bool, SessionError> {
        match &mut self.state {
            State::Exchanging(exchange) => {
                let (input, out) = (&mut self.input, &mut self.transmits);
                let has_worked = exchange.advance(input, &self.own, &self.limits, out)?;
                if let (true, Some(peer)) = (exchange.is_done(), exchange.peer().cloned()) {
                    let receiving = Receiving::new(self.own.size(), peer.clone(), &self.limits);
                    self.state = State::Established { peer, receiving, sending: None };
                }
                Ok(has_worked)
            }
            State::Established { .. } => {
                self.is_writers_turn = !self.is_writers_turn;
                // The second in turn does what it can where the first has nothing to do.
                let has_written = self.is_writers_turn && self.write_turn()?;
                let has_worked = has_written || self.read_turn(progress)?;
                Ok(has_worked || !self.is_writers_turn && self.write_turn()?)
            }
            State::Failed(error) => Err(*error),
        }
    }

    fn read_turn(&mut self, progress: &mut Progress) -> Result<bool, SessionError> {
        let State::Established { receiving, .. } = &mut self.state else { return Ok(false) };
        match receiving.advance(&mut self.input, &self.own, &mut self.rng)? {
            Advance::Idle => return Ok(false),
            Advance::Block => {}
            Advance::Message(message) => progress.messages.push(message),
        }
        Ok(true)
    }

    fn write_turn(&mut self) -> Result<bool, SessionError> {
        let State::Established { peer, sending, .. } = &mut self.state else { return Ok(false) };
        if let Some(under_way) = sending {
            if under_way.advance(peer, &mut self.rng)? {
                self.transmits.extend(sending.take().map(Sending::finish));
            }
        } else if let Some(message) = self.queue.pop_front() {
            self.queued_len = self.queued_len.saturating_sub(message.len().max(1));
            *sending = Some(Sending::new(&message, &self.own, peer, &mut self.rng)?);
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    /// Ends the session. From outside all faults end alike: with nothing more being written.
    fn fail(&mut self, error: SessionError) {
        self.state = State::Failed(error);
        self.input = BytesMut::new();
        self.queue.clear();
        self.queued_len = 0;
        self.transmits.clear();
    }
}
