//! Why a call on an RSA socket failed.

use std::error::Error;
use std::{fmt, io};

use crate::rsa::{EntropyError, KeyError};

/// Why a call on an RSA socket failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum RsaSocketError {
    /// The peer broke the protocol: no key, no count, no signature, whatever it was. The connection
    /// is closed. It does not say more, so that nobody passes it on to the peer; the log does.
    BadPeer,
    /// The call took longer than its timeout.
    TimedOut,
    /// The connection is closed, or broken since a part of a message was written.
    Closed,
    /// The message is longer than the limit; nothing was sent.
    TooLong {
        /// Its length in bytes.
        len: usize,
        /// The limit.
        max: usize,
    },
    /// No key could be made.
    Key(KeyError),
    /// The operating system refused something.
    Io(io::Error),
}

impl fmt::Display for RsaSocketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadPeer => write!(f, "the peer broke the protocol"),
            Self::TimedOut => write!(f, "timed out"),
            Self::Closed => write!(f, "the connection is closed"),
            Self::TooLong { len, max } => {
                write!(f, "a message of {len} bytes exceeds the limit of {max}")
            }
            Self::Key(_) => write!(f, "no key could be made"),
            Self::Io(_) => write!(f, "the connection failed"),
        }
    }
}

impl Error for RsaSocketError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Key(error) => Some(error),
            Self::Io(error) => Some(error),
            Self::BadPeer | Self::TimedOut | Self::Closed | Self::TooLong { .. } => None,
        }
    }
}

impl From<KeyError> for RsaSocketError {
    fn from(error: KeyError) -> Self {
        Self::Key(error)
    }
}

impl From<EntropyError> for RsaSocketError {
    fn from(error: EntropyError) -> Self {
        Self::Key(error.into())
    }
}

/// A timeout is one, whichever way the system puts it.
impl From<io::Error> for RsaSocketError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Self::TimedOut,
            _ => Self::Io(error),
        }
    }
}

impl From<RsaSocketError> for io::Error {
    fn from(error: RsaSocketError) -> Self {
        let kind = match &error {
            RsaSocketError::BadPeer => io::ErrorKind::InvalidData,
            RsaSocketError::TimedOut => io::ErrorKind::TimedOut,
            RsaSocketError::Closed => io::ErrorKind::NotConnected,
            RsaSocketError::TooLong { .. } => io::ErrorKind::InvalidInput,
            RsaSocketError::Key(_) => io::ErrorKind::Other,
            RsaSocketError::Io(error) => error.kind(),
        };
        Self::new(kind, error)
    }
}
