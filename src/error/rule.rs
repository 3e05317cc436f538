//! Why a rule about who may join was not taken.

use std::error::Error;
use std::fmt;

/// Why a rule about who may join was not added. Those that there are hold on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RuleError {
    /// The list has 4,096 entries, and none has expired.
    Full,
    /// The mesh socket is closed.
    Closed,
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => write!(f, "the list is full"),
            Self::Closed => write!(f, "the mesh socket is closed"),
        }
    }
}

impl Error for RuleError {}
