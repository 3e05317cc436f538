//! The guard against the storms of py2p nodes. PROTOCOL.md §4.3.
//!
//! Two linked py2p nodes pass every broadcast to and fro without end and stamp it anew each
//! second, so that its time and its message id say nothing. What stays is its sender and its
//! packets. This memory holds those of the last minute and more. Where it is full it cannot tell a
//! repetition from something new: then, and for as long as something comes that may be one of those for
//! which there was no room, hearsay that is not known is not taken. That costs messages, and never
//! brings one twice.

#[expect(
    clippy::disallowed_types,
    reason = "never iterated, and its hasher has no random state"
)]
use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::time::Duration;

use super::digest::AlreadyHashed;
use crate::time::Instant;

/// How long a content is remembered at least after it was last met.
pub(crate) const WINDOW: Duration = Duration::from_secs(60);

/// By how many seconds the calendars of a mesh may differ. PROTOCOL.md §7.
const MAX_SKEW: u64 = 10;

/// Whether what is stamped so may be a copy of what came a window ago or earlier, when the calendar
/// shows this second: a copy keeps its stamp, and its sender's calendar may be ahead.
pub(super) fn is_old(time: u64, second: u64) -> bool {
    time <= second.saturating_sub(WINDOW.as_secs() - MAX_SKEW)
}

/// What one content takes, with the slack of a hash table that has just grown: a place of it has 32
/// bytes and one, and 7 of 16 are taken then.
const ENTRY_LEN: usize = 76;

/// How much a message's own marks can be trusted to tell it from an equal one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Provenance {
    /// Its sender numbered it, or a node of this crate got it straight from its sender: two with
    /// equal packets are two messages.
    Certain,
    /// It came through a py2p node, which may have stamped it anew.
    Hearsay,
}

/// What a message is, whose time and number are new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// New.
    New,
    /// One that was met before.
    Echo,
    /// One that may have been: there was no memory for all that was met.
    Unknown,
}

/// The contents of the last minutes, by their digests.
#[derive(Debug)]
pub(super) struct Echoes {
    current: Contents,
    previous: Contents,
    /// Those of the minute before, which concern only what is as old itself.
    older: Contents,
    turned_at: Instant,
    max_len: usize,
}

/// The contents of one minute.
#[derive(Debug, Default)]
struct Contents {
    met: Table,
    /// Whether some were met that are not here, for want of memory. What is not known may be one of
    /// them, for as long as it would be known by this minute.
    lacks: bool,
}

#[expect(clippy::disallowed_types, reason = "never iterated, and its hasher has no random state")]
type Table = HashMap<u128, Provenance, BuildHasherDefault<AlreadyHashed>>;

impl Echoes {
    pub(super) fn new(now: Instant, max_bytes: usize) -> Self {
        let max_len = (max_bytes / ENTRY_LEN / 3).max(1);
        Self {
            current: Contents::default(),
            previous: Contents::default(),
            older: Contents::default(),
            turned_at: now,
            max_len,
        }
    }

    /// About how many bytes the contents take.
    pub(super) fn bytes(&self) -> usize {
        let len = self.current.met.len() + self.previous.met.len() + self.older.met.len();
        len.saturating_mul(ENTRY_LEN)
    }

    /// What a message is whose time and number are new.
    ///
    /// Hearsay is an echo of anything with the same content. What is certain is an echo only of
    /// hearsay, and of that only once: the hearsay was this very message, come by a longer way.
    ///
    /// A message that is stamped a minute ago or more (`is_old`) may be a copy, stamped as it was,
    /// of one that came then.
    pub(super) fn meet(
        &mut self,
        now: Instant,
        content: u128,
        provenance: Provenance,
        is_old: bool,
    ) -> Content {
        self.turn(now);
        let lacks = self.current.lacks || self.previous.lacks || is_old && self.older.lacks;
        // The minute before may be all that is left of what there was no room to meet again.
        let is_old = is_old || lacks && provenance == Provenance::Hearsay;
        let before = self.find(content, is_old).copied();
        let (outcome, remembered) = match (before, provenance) {
            // It is met from now on, but was not taken: the message itself is still to come. What is
            // certain, in turn, is never twice the same.
            (None, Provenance::Hearsay) if lacks => (Content::Unknown, Provenance::Certain),
            (None, _) => (Content::New, provenance),
            (Some(before), Provenance::Hearsay) => (Content::Echo, before),
            (Some(Provenance::Hearsay), _) => (Content::Echo, provenance),
            (Some(Provenance::Certain), _) => (Content::New, provenance),
        };
        let current = &mut self.current.met;
        if current.len() < self.max_len || current.contains_key(&content) {
            current.insert(content, remembered);
            return outcome;
        }
        if let Some(before) = self.find(content, is_old) {
            *before = remembered;
        }
        if outcome == Content::New && provenance == Provenance::Hearsay {
            // Not taken, and nothing of it remembered: it is as if it had not come.
            return Content::Unknown;
        }
        // Its minute begins anew, and there is no room to say so.
        self.current.lacks = true;
        outcome
    }

    /// What is known of a content.
    fn find(&mut self, content: u128, is_old: bool) -> Option<&mut Provenance> {
        let mut known = self.current.met.get_mut(&content);
        if known.is_none() {
            known = self.previous.met.get_mut(&content);
        }
        if known.is_none() && is_old {
            known = self.older.met.get_mut(&content);
        }
        known
    }

    /// Forgets what was not met for a window's time.
    fn turn(&mut self, now: Instant) {
        let age = now.since(self.turned_at);
        if age < WINDOW {
            return;
        }
        self.older = std::mem::take(&mut self.previous);
        self.previous = std::mem::take(&mut self.current);
        if age >= WINDOW * 2 {
            self.older = std::mem::take(&mut self.previous);
        }
        if age >= WINDOW * 3 {
            self.older = Contents::default();
        }
        self.turned_at = now;
    }
}

#[cfg(test)]
mod tests {
    use super::Content::{Echo, New, Unknown};
    use super::Provenance::{Certain, Hearsay};
    use super::*;

    fn at(secs: u64) -> Instant {
        Instant::from_secs(secs)
    }

    #[test]
    fn hearsay_is_an_echo_of_everything_with_its_content() {
        for first in [Certain, Hearsay] {
            let mut echoes = Echoes::new(at(0), 1 << 20);
            assert_eq!(echoes.meet(at(0), 1, first, false), New);
            assert_eq!(echoes.meet(at(5), 1, Hearsay, false), Echo);
            assert_eq!(echoes.meet(at(5), 2, Hearsay, false), New);
        }
    }

    #[test]
    fn certain_messages_with_one_content_are_as_many_messages() {
        let mut echoes = Echoes::new(at(0), 1 << 20);
        for _ in 0..5 {
            assert_eq!(echoes.meet(at(0), 1, Certain, false), New);
        }
    }

    #[test]
    fn hearsay_that_comes_first_stands_for_one_certain_message_and_not_for_two() {
        let mut echoes = Echoes::new(at(0), 1 << 20);
        assert_eq!(echoes.meet(at(0), 1, Hearsay, false), New);
        assert_eq!(echoes.meet(at(0), 1, Certain, false), Echo);
        assert_eq!(echoes.meet(at(0), 1, Certain, false), New);
        assert_eq!(echoes.meet(at(0), 1, Hearsay, false), Echo);
    }

    #[test]
    fn each_echo_puts_the_forgetting_off() {
        let mut echoes = Echoes::new(at(0), 1 << 20);
        assert_eq!(echoes.meet(at(0), 1, Hearsay, false), New);
        for minute in 1..100 {
            assert_eq!(echoes.meet(at(minute * 50), 1, Hearsay, false), Echo);
        }
        let quiet = echoes.meet(at(100 * 50 + 120), 1, Hearsay, false);
        assert_eq!(quiet, New, "two quiet minutes end a storm");
    }

    #[test]
    fn a_content_is_remembered_for_a_minute_at_least() {
        for start in 0..=60 {
            let mut echoes = Echoes::new(at(0), 1 << 20);
            assert_eq!(echoes.meet(at(start), 1, Hearsay, false), New);
            assert_eq!(echoes.meet(at(start + 60), 1, Hearsay, false), Echo, "met at {start}");
        }
    }

    #[test]
    fn t24_what_is_stamped_as_it_was_is_an_echo_for_two_minutes() {
        for start in 0..=60 {
            for age in [61, 90, 119, 120] {
                let mut echoes = Echoes::new(at(0), 1 << 20);
                assert_eq!(echoes.meet(at(start), 1, Certain, false), New);
                // Others come meanwhile, or none do.
                if start % 2 == 0 {
                    for second in start..start + age {
                        echoes.meet(at(second), 2, Hearsay, false);
                    }
                }
                assert_eq!(echoes.meet(at(start + age), 1, Hearsay, true), Echo, "{start} {age}");
            }
        }
    }

    /// A memory for so many contents a minute.
    fn of(count: usize) -> Echoes {
        Echoes::new(at(0), 3 * count * ENTRY_LEN)
    }

    #[test]
    fn t23_at_the_limit_hearsay_is_known_and_one_past_it_it_is_not_taken() {
        let mut echoes = of(3);
        for content in 0..3 {
            assert_eq!(echoes.meet(at(0), content, Hearsay, false), New);
        }
        assert_eq!(echoes.meet(at(0), 2, Hearsay, false), Echo, "the last that had room");
        assert_eq!(echoes.meet(at(0), 3, Hearsay, false), Unknown);
        assert_eq!(echoes.meet(at(0), 3, Certain, false), New);
        for minute in 1..10 {
            for content in (100 * u128::from(minute)..).take(3).chain(0..3) {
                echoes.meet(at(minute * 60), content, Hearsay, false);
            }
            assert!(echoes.current.met.len() <= 3);
            assert!(echoes.bytes() <= 3 * 3 * ENTRY_LEN);
        }
    }

    #[test]
    fn t23_what_was_taken_without_room_for_it_is_not_taken_again_however_long_it_is_repeated() {
        for past in [0, 1, 2] {
            let mut echoes = of(3);
            for content in 0..=2 + past {
                assert_eq!(echoes.meet(at(0), content, Certain, false), New);
            }
            // All are repeated for two minutes that have room for three, and the last for eight more.
            for second in 0..600 {
                let first = if second < 120 { 0 } else { 2 + past };
                for content in first..=2 + past {
                    let outcome = echoes.meet(at(second), content, Hearsay, false);
                    assert_ne!(outcome, New, "{content} of 0..=2 + {past} after {second} s");
                }
            }
        }
    }

    #[test]
    fn t23_what_there_was_no_room_to_meet_again_is_known_as_long_as_it_is_repeated() {
        for first in [Certain, Hearsay] {
            let mut echoes = of(3);
            assert_eq!(echoes.meet(at(1), 7, first, false), New);
            for second in 60..600 {
                // Others fill two minutes before the repetition comes.
                for content in (0..3).filter(|_| second < 180) {
                    let minute = u128::from(second / 60 * 100);
                    echoes.meet(at(second), minute + content, Certain, false);
                }
                assert_ne!(echoes.meet(at(second), 7, Hearsay, false), New, "{second}");
            }
        }
    }

    #[test]
    fn t23_hearsay_that_was_taken_stands_for_its_message_when_it_is_all_but_forgotten() {
        let mut echoes = of(1);
        assert_eq!(echoes.meet(at(1), 7, Hearsay, false), New);
        assert_eq!(echoes.meet(at(60), 0, Certain, false), New, "the minute is full");
        assert_eq!(echoes.meet(at(61), 7, Hearsay, false), Echo);
        assert_eq!(echoes.meet(at(120), 7, Hearsay, false), Echo, "nothing else could tell");
        assert_eq!(echoes.meet(at(121), 7, Certain, false), Echo);
    }

    #[test]
    fn t23_hearsay_for_which_there_was_no_room_does_not_stand_for_its_message() {
        let mut echoes = of(1);
        assert_eq!(echoes.meet(at(0), 0, Certain, false), New);
        assert_eq!(echoes.meet(at(0), 1, Certain, false), New, "without room");
        // Of a minute of which not all is known, nothing new is taken by hearsay.
        assert_eq!(echoes.meet(at(60), 2, Hearsay, false), Unknown);
        assert_eq!(echoes.meet(at(60), 2, Certain, false), New, "nobody has had it");
        assert_eq!(echoes.meet(at(61), 2, Hearsay, false), Echo);
        // Two quiet minutes later all is as it was.
        assert_eq!(echoes.meet(at(181), 3, Hearsay, false), New);
    }

    #[test]
    fn t23_a_certain_message_ends_what_stands_for_it_even_where_there_is_no_room() {
        let mut echoes = of(1);
        assert_eq!(echoes.meet(at(0), 1, Hearsay, false), New);
        assert_eq!(echoes.meet(at(60), 9, Certain, false), New, "the minute is full");
        assert_eq!(echoes.meet(at(61), 1, Certain, false), Echo);
        assert_eq!(echoes.meet(at(62), 1, Certain, false), New, "that is another message");
    }

    #[test]
    fn t24_a_copy_is_an_echo_after_a_minute_by_whichever_clock_of_the_mesh_it_is_stamped() {
        let ms = Instant::from_millis;
        let mut echoes = Echoes::new(at(0), 1 << 20);
        assert_eq!(echoes.meet(ms(59_900), 1, Hearsay, false), New);
        for (millis, content) in [(60_000, 2), (120_000, 3)] {
            echoes.meet(ms(millis), content, Hearsay, false);
        }
        // It was stamped in the second in which it came, by a clock that is 10 s ahead.
        assert_eq!(echoes.meet(ms(120_400), 1, Certain, is_old(1_010, 1_060)), Echo);
        assert!(!is_old(1_011, 1_060));
    }
}
