//! `transcripts`: what two py2p nodes said to each other, byte for byte.
#![expect(clippy::unwrap_used, reason = "a vector that does not hold fails its test")]

use bytes::Bytes;
use rs2p::wire::{
    Compression, Compressions, DecodeLimits, Flag, FrameDecoder, Handshake, PathfindingMessage,
    PeerEntry, Protocol, SIZE_HEADER_LEN, decompress,
};
use serde_json::Value;

use crate::golden::{bytes, cases, count_if, field, int, text};

/// The directions: key of the stream, of its sender, and of the sender's address.
const CLIENT: [&str; 3] = ["client_to_server_hex", "client_id", "client_out_addr"];
const SERVER: [&str; 3] = ["server_to_client_hex", "server_id", "server_out_addr"];

#[test]
fn a_plain_conversation_is_read_and_written_to_the_byte() {
    let case = transcript("none");
    for (side, expected) in [(CLIENT, CLIENT_PLAIN.as_slice()), (SERVER, SERVER_PLAIN.as_slice())] {
        let mut written = Vec::new();
        let mut flags = Vec::new();
        for frame in frames(case, side) {
            let message = decode(frame, Compressions::NONE);
            assert_eq!(message.id().as_bytes(), message.stated_id());
            written.extend(message.encode().unwrap());
            flags.push(flags_of(&message));
        }
        assert_eq!(written, bytes(case, side[0]));
        assert_eq!(flags, expected);
    }
}

#[test]
fn a_compressed_conversation_is_read_and_written_again() {
    let case = transcript("gzip,bz2,lzma");
    let mut seen = [0; 2];
    for (count, side) in seen.iter_mut().zip([CLIENT, SERVER]) {
        let mut list = Compressions::NONE;
        for frame in frames(case, side) {
            if frame.starts_with(b"BZh") && !Compression::Bz2.is_supported() {
                continue;
            }
            let message = decode(frame.clone(), list);
            assert_eq!(message.id().as_bytes(), message.stated_id());
            assert!(!message.compression_fail());
            let again = decode(message.encode_body(), list);
            assert_eq!(again, message);
            if message.sub_flag() == Some(Flag::Handshake) {
                assert_eq!(message.encode_body(), frame, "a handshake is plain");
                list = Handshake::decode(message.payload()).unwrap().compressions;
                assert_eq!(list, Compressions::from_iter(Compression::all()));
            } else {
                let method =
                    if frame.starts_with(b"BZh") { Compression::Bz2 } else { Compression::Gzip };
                assert_eq!(decompress(frame, list, 4_096).unwrap().method, Some(method));
            }
            *count += 1;
        }
    }
    assert_eq!(seen, [5 + count_if(Compression::Bz2, 2), 4 + count_if(Compression::Bz2, 2)]);
}

#[test]
fn handshakes_and_peers_lists_of_a_conversation_are_written_to_the_byte() {
    let mut seen = 0;
    for (compression, names) in [("none", &[][..]), ("gzip,bz2,lzma", &["gzip", "bz2", "lzma"])] {
        let case = transcript(compression);
        for (side, other) in [(CLIENT, SERVER), (SERVER, CLIENT)] {
            let frames = frames(case, side);
            let list = Compressions::from_names(names.iter().copied());

            let read = Handshake::decode(decode(frames[0].clone(), list).payload()).unwrap();
            assert_eq!(read.id.as_str(), text(case, side[1]));
            let address = read.address.clone();
            assert_eq!(address.clone().map(|address| address.host), host(case, side));
            let protocol = Protocol::new("mesh", text(case, "encryption"));
            let ours = Handshake::new(read.id, &protocol, address.clone(), list);
            assert_eq!(ours, read);
            let (whisper, clock) = (Flag::Whisper.as_bytes(), int(case, "clock"));
            let message =
                PathfindingMessage::new(whisper, read.id.as_bytes(), clock, &ours.encode());
            assert_eq!(message.unwrap().encode_body(), frames[0]);

            let peers = decode(frames[1].clone(), list);
            let entries = PeerEntry::decode_list(peers.payload(), 8).unwrap();
            let ids: Vec<_> = entries.iter().map(|entry| entry.id.as_str()).collect();
            assert_eq!(ids, [text(case, other[1])]);
            assert!(peers.payload().eq(PeerEntry::encode_list(&entries)));
            seen += 1;
        }
    }
    assert_eq!(seen, 4);
}

const CLIENT_PLAIN: [(&str, &str); 6] = [
    ("whisper", "handshake"),
    ("whisper", "peers"),
    ("whisper", "whisper"),
    ("broadcast", "broadcast"),
    ("renegotiate", "compression"),
    ("renegotiate", "resend"),
];

const SERVER_PLAIN: [(&str, &str); 6] = [
    ("whisper", "handshake"),
    ("whisper", "peers"),
    ("whisper", "whisper"),
    ("waterfall", "broadcast"),
    ("renegotiate", "compression"),
    ("whisper", "whisper"),
];

/// The one plaintext transcript of two nodes with these methods.
fn transcript(compression: &str) -> &'static Value {
    let mut found = cases("/transcripts").iter().filter(|case| {
        text(case, "encryption") == "Plaintext" && text(case, "compression") == compression
    });
    let case = found.next().unwrap();
    assert!(found.next().is_none());
    case
}

/// The bodies of one direction, from a stream that arrives in pieces of seven bytes.
fn frames(case: &Value, side: [&str; 3]) -> Vec<Bytes> {
    let stream = bytes(case, side[0]);
    let mut decoder = FrameDecoder::default();
    let mut frames = Vec::new();
    for mut piece in stream.chunks(7) {
        while let Some(frame) = decoder.next_frame(&mut piece, 4_096).unwrap() {
            frames.push(frame);
        }
    }
    assert_eq!(decoder.buffered_len(), 0);
    let len: usize = frames.iter().map(|frame| frame.len() + SIZE_HEADER_LEN).sum();
    assert_eq!(len, stream.len());
    frames
}

fn decode(frame: Bytes, list: Compressions) -> PathfindingMessage {
    PathfindingMessage::decode_body(frame, list, DecodeLimits::PROTOCOL).unwrap()
}

fn flags_of(message: &PathfindingMessage) -> (&'static str, &'static str) {
    let msg_type = Flag::parse(message.msg_type()).unwrap();
    (msg_type.as_str(), message.sub_flag().unwrap().as_str())
}

fn host(case: &Value, side: [&str; 3]) -> Option<String> {
    field(case, side[2]).get(0).and_then(Value::as_str).map(str::to_owned)
}
