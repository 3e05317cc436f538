//! Which connections are read, and how long a frame may take. PROTOCOL.md §6.

use std::time::Duration;

use super::bench::{Bench, frame, handshake, numbered};
use super::bytes::framed;
use super::net::{Net, limited};
use crate::conn_id::ConnId;
use crate::error::CloseReason;
use crate::event::Event;
use crate::node::{Input, Limits};
use crate::wire::{Compression, Compressions, SIZE_HEADER_LEN};

const KIB: usize = 1 << 10;

/// A neighbor that has begun a frame of this length.
fn begun(bench: &mut Bench, len: usize) -> ConnId {
    let conn = bench.neighbor(1, "peer", Some(2));
    bench.receive(conn, &u32::try_from(len).unwrap().to_be_bytes());
    conn
}

fn lost(bench: &mut Bench) -> Vec<CloseReason> {
    let reason =
        |event| if let Event::PeerLost { reason, .. } = event { Some(reason) } else { None };
    bench.events().into_iter().filter_map(reason).collect()
}

#[test]
fn t10_a_frame_that_gains_4_kib_every_5_seconds_goes_on_and_one_byte_less_ends_it() {
    for (gain, is_slow) in [(4 * KIB, false), (4 * KIB - 1, true)] {
        let mut bench = Bench::new();
        let conn = begun(&mut bench, 64 * KIB);
        for round in 0..3 {
            bench.wait(4_000);
            assert_eq!(lost(&mut bench), [], "round {round}");
            bench.receive(conn, &vec![7; gain]);
            bench.wait(1_000);
            if is_slow {
                break;
            }
        }
        let reason = CloseReason::SlowFrame { received_len: 4 + gain };
        assert_eq!(lost(&mut bench), if is_slow { vec![reason] } else { vec![] });
        assert_eq!(bench.node.stats().closed.slow_frame, u64::from(is_slow));
    }
}

#[test]
fn t10_of_a_small_frame_what_is_left_counts() {
    let frame = frame("broadcast", "peer", &["broadcast", &"x".repeat(1_000)]);
    for (first, is_slow) in [(frame.len() - 1, false), (10, true), (2, true)] {
        let mut bench = Bench::new();
        let conn = bench.neighbor(1, "peer", None);
        bench.receive(conn, &frame[..first]);
        bench.wait(4_900);
        assert_eq!(lost(&mut bench), []);
        // The last byte of all, or the last of what came first, which is not enough.
        let next = if is_slow { first + 1 } else { frame.len() };
        bench.receive(conn, &frame[first..next]);
        bench.wait(100);
        assert_eq!(!lost(&mut bench).is_empty(), is_slow, "{first}");
    }
}

#[test]
fn t10_a_frame_is_whole_after_60_seconds_or_never() {
    for (len, is_slow) in [(60 * KIB, false), (61 * KIB, true)] {
        let mut bench = Bench::new();
        let conn = begun(&mut bench, len);
        for _ in 0..60 {
            assert_eq!(lost(&mut bench), []);
            // A little late, so that the last comes just before the end.
            bench.wait(999);
            bench.receive(conn, &vec![0; KIB]);
        }
        bench.wait(60);
        assert_eq!(!lost(&mut bench).is_empty(), is_slow, "{len}");
    }
}

#[test]
fn t10_200_drips_of_a_byte_a_second_are_gone_after_5_seconds_and_idle_ones_stay() {
    let mut bench = Bench::with(limited(|limits| limits.max_incoming = 300));
    let mut join = |number: usize| {
        let conn = bench.accept(number + 1);
        bench.receive(conn, &handshake(&format!("drip{number}"), Some(2), None));
        conn
    };
    let drips: Vec<ConnId> = (0..200).map(&mut join).collect();
    let idle = bench.neighbor(250, "idle", Some(2));
    let rest = bench.node.usage();
    for second in 0..6 {
        for conn in &drips {
            let data: &[u8] = if second == 0 { &[0, 0, 255, 255] } else { &[7] };
            bench.receive(*conn, data);
        }
        bench.wait(1_000);
    }
    assert_eq!(bench.neighbors(), [("idle".parse().unwrap(), idle)]);
    assert_eq!(bench.node.stats().closed.slow_frame, 200);
    assert!(bench.node.usage().memory_len < rest.memory_len);
    bench.wait(3_600_000);
    assert_eq!(bench.neighbors().len(), 1, "nothing has begun on it");
}

#[test]
fn t10_time_in_which_nothing_was_read_does_not_count() {
    let mut bench = Bench::new();
    let conn = begun(&mut bench, 64 * KIB);
    bench.wait(3_000);
    bench.call(|node, now| node.hold_deliveries(now));
    assert!(bench.held.contains(&conn));
    bench.wait(600_000);
    assert_eq!(lost(&mut bench), []);
    bench.call(|node, now| node.release_deliveries(now));
    assert!(bench.held.is_empty());
    bench.wait(1_900);
    assert_eq!(lost(&mut bench), []);
    bench.wait(200);
    assert_eq!(lost(&mut bench), [CloseReason::SlowFrame { received_len: 4 }]);
}

#[test]
fn t10_a_node_that_stood_still_cuts_nobody_for_it() {
    let mut bench = Bench::new();
    let conn = begun(&mut bench, 64 * KIB);
    bench.now = bench.now + Duration::from_secs(120);
    bench.input(Input::Timeout);
    assert_eq!(lost(&mut bench), []);
    bench.receive(conn, &vec![7; 4 * KIB]);
    bench.wait(4_900);
    assert_eq!(lost(&mut bench), []);
}

#[test]
fn t10_many_frames_in_a_row_have_one_timer_and_none_is_held_against_the_next() {
    let mut bench = Bench::new();
    let conn = bench.neighbor(1, "peer", None);
    let frames: Vec<u8> = (0..40)
        .flat_map(|number| numbered("broadcast", "peer", number, &"x".repeat(500)))
        .collect();
    let timers = bench.node.usage().timers;
    // A piece each two seconds, each of which ends one frame and begins another.
    for piece in frames.chunks(frames.len() / 39) {
        bench.receive(conn, piece);
        assert!(bench.node.usage().timers <= timers + 1);
        bench.wait(2_000);
    }
    assert_eq!(lost(&mut bench), []);
}

#[test]
fn t17_a_connection_faster_than_its_rate_is_not_read_until_it_is_not_and_nothing_is_lost() {
    const RATE: usize = 100 * KIB;
    let mut bench = Bench::with(limited(|limits| limits.max_read_rate = RATE));
    let conn = bench.neighbor(1, "peer", Some(2));
    bench.wait(10_000);
    let frames: Vec<u8> = (0..1_000)
        .flat_map(|number| numbered("broadcast", "peer", number, &"x".repeat(1_000)))
        .collect();
    let began = bench.now;
    for piece in frames.chunks(16 * KIB) {
        bench.receive(conn, piece);
        let mut steps = 0;
        while bench.held.contains(&conn) {
            bench.wait(10);
            steps += 1;
            assert!(steps < 100, "it is read again");
        }
    }
    let took = bench.now.since(began).as_secs_f64();
    let least = (frames.len() - RATE) as f64 / RATE as f64;
    assert!((least - 0.2..least + 0.2).contains(&took), "{took} s, where {least} s are due");
    assert_eq!(bench.texts().len(), 1_000);
    assert_eq!(lost(&mut bench), []);
    assert!(bench.node.stats().held > 10);
}

#[test]
fn t17_frames_have_a_rate_of_their_own_and_a_seconds_worth_may_come_at_once() {
    let config = limited(|limits| limits.max_message_rate = Limits::strict().max_message_rate);
    let mut bench = Bench::with(config);
    let conn = bench.neighbor(1, "peer", Some(2));
    bench.wait(10_000);
    let mut number = 0;
    let mut send = |bench: &mut Bench, count: u64| {
        for _ in 0..count {
            number += 1;
            bench.receive(conn, &numbered("broadcast", "peer", number, "x"));
        }
    };
    send(&mut bench, 500);
    assert!(bench.held.is_empty());
    send(&mut bench, 1);
    assert!(bench.held.contains(&conn));
    bench.wait(2);
    assert!(bench.held.is_empty(), "one five-hundredth of a second later");
    bench.wait(10_000);
    send(&mut bench, 500);
    assert!(bench.held.is_empty());
    assert_eq!(bench.texts().len(), 1_001);
}

/// A frame that unpacks to so many bytes.
fn packed(method: Compression, sequence: u64, len: usize) -> Vec<u8> {
    let head = numbered("broadcast", "peer", sequence, "").len() - SIZE_HEADER_LEN;
    let frame = numbered("broadcast", "peer", sequence, &"x".repeat(len - head));
    assert_eq!(frame.len(), len + SIZE_HEADER_LEN);
    framed(&method.compress(&frame[SIZE_HEADER_LEN..]).unwrap())
}

#[test]
fn t7_what_unpacks_to_more_than_the_rate_is_not_read_until_it_does_not_and_nothing_is_lost() {
    const RATE: usize = 100 * KIB;
    let mut bench = Bench::with(limited(|limits| {
        limits.max_unpack_rate = RATE;
        limits.max_frame_len = 64 * KIB;
    }));
    let conn = bench.neighbor(1, "peer", Some(2));
    bench.wait(10_000);
    // A second's worth, and then one byte more and a few more frames, all of them read at once.
    let most = packed(Compression::Gzip, 1, 50 * KIB);
    let rest = packed(Compression::Gzip, 2, 50 * KIB);
    bench.receive(conn, &[most, rest].concat());
    assert!(bench.held.is_empty());
    let short = |sequence| packed(Compression::Gzip, sequence, 2 * KIB);
    let frames: Vec<u8> = (3..13).flat_map(short).collect();
    bench.receive(conn, &frames);
    assert!(bench.held.contains(&conn));
    assert_eq!(bench.texts().len(), 3, "the one that is too much is taken, and none behind it");
    assert_eq!(bench.node.stats().unpacked, u64::try_from(102 * KIB).unwrap());
    bench.wait(19);
    assert_eq!(bench.texts().len(), 0);
    bench.wait(200);
    assert_eq!(bench.texts().len(), 9, "each a fiftieth of a second later");
    assert_eq!(lost(&mut bench), []);
}

#[test]
fn t7_the_longest_message_is_no_more_than_may_come_at_once_and_one_byte_more_is() {
    for (more, is_held) in [(0, false), (1, true)] {
        let mut bench = Bench::with(limited(|limits| {
            limits.max_unpack_rate = 100 * KIB;
            limits.max_frame_len = 400 * KIB;
        }));
        let conn = bench.neighbor(1, "peer", Some(2));
        bench.receive(conn, &packed(Compression::Gzip, 1, 399 * KIB));
        assert!(bench.held.is_empty());
        bench.receive(conn, &packed(Compression::Gzip, 2, KIB + more));
        assert_eq!(bench.held.contains(&conn), is_held);
        assert_eq!(bench.texts().len(), 2);
    }
}

#[test]
fn t7_what_takes_longer_to_unpack_counts_for_more() {
    for method in Compressions::supported().iter() {
        let mut bench = Bench::with(limited(|limits| {
            limits.max_unpack_rate = 160 * KIB;
            limits.max_frame_len = 64 * KIB;
        }));
        let conn = bench.neighbor(1, "peer", Some(2));
        let len = 160 * KIB / method.weight() / 4;
        for sequence in 1..=5 {
            assert!(bench.held.is_empty(), "{method} {sequence}");
            bench.receive(conn, &packed(method, sequence, len));
        }
        assert!(bench.held.contains(&conn), "{method}");
        assert_eq!(bench.texts().len(), 5);
    }
}

#[test]
fn t7_what_is_unpacked_in_vain_counts_by_each_method() {
    for method in Compressions::supported().iter() {
        let mut bench = Bench::with(limited(|limits| {
            limits.max_unpack_rate = 100 * KIB;
            limits.max_frame_len = 64 * KIB;
        }));
        let conn = bench.neighbor(1, "peer", Some(2));
        let mut broken = packed(method, 1, 60 * KIB);
        // Its end, where the sum over all of it is.
        let len = broken.len() - SIZE_HEADER_LEN - 3;
        broken.truncate(SIZE_HEADER_LEN + len);
        broken[..SIZE_HEADER_LEN].copy_from_slice(&u32::try_from(len).unwrap().to_be_bytes());
        for count in 1..=4 {
            assert!(bench.held.is_empty(), "{method} {count}");
            bench.receive(conn, &broken);
            if !bench.held.is_empty() {
                break;
            }
        }
        assert!(bench.held.contains(&conn), "{method}");
        assert!(bench.texts().is_empty());
    }
}

#[test]
fn t17_without_rates_nothing_is_held_however_fast_it_comes() {
    let mut bench = Bench::new();
    let conn = bench.neighbor(1, "peer", Some(2));
    for number in 0..20_000 {
        bench.receive(conn, &numbered("broadcast", "peer", number, "x"));
    }
    assert!(bench.held.is_empty());
    assert_eq!((bench.texts().len(), bench.node.stats().held), (20_000, 0));
}

#[test]
fn t38_while_the_user_takes_nothing_no_message_comes_and_each_comes_later() {
    let mut net = Net::line(3);
    net.call(1, |node, now| node.hold_deliveries(now));
    for number in 0..100 {
        net.broadcast(0, &number.to_string());
        net.broadcast(2, &number.to_string());
    }
    // Longer than anything waits for a sign of life.
    net.run_for(15_000);
    assert_eq!(net.take_texts(1).len(), 0);
    net.call(1, |node, now| node.release_deliveries(now));
    net.run_for(100);
    let texts = net.take_texts(1);
    assert_eq!(texts.len(), 200);
    assert_eq!([0, 2].map(|end| net.take_texts(end).len()), [100, 100], "and is passed on");
}

#[test]
fn t38_what_has_been_read_already_waits_too_and_keeps_its_order() {
    let mut bench = Bench::new();
    let conn = bench.neighbor(1, "peer", Some(2));
    let frames: Vec<u8> = (0..9)
        .flat_map(|number| numbered("broadcast", "peer", number, &number.to_string()))
        .collect();
    let (head, tail) = frames.split_at(frames.len() / 2 + 3);
    bench.call(|node, now| node.hold_deliveries(now));
    // What the driver had read before it heard of the hold.
    bench.receive(conn, head);
    assert_eq!(bench.texts().len(), 0);
    bench.wait(60_000);
    assert_eq!(bench.neighbors().len(), 1);
    bench.call(|node, now| node.release_deliveries(now));
    bench.receive(conn, tail);
    assert_eq!(bench.texts(), ["0", "1", "2", "3", "4", "5", "6", "7", "8"]);
}

#[test]
fn t38_whoever_joins_meanwhile_is_met_and_waits_as_the_others_do() {
    let mut bench = Bench::new();
    bench.call(|node, now| node.hold_deliveries(now));
    let conn = bench.accept(1);
    let early = numbered("broadcast", "peer", 1, "early");
    let data = [handshake("peer", Some(2), None), early].concat();
    bench.receive(conn, &data);
    assert_eq!(bench.neighbors().len(), 1);
    assert!(bench.held.contains(&conn));
    assert!(bench.texts().is_empty());
    bench.call(|node, now| node.release_deliveries(now));
    assert_eq!(bench.texts(), ["early"]);
}

#[test]
fn t38_a_neighbor_that_is_not_read_is_not_closed_for_what_it_does_not_take() {
    // Neither misses the other's signs of life, which do not come.
    let hour = Duration::from_secs(3_600);
    let mut net = Net::with(2, limited(|limits| limits.ping_interval = hour));
    net.dial(0, 1);
    net.run_for(100);
    let end = (1, net.conn(1, 0));
    net.call(1, |node, now| node.hold_deliveries(now));
    net.deafen(end);
    net.broadcast(1, "waits");
    net.run_for(60_000);
    assert_eq!(net.nodes[1].routing_table().count(), 1);
    net.call(1, |node, now| node.release_deliveries(now));
    net.run_for(19_900);
    assert_eq!(net.nodes[1].routing_table().count(), 1);
    net.run_for(20_200);
    assert_eq!(net.nodes[1].routing_table().count(), 0, "it is read again");
}

#[test]
fn a_held_connection_that_this_node_ends_is_read_to_its_end() {
    let mut bench = Bench::new();
    let conn = bench.neighbor(1, "peer", Some(2));
    bench.call(|node, now| node.hold_deliveries(now));
    assert!(bench.held.contains(&conn));
    bench.call(|node, now| node.disconnect(now, &"peer".parse().unwrap()));
    assert!(bench.held.is_empty());
    bench.input(Input::Ended { conn });
    bench.input(Input::Closed { conn, error: None });
    assert_eq!(bench.node.usage().connections, 0);
    assert_eq!(bench.node.check_memory(), Ok(()));
}
