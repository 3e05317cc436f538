//! Why a session failed, and why a message could not be sent.

use std::error::Error;
use std::fmt;

/// Why a session failed: for the log of this side, never for the peer.
///
/// The peer's fault, but for [`SessionError::OwnKey`]. The session is at its end and answers
/// everything with the same error; nothing that was not yet written is written any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SessionError {
    /// The peer did not ask for a key in the words of the protocol.
    BadRequest,
    /// The size of the peer's key is no number.
    MalformedKeySize,
    /// The peer's key has a size that cannot be worked with, or that the limits do not allow.
    KeySize {
        /// The size in bits that the peer announced; the largest number there is, if it is larger.
        bits: usize,
    },
    /// The peer's key is no key, or not of the size that was announced.
    BadKey,
    /// A block could not be decrypted.
    Decryption,
    /// The count of blocks is missing, zero, or above what the longest message needs.
    BadCount,
    /// The message is longer than the limit.
    TooLong,
    /// The signature is not that of the peer over the message.
    BadSignature,
    /// The own key cannot sign, or the peer's cannot encrypt.
    OwnKey,
    /// The peer does not begin as TLS does.
    NotTls,
    /// The peer speaks another protocol under TLS.
    WrongProtocol,
    /// The peer did not prove to hold a key.
    NoProof,
    /// A record is not as its sender made it.
    Corrupt,
    /// The peer broke TLS, or speaks it in a way that is not spoken here.
    Incompatible,
    /// The connection ended within a message, or without the word that it would.
    CutOff,
    /// The peer has given up, with this alert (RFC 8446, 6).
    Alert(u8),
}

impl fmt::Display for SessionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadRequest => write!(f, "the peer did not ask for a key"),
            Self::MalformedKeySize => write!(f, "the size of the peer's key is no number"),
            Self::KeySize { bits } => write!(f, "a key of {bits} bits is not taken"),
            Self::BadKey => write!(f, "the peer's key is no key of the announced size"),
            Self::Decryption => write!(f, "a block could not be decrypted"),
            Self::BadCount => write!(f, "the count of blocks is wrong"),
            Self::TooLong => write!(f, "the message is too long"),
            Self::BadSignature => write!(f, "the signature is wrong"),
            Self::OwnKey => write!(f, "the keys do not work"),
            Self::NotTls => write!(f, "the peer does not speak TLS"),
            Self::WrongProtocol => write!(f, "the peer speaks another protocol under TLS"),
            Self::NoProof => write!(f, "the peer did not prove its key"),
            Self::Corrupt => write!(f, "a record was changed on its way"),
            Self::Incompatible => write!(f, "the peer speaks TLS in another way"),
            Self::CutOff => write!(f, "the connection was cut off"),
            Self::Alert(code) => write!(f, "the peer gave up with TLS alert {code}"),
        }
    }
}

impl Error for SessionError {}

/// Why a session did not take a message. The caller's doing; the session goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// The message is longer than the limit.
    TooLong {
        /// Its length in bytes.
        len: usize,
        /// The limit.
        max: usize,
    },
    /// Too much waits already, to be encrypted or to be taken: take steps and what they leave, and
    /// try again.
    Full,
    /// The session has failed.
    Failed(SessionError),
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { len, max } => {
                write!(f, "a message of {len} bytes exceeds the limit of {max}")
            }
            Self::Full => write!(f, "too many messages wait to be sent"),
            Self::Failed(_) => write!(f, "the session has failed"),
        }
    }
}

impl Error for SendError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Failed(error) => Some(error),
            Self::TooLong { .. } | Self::Full => None,
        }
    }
}
