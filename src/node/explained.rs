//! The messages that a node has met lately, and what became of each, so that it can be asked.
//!
//! Nothing that costs is done for a message before somebody asks: of its neighbors the names of
//! their connections are kept, and the message itself, whose packets others share, so that its id
//! can be computed then. Bounded in messages and in bytes.

use std::collections::VecDeque;

use super::Node;
use crate::conn_id::ConnId;
use crate::error::Refusal;
use crate::event::{DropReason, Explanation, Fate};
use crate::time::{Instant, UnixTime};
use crate::wire::{MessageId, NodeId, PathfindingMessage};

/// The most bytes of messages that are kept to be explained. The oldest go.
const MAX_KEPT_LEN: usize = 4 << 20;

/// The most messages that were dropped and are kept, and the longest of them in bytes: they must
/// not displace the others.
const MAX_DROPPED: usize = 64;
const MAX_DROPPED_LEN: usize = 16 << 10;

/// As many bytes as both come to.
pub(crate) const MAX_LEN: usize = MAX_KEPT_LEN + MAX_DROPPED * MAX_DROPPED_LEN;

/// The most neighbors that a message came from again of which the names are kept.
const MAX_REPEATERS: u32 = 16;

/// How many times, for each message, one that it came from again or went to is kept: of a message
/// that went to more the others have less.
const LINKS_PER_MESSAGE: usize = 16;

/// The most connections that have ended and whose peers' ids are remembered.
const MAX_GONE: usize = 256;

/// How many places a digest may stand at. With four places for each message, that all are taken
/// does not happen.
const REACH: usize = 8;

/// The last messages, the oldest first.
#[derive(Debug)]
pub(super) struct Explained {
    max_count: usize,
    met: VecDeque<Met>,
    /// The number of the first of them; they are numbered on.
    first: u32,
    /// Where to find a digest: its upper half, and the number of its message. A table of hashes
    /// whose old entries are overwritten.
    places: Vec<(u32, u32)>,
    /// Whether the last message that came is the last of them.
    is_open: bool,
    /// Over which connections they came again and went out, the oldest first. One list for all, so
    /// that none of them has to have its own.
    links: VecDeque<Link>,
    dropped: VecDeque<Met>,
    /// The bytes of those that were met.
    len: usize,
    /// The bytes of those that were dropped.
    dropped_len: usize,
    gone: VecDeque<(ConnId, NodeId)>,
}

/// One message.
#[derive(Debug)]
struct Met {
    message: PathfindingMessage,
    /// What it is known by where it comes again; 0 where it cannot.
    digest: u128,
    /// Where it came from; `None` for this node's own.
    from: Option<ConnId>,
    at: Instant,
    wall: UnixTime,
    fate: Fate,
    repeats: u32,
}

/// What a message had to do with a connection.
#[derive(Debug)]
struct Link {
    /// The number of the message.
    number: u32,
    conn: ConnId,
    what: What,
}

#[derive(Clone, Copy, Debug)]
enum What {
    CameAgain,
    Went(Result<(), Refusal>),
}

impl Explained {
    pub(super) fn new(max_count: usize) -> Self {
        Self {
            max_count,
            met: VecDeque::new(),
            first: 0,
            places: Vec::new(),
            links: VecDeque::new(),
            is_open: false,
            dropped: VecDeque::new(),
            len: 0,
            dropped_len: 0,
            gone: VecDeque::new(),
        }
    }

    /// About how many bytes the messages take.
    pub(super) fn bytes(&self) -> usize {
        self.len.saturating_add(self.dropped_len)
    }

    /// About how many bytes all takes that is remembered for them.
    pub(super) fn memory_len(&self) -> usize {
        let tables_len = if self.places.is_empty() { 0 } else { tables_len(self.max_count) };
        self.bytes().saturating_add(tables_len)
    }

    /// As many bytes as that may come to.
    pub(super) fn most_memory(max_count: usize) -> usize {
        if max_count == 0 { 0 } else { MAX_LEN.saturating_add(tables_len(max_count)) }
    }

    fn push(&mut self, met: Met) {
        let len = met.message.packets().body().len();
        self.is_open = self.max_count > 0 && len <= MAX_KEPT_LEN;
        if !self.is_open {
            return;
        }
        while self.met.len() >= self.max_count || self.len + len > MAX_KEPT_LEN {
            let Some(oldest) = self.met.pop_front() else { break };
            self.first = self.first.wrapping_add(1);
            self.len -= oldest.message.packets().body().len();
        }
        self.len += len;
        make_room(&mut self.met, self.max_count);
        if self.places.len() < self.met.capacity().saturating_mul(4) {
            self.spread();
        }
        if met.digest != 0 {
            self.place(met.digest, self.number(self.met.len()));
        }
        self.met.push_back(met);
    }

    /// Makes four places for each message that there is room for, and enters those again that are there.
    fn spread(&mut self) {
        let count = self.met.capacity().saturating_mul(4).next_power_of_two();
        self.places = vec![(0, 0); count];
        for index in 0..self.met.len() {
            let digest = self.met.get(index).map_or(0, |met| met.digest);
            if digest != 0 {
                self.place(digest, self.number(index));
            }
        }
    }

    /// Enters where a digest is to be found: in the first place that no message which is there
    /// still needs, or the last that it may stand at.
    fn place(&mut self, digest: u128, number: u32) {
        let (start, mask) = (low(digest), self.places.len().wrapping_sub(1));
        let count = self.met.len();
        for step in 0..REACH {
            let Some(place) = self.places.get_mut(start.wrapping_add(step) & mask) else { return };
            let age = place.1.wrapping_sub(self.first);
            let is_free = *place == (0, 0) || usize::try_from(age).is_ok_and(|age| age >= count);
            if is_free || step == REACH - 1 {
                *place = (high(digest), number);
                return;
            }
        }
    }

    /// Where a message with this digest stands.
    fn find(&self, digest: u128) -> Option<usize> {
        let (start, mask) = (low(digest), self.places.len().wrapping_sub(1));
        (0..REACH).find_map(|step| {
            let (tag, number) = *self.places.get(start.wrapping_add(step) & mask)?;
            let index = usize::try_from(number.wrapping_sub(self.first)).ok()?;
            let is_it = tag == high(digest) && self.met.get(index)?.digest == digest;
            is_it.then_some(index)
        })
    }

    /// A message has come again. Returns whether it is one of those that are kept.
    fn note_again(&mut self, digest: u128, conn: ConnId) -> bool {
        let Some(index) = self.find(digest) else { return false };
        let Some(met) = self.met.get_mut(index) else { return false };
        met.repeats = met.repeats.saturating_add(1);
        if met.repeats <= MAX_REPEATERS {
            self.link(index, conn, What::CameAgain);
        }
        true
    }

    #[inline(never)]
    fn link(&mut self, index: usize, conn: ConnId, what: What) {
        let max = self.max_count.saturating_mul(LINKS_PER_MESSAGE);
        if self.links.len() >= max {
            self.links.pop_front();
        }
        make_room(&mut self.links, max);
        let number = self.number(index);
        self.links.push_back(Link { number, conn, what });
    }

    /// The number of the last message, if it is kept.
    pub(super) fn last(&self) -> Option<u32> {
        self.is_open.then(|| self.number(self.met.len().saturating_sub(1)))
    }

    /// The message of this number, if it is still kept, has gone over one more connection, later
    /// than to the others.
    pub(super) fn note_late(&mut self, number: u32, conn: ConnId) {
        let index = usize::try_from(number.wrapping_sub(self.first));
        if let Some(index) = index.ok().filter(|index| *index < self.met.len()) {
            self.link(index, conn, What::Went(Ok(())));
        }
    }

    fn number(&self, index: usize) -> u32 {
        self.first.wrapping_add(u32::try_from(index).unwrap_or(u32::MAX))
    }
}

/// Makes room for one more, where there is none, and for as many again as there are: a node that meets
/// little takes little. Never for more than there may be.
fn make_room<T>(queue: &mut VecDeque<T>, max: usize) {
    let len = queue.len();
    if len == queue.capacity() {
        queue.reserve_exact(len.max(16).min(max.saturating_sub(len)));
    }
}

/// What the tables take at most.
fn tables_len(max_count: usize) -> usize {
    // Of places there are four to eight for each message.
    let places_len = 8 * size_of::<(u32, u32)>();
    let each = size_of::<Met>() + LINKS_PER_MESSAGE * size_of::<Link>() + places_len;
    max_count.saturating_mul(each).saturating_add(MAX_DROPPED * size_of::<Met>())
}

/// Any part of a keyed hash does for a place, and another one to tell it from its neighbors.
fn low(digest: u128) -> usize {
    let [a, b, c, d, ..] = digest.to_le_bytes();
    usize::try_from(u32::from_le_bytes([a, b, c, d])).unwrap_or_default()
}

fn high(digest: u128) -> u32 {
    let [.., a, b, c, d] = digest.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

impl Node {
    /// Remembers a message that has come for the first time, or is to be sent. To whom it goes is
    /// entered after it.
    #[inline(never)]
    pub(super) fn note_met(
        &mut self,
        now: Instant,
        digest: u128,
        from: Option<ConnId>,
        message: &PathfindingMessage,
    ) {
        let fate = if from.is_some() { Fate::Delivered } else { Fate::Sent };
        let met = self.met(now, digest, from, message, fate);
        self.explained.push(met);
    }

    /// To whom the last message has gone, or why not.
    #[inline(never)]
    pub(super) fn note_target(&mut self, conn: ConnId, outcome: Result<(), Refusal>) {
        if self.explained.is_open {
            let last = self.explained.met.len().saturating_sub(1);
            self.explained.link(last, conn, What::Went(outcome));
        }
    }

    /// A message has come that is not given to the user.
    pub(super) fn note_dropped(
        &mut self,
        now: Instant,
        conn: ConnId,
        digest: u128,
        message: &PathfindingMessage,
        reason: DropReason,
    ) {
        // To whom a message goes that is dropped, because they need its number, is not told.
        self.explained.is_open = false;
        if reason == DropReason::Duplicate && self.explained.note_again(digest, conn) {
            return;
        }
        // In a mesh with circles each of the node's own comes back, which tells nobody anything.
        let is_plain = reason == DropReason::Own;
        let is_long = message.packets().body().len() > MAX_DROPPED_LEN;
        if is_plain || is_long || self.explained.max_count == 0 {
            return;
        }
        if self.explained.dropped.len() == MAX_DROPPED {
            let oldest = self.explained.dropped.pop_front();
            self.explained.dropped_len -=
                oldest.map_or(0, |met| met.message.packets().body().len());
        }
        self.explained.dropped_len += message.packets().body().len();
        let met = self.met(now, 0, Some(conn), message, Fate::Dropped(reason));
        self.explained.dropped.push_back(met);
    }

    /// A connection is gone; what came by it is still to be explained.
    pub(super) fn note_gone(&mut self, conn: ConnId, id: NodeId) {
        let gone = &mut self.explained.gone;
        if gone.len() == MAX_GONE {
            gone.pop_front();
        }
        gone.push_back((conn, id));
    }

    /// What became of a message with this id, as [`Message::id`](crate::Message::id) computes it;
    /// of several the last. `None` where none is remembered: see
    /// [`Limits::max_explained_count`](super::Limits::max_explained_count). Takes a SHA-384 over
    /// each that is.
    pub fn explain(&self, id: &MessageId) -> Option<Explanation> {
        let explained = &self.explained;
        let is_it = |met: &Met| met.message.id() == *id;
        let index = explained.met.iter().rposition(is_it);
        let dropped = || explained.dropped.iter().rev().find(|met| is_it(met));
        let met = index.and_then(|index| explained.met.get(index)).or_else(dropped)?;
        let name = |conn: ConnId| {
            let gone = || explained.gone.iter().find(|(gone, _)| *gone == conn);
            let id = self.connections.get(&conn).and_then(|connection| connection.id());
            id.or_else(|| gone().map(|(_, id)| *id))
        };
        let number = index.map(|index| explained.number(index));
        let links = explained.links.iter().filter(|link| Some(link.number) == number);
        let (mut repeated_by, mut passed_to, mut refused) = (Vec::new(), Vec::new(), Vec::new());
        for (id, what) in links.filter_map(|link| Some((name(link.conn)?, link.what))) {
            match what {
                What::CameAgain => repeated_by.push(id),
                What::Went(Ok(())) => passed_to.push(id),
                What::Went(Err(refusal)) => refused.push((id, refusal)),
            }
        }
        // Some have been sent later what their queues had no room for.
        refused.retain(|(id, _)| !passed_to.contains(id));
        Some(Explanation {
            id: *id,
            sender: NodeId::parse(met.message.sender()).ok(),
            stamp: met.message.time(),
            from: met.from.and_then(name),
            seen_at: met.at,
            seen_wall: met.wall,
            fate: met.fate,
            repeats: met.repeats,
            repeated_by,
            passed_to,
            refused,
        })
    }

    /// The ids and timestamps of up to 64 messages that were passed on last, the oldest first:
    /// py2p's `waterfalls`. Takes a SHA-384 over each.
    pub fn recent_messages(&self) -> impl Iterator<Item = (MessageId, u64)> {
        /// As many as py2p shows of a hundred, and some.
        const MAX_RECENT: usize = 64;

        let is_flooded = |met: &&Met| met.fate == Fate::Delivered && met.digest != 0;
        let recent = self.explained.met.iter().rev().filter(is_flooded).take(MAX_RECENT);
        let mut recent: Vec<_> = recent.collect();
        recent.reverse();
        let shown = |met: &Met| (met.message.id(), met.message.time().unwrap_or(u64::MAX));
        recent.into_iter().map(shown)
    }

    #[inline(never)]
    fn met(
        &self,
        now: Instant,
        digest: u128,
        from: Option<ConnId>,
        message: &PathfindingMessage,
        fate: Fate,
    ) -> Met {
        Met {
            message: message.clone(),
            digest,
            from,
            at: now,
            wall: self.wall(now),
            fate,
            repeats: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn met(digest: u128, len: usize) -> Met {
        let payload = ["broadcast", &"x".repeat(len)];
        Met {
            message: PathfindingMessage::new(b"broadcast", b"me", 1, &payload).unwrap(),
            digest,
            from: None,
            at: Instant::ZERO,
            wall: UnixTime::from_secs(1),
            fate: Fate::Sent,
            repeats: 0,
        }
    }

    /// A digest as a keyed hash gives it.
    fn digest(number: u64) -> u128 {
        u128::from(number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
    }

    #[test]
    fn the_last_are_found_by_their_digests_and_none_before_them() {
        for max_count in [1, 7, 100, 1_024] {
            let mut explained = Explained::new(max_count);
            for number in 0..5_000 {
                explained.push(met(digest(number), 1));
                let oldest = number.saturating_sub(u64::try_from(max_count).unwrap() - 1);
                for known in [number, oldest] {
                    let index = explained.find(digest(known)).unwrap();
                    assert_eq!(explained.met[index].digest, digest(known));
                }
                if let Some(gone) = oldest.checked_sub(1) {
                    assert!(explained.find(digest(gone)).is_none(), "{gone} of {number}");
                }
            }
            assert_eq!(explained.met.len(), max_count);
        }
    }

    #[test]
    fn numbers_may_begin_anew() {
        let mut explained = Explained::new(10);
        explained.first = u32::MAX - 5;
        for number in 0..20 {
            explained.push(met(digest(number), 1));
            assert!(explained.find(digest(number)).is_some());
        }
        assert!(explained.find(digest(10)).is_some());
        assert!(explained.find(digest(9)).is_none());
    }

    #[test]
    fn long_messages_displace_older_ones_and_the_longest_are_not_kept() {
        let mut explained = Explained::new(1_000);
        for number in 0..20 {
            explained.push(met(digest(number), 1 << 20));
            assert!(explained.len <= MAX_KEPT_LEN);
        }
        assert_eq!(explained.met.len(), 3);
        explained.push(met(digest(99), MAX_KEPT_LEN));
        assert_eq!(explained.met.len(), 3);
        assert_eq!(explained.bytes(), explained.len);
        assert!(explained.memory_len() <= Explained::most_memory(1_000));
    }

    #[test]
    fn what_links_there_are_is_bounded() {
        let mut explained = Explained::new(2);
        for number in 0..100 {
            explained.push(met(digest(number), 1));
            for conn in 0..100 {
                explained.link(0, ConnId::from_number(conn), What::Went(Ok(())));
                assert!(explained.note_again(digest(number), ConnId::from_number(conn)));
            }
        }
        assert_eq!(explained.links.len(), 2 * LINKS_PER_MESSAGE);
        assert_eq!(explained.met[1].repeats, 100);
    }

    #[test]
    fn where_none_are_to_be_explained_none_are_kept() {
        let mut explained = Explained::new(0);
        explained.push(met(digest(1), 1));
        assert!(explained.met.is_empty() && explained.find(digest(1)).is_none());
    }
}
