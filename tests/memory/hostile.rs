//! What a peer writes to cost memory or work: long frames that do not come, and many small things
//! in one. The numbers are those of PROTOCOL.md §6.

#![expect(clippy::unwrap_used, reason = "a test stops at the first thing that it cannot have")]

use std::net::SocketAddr;

use bytes::Bytes;
use rs2p::node::{Config, Input, Node};
use rs2p::time::{Instant, UnixTime};
#[cfg(any(feature = "bzip2", feature = "xz"))]
use rs2p::wire::Compression;
use rs2p::wire::{
    Compressions, Handshake, Packets, PathfindingMessage, PeerEntry, Protocol, Response,
};
use rs2p::{ConnId, DecodeError};

#[cfg(any(feature = "bzip2", feature = "xz"))]
use super::ALLOCATOR;
use super::{KIB, LIMITS, MIB, least_cost_of, turn};

const SECS: u64 = 1_466_965_490;

fn node() -> Node {
    let config = Config::new(Protocol::new("mesh", "Plaintext"));
    Node::new(config, [5; 32], Instant::ZERO, UnixTime::from_secs(SECS)).unwrap()
}

fn accept(node: &mut Node) -> ConnId {
    let addr: SocketAddr = "10.0.0.7:50000".parse().unwrap();
    node.accept(Instant::ZERO, addr).unwrap()
}

fn handshake() -> Vec<u8> {
    let protocol = Protocol::new("mesh", "Plaintext");
    let payload = Handshake::new("peer".parse().unwrap(), &protocol, None, Compressions::NONE);
    let message = PathfindingMessage::new(b"whisper", b"peer", SECS, &payload.encode());
    message.unwrap().encode().unwrap()
}

/// What it takes to read a header of this length and a little behind it, and whether the connection
/// is there afterwards.
fn read(is_neighbor: bool, len: u32) -> (usize, bool) {
    let data = [&len.to_be_bytes()[..], &[0; 100]].concat();
    let mut is_open = false;
    let (_, cost) = least_cost_of(|| {
        let mut node = node();
        let conn = accept(&mut node);
        if is_neighbor {
            node.handle_input(Instant::ZERO, Input::Received { conn, data: &handshake() });
        }
        node.handle_input(Instant::ZERO, Input::Received { conn, data: &data });
        is_open = node.usage().connections == 1;
        node
    });
    (cost.allocated, is_open)
}

#[test]
fn t1_headers_of_any_length_cost_no_more_than_128_kib_and_beyond_the_limit_end_the_connection() {
    let _turn = turn();
    let limits = Config::new(Protocol::new("mesh", "Plaintext")).limits;
    for (is_neighbor, limit) in [(false, limits.max_handshake_len), (true, limits.max_frame_len)] {
        let limit = u32::try_from(limit).unwrap();
        for (len, stays) in [
            // The zeros behind it are empty frames too, and more of those than are forgiven.
            (0, false),
            (limit, true),
            (limit + 1, false),
            (1 << 31, false),
            (u32::MAX, false),
        ] {
            let (allocated, is_open) = read(is_neighbor, len);
            assert_eq!(is_open, stays, "{len}, neighbor: {is_neighbor}");
            assert!(allocated <= 128 * KIB, "{len}: {allocated} bytes");
        }
    }
}

/// A body of so many empty packets.
fn empty_packets(count: usize) -> Bytes {
    Bytes::from(vec![0; count * 4])
}

#[test]
fn t2_packets_are_split_without_a_copy_and_looked_at_once_each() {
    let _turn = turn();
    for count in [100, 1_000, 10_000, 1_000_000] {
        let body = empty_packets(count);
        let (packets, cost) = least_cost_of(|| Packets::split(body.clone(), count).unwrap());
        assert_eq!((packets.count(), cost.allocated), (count, 0), "{count} packets");
        assert_eq!(packets.iter().len(), count);
    }
}

#[test]
fn t2_the_1025th_packet_is_one_too_many_however_many_follow() {
    let _turn = turn();
    let max = LIMITS.max_packets;
    assert_eq!(max, 1_024);
    assert!(Packets::split(empty_packets(max), max).is_ok());
    for count in [max + 1, MIB] {
        let body = empty_packets(count);
        let (refused, cost) = least_cost_of(|| Packets::split(body.clone(), max));
        assert_eq!(refused, Err(DecodeError::TooManyPackets { max }));
        assert_eq!(cost.allocated, 0);
    }
}

#[test]
fn t2_lengths_whose_sum_overflows_are_refused() {
    let _turn = turn();
    for count in [1, 2, 1_024, MIB] {
        let body = Bytes::from(vec![0xff; count * 4]);
        let (refused, cost) = least_cost_of(|| Packets::split(body.clone(), usize::MAX));
        assert_eq!(refused, Err(DecodeError::PacketLengths), "{count}");
        assert_eq!(cost.allocated, 0);
    }
    // Exactly 2^32 more than there is, which a sum in 32 bits takes for what there is.
    let body = [&u32::MAX.to_be_bytes()[..], &5_u32.to_be_bytes(), &[0; 4]].concat();
    assert_eq!(Packets::split(body.into(), 9), Err(DecodeError::PacketLengths));
}

/// What becomes of a text where a peers list, and where the place in a response should be.
fn read_json(json: &[u8]) -> [bool; 2] {
    let list = PeerEntry::decode_list([&b"peers"[..], json], 1_000);
    let response = Response::decode([&b"response"[..], &[b'1'; 64], json]);
    [list.is_ok(), response.is_ok()]
}

#[test]
fn t6_json_that_is_deep_long_or_odd_is_refused_at_little_cost() {
    let _turn = turn();
    let deep = |open: &str| open.repeat(1_000_000);
    let entry = "[[\"10.0.0.1\",4444],\"id\"]";
    let long = format!("[{}]", vec![entry; 1_000_000].join(","));
    let twice = "{\"a\":1,\"a\":2}";
    for (what, json) in [
        ("deep lists", deep("[")),
        ("deep objects", deep("{\"a\":")),
        ("deep places", format!("[{}", deep("[null,"))),
        ("a long list", long),
        ("a long text", format!("[[null,\"{}\"]]", "x".repeat(MIB))),
        ("half a pair of surrogates", "[[null,\"\\ud800\"]]".to_owned()),
        ("the other half", "[null,\"\\udc00\"]".to_owned()),
        ("keys twice", format!("[{twice}]")),
        ("keys twice in a place", format!("[null,{twice}]")),
        ("no number", "[[\"h\",NaN],\"id\"]".to_owned()),
        ("a huge number", format!("[[\"h\",1{}],\"id\"]", "0".repeat(MIB))),
    ] {
        let (read, cost) = least_cost_of(|| read_json(json.as_bytes()));
        assert_eq!(read, [false, false], "{what}");
        // A thousand entries of a list, each with two texts, are the most that is built.
        assert!(cost.allocated <= 512 * KIB, "{what}: {cost:?}");
    }
    let thousand = format!("[{}]", vec![entry; 1_000].join(","));
    assert!(read_json(thousand.as_bytes())[0], "as many as are read");
    let one_more = format!("[{}]", vec![entry; 1_001].join(","));
    assert!(!read_json(one_more.as_bytes())[0]);
}

/// A short message and, behind it, a stream of 1 MiB that is damaged at its end.
#[cfg(any(feature = "bzip2", feature = "xz"))]
fn short_before_long(method: Compression, number: usize) -> Vec<u8> {
    let payload = ["broadcast", &format!("{number} by {method}")];
    let message = PathfindingMessage::new(b"waterfall", b"far", SECS, &payload).unwrap();
    let mut body = method.compress(message.packets().body()).unwrap();
    body.extend(method.compress(&[7; MIB]).unwrap());
    body.iter_mut().rev().take(3).for_each(|byte| *byte = !*byte);
    [&u32::try_from(body.len()).unwrap().to_be_bytes()[..], &body].concat()
}

#[cfg(any(feature = "bzip2", feature = "xz"))]
#[test]
fn t44_short_messages_that_were_unpacked_with_much_are_kept_without_it() {
    let _turn = turn();
    let mut config = Config::new(Protocol::new("mesh", "Plaintext"));
    config.limits.max_unpack_rate = 0;
    let now = Instant::ZERO;
    let mut node = Node::new(config, [5; 32], now, UnixTime::from_secs(SECS)).unwrap();
    let conn = accept(&mut node);
    node.handle_input(now, Input::Received { conn, data: &handshake() });
    let methods = [Compression::Bz2, Compression::Lzma].into_iter().filter(|it| it.is_supported());
    for method in methods {
        let mut taken = Vec::new();
        let delivered = node.stats().delivered;
        for number in 0..10 {
            let data = short_before_long(method, number);
            node.handle_input(now, Input::Received { conn, data: &data });
            while node.poll_output().is_some() {}
            taken.push((ALLOCATOR.allocated(), node.usage().memory_len));
        }
        assert_eq!(node.stats().delivered - delivered, 10, "{method}");
        let (first, last) = (taken[0], taken[9]);
        let more = last.0.saturating_sub(first.0);
        assert!(more < last.1 - first.1 + 16 * KIB, "{method}: {more} bytes, {taken:?}");
    }
}
