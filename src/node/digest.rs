//! Short names for messages, which nobody outside this node can aim at.

use std::fmt;
use std::hash::Hasher;
use std::net::IpAddr;

use siphasher::sip128::{Hasher128, SipHasher13};

use super::Network;
use crate::wire::{NodeId, Origin};

/// Hashes messages under a secret, so that nobody can prepare two with one digest.
#[derive(Clone, Copy)]
pub struct Digester {
    secret: [u8; 16],
}

impl Digester {
    /// A digester with this secret.
    pub fn new(secret: [u8; 16]) -> Self {
        Self { secret }
    }

    /// The digest of what a sender says: its id, and its packets with the borders between them.
    pub fn content<'a>(&self, sender: &NodeId, payload: impl Iterator<Item = &'a [u8]>) -> u128 {
        let mut hash = SipHasher13::new_with_key(&self.secret);
        write_prefixed(&mut hash, sender.as_bytes());
        for packet in payload {
            write_prefixed(&mut hash, packet);
        }
        hash.finish128().into()
    }

    /// A number for a network, as good as drawn.
    #[inline(never)]
    pub(super) fn network(&self, network: Network) -> u64 {
        let mut hash = SipHasher13::new_with_key(&self.secret);
        write_network(&mut hash, network);
        hash.finish()
    }

    /// The digest of a sender and the number that it gave to a message.
    pub fn origin(&self, sender: &NodeId, origin: Origin) -> u128 {
        let mut hash = SipHasher13::new_with_key(&self.secret);
        // No content begins with a length of 2^64 - 1.
        hash.write(&u64::MAX.to_le_bytes());
        hash.write(&origin.encode());
        write_prefixed(&mut hash, sender.as_bytes());
        hash.finish128().into()
    }
}

/// Writes the length in front, so that no two lists of texts look alike.
fn write_prefixed(hash: &mut SipHasher13, bytes: &[u8]) {
    hash.write(&u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_le_bytes());
    hash.write(bytes);
}

fn write_network(hash: &mut SipHasher13, network: Network) {
    match network.base() {
        IpAddr::V4(ip) => hash.write(&ip.octets()),
        IpAddr::V6(ip) => hash.write(&ip.octets()),
    }
}

/// The secret stays out of logs.
impl fmt::Debug for Digester {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Digester").finish_non_exhaustive()
    }
}

/// Takes digests as they are: they are keyed hashes already.
#[derive(Debug, Default)]
pub(super) struct AlreadyHashed(u64);

impl Hasher for AlreadyHashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.first_chunk().map_or(0, |first| u64::from_le_bytes(*first));
    }

    fn write_u128(&mut self, digest: u128) {
        #[expect(clippy::cast_possible_truncation, reason = "any 64 bits of a hash will do")]
        {
            self.0 = digest as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t20_sender_and_packet_borders_tell_contents_apart() {
        let digester = Digester::new([7; 16]);
        let [me, you] = ["me", "you"].map(|text| text.parse().unwrap());
        let content = |sender, payload: &[&'static str]| {
            digester.content(sender, payload.iter().map(|packet| packet.as_bytes()))
        };
        let base = content(&me, &["broadcast", "ab", "c"]);
        assert_eq!(base, content(&me, &["broadcast", "ab", "c"]));
        assert_ne!(base, content(&you, &["broadcast", "ab", "c"]));
        assert_ne!(base, content(&me, &["broadcast", "abc"]));
        assert_ne!(base, content(&me, &["broadcast", "ab", "c", ""]));
        let other = Digester::new([8; 16]);
        assert_ne!(base, other.content(&me, [&b"broadcast"[..], b"ab", b"c"].into_iter()));
    }

    #[test]
    fn sender_life_and_number_tell_origins_apart() {
        let digester = Digester::new([7; 16]);
        let [me, you] = ["me", "you"].map(|text| text.parse().unwrap());
        let origin = |incarnation, sequence| Origin { incarnation, sequence };
        let digests = [
            digester.origin(&me, origin(1, 1)),
            digester.origin(&me, origin(1, 2)),
            digester.origin(&me, origin(2, 1)),
            digester.origin(&you, origin(1, 1)),
        ];
        for (index, digest) in digests.iter().enumerate() {
            assert!(!digests[..index].contains(digest));
        }
    }
}
