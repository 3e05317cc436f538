//! What holds for all input.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use rs2p::wire::PathfindingMessage;
use rs2p::{Compression, Compressions};
use serde_json::Value;

use super::frame::{Frame, Rules};
use super::stream::Cutter;
use super::{json, limits, show};

fn rules() -> Rules {
    Rules { limits: limits(), compressions: Compressions::supported(), now: 1_466_965_490 }
}

/// Cuts a stream in the given pieces, and shows every frame in each form.
fn frames(pieces: &[&[u8]]) -> Vec<Frame> {
    let mut cutter = Cutter::new(rules());
    let mut frames = Vec::new();
    for piece in pieces {
        let mut piece = *piece;
        while let Some(frame) = cutter.next(&mut piece) {
            frames.push(frame);
            if cutter.is_lost() {
                return frames;
            }
        }
    }
    frames.extend(cutter.finish());
    for frame in &frames {
        let line = json::line(frame);
        let read: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(read["ok"], frame.is_good());
        for is_full in [true, false] {
            let text = show::text(frame, is_full);
            assert!(text.chars().all(|unit| unit == '\n' || !unit.is_control()), "{text:?}");
        }
    }
    frames
}

fn message(payload: &[Vec<u8>]) -> PathfindingMessage {
    PathfindingMessage::new(b"broadcast", b"me", 1_466_965_490, payload).unwrap()
}

/// What holds a message for the library is a frame here, and nothing else is.
fn agrees_with_the_library(body: &[u8]) -> bool {
    let read = PathfindingMessage::decode_body(
        Bytes::copy_from_slice(body),
        Compressions::supported(),
        limits(),
    );
    let frame = Frame::new(0, 0, Bytes::copy_from_slice(body), &rules());
    drop(json::line(&frame));
    drop(show::text(&frame, true));
    read.is_ok() == frame.fault.is_none()
}

proptest! {
    #[test]
    fn any_bytes_are_taken_apart_without_panic(bytes in vec(any::<u8>(), 0..300)) {
        frames(&[&bytes]);
        prop_assert!(agrees_with_the_library(&bytes));
    }

    #[test]
    fn any_small_lengths_are_judged_as_the_library_does(
        lens in vec(0..6_u32, 0..12),
        rest in vec(any::<u8>(), 0..24),
    ) {
        let mut body: Vec<u8> = lens.iter().flat_map(|len| len.to_be_bytes()).collect();
        body.extend(rest);
        prop_assert!(agrees_with_the_library(&body));
    }

    #[test]
    fn any_damage_to_a_good_frame_is_judged_as_the_library_does(
        payload in vec(vec(any::<u8>(), 0..20), 0..6),
        method in 0..4_usize,
        at: prop::sample::Index,
        flip: u8,
    ) {
        let list: Compressions = Compression::all().nth(method).into_iter().collect();
        let mut body = message(&payload).with_compression(list).encode_body().to_vec();
        prop_assert!(agrees_with_the_library(&body));
        *at.get_mut(&mut body) ^= flip;
        prop_assert!(agrees_with_the_library(&body));
    }

    #[test]
    fn any_message_of_a_protocols_flag_is_taken_apart(
        main in "(broadcast|waterfall|whisper|renegotiate|x)",
        sub in "(handshake|peers|request|response|compression|resend|rs2p|broadcast)",
        payload in vec(prop_oneof![vec(any::<u8>(), 0..20), r#"[\[\]"a1, null]{0,20}"#.prop_map(String::into_bytes)], 0..7),
    ) {
        let mut packets = vec![sub.into_bytes()];
        packets.extend(payload);
        let message = PathfindingMessage::new(main.as_bytes(), b"me", 1, &packets).unwrap();
        let frame = message.encode().unwrap();
        let found = frames(&[&frame]);
        prop_assert_eq!(found.len(), 1);
        prop_assert!(found[0].fault.is_none());
    }
}

#[test]
fn a_stream_in_any_pieces_has_the_same_frames() {
    let frame = message(&[b"broadcast".to_vec(), b"hello".to_vec()]).encode().unwrap();
    let stream = [&frame[..], &frame, b"\0\0\0\x01x", &frame].concat();
    let seen = |frames: Vec<Frame>| -> Vec<String> { frames.iter().map(json::line).collect() };
    let whole = seen(frames(&[&stream]));
    assert_eq!(whole.len(), 4);
    for cut in 0..=stream.len() {
        assert_eq!(seen(frames(&[&stream[..cut], &stream[cut..]])), whole, "cut at {cut}");
    }
}

#[test]
fn a_frame_cut_at_any_byte_names_the_byte_and_what_is_missing() {
    let frame = message(&[b"broadcast".to_vec(), b"hello".to_vec()]).encode().unwrap();
    for len in 1..frame.len() {
        let found = frames(&[&frame[..len]]);
        let fault = found[0].fault.clone().unwrap();
        assert_eq!((fault.kind, fault.offset), ("incomplete", Some(len as u64)));
        let whole = if len < 4 { 4 } else { frame.len() };
        assert_eq!(fault.missing, Some((whole - len) as u64), "{len}");
    }
    assert_eq!(frames(&[])[0].fault.as_ref().unwrap().kind, "empty");
}

#[test]
fn what_is_no_frame_is_told_with_its_place() {
    let body_of = |packets: &[&[u8]]| rs2p::Packets::join(packets).unwrap().body().to_vec();
    let gzipped = Compression::Gzip.compress(b"\0\0\0\x02\0\0\0\x09abc").unwrap();
    // Zeros alone would be an empty .lzma.
    let many = body_of(&[&[&b"whisper"[..]], &[&b""[..]; 1_024][..]].concat());
    for (body, kind, offset, body_offset) in [
        (vec![], "too_few_packets", Some(104), 0),
        (b"\0\0\0\x02\0\0\0\x09abc".to_vec(), "packet_lengths", Some(108), 4),
        (b"\0\0\0\x01ab".to_vec(), "packet_lengths", Some(108), 4),
        (gzipped, "packet_lengths", None, 4),
        (body_of(&[b"a", b"b", b"c"]), "too_few_packets", Some(119), 15),
        (body_of(&[b"a", b"b", b"c", b"0"]), "bad_timestamp", Some(123), 19),
        (many, "too_many_packets", Some(104 + 4_096), 4_096),
    ] {
        let frame = Frame::new(0, 100, body.into(), &rules());
        let fault = frame.fault.unwrap();
        assert_eq!(
            (fault.kind, fault.offset, fault.body_offset),
            (kind, offset, Some(body_offset)),
            "{fault:?}"
        );
    }
    let large = Compression::Gzip.compress(&vec![0; limits().max_body_len + 1]).unwrap();
    let frame = Frame::new(0, 100, large.into(), &rules());
    let fault = frame.fault.unwrap();
    assert_eq!((fault.kind, fault.offset), ("decompressed_too_long", Some(104)));
    let long = frames(&[b"\x00\x40\0\x01rest"]);
    assert_eq!(long.len(), 1);
    let fault = long[0].fault.as_ref().unwrap();
    assert_eq!((fault.kind, fault.offset), ("frame_too_long", Some(0)));
    assert_eq!(long[0].announced, Some((4 << 20) + 1));
}
