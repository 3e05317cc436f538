//! What outsiders say and hear, message by message.
//!
//! Whoever states no proven id can say anything in anybody's name, so the world writes down what is
//! said: a node may give its user each such message once, and nothing else.

use bytes::Bytes;

use super::app::App;
use super::content::Header;
use super::machine::Machine;
use super::trace::hash_of_packets;
use super::world::{NodeIndex, World};
use crate::conn_id::ConnId;
use crate::wire::{
    Compressions, DecodeLimits, Flag, FrameDecoder, Handshake, NodeId, PathfindingMessage,
};

/// The longest message that is looked into, in bytes: as long as the longest that a node takes
/// whose limits nobody has changed.
const MAX_LEN: usize = 4 << 20;

const LIMITS: DecodeLimits = DecodeLimits { max_body_len: MAX_LEN, max_packets: 1_024 };

/// The messages that these bytes complete.
pub(super) fn messages_in(decoder: &mut FrameDecoder, data: &[u8]) -> Vec<PathfindingMessage> {
    let mut input = data;
    let mut messages = Vec::new();
    while let Ok(Some(body)) = decoder.next_frame(&mut input, MAX_LEN) {
        messages.extend(decode(body));
    }
    messages
}

fn decode(body: Bytes) -> Option<PathfindingMessage> {
    PathfindingMessage::decode_body(body, Compressions::supported(), LIMITS).ok()
}

/// What a node makes of a message, as far as its user may get it.
enum Kind {
    /// It is for everybody.
    Broadcast,
    /// It is for the one that it is sent to.
    Whisper,
    /// It is none of the user's.
    Other,
}

/// What this is to a node, or to one of py2p.
fn kind_of(message: &PathfindingMessage, is_for_py2p: bool) -> Kind {
    match (Flag::parse(message.msg_type()), message.sub_flag()) {
        (_, Some(Flag::Handshake | Flag::Peers | Flag::Request | Flag::Response))
        | (Some(Flag::Renegotiate), Some(Flag::Compression | Flag::Resend)) => Kind::Other,
        (Some(Flag::Whisper | Flag::Broadcast | Flag::Waterfall) | None, Some(Flag::Whisper)) => {
            Kind::Whisper
        }
        // What py2p nodes do not understand they pass on as a waterfall.
        _ if is_for_py2p => Kind::Broadcast,
        (Some(Flag::Whisper), _) => Kind::Whisper,
        (Some(Flag::Broadcast | Flag::Waterfall) | None, _) => Kind::Broadcast,
        _ => Kind::Other,
    }
}

/// A hash of all that makes a message what it is to a node: who sent it, when, under which number,
/// and its packets.
fn mark_of(message: &PathfindingMessage) -> u64 {
    // What is no number is computed from the rest, and read by nobody.
    let number = if message.stated_id().len() == 16 { message.stated_id() } else { &[] };
    let header = [message.sender(), message.time_58().as_bytes(), number];
    hash_of_packets(header.into_iter().chain(message.payload()))
}

impl<A: App> World<A> {
    /// An outsider has read these: to repeat them is to say nothing new.
    pub(super) fn note_read(&mut self, index: NodeIndex, messages: &[PathfindingMessage]) {
        let is_honest = self.outside(index).is_some_and(|outside| outside.is_honest);
        if is_honest {
            return;
        }
        for message in messages {
            if matches!(kind_of(message, false), Kind::Broadcast) {
                self.ledger.mark(mark_of(message));
            }
        }
    }

    /// An outsider writes this.
    pub(super) fn note_written(&mut self, index: NodeIndex, conn: ConnId, data: &[u8]) {
        let machine = self.machines.get_mut(index);
        let Some(outside) = machine.and_then(|machine| machine.outside.as_mut()) else { return };
        let tap = &mut outside.taps.entry(conn).or_default().written;
        for message in messages_in(tap, data) {
            self.note_said(index, conn, &message);
        }
    }

    fn note_said(&mut self, index: NodeIndex, conn: ConnId, message: &PathfindingMessage) {
        let now = self.now;
        let link = self.link_of(index, conn).and_then(|(_, side, link)| link.ends.get(1 - side));
        let reader = link.map(|reader| reader.machine);
        let is_signed = reader.and_then(|it| self.machines.get(it)).is_some_and(Machine::signs);
        let is_for_py2p =
            reader.and_then(|it| self.outside(it)).is_some_and(|outside| outside.is_honest);
        let reader = reader.and_then(|reader| self.id(reader));
        let Some(machine) = self.machines.get_mut(index) else { return };
        let life = machine.life;
        let Some(outside) = &mut machine.outside else { return };
        if message.sub_flag() == Some(Flag::Handshake) {
            let Ok(handshake) = Handshake::decode(message.payload()) else { return };
            outside.ids.insert(handshake.id);
            if outside.is_honest {
                self.ledger.note_started(handshake.id, (index, life));
            }
            return;
        }
        let Ok(sender) = NodeId::parse(message.sender()) else { return };
        // Nobody takes what is said in another's name where names are proven.
        let is_false = outside.seals.id.is_some_and(|id| id != sender);
        let is_own = outside.ids.contains(&sender) && message.msg_type() == b"broadcast";
        let header = |to| Header::new(sender, to, message.payload());
        match kind_of(message, is_for_py2p) {
            Kind::Other => {}
            // To a machine without a node nobody listens.
            Kind::Whisper if reader.is_none() || is_false => {}
            Kind::Whisper => self.ledger.note_sent(now, header(reader)),
            // What it passes on was said by others.
            Kind::Broadcast if outside.is_honest && !is_own => {
                self.ledger.note_echoed(&header(None));
            }
            Kind::Broadcast if is_signed && is_false => {}
            Kind::Broadcast => {
                if self.ledger.mark(mark_of(message)) {
                    self.ledger.note_sent(now, header(None));
                }
            }
        }
    }

    /// Whether a connection of a node leads to a machine without one.
    pub(super) fn is_outside(&self, index: usize, conn: ConnId) -> bool {
        let link = self.link_at(index, conn);
        link.is_some_and(|(_, it)| it.ends.iter().any(|end| self.outside(end.machine).is_some()))
    }

    pub(super) fn outside(&self, index: NodeIndex) -> Option<&super::outsider::Outside> {
        self.machines.get(index)?.outside.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(sender: &[u8], time: u64, payload: &[&str]) -> PathfindingMessage {
        PathfindingMessage::new(b"waterfall", sender, time, payload).unwrap()
    }

    #[test]
    fn a_mark_tells_messages_apart_as_a_node_does() {
        let mark = mark_of(&message(b"ann", 1, &["broadcast", "all"]));
        for (other, is_same) in [
            (message(b"ann", 1, &["broadcast", "all"]), true),
            (message(b"bob", 1, &["broadcast", "all"]), false),
            (message(b"ann", 2, &["broadcast", "all"]), false),
            (message(b"ann", 1, &["broadcast", "al", "l"]), false),
            (message(b"ann", 1, &["broadcast", "all"]).with_stated_id(b"any").unwrap(), true),
            (message(b"ann", 1, &["broadcast", "all"]).with_stated_id(&[1; 16]).unwrap(), false),
            (message(b"ann", 1, &["broadcast", "all"]).with_msg_type(b"broadcast").unwrap(), true),
        ] {
            assert_eq!(mark_of(&other) == mark, is_same, "{other:?}");
        }
    }

    #[test]
    fn messages_are_found_in_whatever_pieces_they_come() {
        let frame = message(b"ann", 1, &["broadcast", "all"]).encode().unwrap();
        let stream = [frame.clone(), frame].concat();
        for cut in 0..=stream.len() {
            let mut decoder = FrameDecoder::default();
            let (start, end) = stream.split_at(cut);
            let found =
                messages_in(&mut decoder, start).len() + messages_in(&mut decoder, end).len();
            assert_eq!(found, 2, "cut at {cut}");
        }
    }
}
