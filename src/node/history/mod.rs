//! The numbered broadcasts of the last minute, for those who have missed them. PROTOCOL.md §5.7.
//!
//! Of all that a node has sent and taken it holds the youngest: as far back as its limits reach, in
//! time, in bytes, in sources and in runs of numbers. What makes room is the oldest of the sender
//! that has the most, of what whoever has the most has brought: so nobody can take the place of what
//! others have brought. What a sender has sent counts as brought by whoever has brought most bytes of it:
//! one message that somebody brings before all others makes nothing that they bring theirs. Bodies are
//! shared with whoever else has them.

mod size;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

use self::size::{Measure, Size};
use super::ledger::give_room_back;
use super::limits::Limits;
use super::seen::MAX_AGE;
use crate::sorted_map::SortedMap;
use crate::time::Instant;
use crate::wire::{
    MAX_RUNS, MAX_SOURCES, NodeId, Origin, PathfindingMessage, Runs, SIZE_HEADER_LEN, Source,
};

/// What a message takes beside its body.
const ENTRY_LEN: usize = 256;

/// How much longer a message is held than it is offered: whoever was offered it has this long to
/// want it.
pub(super) const GRACE: Duration = Duration::from_secs(15);

/// Of what there is too much, a part like this goes at once, so that those who have the most need
/// not be looked for with every message.
const PARTS: usize = 64;

/// The messages that a node holds, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct History {
    slots: VecDeque<Slot>,
    /// How many of them are empty.
    holes: usize,
    next_place: u64,
    /// What is held, by its senders and those's lives.
    held: SortedMap<(NodeId, u64), Held>,
    /// How much that is, in all and by who brought it: nobody for what the node has made itself.
    all: Size,
    brought: SortedMap<Option<IpAddr>, Size>,
}

/// The place of a message, which may have made room for others.
#[derive(Debug)]
struct Slot {
    place: u64,
    entry: Option<Entry>,
}

/// What is held of one life of one sender.
#[derive(Debug)]
struct Held {
    numbers: Runs,
    /// Where the messages stand, the oldest first.
    places: VecDeque<u64>,
    len: usize,
    /// Who brought most of it: whoever has one address of IPv6 has the whole /64.
    bringer: Option<IpAddr>,
    /// How much of that each has brought, in bytes.
    brought: SortedMap<Option<IpAddr>, usize>,
}

/// How much a sender has, the place of the oldest of it, and in which of its lives that stands.
type Group = (usize, Reverse<u64>, (NodeId, u64));

/// A message that is held.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) message: PathfindingMessage,
    pub(super) sender: NodeId,
    pub(super) origin: Origin,
    /// Its timestamp.
    time: u64,
    arrived: Instant,
    /// Who brought it, once it is held; nobody where the node has made it itself.
    bringer: Option<IpAddr>,
    /// Its number among the messages that can be explained, if it is one of them.
    pub(super) explained: Option<u32>,
}

impl Entry {
    pub(super) fn new(
        now: Instant,
        message: PathfindingMessage,
        (sender, origin): (NodeId, Origin),
        explained: Option<u32>,
    ) -> Self {
        let time = message.time().unwrap_or_default();
        Self { message, sender, origin, time, arrived: now, bringer: None, explained }
    }

    fn len(&self) -> usize {
        self.message.packets().body().len().saturating_add(ENTRY_LEN)
    }

    /// The bytes of its frame, where it is not compressed.
    pub(super) fn frame_len(&self) -> usize {
        self.message.packets().body().len().saturating_add(SIZE_HEADER_LEN)
    }

    /// Whether others whose calendar shows this second still take it.
    pub(super) fn is_fresh(&self, second: u64) -> bool {
        self.time.saturating_add(MAX_AGE) >= second
    }

    fn key(&self) -> (NodeId, u64) {
        (self.sender, self.origin.incarnation)
    }
}

impl Held {
    fn size(&self) -> Size {
        let sources = usize::from(!self.numbers.is_empty());
        Size { len: self.len, sources, runs: self.numbers.iter().len() }
    }

    /// Somebody has brought so many bytes of it.
    fn credit(&mut self, bringer: Option<IpAddr>, len: usize) {
        match self.brought.get_mut(&bringer) {
            Some(brought) => *brought = brought.saturating_add(len),
            None => drop(self.brought.insert(bringer, len)),
        }
        if self.brought_by(bringer) > self.brought_by(self.bringer) {
            self.bringer = bringer;
        }
    }

    /// So many that somebody has brought are not held any more.
    fn debit(&mut self, bringer: Option<IpAddr>, len: usize) {
        match self.brought.get_mut(&bringer) {
            Some(brought) if *brought > len => *brought -= len,
            _ => drop(self.brought.remove(&bringer)),
        }
        if bringer == self.bringer {
            // Of those that have as much, whoever has had most stays.
            let most =
                self.brought.iter().max_by_key(|(other, len)| (**len, **other == self.bringer));
            self.bringer = most.map_or(bringer, |(most, _)| *most);
        }
    }

    fn brought_by(&self, bringer: Option<IpAddr>) -> usize {
        self.brought.get(&bringer).copied().unwrap_or_default()
    }
}

impl History {
    /// Holds a message that `bringer` brought, if there is none of its number, and none of those
    /// for which there is no room beside it: of whoever has brought the most, and has sent the most
    /// of that. Returns how many these were.
    pub(super) fn hold(
        &mut self,
        mut entry: Entry,
        bringer: Option<IpAddr>,
        limits: &Limits,
    ) -> u64 {
        if entry.len() > limits.max_history_len {
            return 0;
        }
        let key = entry.key();
        if !self.held.contains_key(&key) {
            let (numbers, places) = (Runs::default(), VecDeque::new());
            let brought = SortedMap::default();
            self.held.insert(key, Held { numbers, places, len: 0, bringer, brought });
        }
        let Some(held) = self.held.get_mut(&key) else { return 0 };
        let before = (held.bringer, held.size());
        if !held.numbers.insert(entry.origin.sequence) {
            return 0;
        }
        let place = self.next_place;
        self.next_place += 1;
        held.places.push_back(place);
        held.len = held.len.saturating_add(entry.len());
        held.credit(bringer, entry.len());
        let after = (held.bringer, held.size());
        entry.bringer = bringer;
        self.slots.push_back(Slot { place, entry: Some(entry) });
        self.change(before, after);
        self.make_room(limits)
    }

    /// What is held of a sender was this much, brought by that one, and is something else now.
    fn change(&mut self, before: (Option<IpAddr>, Size), after: (Option<IpAddr>, Size)) {
        let ((old, was), (new, is)) = (before, after);
        self.all.change(was, is);
        if old == new {
            return self.change_of(new, was, is);
        }
        self.change_of(old, was, Size::default());
        self.change_of(new, Size::default(), is);
    }

    fn change_of(&mut self, bringer: Option<IpAddr>, before: Size, after: Size) {
        match self.brought.get_mut(&bringer) {
            Some(size) => {
                size.change(before, after);
                if *size == Size::default() {
                    self.brought.remove(&bringer);
                }
            }
            None => {
                self.brought.insert(bringer, after);
            }
        }
    }

    fn make_room(&mut self, limits: &Limits) -> u64 {
        let mut displaced = 0;
        for (measure, most) in [
            (Measure::Len, limits.max_history_len),
            (Measure::Sources, MAX_SOURCES),
            (Measure::Runs, MAX_RUNS),
        ] {
            displaced += self.cut_down(measure, most, most / PARTS);
        }
        displaced
    }

    /// Gives so many bytes back, if there are as many. Returns how many messages these were.
    pub(super) fn give_back(&mut self, len: usize) -> u64 {
        let all = self.bytes();
        let displaced = self.cut_down(Measure::Len, all.saturating_sub(len), all / PARTS);
        give_room_back(&mut self.slots, 0);
        displaced
    }

    /// Takes out what there is too much of, so much of it at once. Returns how many messages.
    fn cut_down(&mut self, measure: Measure, most: usize, at_once: usize) -> u64 {
        let mut displaced = 0;
        while self.all.of(measure) > most {
            let Some(key) = self.largest(measure) else { break };
            let enough = self.all.of(measure).saturating_sub(at_once.max(1));
            while self.all.of(measure) > enough && self.take_oldest(&key) {
                displaced += 1;
            }
        }
        displaced
    }

    /// The oldest life of the sender that has the most of what was brought by whoever has brought
    /// the most.
    #[inline(never)]
    fn largest(&self, measure: Measure) -> Option<(NodeId, u64)> {
        let (bringer, _) = self.brought.iter().max_by_key(|(_, size)| size.of(measure))?;
        let mut largest: Option<Group> = None;
        let mut group: Option<Group> = None;
        for (key, held) in self.held.iter().filter(|(_, held)| held.bringer == *bringer) {
            let oldest = Reverse(held.places.front().copied().unwrap_or_default());
            // The lives of a sender stand together.
            let others = group.filter(|(_, _, other)| other.0 == key.0);
            let sum = held.size().of(measure) + others.map_or(0, |(sum, ..)| sum);
            let older = others.filter(|(_, other, _)| *other > oldest);
            group = Some(older.map_or((sum, oldest, *key), |(_, oldest, key)| (sum, oldest, key)));
            largest = largest.max(group);
        }
        largest.map(|(_, _, key)| key)
    }

    /// Takes out the oldest message of one life of a sender. Returns whether there was one.
    fn take_oldest(&mut self, key: &(NodeId, u64)) -> bool {
        let place = self.held.get(key).and_then(|held| held.places.front().copied());
        place.is_some_and(|place| self.take(self.index_of(place)))
    }

    /// Forgets what arrived this long ago or longer. Returns how many messages that were.
    pub(super) fn forget(&mut self, now: Instant, age: Duration) -> u64 {
        let mut forgotten = 0;
        while self.oldest().is_some_and(|arrived| now.since(arrived) >= age) && self.take(0) {
            forgotten += 1;
        }
        give_room_back(&mut self.slots, 0);
        forgotten
    }

    /// Takes out a message, which is the oldest of its source. Returns whether there was one.
    fn take(&mut self, index: usize) -> bool {
        let slot = self.slots.get_mut(index).and_then(|slot| slot.entry.take());
        let Some(entry) = slot else { return false };
        self.holes += 1;
        self.close_holes();
        let key = entry.key();
        let Some(held) = self.held.get_mut(&key) else { return true };
        let before = (held.bringer, held.size());
        held.numbers.remove(entry.origin.sequence);
        held.places.pop_front();
        held.len = held.len.saturating_sub(entry.len());
        held.debit(entry.bringer, entry.len());
        let after = (held.bringer, held.size());
        if held.numbers.is_empty() {
            self.held.remove(&key);
        }
        self.change(before, after);
        true
    }

    /// The first slot is never empty, and of the others a fifth at most.
    fn close_holes(&mut self) {
        while self.slots.front().is_some_and(|slot| slot.entry.is_none()) {
            self.slots.pop_front();
            self.holes = self.holes.saturating_sub(1);
        }
        if self.holes > self.slots.len() / 5 {
            for _ in 0..self.slots.len() {
                if let Some(slot) = self.slots.pop_front().filter(|slot| slot.entry.is_some()) {
                    self.slots.push_back(slot);
                }
            }
            self.holes = 0;
        }
    }

    /// Where the first slot stands that is not before a place.
    fn index_of(&self, place: u64) -> usize {
        let first = self.slots.front().map_or(0, |slot| slot.place);
        let guess = usize::try_from(place.saturating_sub(first)).unwrap_or(usize::MAX);
        if self.slots.get(guess).is_some_and(|slot| slot.place == place) {
            return guess;
        }
        self.slots.partition_point(|slot| slot.place < place)
    }

    fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.slots.iter().filter_map(|slot| slot.entry.as_ref())
    }

    /// What there is to offer to a node: what came less than `age` ago, is still taken when the
    /// calendar shows this second, and was not made by the node itself.
    pub(super) fn to_offer(
        &self,
        now: Instant,
        age: Duration,
        second: u64,
        to: &NodeId,
    ) -> Vec<Source> {
        let is_for = |key: &(NodeId, u64)| key.0 != *to;
        let mut offered = SortedMap::default();
        for (key, held) in self.held.iter().filter(|(key, _)| is_for(key)) {
            offered.insert(*key, held.numbers.clone());
        }
        for Entry { sender, origin, .. } in
            self.entries().filter(|it| now.since(it.arrived) >= age || !it.is_fresh(second))
        {
            if let Some(numbers) = offered.get_mut(&(*sender, origin.incarnation)) {
                numbers.remove(origin.sequence);
            }
        }
        offered.retain(|_, numbers| !numbers.is_empty());
        let source = |((sender, incarnation), numbers)| Source { sender, incarnation, numbers };
        offered.into_iter().map(source).collect()
    }

    /// What of an offer is not held.
    pub(super) fn missing(&self, offered: &[Source]) -> Vec<Source> {
        let mut missing = Vec::new();
        for source in offered {
            let numbers = match self.held.get(&source.key()) {
                Some(held) => source.numbers.minus(&held.numbers),
                None => source.numbers.clone(),
            };
            if !numbers.is_empty() {
                missing.push(Source { numbers, ..*source });
            }
        }
        missing
    }

    /// The first message from a place on that is one of these, and its place.
    pub(super) fn next_of(&self, from: u64, wanted: &[Source]) -> Option<(u64, &Entry)> {
        let is_wanted = |entry: &&Entry| position(wanted, &entry.sender, entry.origin).is_some();
        let slots = self.slots.iter().skip(self.index_of(from));
        slots
            .into_iter()
            .find_map(|slot| Some((slot.place, slot.entry.as_ref().filter(is_wanted)?)))
    }

    /// When the oldest message arrived.
    #[inline(never)]
    pub(super) fn oldest(&self) -> Option<Instant> {
        self.entries().next().map(|entry| entry.arrived)
    }

    pub(super) fn count(&self) -> usize {
        self.slots.len().saturating_sub(self.holes)
    }

    /// About how many bytes the messages take.
    pub(super) fn bytes(&self) -> usize {
        self.all.len
    }
}

/// Which of these sources, which are in the order of their keys, has a number.
pub(super) fn position(sources: &[Source], sender: &NodeId, origin: Origin) -> Option<usize> {
    let key = (*sender, origin.incarnation);
    let from = sources.partition_point(|source| source.key() < key);
    let its = sources.iter().enumerate().skip(from).take_while(|(_, source)| source.key() == key);
    its.into_iter().find(|(_, source)| source.numbers.contains(origin.sequence)).map(|(at, _)| at)
}
