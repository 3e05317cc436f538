//! The memory of messages seen, which ends floods. PROTOCOL.md §4.
//!
//! Knows keys and the seconds in their messages' timestamps. Whatever the load, a key whose time
//! would still be accepted is never forgotten: where memory runs out, the window of acceptable
//! times narrows instead, so that overload costs messages and never brings duplicates.

#[expect(
    clippy::disallowed_types,
    reason = "never iterated, and its hasher has no random state"
)]
use std::collections::HashSet;
use std::hash::BuildHasherDefault;

use super::barred::Barred;
use super::digest::AlreadyHashed;
use crate::event::DropReason;
use crate::sorted_map::SortedMap;

/// How old a message may be, in seconds.
pub(crate) const MAX_AGE: u64 = 120;

/// How far in the future a timestamp may lie, in seconds.
pub(crate) const MAX_AHEAD: u64 = 60;

/// The narrowest that the window gets under load, in seconds before now.
const MIN_WINDOW: u64 = 2;

/// The part of the memory that keys with a time in the future may take, as its divisor.
const FUTURE_SHARE: usize = 4;

/// How long a clock that has jumped ahead has to run on from there before anything is forgotten by
/// it, in seconds: as long as a message can stay acceptable. Where it is set back before, every
/// message is still remembered that the right time makes acceptable again.
const TRIAL: u64 = MAX_AGE + MAX_AHEAD;

/// How far a clock may run ahead between two messages without having jumped.
const MAX_STEP: u64 = 60;

/// What one key takes, with the slack of a hash table that has just grown.
const KEY_LEN: usize = 40;

/// What tells one message from every other with the same timestamp: a digest of what its sender
/// chose. The 0.2 protocol's own message id leaves out the sender and the borders between packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SeenKey {
    /// A message of the 0.2 protocol: [`Digester::content`](super::Digester::content).
    Legacy(u128),
    /// A message that its sender numbered: [`Digester::origin`](super::Digester::origin) and its
    /// content, so that a forged number stands for nothing but the forgery.
    Origin(u128),
}

impl SeenKey {
    /// The two kinds never meet: each is 128 bits of a keyed hash, of different things.
    pub(super) fn digest(self) -> u128 {
        match self {
            Self::Legacy(digest) | Self::Origin(digest) => digest,
        }
    }
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

impl Verdict {
    /// Why a message is not taken; `None` for one that is.
    pub(super) fn reason(self) -> Option<DropReason> {
        match self {
            Self::Fresh => None,
            Self::Duplicate => Some(DropReason::Duplicate),
            Self::Stale => Some(DropReason::Stale),
            Self::Future => Some(DropReason::Future),
            Self::Full => Some(DropReason::Overload),
        }
    }
}

/// The keys of the messages of the last two minutes.
#[derive(Debug)]
pub struct SeenCache {
    buckets: SortedMap<u64, Bucket>,
    len: usize,
    max_len: usize,
    /// The seconds of which something was forgotten, and nothing is taken any more.
    barred: Barred,
    /// The latest second by which anything was forgotten.
    settled: u64,
    /// The second to which the clock has jumped from there, and the last one that it showed since.
    trial: Option<(u64, u64)>,
}

#[expect(clippy::disallowed_types, reason = "never iterated, and its hasher has no random state")]
type Bucket = HashSet<u128, BuildHasherDefault<AlreadyHashed>>;

impl SeenCache {
    /// A cache that takes at most about `max_bytes` of memory.
    pub fn new(max_bytes: usize) -> Self {
        let max_len = (max_bytes / KEY_LEN).max(1);
        Self {
            buckets: SortedMap::default(),
            len: 0,
            max_len,
            barred: Barred::default(),
            settled: 0,
            trial: None,
        }
    }

    /// Asks whether a message with this key and timestamp is new at the second `now`, and if so
    /// remembers it.
    pub fn insert(&mut self, key: SeenKey, time: u64, now: u64) -> Verdict {
        if let Some(verdict) = self.reject(key, time, now) {
            return verdict;
        }
        let digest = key.digest();
        // Keys from the future cannot be given up for younger ones, so they get a share only.
        let share = self.max_len / FUTURE_SHARE;
        if time > now && self.len_after(now) >= share {
            self.forget_unreachable(now);
            if self.len_after(now) >= share {
                return Verdict::Full;
            }
        }
        if self.len >= self.max_len {
            self.forget_unreachable(now);
        }
        while self.len >= self.max_len {
            let Some(&oldest) = self.buckets.keys().next() else { break };
            let raised = oldest.saturating_add(1);
            if raised > now.saturating_sub(MIN_WINDOW) {
                return Verdict::Full;
            }
            // The window narrows: what is older than the oldest goes with it.
            self.barred.add(oldest.saturating_sub(TRIAL), oldest);
            self.forget(&|time| time < raised);
            if self.barred.contains(time) {
                return Verdict::Stale;
            }
        }
        match self.buckets.get_mut(&time) {
            Some(bucket) => {
                bucket.insert(digest);
            }
            None => {
                self.buckets.insert(time, Bucket::from_iter([digest]));
            }
        }
        self.len += 1;
        Verdict::Fresh
    }

    /// Why a message with this key and timestamp is not taken at the second `now`, as far as that
    /// can be told without remembering it; `None` where [`SeenCache::insert`] has to tell.
    pub fn reject(&mut self, key: SeenKey, time: u64, now: u64) -> Option<Verdict> {
        self.tick(now);
        if time < now.saturating_sub(MAX_AGE) || self.barred.contains(time) {
            return Some(Verdict::Stale);
        }
        if time > now.saturating_add(MAX_AHEAD) {
            return Some(Verdict::Future);
        }
        let bucket = self.buckets.get(&time);
        bucket.is_some_and(|bucket| bucket.contains(&key.digest())).then_some(Verdict::Duplicate)
    }

    /// The number of messages remembered.
    pub fn len(&self) -> usize {
        self.len
    }

    /// About how many bytes they take.
    pub fn bytes(&self) -> usize {
        self.len.saturating_mul(KEY_LEN)
    }

    /// Whether no message is remembered.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn len_after(&self, second: u64) -> usize {
        let after = self.buckets.iter().rev().take_while(|&(time, _)| *time > second);
        after.map(|(_, bucket)| bucket.len()).sum()
    }

    /// Forgets what the clock has made too old, once it can be believed.
    fn tick(&mut self, now: u64) {
        if now <= self.settled {
            self.trial = None;
            return;
        }
        let has_jumped = now - self.settled > MAX_STEP && !self.is_empty();
        let (since, last) = self.trial.unwrap_or((now, now));
        // It may jump again meanwhile.
        let since = if now < since || now.saturating_sub(last) > MAX_STEP { now } else { since };
        if has_jumped && now - since < TRIAL {
            self.trial = Some((since, now));
            return;
        }
        (self.settled, self.trial) = (now, None);
        let end = now.saturating_sub(MAX_AGE);
        self.forget(&|time| time < end);
    }

    /// Forgets what lies so far ahead of a clock that was set back that it cannot come yet.
    fn forget_unreachable(&mut self, now: u64) {
        let end = now.saturating_add(MAX_AHEAD);
        self.forget(&|time| time > end);
    }

    /// Forgets the seconds that `is_over` names, and takes nothing of them any more.
    #[inline(never)]
    fn forget(&mut self, is_over: &dyn Fn(u64) -> bool) {
        let (barred, before) = (&mut self.barred, self.buckets.len());
        self.buckets.retain(|&time, _| {
            let is_over = is_over(time);
            if is_over {
                barred.add(time, time);
            }
            !is_over
        });
        if self.buckets.len() != before {
            self.len = self.buckets.values().map(Bucket::len).sum();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_000_000;

    fn cache(keys: usize) -> SeenCache {
        SeenCache::new(keys * KEY_LEN)
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
    fn asking_whether_a_message_is_rejected_remembers_nothing() {
        let mut seen = cache(10);
        assert_eq!(seen.reject(key(1), NOW, NOW), None);
        assert!(seen.is_empty());
        assert_eq!(seen.insert(key(1), NOW, NOW), Verdict::Fresh);
        assert_eq!(seen.reject(key(1), NOW, NOW), Some(Verdict::Duplicate));
        assert_eq!(seen.reject(key(2), NOW - 121, NOW), Some(Verdict::Stale));
        assert_eq!(seen.reject(key(2), NOW + 61, NOW), Some(Verdict::Future));
        assert_eq!(seen.len(), 1);
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
    fn t25_what_is_forgotten_is_not_accepted_again_even_if_the_clock_steps_back() {
        let mut seen = cache(10);
        assert_eq!(seen.insert(key(1), NOW, NOW), Verdict::Fresh);
        for second in (0..=500).step_by(50) {
            assert_eq!(seen.insert(key(2), NOW + second, NOW + second), Verdict::Fresh);
        }
        assert_eq!(seen.len(), 3);
        assert_eq!(seen.insert(key(1), NOW, NOW), Verdict::Stale);
        assert_eq!(seen.insert(key(1), NOW + 400, NOW), Verdict::Future);
    }

    #[test]
    fn t25_a_clock_that_has_jumped_ahead_makes_forget_when_it_has_run_on_from_there() {
        for (seconds, len) in [(179, 2), (180, 1)] {
            let mut seen = cache(10);
            assert_eq!(seen.insert(key(1), NOW, NOW), Verdict::Fresh);
            for second in 0..=seconds {
                let now = NOW + 1_000_000 + second;
                seen.insert(key(2), NOW + 1_000_000 + 100, now);
            }
            assert_eq!(seen.len(), len);
            let expected = if len == 2 { Verdict::Duplicate } else { Verdict::Stale };
            assert_eq!(seen.insert(key(1), NOW, NOW), expected);
            assert_eq!(seen.insert(key(3), NOW + 1, NOW + 1), Verdict::Fresh, "set right again");
        }
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
    fn t23_keys_from_the_future_take_a_quarter_and_leave_the_present_its_room() {
        let mut seen = cache(100);
        let future = (0..200).map(|n| seen.insert(key(n), NOW + 30, NOW));
        assert_eq!(future.filter(|verdict| *verdict == Verdict::Fresh).count(), 25);
        assert_eq!(seen.insert(key(999), NOW, NOW), Verdict::Fresh);
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
}
