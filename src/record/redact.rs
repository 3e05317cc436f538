//! Takes what users said out of a record, and leaves what a node decides by.
//!
//! In the place of each packet of a user's message stands another of its length, the same for the
//! same packet, and the message id that follows from it. So lengths, numbers, and which messages are
//! equal stay as they were. Two things do not: a frame that came compressed stands there plain, and
//! bytes of an unfinished frame stand where the frame is finished. Packets of a few bytes may become
//! equal that were not.

use std::collections::BTreeMap;
use std::hash::Hasher;

use bytes::Bytes;
use siphasher::sip::SipHasher13;

use super::call::Call;
use super::given::Given;
use crate::conn_id::ConnId;
use crate::wire::{
    Compressions, DecodeLimits, Flag, FrameDecoder, PathfindingMessage, base58, is_reserved,
};

/// Replaces what users said, on the connections of one node.
#[derive(Debug)]
pub(crate) struct Redactor {
    /// Whoever does not know it cannot try what a packet may have been.
    key: [u8; 16],
    limits: DecodeLimits,
    streams: BTreeMap<ConnId, FrameDecoder>,
}

impl Redactor {
    pub(crate) fn new(key: [u8; 16], limits: DecodeLimits) -> Self {
        Self { key, limits, streams: BTreeMap::new() }
    }

    pub(crate) fn given(&mut self, given: Given) -> Given {
        match given {
            Given::Received(conn, data) => Given::Received(conn, self.stream(conn, &data)),
            Given::Closed(conn, _) => {
                self.streams.remove(&conn);
                given
            }
            _ => given,
        }
    }

    pub(crate) fn forget(&mut self, conn: ConnId) {
        self.streams.remove(&conn);
    }

    pub(crate) fn call(&self, mut call: Call) -> Call {
        match &mut call {
            Call::Broadcast { packets, .. } | Call::Whisper { packets, .. } => {
                self.fill_all(packets)
            }
            Call::Batch { messages } => {
                for payload in messages {
                    self.fill_all(payload.get_mut(1..).unwrap_or_default());
                }
            }
            Call::SendRaw { payload, .. }
                if payload.first().is_some_and(|sub_flag| !is_reserved(sub_flag)) =>
            {
                self.fill_all(payload.get_mut(1..).unwrap_or_default());
            }
            Call::SendBytes { data, .. } => *data = self.filler(data),
            _ => {}
        }
        call
    }

    /// The frames that these bytes complete, without what users said in them.
    fn stream(&mut self, conn: ConnId, data: &[u8]) -> Bytes {
        let max_len = self.limits.max_body_len;
        let mut decoder = self.streams.remove(&conn).unwrap_or_default();
        let (mut input, mut clean) = (data, Vec::new());
        loop {
            match decoder.next_frame(&mut input, max_len) {
                Ok(Some(body)) => {
                    let body = self.body(body);
                    let len = u32::try_from(body.len()).unwrap_or(u32::MAX);
                    clean.extend_from_slice(&len.to_be_bytes());
                    clean.extend_from_slice(&body);
                }
                Ok(None) => break,
                // A frame that is too long, and what follows it, is none of anybody's business.
                Err(_) => {
                    clean.extend_from_slice(&[0xff; 4]);
                    break;
                }
            }
        }
        self.streams.insert(conn, decoder);
        clean.into()
    }

    fn body(&self, body: Bytes) -> Bytes {
        let supported = Compressions::supported();
        let read = PathfindingMessage::decode_body(body.clone(), supported, self.limits);
        let Ok(message) = read else {
            return self.filler(&body).into();
        };
        let message = message.with_compression(Compressions::NONE);
        let flags = [Flag::Broadcast, Flag::Waterfall, Flag::Whisper].map(Flag::as_bytes);
        let sub_flag = message.payload().next().unwrap_or_default();
        if !flags.contains(&message.msg_type()) || is_reserved(sub_flag) {
            return message.packets().body().clone();
        }
        let mut payload: Vec<Vec<u8>> = message.payload().map(<[u8]>::to_vec).collect();
        self.fill_all(payload.get_mut(1..).unwrap_or_default());
        let Ok(time) = base58::decode_u64(message.time_58().as_bytes()) else {
            return self.filler(&body).into();
        };
        let (kind, sender) = (message.msg_type(), message.sender());
        let is_id = message.stated_id() == message.id().as_bytes();
        let redacted = if is_id {
            PathfindingMessage::new(kind, sender, time, &payload)
        } else {
            PathfindingMessage::stated(kind, sender, message.stated_id(), time, &payload)
        };
        redacted.map_or_else(|_| self.filler(&body).into(), |it| it.packets().body().clone())
    }

    fn fill_all(&self, packets: &mut [Vec<u8>]) {
        for packet in packets {
            *packet = self.filler(packet);
        }
    }

    fn filler(&self, packet: &[u8]) -> Vec<u8> {
        let mut hasher = SipHasher13::new_with_key(&self.key);
        hasher.write(packet);
        let digits = format!("{:016x}", hasher.finish());
        digits.bytes().cycle().take(packet.len()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: DecodeLimits = DecodeLimits { max_body_len: 10_000, max_packets: 64 };

    fn redactor() -> Redactor {
        Redactor::new([7; 16], LIMITS)
    }

    fn message(kind: Flag, payload: &[&[u8]]) -> PathfindingMessage {
        PathfindingMessage::new(kind.as_bytes(), b"me", 1_466_965_490, payload).unwrap()
    }

    fn conn() -> ConnId {
        ConnId::from_number(1)
    }

    fn read(frame: &[u8]) -> PathfindingMessage {
        PathfindingMessage::decode(frame, Compressions::NONE, LIMITS).unwrap()
    }

    #[test]
    fn what_users_said_is_gone_and_what_a_node_goes_by_is_there() {
        let mut redactor = redactor();
        let said = message(Flag::Broadcast, &[b"chat", b"the secret plan", b"x"]);
        let clean = redactor.stream(conn(), &said.encode().unwrap());
        let found = read(&clean);
        assert_eq!(found.encode().unwrap().len(), said.encode().unwrap().len());
        assert!(!clean.windows(6).any(|part| part == b"secret"));
        assert_eq!(found.payload().next(), Some(&b"chat"[..]));
        assert_eq!((found.sender(), found.time()), (said.sender(), said.time()));
        assert_eq!(found.stated_id(), found.id().as_bytes(), "the id is that of what stands there");
        assert_eq!(redactor.stream(conn(), &said.encode().unwrap()), clean, "equal stays equal");
    }

    #[test]
    fn words_of_the_protocol_stay_as_they_are() {
        for said in [
            message(Flag::Whisper, &[b"request", b"abc", b"*"]),
            message(Flag::Renegotiate, &[b"resend"]),
        ] {
            let frame = said.encode().unwrap();
            assert_eq!(redactor().stream(conn(), &frame), frame);
        }
    }

    #[test]
    fn a_frame_in_pieces_stands_where_its_last_one_came_and_a_compressed_one_stands_plain() {
        let mut redactor = redactor();
        let said = message(Flag::Waterfall, &[b"chat", &[b'x'; 900]]);
        let frame = said.clone().with_compression(Compressions::supported()).encode().unwrap();
        assert!(frame.len() < 300);
        let (first, last) = frame.split_at(100);
        assert_eq!(redactor.stream(conn(), first), b""[..]);
        let clean = redactor.stream(conn(), last);
        assert_eq!(clean.len(), said.encode().unwrap().len());
        assert_eq!(read(&clean).payload().nth(1).map(<[u8]>::len), Some(900));
    }

    #[test]
    fn what_is_no_message_is_gone_too() {
        let mut redactor = redactor();
        let clean = redactor.stream(conn(), b"\0\0\0\x06secret");
        assert_eq!((clean.len(), clean.windows(6).any(|it| it == b"secret")), (10, false));
        let clean = redactor.stream(conn(), b"GET secret");
        assert_eq!(clean, [0xff; 4][..]);
        let data = b"secret".to_vec();
        let id = "me".parse().unwrap();
        let Call::SendBytes { data, .. } = redactor.call(Call::SendBytes { id, data }) else {
            panic!("another call");
        };
        assert_eq!((data.len(), data == b"secret"), (6, false));
    }
}
