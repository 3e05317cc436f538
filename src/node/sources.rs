//! Lists of messages by their numbers, and what they take of memory.
//!
//! A connection holds several of them for catching up: see `catch_up`. They grow with what its peer
//! offers and wants, so they are charged to it. Each knows at any time what it takes, since that is
//! asked with every message: nothing is counted for it.

use super::history::position;
use crate::wire::{NodeId, Origin, Source};

/// Sources in the order of their keys, of which one may stand there more than once.
#[derive(Debug, Default)]
pub(super) struct Sources {
    list: Vec<Source>,
    /// The bytes of their runs.
    runs_len: usize,
}

impl Sources {
    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(super) fn as_slice(&self) -> &[Source] {
        &self.list
    }

    pub(super) fn insert(&mut self, source: Source) {
        self.runs_len += source.numbers.held_len();
        let at = self.list.partition_point(|other| other.key() <= source.key());
        self.list.insert(at, source);
    }

    /// Takes a number out of the first source that has it. Returns whether there was one.
    pub(super) fn take_out(&mut self, sender: &NodeId, origin: Origin) -> bool {
        let Some(at) = position(&self.list, sender, origin) else { return false };
        let Some(source) = self.list.get_mut(at) else { return false };
        let before = source.numbers.held_len();
        source.numbers.remove(origin.sequence);
        let is_over = source.numbers.is_empty();
        // What is left of a run may have been put into two.
        let after = if is_over { 0 } else { source.numbers.held_len() };
        self.runs_len = (self.runs_len + after).saturating_sub(before);
        if is_over {
            self.list.remove(at);
        }
        if self.list.is_empty() {
            self.clear();
        }
        true
    }

    /// Forgets all, and gives its memory back.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The bytes of memory that it takes.
    pub(super) fn held_len(&self) -> usize {
        self.list.capacity() * size_of::<Source>() + self.runs_len
    }

    /// The same, counted anew.
    #[cfg(any(feature = "sim", test))]
    pub(super) fn recount(&self) -> usize {
        len_of(&self.list)
    }
}

/// One word's worth of messages, under its name.
#[derive(Debug)]
pub(super) struct Offer {
    pub(super) name: u64,
    sources: Vec<Source>,
    /// What they take.
    sources_len: usize,
}

impl Offer {
    pub(super) fn new(name: u64, sources: Vec<Source>) -> Self {
        let sources_len = len_of(&sources);
        Self { name, sources, sources_len }
    }

    /// The bytes of memory that it takes.
    pub(super) fn held_len(&self) -> usize {
        size_of::<Self>() + self.sources_len
    }

    pub(super) fn sources(&self) -> &[Source] {
        &self.sources
    }

    pub(super) fn into_sources(self) -> Vec<Source> {
        self.sources
    }
}

/// Offers in some order.
#[derive(Debug, Default)]
pub(super) struct Offers {
    list: Vec<Offer>,
    /// What their sources take.
    sources_len: usize,
}

impl Offers {
    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(super) fn as_slice(&self) -> &[Offer] {
        &self.list
    }

    pub(super) fn push(&mut self, offer: Offer) {
        self.sources_len += offer.sources_len;
        self.list.push(offer);
    }

    /// Takes the one that stands there.
    pub(super) fn take(&mut self, at: usize) -> Option<Offer> {
        let offer = (at < self.list.len()).then(|| self.list.remove(at))?;
        self.sources_len = self.sources_len.saturating_sub(offer.sources_len);
        if self.list.is_empty() {
            *self = Self::default();
        }
        Some(offer)
    }

    /// The bytes of memory that they take.
    pub(super) fn held_len(&self) -> usize {
        self.list.capacity() * size_of::<Offer>() + self.sources_len
    }

    /// The same, counted anew.
    #[cfg(any(feature = "sim", test))]
    pub(super) fn recount(&self) -> usize {
        let sources: usize = self.list.iter().map(|offer| len_of(&offer.sources)).sum();
        self.list.capacity() * size_of::<Offer>() + sources
    }
}

/// What sources take, with the room that their list has for more.
fn len_of(sources: &Vec<Source>) -> usize {
    let runs: usize = sources.iter().map(|source| source.numbers.held_len()).sum();
    sources.capacity() * size_of::<Source>() + runs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Run, Runs};

    fn source(sender: &str, incarnation: u64, first: u64, last: u64) -> Source {
        let numbers = Runs::from_runs(vec![Run { first, last }]).unwrap();
        Source { sender: sender.parse().unwrap(), incarnation, numbers }
    }

    #[test]
    fn t44_what_a_list_says_it_takes_is_what_it_takes_whatever_happens_to_it() {
        let mut sources = Sources::default();
        assert_eq!(sources.held_len(), 0);
        for (sender, incarnation) in [("b", 1), ("a", 2), ("b", 1), ("a", 1), ("c", 9)] {
            sources.insert(source(sender, incarnation, 0, 200));
            assert_eq!(sources.held_len(), sources.recount());
        }
        let keys: Vec<_> = sources.as_slice().iter().map(Source::key).collect();
        assert!(keys.is_sorted());
        let full = sources.held_len();
        // Every second number first: each run becomes a hundred.
        for sequence in (1..=200).step_by(2).chain((0..=200).step_by(2)) {
            for (sender, incarnation) in [("a", 1), ("b", 1), ("b", 1), ("c", 9), ("a", 2)] {
                let origin = Origin { incarnation, sequence };
                assert!(sources.take_out(&sender.parse().unwrap(), origin));
                assert_eq!(sources.held_len(), sources.recount());
            }
            if sequence == 199 {
                assert!(sources.held_len() > full + 5 * 99 * size_of::<Run>());
            }
        }
        assert!(sources.is_empty());
        assert_eq!(sources.held_len(), 0, "an empty list holds no memory");
        let nothing = Origin { incarnation: 1, sequence: 1 };
        assert!(!sources.take_out(&"a".parse().unwrap(), nothing));
    }

    #[test]
    fn t44_offers_take_what_their_sources_do_and_nothing_when_they_are_gone() {
        let mut offers = Offers::default();
        for name in 0..20 {
            offers.push(Offer::new(name, vec![source("a", name, 1, 2); 30]));
            assert_eq!(offers.held_len(), offers.recount());
        }
        assert!(offers.held_len() >= 20 * 30 * (size_of::<Source>() + size_of::<Run>()));
        assert_eq!(offers.take(7).map(|offer| offer.name), Some(7));
        assert!(offers.take(19).is_none());
        while let Some(offer) = offers.take(0) {
            assert_eq!((offer.sources().len(), offers.held_len()), (30, offers.recount()));
        }
        assert_eq!(offers.held_len(), 0);
    }
}
