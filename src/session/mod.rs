//! Bytes ⇄ bytes on one link: what lies between a connection and the messages on it.
//!
//! A session takes the bytes of a connection as they come (`received`), works on them in steps of
//! bounded cost (`step`), and leaves what is to be written (`take_transmit`). So a loop that serves
//! many links can never be held up by one, and a simulator or a fuzzer runs sessions as a socket
//! does. With the feature `rsa` there is one kind of them, `RsaSession`.
//!
//! This room knows keys, and how bytes are encrypted and signed. It does not know sockets, clocks,
//! threads or the operating system's entropy: a session is made from a seed, and from the same
//! seed and input comes the same output. It does not know either what the messages mean, which
//! node is at the other end, or how long one may wait for it.
//!
//! All that can go wrong is one [`SessionError`]. It is for the log of this side only; at the other
//! end every failure looks the same: nothing more is written, and the connection is closed.
//!
//! *May change in a minor release.*

#![warn(clippy::arithmetic_side_effects)]

mod error;
#[cfg(feature = "rsa")]
pub mod rsa;
#[cfg(feature = "tls")]
pub mod tls;

use bytes::Bytes;

pub use error::{SendError, SessionError};

/// What one step of a session did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Progress {
    /// The messages that came to their end, in order.
    pub messages: Vec<Bytes>,
    /// How much of the budget was used.
    pub spent: usize,
    /// Whether nothing is left to do before more is received or sent.
    pub is_idle: bool,
}
