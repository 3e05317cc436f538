//! The guard against the storms of py2p nodes. PROTOCOL.md §4.3.
//!
//! Two linked py2p nodes pass every broadcast to and fro without end and stamp it anew each
//! second, so that its time and its message id say nothing. What stays is its sender and its
//! packets. This memory holds those of the last minute and more.

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

/// Whether what is stamped so may be a copy of what came a window ago or earlier, when the calendar
/// shows this second: a copy keeps its stamp, and seconds have been cut off from both.
pub(super) fn is_old(time: u64, second: u64) -> bool {
    time <= second.saturating_sub(WINDOW.as_secs())
}

/// What one content takes, with the slack of a hash table that has just grown.
const ENTRY_LEN: usize = 56;

/// How much a message's own marks can be trusted to tell it from an equal one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Provenance {
    /// Its sender numbered it, or a node of this crate got it straight from its sender: two with
    /// equal packets are two messages.
    Certain,
    /// It came through a py2p node, which may have stamped it anew.
    Hearsay,
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

#[expect(clippy::disallowed_types, reason = "never iterated, and its hasher has no random state")]
type Contents = HashMap<u128, Provenance, BuildHasherDefault<AlreadyHashed>>;

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
        let len = self.current.len() + self.previous.len() + self.older.len();
        len.saturating_mul(ENTRY_LEN)
    }

    /// Whether a message whose time and number are new is an echo of one that was met before.
    ///
    /// Hearsay is an echo of anything with the same content. What is certain is an echo only of
    /// hearsay, and of that only once: the hearsay was this very message, come by a longer way.
    ///
    /// A message that is stamped a minute ago or more (`is_old`) may be a copy, stamped as it was,
    /// of one that came then.
    pub(super) fn is_echo(
        &mut self,
        now: Instant,
        content: u128,
        provenance: Provenance,
        is_old: bool,
    ) -> bool {
        self.turn(now);
        let before = self.current.get(&content).or_else(|| self.previous.get(&content));
        let before = before.or_else(|| self.older.get(&content).filter(|_| is_old)).copied();
        let has_room = self.current.len() < self.max_len || self.current.contains_key(&content);
        if before.is_none() && !has_room {
            // Without memory for it, hearsay could come again and again. What is certain cannot.
            return provenance == Provenance::Hearsay;
        }
        let is_echo = match (before, provenance) {
            (None, _) | (Some(Provenance::Certain), Provenance::Certain) => false,
            (Some(_), Provenance::Hearsay) | (Some(Provenance::Hearsay), _) => true,
        };
        let remembered = match (before, provenance) {
            (Some(before), Provenance::Hearsay) => before,
            _ => provenance,
        };
        if has_room {
            self.current.insert(content, remembered);
        }
        is_echo
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
            self.older.clear();
        }
        self.turned_at = now;
    }
}

#[cfg(test)]
mod tests {
    use super::Provenance::{Certain, Hearsay};
    use super::*;

    fn at(secs: u64) -> Instant {
        Instant::from_secs(secs)
    }

    #[test]
    fn hearsay_is_an_echo_of_everything_with_its_content() {
        for first in [Certain, Hearsay] {
            let mut echoes = Echoes::new(at(0), 1 << 20);
            assert!(!echoes.is_echo(at(0), 1, first, false));
            assert!(echoes.is_echo(at(5), 1, Hearsay, false));
            assert!(!echoes.is_echo(at(5), 2, Hearsay, false));
        }
    }

    #[test]
    fn certain_messages_with_one_content_are_as_many_messages() {
        let mut echoes = Echoes::new(at(0), 1 << 20);
        for _ in 0..5 {
            assert!(!echoes.is_echo(at(0), 1, Certain, false));
        }
    }

    #[test]
    fn hearsay_that_comes_first_stands_for_one_certain_message_and_not_for_two() {
        let mut echoes = Echoes::new(at(0), 1 << 20);
        assert!(!echoes.is_echo(at(0), 1, Hearsay, false));
        assert!(echoes.is_echo(at(0), 1, Certain, false));
        assert!(!echoes.is_echo(at(0), 1, Certain, false));
        assert!(echoes.is_echo(at(0), 1, Hearsay, false));
    }

    #[test]
    fn each_echo_puts_the_forgetting_off() {
        let mut echoes = Echoes::new(at(0), 1 << 20);
        assert!(!echoes.is_echo(at(0), 1, Hearsay, false));
        for minute in 1..100 {
            assert!(echoes.is_echo(at(minute * 50), 1, Hearsay, false));
        }
        assert!(
            !echoes.is_echo(at(100 * 50 + 120), 1, Hearsay, false),
            "two quiet minutes end a storm"
        );
    }

    #[test]
    fn a_content_is_remembered_for_a_minute_at_least() {
        for start in 0..=60 {
            let mut echoes = Echoes::new(at(0), 1 << 20);
            assert!(!echoes.is_echo(at(start), 1, Hearsay, false));
            assert!(echoes.is_echo(at(start + 60), 1, Hearsay, false), "met at {start}");
        }
    }

    #[test]
    fn t24_what_is_stamped_as_it_was_is_an_echo_for_two_minutes() {
        for start in 0..=60 {
            for age in [61, 90, 119, 120] {
                let mut echoes = Echoes::new(at(0), 1 << 20);
                assert!(!echoes.is_echo(at(start), 1, Certain, false));
                // Others come meanwhile, or none do.
                if start % 2 == 0 {
                    for second in start..start + age {
                        echoes.is_echo(at(second), 2, Hearsay, false);
                    }
                }
                assert!(echoes.is_echo(at(start + age), 1, Hearsay, true), "{start} {age}");
            }
        }
    }

    #[test]
    fn without_memory_hearsay_is_dropped_and_certain_messages_pass() {
        let mut echoes = Echoes::new(at(0), 3 * 3 * ENTRY_LEN);
        for content in 0..3 {
            assert!(!echoes.is_echo(at(0), content, Hearsay, false));
        }
        assert!(echoes.is_echo(at(0), 9, Hearsay, false));
        assert!(!echoes.is_echo(at(0), 9, Certain, false));
        for minute in 1..10 {
            for content in (100 * u128::from(minute)..).take(3).chain(0..3) {
                echoes.is_echo(at(minute * 60), content, Hearsay, false);
            }
            assert!(echoes.current.len() <= 3);
        }
    }

    #[test]
    fn t24_a_copy_stamped_a_minute_ago_to_the_second_is_an_echo() {
        let ms = Instant::from_millis;
        let mut echoes = Echoes::new(at(0), 1 << 20);
        assert!(!echoes.is_echo(ms(59_900), 1, Hearsay, false));
        for (millis, content) in [(60_000, 2), (120_000, 3)] {
            echoes.is_echo(ms(millis), content, Hearsay, false);
        }
        // It was stamped in the second in which it came, which began 60 s before the one now.
        assert!(echoes.is_echo(ms(120_400), 1, Certain, is_old(1_000, 1_060)));
        assert!(!is_old(1_001, 1_060));
    }
}
