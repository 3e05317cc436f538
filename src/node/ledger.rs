//! What the node's buffers take, in bytes: one account for all.
//!
//! A frame that waits for several neighbors is in memory once, and so it is charged once: each
//! waiting neighbor holds it by its place in the ledger, and the last that lets it go gives its bytes
//! back. What the node remembers of messages and questions knows its own size and is added where all
//! is asked for: see [`Node::memory_len`](super::Node::memory_len).

use std::collections::VecDeque;

/// What a frame takes beside its bytes.
const FRAME_LEN: usize = 96;

/// What one neighbor's hold of a frame takes, here and in the driver's queue, each of which may have
/// room for twice as many: see [`give_room_back`], and the same in the driver's `SendQueue`.
const QUEUED_LEN: usize = 96;

/// What a connection takes that holds nothing, beside its session: its state and its peer's handshake,
/// its timers and what the driver has of it.
pub(super) const CONNECTION_LEN: usize = 4 << 10;

/// The account of one node.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// What each connection takes that holds nothing.
    pub(super) connection_len: usize,
    /// What connections hold of what has arrived on them, and to send it again.
    pub(super) held_len: usize,
    /// What is kept until a receiver is found for it.
    pub(super) kept_len: usize,
    /// What waits for neighbors.
    queued_len: usize,
    frames: Vec<Frame>,
    /// Places in `frames` that are free.
    free: Vec<usize>,
    last_number: u64,
    /// Whether so much memory is taken that the node reads less.
    pub(super) is_pressed: bool,
    /// Whether something has been refused for want of memory.
    pub(super) is_short: bool,
}

/// A frame that waits for somebody.
#[derive(Debug)]
struct Frame {
    /// Tells it from those that had its place before.
    number: u64,
    /// How many wait for it; 0 where the place is free.
    holders: usize,
    len: usize,
}

/// Names a frame, which may have gone out to everybody meanwhile.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ticket {
    place: usize,
    number: u64,
}

/// What waits for one neighbor, in its order.
#[derive(Debug, Default)]
pub(super) struct Queue {
    frames: VecDeque<Queued>,
}

/// A neighbor's hold of a frame.
#[derive(Debug)]
struct Queued {
    place: usize,
    /// The bytes of it that have not been sent to this neighbor.
    left: usize,
}

impl Ledger {
    /// That of a node whose connections take so much each.
    pub(super) fn new(connection_len: usize) -> Self {
        Self { connection_len, ..Self::default() }
    }

    /// All that is charged here.
    pub(super) fn len(&self) -> usize {
        self.held_len.saturating_add(self.kept_len).saturating_add(self.queued_len)
    }

    /// What waits for neighbors.
    pub(super) fn queued_len(&self) -> usize {
        self.queued_len
    }

    /// What another neighbor's hold of a frame of this length would add.
    pub(super) fn cost(&self, ticket: Option<Ticket>, len: usize) -> usize {
        let is_held = ticket.is_some_and(|ticket| self.find(ticket).is_some());
        if is_held { QUEUED_LEN } else { len.saturating_add(FRAME_LEN + QUEUED_LEN) }
    }

    /// Enters a frame behind those that wait for a neighbor. Others that wait for the same frame
    /// have the same ticket.
    pub(super) fn push(&mut self, queue: &mut Queue, ticket: &mut Option<Ticket>, len: usize) {
        self.queued_len = self.queued_len.saturating_add(self.cost(*ticket, len));
        let place = match ticket.and_then(|ticket| self.find(ticket)) {
            Some(place) => {
                if let Some(frame) = self.frames.get_mut(place) {
                    frame.holders += 1;
                }
                place
            }
            None => self.insert(ticket, len),
        };
        queue.frames.push_back(Queued { place, left: len });
    }

    /// What a neighbor's queue takes, if whoever else waits for one of its frames has its part of that.
    pub(super) fn part_of(&self, queue: &Queue) -> usize {
        let part = |queued: &Queued| {
            let frame = self.frames.get(queued.place);
            let len = frame.map_or(0, |frame| (frame.len + FRAME_LEN) / frame.holders.max(1));
            len.saturating_add(QUEUED_LEN)
        };
        queue.frames.iter().map(part).fold(0, usize::saturating_add)
    }

    /// What that is at most, where so many bytes wait in the queue.
    pub(super) fn most_of(&self, queue: &Queue, waiting_len: usize) -> usize {
        let begun = queue.frames.front().and_then(|first| self.frames.get(first.place));
        let tables_len = queue.frames.len().saturating_mul(FRAME_LEN + QUEUED_LEN);
        let begun_len = begun.map_or(0, |frame| frame.len);
        waiting_len.saturating_add(begun_len).saturating_add(tables_len)
    }

    fn find(&self, ticket: Ticket) -> Option<usize> {
        let frame = self.frames.get(ticket.place)?;
        (frame.number == ticket.number && frame.holders > 0).then_some(ticket.place)
    }

    fn insert(&mut self, ticket: &mut Option<Ticket>, len: usize) -> usize {
        self.last_number += 1;
        let number = self.last_number;
        let place = self.free.pop().unwrap_or(self.frames.len());
        let frame = Frame { number, holders: 1, len };
        match self.frames.get_mut(place) {
            Some(free) => *free = frame,
            None => self.frames.push(frame),
        }
        *ticket = Some(Ticket { place, number });
        place
    }

    /// So many bytes have gone out to a neighbor. A frame is in memory until all of it has.
    pub(super) fn sent(&mut self, queue: &mut Queue, mut len: usize) {
        while let Some(first) = queue.frames.front_mut() {
            if len < first.left {
                first.left -= len;
                break;
            }
            len -= first.left;
            let place = first.place;
            queue.frames.pop_front();
            self.release(place);
        }
        give_room_back(&mut queue.frames, SMALL);
    }

    /// Nothing goes out to a neighbor any more.
    #[inline(never)]
    pub(super) fn clear(&mut self, queue: &mut Queue) {
        for queued in std::mem::take(queue).frames {
            self.release(queued.place);
        }
    }

    fn release(&mut self, place: usize) {
        self.queued_len = self.queued_len.saturating_sub(QUEUED_LEN);
        let Some(frame) = self.frames.get_mut(place) else { return };
        frame.holders = frame.holders.saturating_sub(1);
        if frame.holders == 0 {
            self.queued_len = self.queued_len.saturating_sub(frame.len + FRAME_LEN);
            self.free.push(place);
            if self.free.len() == self.frames.len() {
                self.shrink();
            }
        }
    }

    /// A node at rest holds no table of what it once had.
    fn shrink(&mut self) {
        if self.frames.capacity() > SMALL {
            self.frames = Vec::new();
            self.free = Vec::new();
        }
    }

    /// What waits, counted anew from what each neighbor waits for.
    #[cfg(any(feature = "sim", test))]
    pub(super) fn recount<'a>(&self, queues: impl Iterator<Item = &'a Queue>) -> usize {
        let mut is_counted = vec![false; self.frames.len()];
        let mut len = 0;
        for queued in queues.flat_map(|queue| &queue.frames) {
            len += QUEUED_LEN;
            let Some(counted) = is_counted.get_mut(queued.place) else { return usize::MAX };
            if !std::mem::replace(counted, true) {
                len += self.frames.get(queued.place).map_or(0, |frame| frame.len + FRAME_LEN);
            }
        }
        len
    }
}

impl Queue {
    /// The bytes that wait.
    #[cfg(any(feature = "sim", test))]
    pub(super) fn left_len(&self) -> usize {
        self.frames.iter().map(|queued| queued.left).sum()
    }
}

/// Tables of so many entries are kept for the next time.
const SMALL: usize = 64;

/// Leaves a queue that was long no more room than for twice as many as it has, or for so many entries.
pub(super) fn give_room_back<T>(queue: &mut VecDeque<T>, small: usize) {
    if queue.capacity() > small && queue.len() <= queue.capacity() / 2 {
        queue.shrink_to(queue.len() + queue.len() / 2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t44_a_frame_is_charged_once_until_the_last_that_waits_for_it_has_it() {
        let mut ledger = Ledger::default();
        let mut queues: [Queue; 117] = std::array::from_fn(|_| Queue::default());
        let (mut ticket, len) = (None, 4 << 20);
        for queue in &mut queues {
            ledger.push(queue, &mut ticket, len);
        }
        let expected = len + FRAME_LEN + queues.len() * QUEUED_LEN;
        assert_eq!((ledger.len(), ledger.recount(queues.iter())), (expected, expected));
        let part = (len + FRAME_LEN) / queues.len() + QUEUED_LEN;
        assert!(queues.iter().all(|queue| ledger.part_of(queue) == part));
        assert!(queues.iter().all(|queue| ledger.most_of(queue, len) >= part));
        let [first, others @ ..] = &mut queues;
        for queue in others {
            ledger.sent(queue, len);
        }
        ledger.sent(first, len - 1);
        assert_eq!(ledger.len(), len + FRAME_LEN + QUEUED_LEN, "the last holds all of it");
        assert_eq!(ledger.part_of(first), ledger.len());
        assert!(ledger.most_of(first, 1) >= ledger.part_of(first));
        ledger.sent(first, 1);
        assert_eq!((ledger.len(), ledger.recount(queues.iter())), (0, 0));
    }

    #[test]
    fn a_ticket_of_a_frame_that_is_gone_is_not_that_of_the_next_in_its_place() {
        let mut ledger = Ledger::default();
        let [mut one, mut two] = [Queue::default(), Queue::default()];
        let mut old = None;
        ledger.push(&mut one, &mut old, 10);
        ledger.sent(&mut one, 10);
        ledger.push(&mut one, &mut None, 20);
        ledger.push(&mut two, &mut old, 10);
        assert_eq!(ledger.len(), 30 + 2 * (FRAME_LEN + QUEUED_LEN));
        assert_eq!(ledger.recount([&one, &two].into_iter()), ledger.len());
        ledger.clear(&mut one);
        ledger.sent(&mut two, 10);
        assert_eq!(ledger.len(), 0);
    }

    #[test]
    fn t44_a_queue_that_was_long_keeps_no_room_that_is_not_charged() {
        let mut ledger = Ledger::default();
        let mut queue = Queue::default();
        for _ in 0..10_000 {
            ledger.push(&mut queue, &mut None, 1);
        }
        for left in (0..10_000).rev() {
            ledger.sent(&mut queue, 1);
            let room = queue.frames.capacity() * size_of::<Queued>();
            assert!(room <= (left * QUEUED_LEN).max(SMALL * size_of::<Queued>()), "{left}: {room}");
        }
    }

    #[test]
    fn frames_go_out_in_pieces_of_any_length_and_several_at_once() {
        let mut ledger = Ledger::default();
        let mut queue = Queue::default();
        for len in [1, 100, 3] {
            ledger.push(&mut queue, &mut None, len);
        }
        let full = ledger.len();
        ledger.sent(&mut queue, 51);
        assert_eq!((ledger.len(), queue.left_len()), (full - 1 - FRAME_LEN - QUEUED_LEN, 53));
        ledger.sent(&mut queue, 53);
        assert_eq!((ledger.len(), queue.left_len()), (0, 0));
    }
}
