//! The messages that came last, by number, so that they can be read later and replied to.

use std::collections::VecDeque;

use rs2p::{Message, NodeId};

/// The most messages kept, and the most bytes in them.
pub(super) const MAX_COUNT: usize = 4_096;
const MAX_LEN: usize = 64 << 20;

/// The most bytes in messages that are read at once, unless the first has more: shown as JSON, a
/// byte takes up to eight.
const MAX_READ_LEN: usize = 8 << 20;

/// A message that came.
#[derive(Clone, Debug)]
pub(super) struct Received {
    /// Counted from 1.
    pub(super) number: u64,
    pub(super) message: Message,
    /// When it came, in Unix seconds.
    pub(super) at: f64,
}

/// The last messages, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Kept {
    entries: VecDeque<Received>,
    /// The number of the message that came last.
    last: u64,
    /// The number of the message that was read last.
    read: u64,
    /// In bytes.
    len: usize,
    /// Messages that were discarded before they were read.
    lost: u64,
}

impl Kept {
    /// Keeps a message, at the expense of the oldest.
    pub(super) fn push(&mut self, message: Message, at: f64) -> Received {
        self.last += 1;
        self.len += len_of(&message);
        let received = Received { number: self.last, message, at };
        self.entries.push_back(received.clone());
        while self.entries.len() > MAX_COUNT || self.len > MAX_LEN && self.entries.len() > 1 {
            let Some(oldest) = self.entries.pop_front() else { break };
            self.len -= len_of(&oldest.message);
            if oldest.number > self.read {
                self.read = oldest.number;
                self.lost += 1;
            }
        }
        received
    }

    /// Messages were discarded before they came here.
    pub(super) fn count_lost(&mut self, count: u64) {
        self.lost += count;
    }

    /// The message of this number, if it is still kept.
    pub(super) fn find(&self, number: u64) -> Option<&Received> {
        let at = self.entries.binary_search_by_key(&number, |entry| entry.number).ok()?;
        self.entries.get(at)
    }

    pub(super) fn last(&self) -> Option<&Received> {
        self.entries.back()
    }

    /// Takes up to `max` messages that were not read before, the oldest first, and of long ones
    /// fewer.
    pub(super) fn read(&mut self, max: usize) -> Vec<Received> {
        let unread = self.entries.iter().filter(|entry| entry.number > self.read);
        let mut len = 0;
        let fits = |entry: &&Received| {
            let is_first = len == 0;
            len += len_of(&entry.message);
            is_first || len <= MAX_READ_LEN
        };
        let taken: Vec<Received> = unread.take(max).take_while(fits).cloned().collect();
        self.read = taken.last().map_or(self.read, |entry| entry.number);
        taken
    }

    /// How many messages were not read yet.
    pub(super) fn unread(&self) -> u64 {
        self.last - self.read
    }

    /// How many messages were discarded unread.
    pub(super) fn lost(&self) -> u64 {
        self.lost
    }

    /// Who sent the messages, as they state it.
    pub(super) fn senders(&self) -> impl Iterator<Item = NodeId> {
        self.entries.iter().map(|entry| entry.message.sender())
    }
}

/// What keeping a message costs: a stranger chooses how long its header is, too.
fn len_of(message: &Message) -> usize {
    message.as_pathfinding().packets().body().len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rs2p::{Encryption, MeshSocket, PathfindingMessage};

    /// A message, as only a mesh makes it: a whisper with this id of its own choice.
    fn stating(id: &[u8], text: &[u8]) -> Message {
        let node =
            || MeshSocket::builder().encryption(Encryption::Plaintext).bind("127.0.0.1:0").unwrap();
        let (one, other) = (node(), node());
        one.connect(other.local_addr()).unwrap();
        let me = one.id();
        let whisper =
            PathfindingMessage::new(b"whisper", me.as_bytes(), 1, &[b"whisper", text]).unwrap();
        let frame = whisper.with_stated_id(id).unwrap().encode().unwrap();
        one.tools().send_bytes(&other.id(), &frame).unwrap();
        other.recv().unwrap()
    }

    fn message() -> Message {
        stating(b"id", b"said")
    }

    fn numbers(taken: &[Received]) -> Vec<u64> {
        taken.iter().map(|entry| entry.number).collect()
    }

    #[test]
    fn each_message_is_read_once_and_found_afterwards() {
        let (mut kept, message) = (Kept::default(), message());
        for _ in 0..3 {
            kept.push(message.clone(), 0.0);
        }
        assert_eq!(numbers(&kept.read(2)), [1, 2]);
        assert_eq!(kept.unread(), 1);
        assert_eq!(numbers(&kept.read(usize::MAX)), [3]);
        assert_eq!((numbers(&kept.read(9)), kept.unread()), (vec![], 0));
        assert_eq!(kept.find(1).map(|entry| entry.number), Some(1));
        assert!(kept.find(0).is_none() && kept.find(4).is_none());
    }

    #[test]
    fn the_oldest_are_forgotten_and_those_unread_are_counted() {
        let (mut kept, message) = (Kept::default(), message());
        kept.push(message.clone(), 0.0);
        kept.read(1);
        for _ in 0..MAX_COUNT + 1 {
            kept.push(message.clone(), 0.0);
        }
        assert_eq!((kept.entries.len(), kept.lost()), (MAX_COUNT, 1));
        assert!(kept.find(2).is_none() && kept.find(3).is_some());
        assert_eq!(numbers(&kept.read(1)), [3]);
        assert_eq!(kept.len, MAX_COUNT * len_of(&message));
    }
    #[test]
    fn what_is_no_text_of_a_message_counts_as_well() {
        const LEN: usize = 4_000_000;
        let (mut kept, message) = (Kept::default(), stating(&[b'i'; LEN], b"said"));
        for _ in 0..MAX_LEN / LEN + 1 {
            kept.push(message.clone(), 0.0);
        }
        assert_eq!((kept.entries.len(), kept.lost()), (MAX_LEN / LEN, 1));
    }

    #[test]
    fn long_messages_are_read_a_few_at_a_time() {
        let (mut kept, message) = (Kept::default(), stating(b"id", &[0; 4_000_000]));
        for _ in 0..3 {
            kept.push(message.clone(), 0.0);
        }
        assert_eq!(numbers(&kept.read(usize::MAX)), [1, 2]);
        assert_eq!(numbers(&kept.read(usize::MAX)), [3]);
    }
}
