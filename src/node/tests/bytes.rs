//! What a peer can write on a connection, and what becomes of it.

use super::net::{Net, WALL, addr, config, limited, ms};
use crate::conn_id::ConnId;
use crate::error::CloseReason;
use crate::event::Event;
use crate::node::{Input, Node, Output, Stats};
use crate::wire::{
    Compressions, DecodeError, Extension, Handshake, NodeId, Packets, PathfindingMessage, PeerEntry,
};

const SECS: u64 = WALL.as_secs();

fn frame<P: AsRef<[u8]>>(main: &str, sender: &str, payload: &[P]) -> Vec<u8> {
    PathfindingMessage::new(main.as_bytes(), sender.as_bytes(), SECS, payload)
        .unwrap()
        .encode()
        .unwrap()
}

fn handshake(id: &str) -> Vec<u8> {
    let id: NodeId = id.parse().unwrap();
    let methods = Compressions::from_names(["gzip"]);
    let extension = Some(Extension::new(1, 2));
    let handshake = Handshake::new(id, &config().protocol, None, methods);
    frame("whisper", id.as_str(), &Handshake { extension, ..handshake }.encode())
}

/// The frame around a body, which need not be a message.
pub(super) fn framed(body: &[u8]) -> Vec<u8> {
    let len = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&len, body].concat()
}

/// A node with one accepted connection, and what it puts out once these chunks have arrived.
fn after(chunks: &[&[u8]]) -> (Node, Vec<Output>) {
    let mut node = Node::new(config(), [0; 32], ms(0), WALL).unwrap();
    let conn = node.accept(ms(0), addr(1)).unwrap();
    for chunk in chunks {
        node.handle_input(ms(1), Input::Received { conn, data: chunk });
    }
    let outputs = std::iter::from_fn(|| node.poll_output()).collect();
    (node, outputs)
}

fn is_closed(outputs: &[Output]) -> bool {
    outputs.iter().any(|output| matches!(output, Output::Close { .. }))
}

fn messages(outputs: &[Output]) -> Vec<Vec<u8>> {
    let text = |output: &Output| match output {
        Output::Event(Event::Message(delivery)) => {
            delivery.message.payload().nth(1).map(<[u8]>::to_vec)
        }
        _ => None,
    };
    outputs.iter().filter_map(text).collect()
}

#[test]
fn t4_a_transcript_cut_at_two_offsets_gives_the_same_outputs_wherever_they_are() {
    // Every pair takes a minute without optimization: some with each offset there.
    let is_tried = |first, second| !cfg!(debug_assertions) || (first * 3 + second) % 8 == 0;
    let transcript = [
        handshake("peer"),
        frame("broadcast", "peer", &["broadcast", "b"]),
        frame("whisper", "peer", &["whisper", "w"]),
    ]
    .concat();
    assert!((300..=600).contains(&transcript.len()), "{} bytes", transcript.len());
    let whole = after(&[&transcript]).1;
    assert_eq!(messages(&whole), [b"b", b"w"]);
    for first in 0..=transcript.len() {
        for second in (first..=transcript.len()).filter(|second| is_tried(first, *second)) {
            let (head, tail) = transcript.split_at(second);
            let (head, middle) = head.split_at(first);
            assert_eq!(after(&[head, middle, tail]).1, whole, "cut at {first} and {second}");
        }
    }
}

#[test]
fn t27_nothing_but_a_handshake_is_obeyed_first() {
    let list = PeerEntry { address: Some(addr(7).into()), id: "x".parse().unwrap() };
    for early in [
        frame("broadcast", "peer", &["broadcast", "b"]),
        frame("whisper", "peer", &["whisper", "w"]),
        frame("whisper", "peer", &PeerEntry::encode_list(&[list])),
        frame("renegotiate", "peer", &["resend"]),
    ] {
        let mut chunks = early.clone();
        chunks.extend(handshake("peer"));
        let (node, outputs) = after(&[&chunks]);
        assert!(is_closed(&outputs));
        assert!(messages(&outputs).is_empty());
        assert_eq!(node.routing_table().count(), 0);
        assert!(!outputs.iter().any(|output| matches!(output, Output::Dial { .. })));
    }
}

#[test]
fn t27_a_second_handshake_ends_the_connection() {
    for id in ["peer", "other"] {
        let (node, outputs) = after(&[&handshake("peer"), &handshake(id)]);
        assert!(is_closed(&outputs), "{id}");
        assert_eq!(node.routing_table().count(), 0);
    }
}

#[test]
fn t1_a_frame_of_the_limit_is_waited_for_and_one_byte_more_is_refused_at_its_header() {
    let config = limited(|limits| limits.max_frame_len = 1 << 20);
    let header = |len: usize| u32::try_from(len).unwrap().to_be_bytes();
    for (before, limit) in [(vec![], 4 << 10), (handshake("peer"), 1 << 20)] {
        for (len, closed) in [(limit, false), (limit + 1, true), (u32::MAX as usize, true)] {
            let mut node = Node::new(config.clone(), [0; 32], ms(0), WALL).unwrap();
            let conn = node.accept(ms(0), addr(1)).unwrap();
            node.handle_input(ms(1), Input::Received { conn, data: &before });
            node.handle_input(ms(1), Input::Received { conn, data: &header(len) });
            assert_eq!(node.connections.is_empty(), closed, "{len} of {limit}");
        }
    }
}

/// Frames that a neighbor may have passed on in good faith: forgiven eight times a minute.
fn forgiven_bodies() -> Vec<(Vec<u8>, DecodeError)> {
    let join = |packets: &[&str]| Packets::join(packets).unwrap().body().to_vec();
    let too_many = join(&vec!["x"; config().limits.max_packets + 1]);
    vec![
        (vec![], DecodeError::TooFewPackets { count: 0 }),
        (b"garbage".to_vec(), DecodeError::PacketLengths),
        (join(&["whisper", "peer", "id"]), DecodeError::TooFewPackets { count: 3 }),
        (join(&["whisper", "peer", "id", "0", "whisper"]), DecodeError::BadTimestamp),
        (too_many, DecodeError::TooManyPackets { max: config().limits.max_packets }),
    ]
}

#[test]
fn t7_a_neighbor_whose_frame_unpacks_to_one_byte_more_than_the_limit_is_closed_at_once() {
    let max = config().limits.max_frame_len;
    for method in Compressions::supported().iter() {
        for (len, is_bomb) in [(max, false), (max + 1, true)] {
            let frame = framed(&method.compress(&vec![0; len]).unwrap());
            let (node, outputs) = after(&[&handshake("peer"), &frame]);
            let stats = node.stats();
            assert_eq!(is_closed(&outputs), is_bomb, "{method} {len}");
            // A frame of zeros has too few packets, which is forgiven.
            let counts = (stats.frames.bombs, stats.closed.malformed, stats.undecodable.total());
            assert_eq!(counts, if is_bomb { (1, 1, 0) } else { (0, 0, 1) }, "{method} {len}");
            let most = u64::try_from((max + 1) * method.weight()).unwrap();
            assert!(stats.unpacked <= most, "it stops there");
            let reason = CloseReason::Malformed(DecodeError::DecompressedTooLong { max });
            let lost = Output::Event(Event::PeerLost { id: "peer".parse().unwrap(), reason });
            assert_eq!(outputs.contains(&lost), is_bomb);
        }
    }
}

#[test]
fn t3_a_neighbor_that_sends_what_cannot_be_decoded_is_closed_at_the_ninth_within_a_minute() {
    for (body, error) in forgiven_bodies() {
        let mut node = Node::new(config(), [0; 32], ms(0), WALL).unwrap();
        let conn = node.accept(ms(0), addr(1)).unwrap();
        node.handle_input(ms(1), Input::Received { conn, data: &handshake("peer") });
        let frame = framed(&body);
        for count in 1..=9 {
            assert_eq!(node.routing_table().count(), 1, "{error} {count}");
            node.handle_input(ms(count), Input::Received { conn, data: &frame });
        }
        let reason = CloseReason::Malformed(error);
        let lost = Output::Event(Event::PeerLost { id: "peer".parse().unwrap(), reason });
        let outputs: Vec<_> = std::iter::from_fn(|| node.poll_output()).collect();
        assert!(outputs.contains(&lost), "{error}");
        assert_eq!(node.stats().undecodable.total(), 8);
    }
}

#[test]
fn a_minute_later_there_is_patience_again() {
    let mut node = Node::new(config(), [0; 32], ms(0), WALL).unwrap();
    let conn = node.accept(ms(0), addr(1)).unwrap();
    node.handle_input(ms(0), Input::Received { conn, data: &handshake("peer") });
    for second in 0..100 {
        let data = &framed(b"");
        node.handle_input(ms(second * 8_000), Input::Received { conn, data });
    }
    assert_eq!(node.routing_table().count(), 1);
}

#[test]
fn t3_an_empty_frame_gets_no_answer_and_another_undecodable_one_a_minute_two() {
    let (mut node, _) = after(&[&handshake("peer")]);
    let conn = ConnId::from_number(1);
    for (body, answers) in [(&b""[..], 0), (b"garbage", 2), (b"garbage", 0)] {
        node.handle_input(ms(5), Input::Received { conn, data: &framed(body) });
        let outputs: Vec<_> = std::iter::from_fn(|| node.poll_output()).collect();
        assert_eq!(outputs.len(), answers, "{outputs:?}");
    }
}

#[test]
fn t3_of_a_million_empty_frames_eight_are_handled_and_nothing_is_sent() {
    let (mut node, _) = after(&[&handshake("peer")]);
    let conn = ConnId::from_number(1);
    let before = node.stats();
    let data = vec![0; 64 << 10];
    let mut given = 0;
    while given < 1_000_000 {
        node.handle_input(ms(5), Input::Received { conn, data: &data });
        given += data.len() / 4;
    }
    let (stats, handled) = (node.stats(), node.stats().undecodable.total());
    assert_eq!((handled, stats.frames_in - before.frames_in), (8, 9), "the ninth ends it");
    assert_eq!(stats.bytes_out, before.bytes_out);
    let reason = CloseReason::Malformed(DecodeError::TooFewPackets { count: 0 });
    let lost = Event::PeerLost { id: "peer".parse().unwrap(), reason };
    let outputs: Vec<_> = std::iter::from_fn(|| node.poll_output()).collect();
    assert!(outputs.contains(&Output::Event(lost)) && is_closed(&outputs));
    assert!(node.connections.is_empty());
}

#[test]
fn before_the_handshake_there_is_no_patience() {
    for (body, _) in forgiven_bodies().into_iter().filter(|(body, _)| body.len() < 4_096) {
        assert!(is_closed(&after(&[&framed(&body)]).1));
    }
}

#[test]
fn t16_a_frame_that_unpacks_to_much_ends_its_connections_turn() {
    let text = "x".repeat(900_000);
    let frame = {
        let plain = frame("whisper", "peer", &["whisper", &text]);
        framed(&crate::wire::Compression::Gzip.compress(&plain[4..]).unwrap())
    };
    let count = 16;
    let (mut node, outputs) = after(&[&handshake("peer"), &frame.repeat(count)]);
    let conn = ConnId::from_number(1);
    assert_eq!(messages(&outputs).len(), 2, "the second begins within the turn");
    assert_eq!(outputs.last(), Some(&Output::PauseRead { conn }));
    let mut delivered = 2;
    for turn in 1..=count / 2 {
        node.handle_input(ms(1), Input::Continue { conn });
        let outputs: Vec<_> = std::iter::from_fn(|| node.poll_output()).collect();
        delivered += messages(&outputs).len();
        let pauses = outputs.iter().filter(|output| matches!(output, Output::PauseRead { .. }));
        assert_eq!(pauses.count(), 0, "it is paused already");
        let is_last = outputs.last() == Some(&Output::ResumeRead { conn });
        assert_eq!(is_last, turn == count / 2 - 1, "turn {turn}");
    }
    assert_eq!(delivered, count);
}

#[test]
fn a_compressed_handshake_is_no_handshake() {
    let plain = handshake("peer");
    let packed = crate::wire::Compression::Gzip.compress(&plain[4..]).unwrap();
    let mut data = u32::try_from(packed.len()).unwrap().to_be_bytes().to_vec();
    data.extend(packed);
    let (node, outputs) = after(&[&data]);
    assert!(is_closed(&outputs));
    assert!(node.connections.is_empty());
}

/// A counter's name among all of them, and what it counts.
fn count(node: &Node, name: &str) -> u64 {
    let counts = node.stats().counts();
    counts.iter().find(|(known, _)| known == name).unwrap_or_else(|| panic!("no {name}")).1
}

#[test]
fn t9_what_nobody_understands_is_counted_for_its_reason_and_not_passed_on() {
    let too_long = "x".repeat(67);
    for (odd, reason) in [
        (frame("", "peer", &["broadcast", "x"]), "ignored.unknown_flag"),
        (frame("shout", "peer", &["broadcast", "x"]), "ignored.unknown_flag"),
        (frame("Broadcast", "peer", &["broadcast", "x"]), "ignored.unknown_flag"),
        (frame("handshake", "peer", &["x"]), "ignored.unknown_flag"),
        (frame("\u{fffd}", "peer", &["x"]), "ignored.unknown_flag"),
        (frame("broadcast", "peer", &[""; 0]), "ignored.empty"),
        (frame("whisper", "peer", &[""; 0]), "ignored.empty"),
        (frame("renegotiate", "peer", &[""; 0]), "ignored.empty"),
        (frame("renegotiate", "peer", &["what"]), "ignored.unknown_flag"),
        (frame("renegotiate", "peer", &["compression"]), "ignored.unreadable"),
        (frame("renegotiate", "peer", &["compression", "[\"gzip\""]), "ignored.unreadable"),
        (frame("broadcast", "peer", &["request"]), "ignored.unreadable"),
        (frame("broadcast", "peer", &["request", "a"]), "ignored.unreadable"),
        (frame("broadcast", "peer", &["request", "a", &too_long]), "ignored.unreadable"),
        (frame("broadcast", "peer", &["request", "a", "b"]), "ignored.no_answer"),
        (frame("whisper", "peer", &["response"]), "ignored.unreadable"),
        (frame("whisper", "peer", &["response", "a", "b"]), "ignored.unreadable"),
        (frame("whisper", "peer", &["peers", "no list"]), "ignored.unreadable"),
        (frame("whisper", "peer", &["peers"]), "ignored.unreadable"),
        (frame("broadcast", "\x1b[2J", &["broadcast", "x"]), "dropped.bad_sender"),
        (frame("broadcast", &too_long, &["broadcast", "x"]), "dropped.bad_sender"),
        (frame("whisper", "", &["whisper", "x"]), "dropped.bad_sender"),
        (framed(b"garbage"), "undecodable.packet_lengths"),
        (framed(b"\0\0\0\x01\0\0\0\x01\0\0\0\x01abc"), "undecodable.packet_count"),
    ] {
        // The neighbor of a neighbor, so that there is somebody to pass things on to.
        let mut net = Net::legacy_line(3);
        let conn = net.conn(1, 0);
        let before = net.nodes[1].stats();
        net.call(1, |node, now| node.handle_input(now, Input::Received { conn, data: &odd }));
        let after = net.nodes[1].stats();
        assert_eq!(count(&net.nodes[1], reason), 1, "{reason}: {odd:?}");
        let why_not = |stats: Stats| {
            stats.ignored.total() + stats.dropped.total() + stats.undecodable.total()
        };
        assert_eq!(why_not(after) - why_not(before), 1, "for one reason: {odd:?}");
        assert_eq!(after.frames_in - before.frames_in, 1);
        let frames = after.received + after.frames.total() + after.undecodable.total();
        assert_eq!(after.frames_in, frames, "G7: {odd:?}");
        assert_eq!((after.relayed, net.nodes[1].routing_table().count()), (before.relayed, 2));
        net.run_for(10);
        assert_eq!((net.take_texts(1).len(), net.take_events(2).len()), (0, 0), "{odd:?}");
    }
}

#[test]
fn a_users_own_sub_flag_is_delivered_and_only_broadcasts_are_passed_on() {
    let mut line = Net::line(3);
    let conn: ConnId = line.conn(1, 0);
    let sender = line.id(0);
    for (main, text) in [("broadcast", "b"), ("waterfall", "w"), ("whisper", "p")] {
        let data = frame(main, sender.as_str(), &["mine", text]);
        line.call(1, |node, now| node.handle_input(now, Input::Received { conn, data: &data }));
    }
    // Main flag and sub-flag disagree: for the neighbor alone, as py2p has it.
    let data = frame("broadcast", sender.as_str(), &["whisper", "q"]);
    line.call(1, |node, now| node.handle_input(now, Input::Received { conn, data: &data }));
    line.run_for(10);
    assert_eq!(line.take_texts(1), ["b", "w", "p", "q"]);
    assert_eq!(line.take_texts(2), ["b", "w"]);
}
