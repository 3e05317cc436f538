//! Bytes ⇄ bytes on one link: what lies between a connection and the messages on it.
//!
//! A [`Session`] takes the bytes of a connection as they come ([`Session::received`]), works on
//! them in steps of bounded cost ([`Session::step`]), and leaves what is to be written
//! ([`Session::take_transmit`]). So a loop that serves many links can never be held up by one, and
//! a simulator or a fuzzer runs sessions as a socket does.
//!
//! This room knows keys, and how bytes are encrypted and signed. It does not know sockets, clocks,
//! threads or, but for the exchange of keys under TLS, the operating system's entropy. It does not
//! know either what the messages mean, which node is at the other end, or how long one may wait for
//! it.
//!
//! All that can go wrong is one [`SessionError`]. It is for the log of this side; what the other end
//! is told, if anything, is what the session leaves to be written.
//!
//! *May change in a minor release.*

#![warn(clippy::arithmetic_side_effects)]

mod error;
#[cfg(feature = "rsa")]
pub mod rsa;
#[cfg(feature = "tls")]
pub mod tls;

use bytes::{Bytes, BytesMut};

#[cfg(feature = "tls")]
use crate::identity::PublicKey;
pub use error::{SendError, SessionError};

/// What one step of a session did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Progress {
    /// The pieces of the stream inside that came to light, in order: under RSA whole messages.
    pub messages: Vec<Bytes>,
    /// How much of the budget was used.
    pub spent: usize,
    /// Whether nothing is left to do before more is received or sent.
    pub is_idle: bool,
}

/// One end of a link, under whatever encryption.
#[derive(Debug)]
pub enum Session {
    /// Not encrypted: what goes in comes out.
    Plaintext(Plaintext),
    /// `PKCS1_v1.5`, as py2p's sockets speak it.
    #[cfg(feature = "rsa")]
    Rsa(Box<rsa::RsaSession>),
    /// TLS 1.3 with raw public keys.
    #[cfg(feature = "tls")]
    Tls(Box<tls::TlsSession>),
}

impl Session {
    /// A session that encrypts nothing.
    pub fn plaintext() -> Self {
        Self::Plaintext(Plaintext::default())
    }

    /// Keeps bytes that arrived for the next step, and tells how many of them it took: the others
    /// are to be given again after it.
    #[must_use]
    pub fn received(&mut self, data: &[u8]) -> usize {
        match self {
            Self::Plaintext(session) => {
                session.input.extend_from_slice(data);
                data.len()
            }
            #[cfg(feature = "rsa")]
            Self::Rsa(session) => session.received(data),
            #[cfg(feature = "tls")]
            Self::Tls(session) => session.received(data),
        }
    }

    /// Works on what was received and on what is to be sent, for at most `budget` units: a unit is
    /// an operation with an RSA key, or all that was received under TLS.
    ///
    /// # Errors
    ///
    /// [`SessionError`], after everything in front of the fault was returned; and from then on
    /// always the same.
    pub fn step(&mut self, budget: usize) -> Result<Progress, SessionError> {
        match self {
            Self::Plaintext(session) => Ok(session.step(budget)),
            #[cfg(feature = "rsa")]
            Self::Rsa(session) => session.step(budget),
            #[cfg(feature = "tls")]
            Self::Tls(session) => session.step(),
        }
    }

    /// Gives bytes to be sent: under RSA one message of its own.
    ///
    /// # Errors
    ///
    /// [`SendError`]; then nothing of them is sent.
    pub fn send(&mut self, data: &[u8]) -> Result<(), SendError> {
        match self {
            Self::Plaintext(session) => {
                session.output.extend_from_slice(data);
                Ok(())
            }
            #[cfg(feature = "rsa")]
            Self::Rsa(session) => session.send(data),
            #[cfg(feature = "tls")]
            Self::Tls(session) => session.send(data),
        }
    }

    /// Says that nothing more will be sent, where there is a way to say so. What arrives behind it
    /// counts no more.
    pub fn end(&mut self) {
        match self {
            Self::Plaintext(_) => {}
            #[cfg(feature = "rsa")]
            Self::Rsa(_) => {}
            #[cfg(feature = "tls")]
            Self::Tls(session) => session.end(),
        }
    }

    /// Takes what is to be written next, with one write.
    #[must_use]
    pub fn take_transmit(&mut self) -> Option<Bytes> {
        match self {
            Self::Plaintext(session) => {
                let output = session.output.split().freeze();
                (!output.is_empty()).then_some(output)
            }
            #[cfg(feature = "rsa")]
            Self::Rsa(session) => session.take_transmit(),
            #[cfg(feature = "tls")]
            Self::Tls(session) => session.take_transmit(),
        }
    }

    /// About how many bytes of memory the buffers of the session take. What every session of its kind
    /// takes comes on top: `SESSION_LEN` of its module.
    pub fn held_len(&self) -> usize {
        match self {
            Self::Plaintext(session) => {
                session.input.capacity().saturating_add(session.output.capacity())
            }
            #[cfg(feature = "rsa")]
            Self::Rsa(session) => session.held_len(),
            #[cfg(feature = "tls")]
            Self::Tls(session) => session.held_len(),
        }
    }

    /// Whether nothing that was given to be sent waits for a step.
    pub fn is_flushed(&self) -> bool {
        match self {
            Self::Plaintext(session) => session.output.is_empty(),
            #[cfg(feature = "rsa")]
            Self::Rsa(session) => session.is_flushed(),
            #[cfg(feature = "tls")]
            Self::Tls(_) => true,
        }
    }

    /// Whether both ends are ready to send.
    pub fn is_established(&self) -> bool {
        match self {
            Self::Plaintext(_) => true,
            #[cfg(feature = "rsa")]
            Self::Rsa(session) => session.is_established(),
            #[cfg(feature = "tls")]
            Self::Tls(session) => session.is_established(),
        }
    }

    /// Whether a connection that ends now would end within something, or unannounced where ends
    /// are announced.
    pub fn is_cut_off(&self) -> bool {
        match self {
            Self::Plaintext(_) => false,
            #[cfg(feature = "rsa")]
            Self::Rsa(session) => session.is_mid_message(),
            #[cfg(feature = "tls")]
            Self::Tls(session) => session.is_cut_off(),
        }
    }

    /// Whether the other end has proven a key.
    pub fn is_authenticated(&self) -> bool {
        match self {
            Self::Plaintext(_) => false,
            #[cfg(feature = "rsa")]
            Self::Rsa(_) => false,
            #[cfg(feature = "tls")]
            Self::Tls(session) => session.peer_key().is_some(),
        }
    }

    /// What this session alone has, at both its ends, once it is established.
    #[cfg(feature = "tls")]
    pub fn binding(&self) -> Option<[u8; tls::BINDING_LEN]> {
        if let Self::Tls(session) = self { session.binding() } else { None }
    }

    /// The key that the other end has proven to hold.
    #[cfg(feature = "tls")]
    pub fn peer_key(&self) -> Option<PublicKey> {
        if let Self::Tls(session) = self { session.peer_key() } else { None }
    }
}

/// The session that encrypts nothing.
#[derive(Clone, Debug, Default)]
pub struct Plaintext {
    input: BytesMut,
    output: BytesMut,
}

impl Plaintext {
    fn step(&mut self, budget: usize) -> Progress {
        if budget == 0 || self.input.is_empty() {
            return Progress { is_idle: self.input.is_empty(), ..Progress::default() };
        }
        Progress { messages: vec![self.input.split().freeze()], spent: 1, is_idle: true }
    }
}
