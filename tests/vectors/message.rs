//! `messages`: the same message in every form, in both directions.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a vector that does not hold fails its test"
)]

use rs2p::wire::{
    Compression, Compressions, DecodeLimits, Handshake, PathfindingMessage, PeerEntry, base58,
    decompress, strip_size_header,
};
use serde_json::Value;

use crate::golden::{byte_lists, bytes, cases, count_if, field, int, text};

#[test]
fn a_built_message_has_py2ps_bytes() {
    let mut seen = 0;
    for case in cases("/messages") {
        let message = build(case);
        assert_eq!(message.id().as_str(), text(case, "id"));
        assert_eq!(message.stated_id(), text(case, "id").as_bytes());
        assert!(message.packets().iter().eq(byte_lists(case, "packets_hex")));
        assert_eq!(message.packets().body(), &bytes(case, "plain_body_hex"));
        if field(case, "compression").is_null() {
            let frame = message.encode().unwrap();
            assert_eq!(frame, bytes(case, "string_hex"));
            assert_eq!(frame[..4], bytes(case, "length_header_hex"));
            assert_eq!(frame.len() - 4, usize::try_from(int(case, "length")).unwrap());
        }
        seen += 1;
    }
    assert_eq!(seen, 84);
}

#[test]
fn py2ps_frame_is_read_to_every_field() {
    let mut seen = 0;
    for case in cases("/messages") {
        let frame = bytes(case, "string_hex");
        assert_eq!(frame[..4], bytes(case, "length_header_hex"));
        assert_eq!(frame.len() - 4, usize::try_from(int(case, "length")).unwrap());
        let Some(list) = compressions(case) else { continue };
        assert_fields(&decode(&frame, list), case);
        seen += 1;
    }
    assert_eq!(seen, 42 + count_if(Compression::Bz2, 21) + count_if(Compression::Lzma, 21));
}

#[test]
fn py2ps_compressed_body_is_its_plain_body_under_the_named_method() {
    let mut seen = 0;
    for case in cases("/messages") {
        let Some(list) = compressions(case) else { continue };
        let frame = bytes(case, "string_hex");
        let body = strip_size_header(&frame).unwrap().to_vec();
        let plain = decompress(body.into(), list, usize::MAX).unwrap();
        assert_eq!(plain.body, bytes(case, "plain_body_hex"));
        assert_eq!(plain.method, list.iter().next());
        seen += 1;
    }
    assert_eq!(seen, 42 + count_if(Compression::Bz2, 21) + count_if(Compression::Lzma, 21));
}

#[test]
fn our_own_compressed_frame_is_read_back() {
    let mut seen = 0;
    for case in cases("/messages") {
        let Some(list) = compressions(case) else { continue };
        let frame = build(case).with_compression(list).encode().unwrap();
        assert_fields(&decode(&frame, list), case);
        seen += usize::from(list != Compressions::NONE);
    }
    assert_eq!(seen, 21 + count_if(Compression::Bz2, 21) + count_if(Compression::Lzma, 21));
}

#[test]
fn handshakes_and_peers_lists_are_read_and_written_to_the_byte() {
    let mut seen = [0; 3];
    for case in cases("/messages") {
        let payload = byte_lists(case, "payload_hex");
        let packets = payload.iter().map(Vec::as_slice);
        match text(case, "name") {
            "handshake" => {
                let handshake = Handshake::decode(packets).unwrap();
                assert_eq!(handshake.id.as_str(), text(case, "sender"));
                assert_eq!(handshake.compressions, Compressions::from_iter(Compression::all()));
                assert_eq!(handshake.encode(), payload);
                seen[0] += 1;
            }
            "peers" => {
                let list = PeerEntry::decode_list(packets, 1).unwrap();
                assert_eq!(list[0].id.as_str(), text(case, "sender"));
                assert_eq!(PeerEntry::encode_list(&list), payload);
                seen[1] += 1;
            }
            "peers_empty" => {
                let list = PeerEntry::decode_list(packets, 0).unwrap();
                assert_eq!(list, []);
                assert_eq!(PeerEntry::encode_list(&list), payload);
                seen[2] += 1;
            }
            _ => {}
        }
    }
    assert_eq!(seen, [4; 3]);
}

fn build(case: &Value) -> PathfindingMessage {
    let (msg_type, sender) = (text(case, "main").as_bytes(), text(case, "sender").as_bytes());
    let payload = byte_lists(case, "payload_hex");
    PathfindingMessage::new(msg_type, sender, int(case, "time"), &payload).unwrap()
}

fn decode(frame: &[u8], list: Compressions) -> PathfindingMessage {
    PathfindingMessage::decode(frame, list, DecodeLimits::PROTOCOL).unwrap()
}

/// What the case's frame is under; `None` where this build lacks the method.
fn compressions(case: &Value) -> Option<Compressions> {
    let Some(name) = field(case, "compression").as_str() else {
        return Some(Compressions::NONE);
    };
    let method = Compression::parse(name).unwrap_or_else(|| panic!("unknown method in {case}"));
    method.is_supported().then(|| Compressions::from_iter([method]))
}

fn assert_fields(message: &PathfindingMessage, case: &Value) {
    assert_eq!(message.msg_type(), text(case, "main").as_bytes());
    assert_eq!(message.sender(), text(case, "sender").as_bytes());
    assert_eq!(message.time(), Some(int(case, "time")));
    assert_eq!(message.time_58(), base58::encode_u64(int(case, "time")));
    assert_eq!(message.id().as_str(), text(case, "id"));
    assert_eq!(message.stated_id(), text(case, "id").as_bytes());
    assert!(message.payload().eq(byte_lists(case, "payload_hex")));
    assert!(message.packets().iter().eq(byte_lists(case, "packets_hex")));
    assert_eq!(message.packets().body(), &bytes(case, "plain_body_hex"));
    assert!(!message.compression_fail());
}
