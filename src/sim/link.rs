//! One TCP connection between two machines: two streams of bytes, each with a buffer that fills, a
//! line that takes time, and a peer that may be slow.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use super::agenda::{Agenda, Place, Step};
use super::options::LinkOptions;
use super::reach::{Meeting, Owed};
use super::trace::len_u64;
use crate::conn_id::ConnId;
use crate::time::Instant;

/// How many bytes a driver reads at once, at most.
const READ_LEN: usize = 64 << 10;

/// Names a link of a world. Never used again.
pub(super) type LinkId = u64;

/// One end of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct End {
    /// Which machine.
    pub(super) machine: usize,
    /// Which of its lives: after a crash it has other connections under the same names.
    pub(super) life: u64,
    /// The machine's node's name for the connection.
    pub(super) conn: ConnId,
}

/// A TCP connection.
#[derive(Debug)]
pub(super) struct Link {
    /// The dialling end, then the accepting one.
    pub(super) ends: [End; 2],
    /// What each end sends.
    pub(super) pipes: [Pipe; 2],
    /// Until when nothing gets through, either way.
    pub(super) clogged_until: Option<Instant>,
    /// What its ends owe each other since they have met.
    pub(super) meeting: Meeting,
    /// Which end does not exist any more, while the other does not know it.
    pub(super) lost_side: Option<usize>,
}

/// One direction of a link.
#[derive(Debug)]
pub(super) struct Pipe {
    pub(super) options: LinkOptions,
    /// What the node has transmitted and the sending machine's buffer has no room for.
    pub(super) waiting: VecDeque<Bytes>,
    /// How many bytes that is: the node's own backlog, if both count right.
    pub(super) waiting_len: usize,
    /// How many bytes the node has ever transmitted.
    pub(super) written_len: u64,
    /// How many of them the other end has ever read.
    pub(super) read_len: u64,
    /// When the machine's buffers last took bytes, or the first that waits began to.
    pub(super) progress_at: Instant,
    /// How many bytes went out then.
    pub(super) progress_len: usize,
    /// When the other end last read bytes.
    pub(super) read_at: Instant,
    /// When there last was something that the buffers had no room for.
    pub(super) full_at: Instant,
    /// When the node at the other end last began to read it again.
    pub(super) released_at: Instant,
    /// How many frames the node has not put into its queue for the reader, when it last got a
    /// message.
    pub(super) refused: u64,
    /// What the reader must have by when.
    pub(super) owed: VecDeque<Owed>,
    /// The place, among the messages that the writer has sent or got, of the first that it has
    /// passed on here.
    pub(super) first_place: Option<u32>,
    /// That of the last that the reader has got.
    pub(super) last_place: u32,
    /// What was taken from the node and not read at the other end.
    pub(super) in_flight: usize,
    /// When the line is free for the next bytes.
    pub(super) free_at: Instant,
    /// When the last bytes arrive: later ones do not overtake them.
    pub(super) last_arrival: Instant,
    /// What is on its way. The agenda holds the first of it alone: there may be much.
    pub(super) coming: VecDeque<(Place, Segment)>,
    /// Until when the receiver does not read, though it could.
    pub(super) stalled_until: Option<Instant>,
    /// Nothing gets through: bytes wait on the way.
    pub(super) is_blocked: bool,
    /// What waits on the way.
    pub(super) kept_back: VecDeque<Segment>,
    /// What arrived and was not read, because the receiver is stopped or does not read.
    pub(super) unread: VecDeque<Segment>,
    /// The sending side ends behind what waits.
    pub(super) is_finishing: bool,
    /// The end of the sending side is on its way.
    pub(super) is_finished: bool,
    /// The receiver has seen the end.
    pub(super) is_ended: bool,
    /// Bytes went out when the end of the other direction had been seen: that does not show that
    /// they have arrived.
    pub(super) is_unconfirmed: bool,
}

/// A piece of a stream.
#[derive(Clone, Debug)]
pub(super) enum Segment {
    Data(Bytes),
    Fin,
}

impl Pipe {
    pub(super) fn new(options: LinkOptions, now: Instant) -> Self {
        Self {
            options,
            waiting: VecDeque::new(),
            waiting_len: 0,
            written_len: 0,
            read_len: 0,
            progress_at: now,
            progress_len: 0,
            read_at: now,
            full_at: now,
            released_at: Instant::ZERO,
            refused: 0,
            owed: VecDeque::new(),
            first_place: None,
            last_place: 0,
            in_flight: 0,
            free_at: now,
            last_arrival: now,
            coming: VecDeque::new(),
            stalled_until: None,
            is_blocked: false,
            kept_back: VecDeque::new(),
            unread: VecDeque::new(),
            is_finishing: false,
            is_finished: false,
            is_ended: false,
            is_unconfirmed: false,
        }
    }

    /// Queues what the node has transmitted.
    pub(super) fn push(&mut self, data: Bytes, now: Instant) {
        if self.waiting_len == 0 {
            (self.progress_at, self.progress_len) = (now, 0);
        }
        self.written_len += len_u64(data.len());
        self.waiting_len += data.len();
        self.waiting.push_back(data);
    }

    /// Puts a piece behind what is on its way on a side of a link.
    pub(super) fn send(&mut self, agenda: &mut Agenda, link: LinkId, side: usize, piece: Segment) {
        let place = agenda.place(self.last_arrival);
        if self.coming.is_empty() {
            agenda.push_at(place, Step::Arrive { link, side });
        }
        self.coming.push_back((place, piece));
    }

    /// Takes what a reader gets at once: bytes that have arrived in several pieces come as one.
    pub(super) fn read(&mut self) -> Option<Segment> {
        if self.stalled_until.is_some() {
            return None;
        }
        let first = match self.unread.pop_front()? {
            Segment::Data(first) => first,
            Segment::Fin => return Some(Segment::Fin),
        };
        let data = if matches!(self.unread.front(), Some(Segment::Data(_))) {
            self.read_on(first)
        } else {
            first
        };
        self.in_flight = self.in_flight.saturating_sub(data.len());
        self.read_len += len_u64(data.len());
        Some(Segment::Data(data))
    }

    fn read_on(&mut self, first: Bytes) -> Bytes {
        let mut data = BytesMut::from(first);
        while let Some(Segment::Data(next)) = self.unread.front() {
            if data.len() + next.len() > READ_LEN {
                break;
            }
            data.extend_from_slice(next);
            self.unread.pop_front();
        }
        data.freeze()
    }

    /// Takes up to `len` bytes that wait, if the buffers have room for any.
    pub(super) fn take(&mut self, len: usize) -> Option<Bytes> {
        let room = self.options.window_len.saturating_sub(self.in_flight);
        let first = self.waiting.front_mut()?;
        let len = len.min(room).min(first.len());
        if len == 0 {
            return None;
        }
        let piece = first.split_to(len);
        if first.is_empty() {
            self.waiting.pop_front();
        }
        self.waiting_len -= len;
        self.in_flight += len;
        Some(piece)
    }
}

impl Link {
    /// A link from the first end, which dialled it.
    pub(super) fn new(ends: [End; 2], pipes: [Pipe; 2], meeting: Meeting) -> Self {
        Self { ends, pipes, clogged_until: None, meeting, lost_side: None }
    }

    /// Which of the two ends this is.
    pub(super) fn side(&self, machine: usize, conn: ConnId) -> usize {
        let [first, _] = self.ends;
        usize::from(first.machine != machine || first.conn != conn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_arrived_in_pieces_is_read_at_once_up_to_the_end() {
        let mut pipe = Pipe::new(LinkOptions::default(), Instant::ZERO);
        let pieces = [1, READ_LEN - 1, 1].map(|len| Segment::Data(Bytes::from(vec![7; len])));
        pipe.unread.extend(pieces);
        pipe.unread.push_back(Segment::Fin);
        let read = std::iter::from_fn(|| pipe.read()).map(|segment| match segment {
            Segment::Data(data) => data.len(),
            Segment::Fin => 0,
        });
        assert_eq!(read.collect::<Vec<_>>(), [READ_LEN, 1, 0]);
    }
}
