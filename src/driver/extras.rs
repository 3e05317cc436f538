//! What a loop may have beside its node, in builds with the features for it.

#[cfg(feature = "chaos")]
use super::chaos::Chaos;
#[cfg(feature = "sim")]
use super::tape::Tape;

/// All of it; nothing by default.
#[derive(Clone, Debug, Default)]
pub(crate) struct Extras {
    /// Where what happens to the node is written down.
    #[cfg(feature = "sim")]
    pub(crate) tape: Option<Tape>,
    /// What the network does to its connections.
    #[cfg(feature = "chaos")]
    pub(crate) chaos: Option<Chaos>,
}
