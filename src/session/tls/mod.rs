//! A link under TLS 1.3, whose ends prove the keys that their ids are made of.
//!
//! Knows keys and the name of the protocol, and how rustls is driven: bytes in, bytes out. Does not
//! know whom the node wants to meet: it tells which key the other end has proven, and the node
//! decides. PROTOCOL.md §10.1.
//!
//! Unlike everything else in the pure rooms a TLS session draws entropy of its own, for the
//! exchange of keys: two runs do the same, with other bytes of the same number.

mod context;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io::{BufRead, Write};

use bytes::{Buf, Bytes, BytesMut};
use rustls::{AlertDescription, Connection, Error};

use super::{Progress, SendError, SessionError};
use crate::identity::PublicKey;
pub use context::TlsContext;

/// The most bytes that wait for a step.
const MAX_BUFFERED_LEN: usize = 64 << 10;

/// The bytes of memory that a session takes beside its input: a link at rest takes half of it, and the
/// other half is as long as the longest record that may be there in part.
pub const SESSION_LEN: usize = 32 << 10;

/// What the secret of a connection is derived for, that both ends can name it by.
const BINDING_LABEL: &[u8] = b"EXPORTER-rs2p-mesh-binding-v1";

/// The length of a [`TlsSession::binding`] in bytes.
pub const BINDING_LEN: usize = 32;

/// One end of a link under TLS.
///
/// Give it what arrives, take a step, and write what it leaves to be transmitted. A step works on
/// all that has been received, 64 KiB at most.
pub struct TlsSession {
    connection: Connection,
    input: BytesMut,
    failure: Option<SessionError>,
    /// Whether either end has said anything.
    has_begun: bool,
    /// Whether the peer has said that it sends no more.
    has_ended: bool,
    /// Whether this end has.
    is_over: bool,
}

impl TlsSession {
    fn new(mut connection: Connection) -> Self {
        // What is encrypted is taken at once.
        connection.set_buffer_limit(None);
        // The one that dials speaks first.
        let has_begun = connection.wants_write();
        Self {
            connection,
            input: BytesMut::new(),
            failure: None,
            has_begun,
            has_ended: false,
            is_over: false,
        }
    }

    /// Keeps bytes that arrived for the next step, and tells how many of them: no more than
    /// [`TlsSession::room`].
    #[must_use]
    pub fn received(&mut self, data: &[u8]) -> usize {
        let taken = data.get(..self.room()).unwrap_or(data);
        self.has_begun |= !taken.is_empty();
        if self.is_reading() {
            self.input.extend_from_slice(taken);
        }
        taken.len()
    }

    /// The number of bytes that can be received before the next step. A session that has failed or
    /// was ended takes and discards everything.
    pub fn room(&self) -> usize {
        if self.is_reading() {
            MAX_BUFFERED_LEN.saturating_sub(self.input.len())
        } else {
            usize::MAX
        }
    }

    fn is_reading(&self) -> bool {
        self.failure.is_none() && !self.is_over
    }

    /// Works on what was received.
    ///
    /// # Errors
    ///
    /// [`SessionError`], after all bytes in front of the fault were returned; and from then on
    /// always the same. What is left to be transmitted tells the peer.
    pub fn step(&mut self) -> Result<Progress, SessionError> {
        let mut progress = Progress { is_idle: true, ..Progress::default() };
        while self.failure.is_none() && !self.input.is_empty() {
            progress.spent = 1;
            if let Err(error) = self.work() {
                self.failure = Some(error);
                self.input = BytesMut::new();
            }
            progress.messages.extend(self.take_plain());
        }
        if self.input.is_empty() {
            // A link at rest holds no buffer.
            self.input = BytesMut::new();
        }
        match self.failure {
            Some(error) if progress.messages.is_empty() => Err(error),
            // The fault is still to be told.
            Some(_) => Ok(Progress { is_idle: false, ..progress }),
            None => Ok(progress),
        }
    }

    /// Has a part of the input decrypted.
    fn work(&mut self) -> Result<(), SessionError> {
        let taken = self.connection.read_tls(&mut &self.input[..]);
        // Nothing counts behind the peer's word that it sends no more.
        let taken = taken.map_err(|_| SessionError::Corrupt)?;
        self.input.advance(if taken == 0 { self.input.len() } else { taken });
        let state = self.connection.process_new_packets().map_err(|error| fault_of(&error))?;
        self.has_ended |= state.peer_has_closed();
        Ok(())
    }

    /// Takes what has been decrypted, which may stand in front of a fault.
    fn take_plain(&mut self) -> Option<Bytes> {
        let mut plain = Vec::new();
        let mut reader = self.connection.reader();
        while let Ok(piece @ [_, ..]) = reader.fill_buf() {
            plain.extend_from_slice(piece);
            let len = piece.len();
            reader.consume(len);
        }
        (!plain.is_empty()).then(|| plain.into())
    }

    /// Encrypts bytes of the stream, to be taken by [`TlsSession::take_transmit`].
    ///
    /// # Errors
    ///
    /// [`SendError::Failed`] where the session has failed.
    pub fn send(&mut self, data: &[u8]) -> Result<(), SendError> {
        if let Some(error) = self.failure {
            return Err(SendError::Failed(error));
        }
        self.connection
            .writer()
            .write_all(data)
            .map_err(|_| SendError::Failed(SessionError::Corrupt))
    }

    /// Says that nothing more will be sent. Nothing is read any more either: rustls takes it for a
    /// mistake of its caller (a debug assertion) if it has to complain about the peer behind that.
    pub fn end(&mut self) {
        self.connection.send_close_notify();
        self.is_over = true;
        self.input = BytesMut::new();
    }

    /// Takes what is to be written next.
    #[must_use]
    pub fn take_transmit(&mut self) -> Option<Bytes> {
        let mut data = Vec::new();
        while self.connection.wants_write() && self.connection.write_tls(&mut data).is_ok() {}
        // It may wait for long, at its length: the room that it did not use must not wait with it.
        (!data.is_empty()).then(|| data.into_boxed_slice().into())
    }

    /// About how many bytes of memory the session takes, beside [`SESSION_LEN`].
    pub fn held_len(&self) -> usize {
        self.input.capacity()
    }

    /// Whether both ends have proven their keys.
    pub fn is_established(&self) -> bool {
        self.failure.is_none() && !self.connection.is_handshaking()
    }

    /// Whether a connection that ends now is cut off: the peer has not said that it sends no more.
    /// One on which nobody has said a word is not.
    pub fn is_cut_off(&self) -> bool {
        self.has_begun && !self.has_ended
    }

    /// The key that the peer has proven to hold, once the session is established.
    pub fn peer_key(&self) -> Option<PublicKey> {
        let keys = self.connection.peer_certificates()?;
        keys.first().filter(|_| self.is_established()).and_then(|key| PublicKey::from_spki(key))
    }

    /// A secret that this session alone has, at both its ends.
    pub fn binding(&self) -> Option<[u8; BINDING_LEN]> {
        let secret = [0; BINDING_LEN];
        self.connection.export_keying_material(secret, BINDING_LABEL, None).ok()
    }
}

impl fmt::Debug for TlsSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsSession")
            .field("is_established", &self.is_established())
            .field("peer_key", &self.peer_key())
            .field("failure", &self.failure)
            .finish_non_exhaustive()
    }
}

/// What went wrong, in our words.
fn fault_of(error: &Error) -> SessionError {
    match error {
        Error::AlertReceived(AlertDescription::NoApplicationProtocol)
        | Error::NoApplicationProtocol => SessionError::WrongProtocol,
        Error::AlertReceived(alert) => SessionError::Alert((*alert).into()),
        Error::InvalidMessage(_) | Error::InappropriateMessage { .. } => SessionError::NotTls,
        Error::DecryptError | Error::PeerSentOversizedRecord => SessionError::Corrupt,
        Error::InvalidCertificate(_) | Error::NoCertificatesPresented => SessionError::NoProof,
        _ => SessionError::Incompatible,
    }
}
