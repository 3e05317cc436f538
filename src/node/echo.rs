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
const WINDOW: Duration = Duration::from_secs(60);

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

/// The contents of the last minute or two, by their digests.
#[derive(Debug)]
pub(super) struct Echoes {
    current: Contents,
    previous: Contents,
    turned_at: Instant,
    max_len: usize,
}

#[expect(clippy::disallowed_types, reason = "never iterated, and its hasher has no random state")]
type Contents = HashMap<u128, Provenance, BuildHasherDefault<AlreadyHashed>>;

impl Echoes {
    pub(super) fn new(now: Instant, max_bytes: usize) -> Self {
        let max_len = (max_bytes / ENTRY_LEN / 2).max(1);
        Self {
            current: Contents::default(),
            previous: Contents::default(),
            turned_at: now,
            max_len,
        }
    }

    /// About how many bytes the contents take.
    pub(super) fn bytes(&self) -> usize {
        (self.current.len() + self.previous.len()).saturating_mul(ENTRY_LEN)
    }

    /// Whether a message whose time and number are new is an echo of one that was met before.
    ///
    /// Hearsay is an echo of anything with the same content. What is certain is an echo only of
    /// hearsay, and of that only once: the hearsay was this very message, come by a longer way.
    pub(super) fn is_echo(&mut self, now: Instant, content: u128, provenance: Provenance) -> bool {
        self.turn(now);
        let before = self.current.get(&content).or_else(|| self.previous.get(&content)).copied();
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
        self.previous = std::mem::take(&mut self.current);
        if age >= WINDOW * 2 {
            self.previous.clear();
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
            assert!(!echoes.is_echo(at(0), 1, first));
            assert!(echoes.is_echo(at(5), 1, Hearsay));
            assert!(!echoes.is_echo(at(5), 2, Hearsay));
        }
    }

    #[test]
    fn certain_messages_with_one_content_are_as_many_messages() {
        let mut echoes = Echoes::new(at(0), 1 << 20);
        for _ in 0..5 {
            assert!(!echoes.is_echo(at(0), 1, Certain));
        }
    }

    #[test]
    fn hearsay_that_comes_first_stands_for_one_certain_message_and_not_for_two() {
        let mut echoes = Echoes::new(at(0), 1 << 20);
        assert!(!echoes.is_echo(at(0), 1, Hearsay));
        assert!(echoes.is_echo(at(0), 1, Certain));
        assert!(!echoes.is_echo(at(0), 1, Certain));
        assert!(echoes.is_echo(at(0), 1, Hearsay));
    }

    #[test]
    fn each_echo_puts_the_forgetting_off() {
        let mut echoes = Echoes::new(at(0), 1 << 20);
        assert!(!echoes.is_echo(at(0), 1, Hearsay));
        for minute in 1..100 {
            assert!(echoes.is_echo(at(minute * 50), 1, Hearsay));
        }
        assert!(!echoes.is_echo(at(100 * 50 + 120), 1, Hearsay), "two quiet minutes end a storm");
    }

    #[test]
    fn a_content_is_remembered_for_a_minute_at_least() {
        for start in 0..=60 {
            let mut echoes = Echoes::new(at(0), 1 << 20);
            assert!(!echoes.is_echo(at(start), 1, Hearsay));
            assert!(echoes.is_echo(at(start + 60), 1, Hearsay), "met at {start}");
        }
    }

    #[test]
    fn without_memory_hearsay_is_dropped_and_certain_messages_pass() {
        let mut echoes = Echoes::new(at(0), 2 * 3 * ENTRY_LEN);
        for content in 0..3 {
            assert!(!echoes.is_echo(at(0), content, Hearsay));
        }
        assert!(echoes.is_echo(at(0), 9, Hearsay));
        assert!(!echoes.is_echo(at(0), 9, Certain));
        for minute in 1..10 {
            for content in (100 * u128::from(minute)..).take(3).chain(0..3) {
                echoes.is_echo(at(minute * 60), content, Hearsay);
            }
            assert!(echoes.current.len() <= 3);
        }
    }
}
