//! The loop's end of a recorder: what happens to a node goes off the loop, and never waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError};

use crate::event::Event;
use crate::node::{Config, Output};
use crate::record::{Call, Given, Header};
use crate::time::{Instant, UnixTime};

/// The most notes that wait to be written.
pub(super) const MAX_NOTES: usize = 1 << 16;

/// The most bytes of messages in them.
const MAX_NOTES_LEN: usize = 32 << 20;

/// Something for the record.
#[derive(Debug)]
pub(super) enum Note {
    /// A node begins, under this number.
    Begin(u64, Box<Header>),
    /// Something happened to the node of this number.
    Line(u64, Instant, Noted),
    /// Nothing more is to be written.
    End,
}

/// What happened.
#[derive(Debug)]
pub(super) enum Noted {
    Input(Given),
    Call(Call),
    Output(Output),
    /// So many lines are not in the record, because its writer could not keep up.
    Lost(u64),
}

/// What the loops and the writer share.
#[derive(Debug, Default)]
pub(super) struct Gauge {
    /// The bytes of messages in the notes that wait.
    waiting_len: AtomicUsize,
    nodes: AtomicU64,
    /// All lines that were left out.
    lost: AtomicU64,
}

impl Gauge {
    pub(super) fn note_written(&self, noted: &Noted) {
        self.waiting_len.fetch_sub(noted.len(), Ordering::AcqRel);
    }

    /// A line is left out.
    pub(super) fn note_lost(&self) {
        self.lost.fetch_add(1, Ordering::AcqRel);
    }

    pub(super) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Acquire)
    }
}

/// Takes notes for a recorder. Never waits: what the writer cannot keep up with is lost, and
/// counted in the record.
#[derive(Clone, Debug)]
pub(crate) struct Tape {
    pub(super) notes: SyncSender<Note>,
    pub(super) gauge: Arc<Gauge>,
    pub(super) is_redacted: bool,
    /// The number of the node that this tape is about.
    node: u64,
    /// The lines that were left out and of which the record does not tell yet.
    lost: u64,
}

impl Tape {
    pub(super) fn new(notes: SyncSender<Note>, is_redacted: bool) -> Self {
        Self { notes, gauge: Arc::default(), is_redacted, node: 0, lost: 0 }
    }

    /// A node begins.
    pub(super) fn begin(&mut self, config: &Config, seed: [u8; 32], now: Instant, wall: UnixTime) {
        self.node = self.gauge.nodes.fetch_add(1, Ordering::AcqRel);
        let header = Header::new(config, seed, now, wall, self.is_redacted);
        // A writer that has ended writes nothing, and there is nobody to tell.
        drop(self.notes.try_send(Note::Begin(self.node, Box::new(header))));
    }

    pub(super) fn note(&mut self, at: Instant, noted: Noted) {
        if self.lost > 0 && self.put(at, Noted::Lost(self.lost)) {
            self.lost = 0;
        }
        if self.lost > 0 || !self.put(at, noted) {
            self.lost += 1;
            self.gauge.note_lost();
        }
    }

    fn put(&self, at: Instant, noted: Noted) -> bool {
        let len = noted.len();
        let waiting_len = self.gauge.waiting_len.fetch_add(len, Ordering::AcqRel);
        let has_room = waiting_len == 0 || waiting_len.saturating_add(len) <= MAX_NOTES_LEN;
        let sent = match has_room {
            true => self.notes.try_send(Note::Line(self.node, at, noted)),
            false => Err(TrySendError::Full(Note::End)),
        };
        if sent.is_err() {
            self.gauge.waiting_len.fetch_sub(len, Ordering::AcqRel);
        }
        sent.is_ok()
    }
}

impl Noted {
    /// The bytes of messages in it.
    fn len(&self) -> usize {
        let packets = |list: &[Vec<u8>]| list.iter().map(Vec::len).sum();
        match self {
            Self::Input(Given::Received(_, data)) | Self::Output(Output::Transmit { data, .. }) => {
                data.len()
            }
            Self::Call(
                Call::Broadcast { packets: list, .. }
                | Call::Whisper { packets: list, .. }
                | Call::SendRaw { payload: list, .. },
            ) => packets(list),
            Self::Call(Call::Batch { messages }) => messages.iter().map(|it| packets(it)).sum(),
            Self::Call(Call::SendBytes { data, .. }) => data.len(),
            // Its packets stay in memory as long as it does, and may be a thousand times what came.
            Self::Output(Output::Event(Event::Message(delivery))) => {
                delivery.message.packets().body().len()
            }
            Self::Input(_) | Self::Call(_) | Self::Output(_) | Self::Lost(_) => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use super::*;
    use crate::event::Delivery;
    use crate::wire::PathfindingMessage;

    #[test]
    fn t44_what_waits_to_be_written_counts_the_messages_that_were_delivered() {
        let (notes, taken) = sync_channel(MAX_NOTES);
        let mut tape = Tape::new(notes, false);
        let text = "x".repeat(4 << 20);
        let message = PathfindingMessage::new(b"broadcast", b"me", 1, &[&text]).unwrap();
        let [sender, neighbor] = ["me", "you"].map(|id| id.parse().unwrap());
        for at in 0..100 {
            let message = message.clone();
            let delivery = Delivery { message, sender, neighbor, is_authenticated: false };
            tape.note(
                Instant::from_nanos(at),
                Noted::Output(Output::Event(Event::Message(delivery))),
            );
        }
        let is_event = |note: &Note| matches!(note, Note::Line(_, _, Noted::Output(_)));
        assert_eq!(taken.try_iter().filter(is_event).count(), 7);
    }
}
