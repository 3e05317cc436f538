//! The names of a node's connections, which the node, its driver and its events share.

use std::fmt;

/// Names one connection of one node. Never used again for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId(u64);

impl ConnId {
    /// The connection with this number: what a driver makes of the number that it kept.
    pub const fn from_number(number: u64) -> Self {
        Self(number)
    }

    /// The connection's number. A node counts its connections from 1.
    pub const fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for ConnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "c{}", self.0)
    }
}
