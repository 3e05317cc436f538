//! Why there is no message.

use std::error::Error;
use std::fmt;

/// Why no message, or no event, was received. Those that follow are not affected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RecvError {
    /// So many messages were discarded, or so many events where events were asked for, the oldest
    /// first: the program receives more slowly than they come. Reported once, before those that
    /// remain.
    Lagged(u64),
    /// The mesh socket is closed, and everything that had arrived has been received.
    Closed,
}

impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lagged(count) => {
                write!(f, "{count} discarded, for the program receives too slowly")
            }
            Self::Closed => write!(f, "the mesh socket is closed"),
        }
    }
}

impl Error for RecvError {}
