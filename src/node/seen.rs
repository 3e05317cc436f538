//! The memory of messages seen, which ends floods. PROTOCOL.md §4.
//!
//! Knows keys and the seconds in their messages' timestamps. Whatever the load, a key whose time
//! would still be accepted is never forgotten: where memory runs out, the window of acceptable
//! times narrows instead, so that overload costs messages and never brings duplicates.

use std::collections::BTreeMap;
#[expect(
    clippy::disallowed_types,
    reason = "never iterated, and its hasher has no random state"
)]
use std::collections::HashSet;
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};

use siphasher::sip128::{Hasher128, SipHasher13};

use crate::wire::NodeId;

/// How old a message may be, in seconds.
const MAX_AGE: u64 = 120;

/// How far in the future a timestamp may lie, in seconds.
const MAX_AHEAD: u64 = 60;

/// The narrowest that the window gets under load, in seconds before now.
const MIN_WINDOW: u64 = 2;

/// What one key takes, with the slack of a hash table that has just grown.
const KEY_LEN: usize = 40;

/// What tells one message from every other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SeenKey {
    /// A message of the 0.2 protocol: the hash of everything in it that its sender chose, made by
    /// [`SeenCache::legacy_key`].
    Legacy(u128),
    /// A message that its sender numbered.
    Origin {
        /// The sender's id.
        origin: NodeId,
        /// Which life of the sender: a restarted node numbers anew.
        incarnation: u64,
        /// Its number in that life.
        sequence: u64,
    },
}

/// What the cache says of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// Not seen before; remembered from now on.
    Fresh,
    /// Seen before.
    Duplicate,
    /// Its time lies before the window; it may have been seen and forgotten.
    Stale,
    /// Its time lies behind the window.
    Future,
    /// There is no memory left for it.
    Full,
}

/// The keys of the messages of the last two minutes.
pub struct SeenCache {
    /// Secret, so that nobody can prepare two messages with one key.
    secret: [u8; 16],
    buckets: BTreeMap<u64, Bucket>,
    len: usize,
    max_len: usize,
    /// The earliest acceptable second. Never goes back.
    floor: u64,
}

#[expect(clippy::disallowed_types, reason = "never iterated, and its hasher has no random state")]
type Bucket = HashSet<u128, BuildHasherDefault<AlreadyHashed>>;

impl SeenCache {
    /// A cache that takes at most about `max_bytes` of memory, and hashes with this secret.
    pub fn new(secret: [u8; 16], max_bytes: usize) -> Self {
        let max_len = (max_bytes / KEY_LEN).max(1);
        Self { secret, buckets: BTreeMap::new(), len: 0, max_len, floor: 0 }
    }

    /// The key of a message of the 0.2 protocol, from everything in it that its sender chose: its
    /// name, the second, and the payload packets with the borders between them.
    pub fn legacy_key<'a>(
        &self,
        sender: &NodeId,
        time: u64,
        payload: impl Iterator<Item = &'a [u8]>,
    ) -> SeenKey {
        let mut hash = SipHasher13::new_with_key(&self.secret);
        write_prefixed(&mut hash, sender.as_bytes());
        hash.write(&time.to_le_bytes());
        for packet in payload {
            write_prefixed(&mut hash, packet);
        }
        SeenKey::Legacy(hash.finish128().into())
    }

    /// Asks whether a message with this key and timestamp is new at the second `now`, and if so
    /// remembers it.
    pub fn insert(&mut self, key: SeenKey, time: u64, now: u64) -> Verdict {
        self.raise_floor(now.saturating_sub(MAX_AGE));
        if time < self.floor {
            return Verdict::Stale;
        }
        if time > now.saturating_add(MAX_AHEAD) {
            return Verdict::Future;
        }
        let digest = self.digest(key);
        if self.buckets.get(&time).is_some_and(|bucket| bucket.contains(&digest)) {
            return Verdict::Duplicate;
        }
        while self.len >= self.max_len {
            let Some((&oldest, _)) = self.buckets.first_key_value() else { break };
            let raised = oldest.saturating_add(1);
            if raised > now.saturating_sub(MIN_WINDOW) {
                return Verdict::Full;
            }
            self.raise_floor(raised);
            if time < self.floor {
                return Verdict::Stale;
            }
        }
        self.buckets.entry(time).or_default().insert(digest);
        self.len += 1;
        Verdict::Fresh
    }

    /// Whether a message with this key and timestamp is remembered.
    pub fn contains(&self, key: SeenKey, time: u64) -> bool {
        let digest = self.digest(key);
        self.buckets.get(&time).is_some_and(|bucket| bucket.contains(&digest))
    }

    /// The number of messages remembered.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no message is remembered.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Makes `second` the earliest acceptable one, and forgets what is older.
    fn raise_floor(&mut self, second: u64) {
        if second <= self.floor {
            return;
        }
        self.floor = second;
        while let Some(entry) = self.buckets.first_entry() {
            if *entry.key() >= second {
                break;
            }
            self.len -= entry.remove().len();
        }
    }

    fn digest(&self, key: SeenKey) -> u128 {
        match key {
            SeenKey::Legacy(digest) => digest,
            SeenKey::Origin { origin, incarnation, sequence } => {
                let mut hash = SipHasher13::new_with_key(&self.secret);
                // No legacy key begins with a length of 2^64 - 1.
                hash.write(&u64::MAX.to_le_bytes());
                write_prefixed(&mut hash, origin.as_bytes());
                hash.write(&incarnation.to_le_bytes());
                hash.write(&sequence.to_le_bytes());
                hash.finish128().into()
            }
        }
    }
}

/// Writes the length in front, so that no two lists of texts look alike.
fn write_prefixed(hash: &mut SipHasher13, bytes: &[u8]) {
    hash.write(&u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_le_bytes());
    hash.write(bytes);
}

/// The secret stays out of logs.
impl fmt::Debug for SeenCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SeenCache")
            .field("len", &self.len)
            .field("max_len", &self.max_len)
            .field("floor", &self.floor)
            .finish_non_exhaustive()
    }
}

/// Takes the keys as they are: they are keyed hashes already.
#[derive(Default)]
struct AlreadyHashed(u64);

impl Hasher for AlreadyHashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        let first = bytes.first_chunk().copied().unwrap_or_default();
        self.0 = u64::from_le_bytes(first);
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

    const NOW: u64 = 1_000_000;

    fn cache(keys: usize) -> SeenCache {
        SeenCache::new([7; 16], keys * KEY_LEN)
    }

    fn key(number: u128) -> SeenKey {
        SeenKey::Legacy(number)
    }

    #[test]
    fn a_message_is_fresh_once() {
        let mut seen = cache(10);
        assert_eq!(seen.insert(key(1), NOW, NOW), Verdict::Fresh);
        assert_eq!(seen.insert(key(1), NOW, NOW + 100), Verdict::Duplicate);
        assert_eq!(seen.insert(key(2), NOW, NOW), Verdict::Fresh);
        assert_eq!(seen.len(), 2);
    }

    #[test]
    fn the_window_reaches_from_120_seconds_back_to_60_ahead() {
        let mut seen = cache(10);
        assert_eq!(seen.insert(key(1), NOW - 120, NOW), Verdict::Fresh);
        assert_eq!(seen.insert(key(2), NOW - 121, NOW), Verdict::Stale);
        assert_eq!(seen.insert(key(3), NOW + 60, NOW), Verdict::Fresh);
        assert_eq!(seen.insert(key(4), NOW + 61, NOW), Verdict::Future);
    }

    #[test]
    fn what_is_forgotten_is_not_accepted_again_even_if_the_clock_steps_back() {
        let mut seen = cache(10);
        assert_eq!(seen.insert(key(1), NOW, NOW), Verdict::Fresh);
        assert_eq!(seen.insert(key(2), NOW + 500, NOW + 500), Verdict::Fresh);
        assert_eq!(seen.len(), 1);
        assert_eq!(seen.insert(key(1), NOW, NOW), Verdict::Stale);
    }

    #[test]
    fn t23_overload_narrows_the_window_and_lets_no_duplicate_in() {
        let mut seen = cache(100);
        let mut fresh = std::collections::BTreeSet::new();
        for second in 0..20 {
            for number in 0..40 {
                for age in [0, 1, 5] {
                    let time = NOW + second - age;
                    let id = u128::from(time) << 8 | number;
                    if seen.insert(key(id), time, NOW + second) == Verdict::Fresh {
                        assert!(fresh.insert(id), "accepted twice");
                    }
                    assert!(seen.len() <= 100);
                }
            }
        }
        assert!(fresh.len() > 400, "{}", fresh.len());
    }

    #[test]
    fn the_youngest_two_seconds_are_never_given_up() {
        let mut seen = cache(3);
        assert_eq!(seen.insert(key(1), NOW - 3, NOW), Verdict::Fresh);
        assert_eq!(seen.insert(key(2), NOW - 2, NOW), Verdict::Fresh);
        assert_eq!(seen.insert(key(3), NOW, NOW), Verdict::Fresh);
        assert_eq!(seen.insert(key(4), NOW, NOW), Verdict::Fresh, "second -3 makes room");
        assert_eq!(seen.insert(key(5), NOW, NOW), Verdict::Full, "second -2 does not");
        assert_eq!(seen.insert(key(2), NOW - 2, NOW), Verdict::Duplicate);
    }

    #[test]
    fn t20_sender_time_and_packet_borders_tell_messages_apart() {
        let seen = cache(1);
        let [me, you] = ["me", "you"].map(|text| text.parse().unwrap());
        let key = |sender, time, payload: &[&str]| {
            seen.legacy_key(sender, time, payload.iter().map(|packet| packet.as_bytes()))
        };
        let base = key(&me, NOW, &["broadcast", "ab", "c"]);
        assert_eq!(base, key(&me, NOW, &["broadcast", "ab", "c"]));
        assert_ne!(base, key(&you, NOW, &["broadcast", "ab", "c"]));
        assert_ne!(base, key(&me, NOW + 1, &["broadcast", "ab", "c"]));
        assert_ne!(base, key(&me, NOW, &["broadcast", "abc"]));
        assert_ne!(base, key(&me, NOW, &["broadcast", "ab", "c", ""]));
        let other = SeenCache::new([8; 16], 1);
        let payload = [&b"broadcast"[..], b"ab", b"c"];
        assert_ne!(base, other.legacy_key(&me, NOW, payload.into_iter()));
    }

    #[test]
    fn numbered_messages_differ_by_origin_life_and_number() {
        let mut seen = cache(10);
        let origin = "me".parse().unwrap();
        let base = SeenKey::Origin { origin, incarnation: 1, sequence: 1 };
        assert_eq!(seen.insert(base, NOW, NOW), Verdict::Fresh);
        assert_eq!(seen.insert(base, NOW, NOW), Verdict::Duplicate);
        for (incarnation, sequence) in [(1, 2), (2, 1)] {
            let other = SeenKey::Origin { origin, incarnation, sequence };
            assert_eq!(seen.insert(other, NOW, NOW), Verdict::Fresh);
        }
    }
}
