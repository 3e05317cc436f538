//! A frame that is read as a message is written as one that is read the same, and so is every
//! payload in it that has a meaning.
//!
//! Input: the methods that it may be under in one byte, the limits in another, the body.

use rs2p::wire::{
    CatchUp, Compression, Compressions, Control, DecodeLimits, Extension, Flag, HEADER_COUNT,
    Handshake, MAX_TREE_DEPTH, NodeId, Origin, PathfindingMessage, PeerEntry, Request, Response,
    SIZE_HEADER_LEN, SignedOrigin, base58,
};

use super::script::Script;

/// Setting up an encoder of `lzma` costs more than all the rest: 90 MiB.
const METHODS_TO_COMPRESS: [Compression; 2] = [Compression::Gzip, Compression::Bz2];

pub(super) fn check(data: &[u8]) {
    let mut script = Script::new(data);
    let list = methods(script.byte());
    let limits =
        DecodeLimits { max_body_len: script.pick(&[65_536, 1 << 20, 1_024, 64]), max_packets: 16 };
    let body = script.rest();
    let mut frame = u32::try_from(body.len()).unwrap().to_be_bytes().to_vec();
    frame.extend_from_slice(body);

    let message = PathfindingMessage::decode_body(body.to_vec().into(), list, limits);
    assert_eq!(PathfindingMessage::decode(&frame, list, limits), message);
    if let Some(cut) = frame.len().checked_sub(1) {
        assert!(PathfindingMessage::decode(&frame[..cut], list, limits).is_err());
    }
    let Ok(message) = message else { return };
    assert!(message.packets().count() <= limits.max_packets);
    // A plain body has the length that the frame had.
    assert!(message.packets().body().len() <= limits.max_body_len.max(body.len()));
    check_written(&message);
    check_fields(&message);
    check_payload(&message);
}

/// A list by its bits: a method each.
fn methods(bits: u8) -> Compressions {
    let methods = Compression::all().zip([1, 2, 4]);
    let mut chosen: Vec<_> =
        methods.filter(|(_, bit)| bits & bit != 0).map(|(method, _)| method).collect();
    if bits & 8 != 0 {
        chosen.reverse();
    }
    chosen.into_iter().collect()
}

fn check_written(message: &PathfindingMessage) {
    let each = METHODS_TO_COMPRESS.iter().filter(|method| method.is_supported());
    let each = each.map(|&method| Compressions::from_iter([method]));
    for list in each.chain([Compressions::NONE]) {
        let written = message.clone().with_compression(list);
        let frame = written.encode().expect("what was read can be written");
        assert_eq!(written.encode().as_ref(), Ok(&frame), "the same way each time");
        let again = PathfindingMessage::decode(&frame, list, DecodeLimits::PROTOCOL);
        let again = again.expect("what was written can be read");
        assert_eq!(again.packets(), message.packets());
        assert!(!again.compression_fail());
        if list == Compressions::NONE {
            assert_eq!(&frame[SIZE_HEADER_LEN..], message.packets().body());
        }
    }
}

fn check_fields(message: &PathfindingMessage) {
    let packets: Vec<&[u8]> = message.packets().iter().collect();
    let payload: Vec<&[u8]> = message.payload().collect();
    assert_eq!([message.msg_type(), message.sender(), message.stated_id()], packets[..3]);
    assert_eq!(payload, packets[HEADER_COUNT..]);
    assert_eq!(base58::canonical(packets[3]), Ok(message.time_58().as_bytes()));
    assert_eq!(base58::decode_u64(packets[3]).ok(), message.time());
    assert_eq!(payload.first().and_then(|word| Flag::parse(word)), message.sub_flag());
    let renamed = message.with_msg_type(b"other").expect("there is room for a word");
    assert_eq!(renamed.id(), message.id(), "an id does not depend on the main flag");
    let restated = message.with_stated_id(b"id").expect("there is room for an id");
    assert_eq!((restated.stated_id(), restated.id()), (&b"id"[..], message.id()));
    if let Some(time) = message.time() {
        let made = PathfindingMessage::new(message.msg_type(), message.sender(), time, &payload);
        assert_eq!(made.map(|made| made.id()), Ok(message.id()));
    }
    if let Some(origin) = Origin::decode(message.stated_id()) {
        assert_eq!(origin.encode(), message.stated_id());
    }
    if let Some(signed) = SignedOrigin::decode(message.stated_id()) {
        assert_eq!(signed.encode(), message.stated_id(), "there is one way to write it");
        assert!(signed.path.depth() <= MAX_TREE_DEPTH);
        assert_eq!(Origin::decode(message.stated_id()), None);
    }
    if let Ok(id) = NodeId::parse(message.sender()) {
        assert_eq!(id.as_bytes(), message.sender());
    }
}

fn check_payload(message: &PathfindingMessage) {
    if let Ok(request) = Request::decode(message.payload()) {
        assert_eq!(Request::decode(slices(&request.encode())), Ok(request));
    }
    if let Ok(response) = Response::decode(message.payload()) {
        assert_eq!(Response::decode(slices(&response.encode())), Ok(response));
    }
    if let Ok(handshake) = Handshake::decode(message.payload()) {
        assert_eq!(Handshake::decode(slices(&handshake.encode())), Ok(handshake));
    }
    if let Ok(entries) = PeerEntry::decode_list(message.payload(), 64) {
        assert_eq!(
            PeerEntry::decode_list(slices(&PeerEntry::encode_list(&entries)), 64),
            Ok(entries)
        );
    }
    if let Some(control) = Control::decode(message.payload()) {
        assert_eq!(Control::decode(slices(&control.encode())), Some(control));
    }
    if let Some(word) = CatchUp::decode(message.payload()) {
        assert_eq!(CatchUp::decode(slices(&word.encode())), Some(word));
    }
    for packet in message.payload() {
        if let Some(extension) = Extension::parse(packet) {
            assert_eq!(Extension::parse(extension.to_string().as_bytes()), Some(extension));
        }
    }
}

fn slices(packets: &[Vec<u8>]) -> impl Iterator<Item = &[u8]> {
    packets.iter().map(Vec::as_slice)
}
