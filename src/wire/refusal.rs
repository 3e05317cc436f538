//! Why a node does not want a peer, in the words that it tells it. PROTOCOL.md §5.5.

use std::fmt;

/// Why the other end refused this node, as it says itself.
///
/// The words are few and fixed, so that nothing that a stranger writes gets into a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RefusalReason {
    /// The mesh has a secret, and this node did not show that it knows any.
    SecretMissing,
    /// This node knows another secret than the mesh has.
    SecretWrong,
    /// This node, or its address, is not admitted.
    Denied,
    /// The other end meant to reach another node.
    WrongPeer,
    /// The id in this node's handshake is not that of its key.
    FalseId,
    /// This node does not sign what it sends, as the other end demands.
    Unsigned,
    /// Something that this version has no word for.
    Other,
}

impl RefusalReason {
    /// The word on the wire.
    pub(super) fn word(self) -> &'static [u8] {
        match self {
            Self::SecretMissing => b"secret missing",
            Self::SecretWrong => b"secret wrong",
            Self::Denied => b"denied",
            Self::WrongPeer => b"wrong peer",
            Self::FalseId => b"false id",
            Self::Unsigned => b"unsigned",
            Self::Other => b"other",
        }
    }

    /// What a word says; of one that a later version may have added, nothing more than that.
    pub(super) fn parse(word: &[u8]) -> Self {
        Self::ALL.into_iter().find(|reason| reason.word() == word).unwrap_or(Self::Other)
    }

    pub(super) const ALL: [Self; 7] = [
        Self::SecretMissing,
        Self::SecretWrong,
        Self::Denied,
        Self::WrongPeer,
        Self::FalseId,
        Self::Unsigned,
        Self::Other,
    ];
}

impl fmt::Display for RefusalReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SecretMissing => "this node did not prove the secret of the mesh",
            Self::SecretWrong => "this node's secret is not that of the mesh",
            Self::Denied => "this node is not admitted",
            Self::WrongPeer => "this node is not the one that was meant",
            Self::FalseId => "this node's id is not that of its key",
            Self::Unsigned => "this node does not sign its messages",
            Self::Other => "for a reason that is not known here",
        })
    }
}
