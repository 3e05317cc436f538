//! Why a node was not found, or not reached.

use std::error::Error;
use std::fmt;

use super::{CloseReason, Refusal, SendError};

/// Why a node was not located.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LocateError {
    /// Nobody was asked.
    Send(SendError),
    /// Nobody answered with an address in time.
    Timeout,
    /// The mesh socket was closed.
    Closed,
}

impl fmt::Display for LocateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send(error) => write!(f, "nobody was asked: {error}"),
            Self::Timeout => write!(f, "nobody answered where the node is"),
            Self::Closed => write!(f, "the mesh socket is closed"),
        }
    }
}

impl Error for LocateError {}

/// Why a whisper did not go out. The node does not get it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WhisperError {
    /// The message was not made, or the neighbor's queue had no room for it.
    Send(SendError),
    /// The node is no neighbor, and was not located.
    NotFound(LocateError),
    /// The node was located, and could not be met there.
    Unreachable(CloseReason),
    /// The node was located at an address that this one does not dial on another's word: a host
    /// name, a port below 1,024, or an address that reaches no further than the teller's own
    /// machine or network. See PROTOCOL.md §3.2.
    NotDialable,
    /// The node was met, and its queue did not take the message.
    Refused(Refusal),
}

impl fmt::Display for WhisperError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send(error) => error.fmt(f),
            Self::NotFound(error) => error.fmt(f),
            Self::Unreachable(reason) => write!(f, "the node could not be met: {reason}"),
            Self::NotDialable => {
                write!(f, "the node is at an address that is not dialled on another's word")
            }
            Self::Refused(refusal) => write!(f, "the node did not take the message: {refusal}"),
        }
    }
}

impl Error for WhisperError {}
