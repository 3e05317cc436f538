//! What happened, line by line.

use std::collections::VecDeque;
use std::fmt;
use std::hash::Hasher;

use siphasher::sip::SipHasher13;

use crate::conn_id::ConnId;
use crate::time::Instant;

/// How many lines are kept to be shown when something goes wrong.
const KEPT: usize = 50;

/// One thing that happened at one node.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) at: Instant,
    /// Where; `None` for what happens to the world.
    pub(super) node: Option<usize>,
    pub(super) what: What,
}

/// What can happen.
#[derive(Clone, Debug)]
pub(super) enum What {
    /// Bytes arrived: how many, and a hash of them.
    In(ConnId, usize, u64),
    /// Bytes were queued.
    Out(ConnId, usize),
    /// Anything else, in words.
    Note(String),
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, node, what } = self;
        match node {
            Some(node) => write!(f, "{at} n{node} ")?,
            None => write!(f, "{at} world ")?,
        }
        match what {
            What::In(conn, len, _) => write!(f, "{conn} in {len}b"),
            What::Out(conn, len) => write!(f, "{conn} out {len}b"),
            What::Note(note) => f.write_str(note),
        }
    }
}

/// The last lines of a world's history, and a hash over all of them.
#[derive(Clone, Debug)]
pub(super) struct Trace {
    hasher: SipHasher13,
    last: VecDeque<Line>,
    /// Everything, where the user asked for it.
    whole: Option<Vec<Line>>,
}

impl Trace {
    pub(super) fn new() -> Self {
        Self { hasher: SipHasher13::new(), last: VecDeque::new(), whole: None }
    }

    /// Keeps every line from now on.
    pub(super) fn keep_all(&mut self) {
        self.whole.get_or_insert_default();
    }

    pub(super) fn push(&mut self, line: Line) {
        self.hash_line(&line);
        if let Some(whole) = &mut self.whole {
            whole.push(line.clone());
        }
        if self.last.len() == KEPT {
            self.last.pop_front();
        }
        self.last.push_back(line);
    }

    fn hash_line(&mut self, line: &Line) {
        let mut write = |number: u64| self.hasher.write(&number.to_le_bytes());
        write(line.at.as_nanos());
        write(line.node.map_or(u64::MAX, len_u64));
        match &line.what {
            What::In(conn, len, hash) => {
                [conn.number(), len_u64(*len), *hash].into_iter().for_each(write);
            }
            What::Out(conn, len) => [!conn.number(), len_u64(*len)].into_iter().for_each(write),
            What::Note(note) => {
                write(len_u64(note.len()));
                self.hasher.write(note.as_bytes());
            }
        }
    }

    pub(super) fn hash(&self) -> u64 {
        self.hasher.finish()
    }

    /// The last lines, one below the other.
    pub(super) fn tail(&self) -> String {
        self.last.iter().map(Line::to_string).collect::<Vec<_>>().join("\n")
    }

    pub(super) fn whole(&self) -> impl Iterator<Item = String> {
        self.whole.iter().flatten().map(Line::to_string)
    }
}

/// A length as it is hashed: the same on machines of every word size.
pub(super) fn len_u64(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

/// A hash of packets and the borders between them, the same on every machine.
pub(super) fn hash_of_packets<'a>(packets: impl Iterator<Item = &'a [u8]>) -> u64 {
    let mut hasher = SipHasher13::new();
    for packet in packets {
        hasher.write(&len_u64(packet.len()).to_le_bytes());
        hasher.write(packet);
    }
    hasher.finish()
}

/// A hash of bytes, the same on every machine.
pub(super) fn hash_of(data: &[u8]) -> u64 {
    let mut hasher = SipHasher13::new();
    hasher.write(data);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_the_same_on_every_machine() {
        let mut trace = Trace::new();
        let conn = ConnId::from_number(2);
        for what in [What::In(conn, 300, hash_of(b"in")), What::Out(conn, 7), note("met")] {
            trace.push(Line { at: Instant::from_millis(5), node: Some(1), what });
        }
        assert_eq!(trace.hash(), 0x71fa_536c_745a_57a7);
        assert_eq!(hash_of_packets([&b"al"[..], b"l"].into_iter()), 0xdba8_a2af_072f_58a4);
    }

    fn note(text: &str) -> What {
        What::Note(text.to_owned())
    }
}
