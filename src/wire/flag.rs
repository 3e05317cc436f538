//! The words that say what a message is for. PROTOCOL.md §2.

/// A word of the protocol: the main flag of a message, or the sub-flag that opens its payload.
///
/// Applications may use any other bytes as a sub-flag of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Flag {
    /// For everybody; the receiver passes it on as a [`Flag::Waterfall`].
    Broadcast,
    /// A broadcast that is being passed on: a flood, ended by each node's seen cache.
    Waterfall,
    /// For the neighbor that receives it.
    Whisper,
    /// About the connection itself.
    Renegotiate,
    /// Sub-flag of the first message on a connection: who the sender is.
    Handshake,
    /// Sub-flag of a list of nodes that the sender knows.
    Peers,
    /// Sub-flag of a question for a node's address.
    Request,
    /// Sub-flag of the answer to a request.
    Response,
    /// Sub-flag of a renegotiation: which compression methods to use from now on.
    Compression,
    /// Sub-flag of a renegotiation: send the last message again.
    Resend,
}

const ALL: [Flag; 10] = [
    Flag::Broadcast,
    Flag::Waterfall,
    Flag::Whisper,
    Flag::Renegotiate,
    Flag::Handshake,
    Flag::Peers,
    Flag::Request,
    Flag::Response,
    Flag::Compression,
    Flag::Resend,
];

impl Flag {
    /// Every flag of the protocol.
    pub fn all() -> impl Iterator<Item = Self> {
        ALL.into_iter()
    }

    /// The flag whose word this is, if the protocol has it.
    pub fn parse(word: &[u8]) -> Option<Self> {
        Self::all().find(|flag| flag.as_bytes() == word)
    }

    /// The word as it stands on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Broadcast => "broadcast",
            Self::Waterfall => "waterfall",
            Self::Whisper => "whisper",
            Self::Renegotiate => "renegotiate",
            Self::Handshake => "handshake",
            Self::Peers => "peers",
            Self::Request => "request",
            Self::Response => "response",
            Self::Compression => "compression",
            Self::Resend => "resend",
        }
    }

    /// The word's bytes, as a packet holds them.
    pub const fn as_bytes(self) -> &'static [u8] {
        self.as_str().as_bytes()
    }
}

impl std::fmt::Display for Flag {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flag_is_found_by_its_own_word_and_by_no_other() {
        for flag in Flag::all() {
            assert_eq!(Flag::parse(flag.as_bytes()), Some(flag));
            assert_eq!(Flag::parse(flag.as_str().to_uppercase().as_bytes()), None);
        }
        assert_eq!(Flag::parse(b""), None);
        assert_eq!(Flag::parse(b"broadcast "), None);
    }
}
