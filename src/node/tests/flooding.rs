//! Broadcasts: to everybody, once.

use std::collections::BTreeSet;

use super::bench::{Bench, numbered};
use super::net::{Net, WALL, config, limited};
use crate::error::{CloseReason, Refusal, SendError};
use crate::event::Event;
use crate::node::{Compress, Config, Input};
use crate::time::UnixTime;
use crate::wire::{Compressions, PathfindingMessage};

#[test]
fn a_waterfall_is_relayed_once_and_never_back() {
    let mut line = Net::line(3);
    line.broadcast(0, "x");
    line.run_for(100);
    assert_eq!(line.take_texts(2), ["x"]);
    assert_eq!(line.take_texts(1), ["x"]);
    assert_eq!(line.take_texts(0), [""; 0]);
    let [first, middle, last] = [0, 1, 2].map(|index| line.nodes[index].stats());
    assert_eq!((first.received, middle.relayed, last.relayed), (0, 1, 0));
}

#[test]
fn every_broadcast_reaches_every_other_node_once_on_every_shape() {
    let triangle = vec![(0, 1), (1, 2), (2, 0)];
    let line: Vec<_> = (1..10).map(|right| (right - 1, right)).collect();
    let ring: Vec<_> = (0..9).map(|left| (left, (left + 1) % 9)).collect();
    let star: Vec<_> = (1..12).map(|leaf| (0, leaf)).collect();
    let clique: Vec<_> = (0..7).flat_map(|a| (0..a).map(move |b| (a, b))).collect();
    // A tree, and as many links again, by a fixed rule without a pattern.
    let graph: BTreeSet<_> = (1..32)
        .map(|node| (node * 7_919 % node, node))
        .chain((1..32).map(|node| ((node * 31 + 5) % 32, node)))
        .filter(|(a, b)| a != b)
        .map(|(a, b)| (a.min(b), a.max(b)))
        .collect();
    let graph: Vec<_> = graph.into_iter().collect();
    for links in [triangle, line, ring, star, clique, graph] {
        let count = links.iter().map(|&(a, b)| a.max(b)).max().unwrap() + 1;
        let mut net = Net::linked(count, &links);
        for from in 0..count {
            net.broadcast(from, &format!("from {from}"));
        }
        net.run_for(1_000);
        for to in 0..count {
            let mut expected: Vec<_> =
                (0..count).filter(|&from| from != to).map(|from| format!("from {from}")).collect();
            let mut texts = net.take_texts(to);
            expected.sort();
            texts.sort();
            assert_eq!(texts, expected, "node {to} of {links:?}");
            let stats = net.nodes[to].stats();
            assert_eq!(stats.received, stats.delivered + stats.dropped.total());
        }
    }
}

#[test]
fn the_sender_time_and_packets_of_a_broadcast_stay_as_they_are() {
    let mut line = Net::line(4);
    let report = line.call(0, |node, now| node.broadcast(now, &["hello", "", "mesh"])).unwrap();
    assert_eq!((report.queued(), report.refused().len()), (1, 0));
    line.run_for(5_000);
    for event in line.take_events(3) {
        let Event::Message(delivery) = event else { panic!("{event:?}") };
        assert_eq!((delivery.sender, delivery.neighbor), (line.id(0), line.id(2)));
        assert_eq!(delivery.message.id(), report.id());
        let packets: Vec<_> = delivery.message.payload().collect();
        assert_eq!(packets, [&b"broadcast"[..], b"hello", b"", b"mesh"]);
        assert_eq!(delivery.message.msg_type(), b"waterfall");
    }
}

#[test]
fn t21_thirty_equal_sends_in_a_second_are_thirty_messages_and_one_more_is_an_error() {
    let mut net = Net::legacy_line(2);
    for _ in 0..30 {
        net.broadcast(0, "again");
    }
    let refused = net.call(0, |node, now| node.broadcast(now, &["again"]));
    assert_eq!(refused, Err(SendError::DuplicateInFlight));
    net.broadcast(0, "other");
    net.run_for(100);
    assert_eq!(net.take_texts(1).len(), 31);
}

#[test]
fn t21_a_thousand_equal_sends_between_nodes_of_this_crate_are_a_thousand_messages() {
    let mut net = Net::line(4);
    for _ in 0..1_000 {
        net.broadcast(0, "again");
    }
    net.run_for(100);
    for to in 1..4 {
        assert_eq!(net.take_texts(to).len(), 1_000, "node {to}");
    }
}

#[test]
fn t20_equal_payloads_of_two_senders_are_two_messages() {
    let mut star = Net::linked(3, &[(1, 0), (2, 0)]);
    star.broadcast(1, "same");
    star.broadcast(2, "same");
    star.run_for(10);
    assert_eq!(star.take_texts(0), ["same", "same"]);
    star.call(1, |node, now| node.broadcast(now, &["ab", "c"])).unwrap();
    star.call(1, |node, now| node.broadcast(now, &["abc"])).unwrap();
    star.run_for(10);
    assert_eq!(star.take_texts(2), ["same", "ab", "abc"]);
}

#[test]
fn what_cannot_be_sent_is_refused_with_its_reason_before_anything_is_queued() {
    let mut alone = Net::new(1);
    let nobody = alone.call(0, |node, now| node.broadcast(now, &["x"]));
    assert_eq!(nobody, Err(SendError::NoNeighbors));

    let mut net = Net::line(2);
    let before = net.nodes[0].stats();
    let many = vec![""; config().limits.max_packets];
    let refused = net.call(0, |node, now| node.broadcast(now, &many));
    assert!(matches!(refused, Err(SendError::TooManyPackets { max: 1_024, .. })), "{refused:?}");
    let long = vec![0; config().limits.max_frame_len];
    let refused = net.call(0, |node, now| node.broadcast(now, &[&long]));
    assert!(matches!(refused, Err(SendError::TooLong { .. })), "{refused:?}");
    assert_eq!(net.nodes[0].stats(), before);
}

#[test]
fn the_longest_message_that_may_be_sent_is_taken_by_the_receiver() {
    let mut net = Net::line(2);
    let max = config().limits.max_frame_len;
    let fits = |len: usize| vec![7_u8; len];
    let Err(SendError::TooLong { len, .. }) =
        net.call(0, |node, now| node.broadcast(now, &[fits(max)]))
    else {
        panic!("a message as long as a frame does not fit one")
    };
    let room = max - (len - max);
    net.call(0, |node, now| node.broadcast(now, &[fits(room)])).unwrap();
    let count = config().limits.max_packets - 5;
    net.call(0, |node, now| node.broadcast(now, &vec!["p"; count])).unwrap();
    net.run_for(10);
    let events = net.take_events(1);
    assert_eq!(events.iter().filter(|event| matches!(event, Event::Message(_))).count(), 2);
}

#[test]
fn t11_a_full_neighbor_is_refused_and_the_others_get_the_message() {
    let small = limited(|limits| {
        limits.max_frame_len = 1 << 10;
        limits.max_backlog_len = 2 << 10;
    });
    let mut net = Net::with(3, Config { compressions: Compressions::NONE, ..small });
    net.dial(0, 1);
    net.dial(0, 2);
    net.run_for(100);
    net.deafen((0, net.conn(0, 1)));
    let [deaf, healthy] = [1, 2].map(|index| net.id(index));
    let text = "x".repeat(500);
    let mut refused = 0;
    for number in 0..10 {
        let text = format!("{number}{text}");
        let report = net.call(0, |node, now| node.broadcast(now, &[&text])).unwrap();
        refused += report.refused().len();
        assert!(!report.refused().iter().any(|(id, _)| *id == healthy));
        assert!(report.refused().iter().all(|refused| *refused == (deaf, Refusal::QueueFull)));
        let backlog =
            net.nodes[0].routing_table().find(|info| info.id == deaf).unwrap().backlog_len;
        assert!(backlog <= 2 << 10);
    }
    assert!(refused >= 5, "{refused} refused");
    net.run_for(10);
    assert_eq!(net.take_texts(2).len(), 10);
}

#[test]
fn t11_a_neighbor_that_takes_nothing_for_20_seconds_is_cut_and_named() {
    let mut net = Net::line(2);
    net.deafen((0, net.conn(0, 1)));
    net.run_for(5_000);
    net.broadcast(0, "x");
    net.run_for(19_999);
    assert_eq!(net.take_events(0), []);
    let unsent_len = net.nodes[0].routing_table().next().unwrap().backlog_len;
    assert!(unsent_len > 100);
    net.run_for(1);
    let lost = Event::PeerLost { id: net.id(1), reason: CloseReason::Stalled { unsent_len } };
    assert_eq!(net.take_events(0), [lost]);
}

#[test]
fn progress_puts_the_stall_timeout_off() {
    let mut net = Net::line(2);
    let conn = net.conn(0, 1);
    net.deafen((0, conn));
    net.broadcast(0, "x");
    net.run_for(15_000);
    net.call(0, |node, now| node.handle_input(now, Input::Sent { conn, len: 1 }));
    net.run_for(15_000);
    assert_eq!(net.take_events(0), []);
    net.run_for(5_000);
    assert_eq!(net.take_events(0).len(), 1);
}

#[test]
fn t24_a_message_from_another_time_is_neither_delivered_nor_passed_on() {
    let mut line = Net::line(3);
    let clock = |net: &mut Net, offset: i64| {
        let wall = WALL.as_secs().saturating_add_signed(offset);
        let wall = UnixTime::from_secs(wall);
        net.call(0, |node, now| node.handle_input(now, Input::ClockSet { wall }));
    };
    clock(&mut line, -200);
    line.broadcast(0, "stale");
    clock(&mut line, 50);
    line.broadcast(0, "now");
    clock(&mut line, 200);
    line.broadcast(0, "future");
    line.run_for(10);
    assert_eq!(line.take_texts(1), ["now"]);
    assert_eq!(line.take_texts(2), ["now"]);
    let dropped = line.nodes[1].stats().dropped;
    assert_eq!((dropped.stale, dropped.future), (1, 1));
}

#[test]
fn what_came_plain_is_passed_on_plain_and_what_came_compressed_is_compressed() {
    let mut line = Net::line(3);
    let bytes_out = |line: &Net| line.nodes[1].stats().bytes_out;
    let mut state = 1_u32;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    })
    .take(2_000)
    .collect();
    for (packet, range) in [(noise, 2_000..2_300), (vec![b'x'; 2_000], 50..500)] {
        let before = bytes_out(&line);
        line.call(0, |node, now| node.broadcast(now, &[&packet])).unwrap();
        line.run_for(10);
        assert!(range.contains(&(bytes_out(&line) - before)));
    }
    // What would shrink, from a node that never compresses: the next one takes its word for it.
    let mut plain = Net::with(3, Config { compress: Compress::Never, ..config() });
    plain.nodes[1] = Net::with(2, config()).nodes.remove(1);
    plain.dial(0, 1);
    plain.dial(1, 2);
    plain.run_for(100);
    let before = bytes_out(&plain);
    plain.call(0, |node, now| node.broadcast(now, &[vec![b'x'; 2_000]])).unwrap();
    plain.run_for(10);
    assert!(bytes_out(&plain) - before > 2_000);
}

#[test]
fn a_message_that_another_id_makes_too_long_does_not_part_its_relay_from_others() {
    // What is stated where the id stands: nothing, by one that passes hearsay on, and a number.
    for (form, stated) in [(None, &b""[..]), (Some(1), &[7; 16])] {
        let mut bench = Bench::with(limited(|limits| limits.max_frame_len = 2_000));
        let from = bench.neighbor(1, "mallory", form);
        let legacy = bench.neighbor(2, "legacy", None);
        let extended = bench.neighbor(3, "extended", Some(2));
        let noise = "x".repeat(2_000 - 9 - 7 - 6 - 9 - stated.len() - 6 * 4);
        let message = PathfindingMessage::stated(
            b"waterfall",
            b"mallory",
            stated,
            WALL.as_secs(),
            &["broadcast", &noise],
        );
        let frame = message.unwrap().encode().unwrap();
        assert_eq!(frame.len(), 2_004);
        bench.receive(from, &frame);
        assert_eq!(bench.texts(), [noise]);
        let longest = |bench: &mut Bench, conn| {
            bench.sent(conn).iter().map(|message| message.packets().body().len()).max()
        };
        let lens = [longest(&mut bench, legacy), longest(&mut bench, extended)];
        assert!(lens.iter().flatten().all(|len| *len <= 2_000), "{form:?}: {lens:?}");
        assert_eq!(lens[1].is_some(), form.is_some(), "to whom it fits it goes");
        let left_out = lens.iter().filter(|len| len.is_none()).count();
        let unsent = bench.node.stats().refused;
        assert_eq!((unsent.too_long, unsent.total()), (left_out as u64, left_out as u64));
    }
}

#[test]
fn t8_a_message_is_compressed_once_for_each_method_however_many_neighbors_have_it() {
    let methods: Vec<_> = Compressions::supported().iter().collect();
    let config = Config { compress: Compress::Always, ..config() };
    let mut bench = Bench::with(config);
    let lists = methods.iter().map(|&method| Compressions::from_iter([method]));
    let lists: Vec<_> = lists.chain([Compressions::NONE]).collect();
    for (number, list) in lists.iter().cycle().take(lists.len() * 8).enumerate() {
        let name = format!("peer{number}");
        bench.neighbor(number + 1, &name, Some(2));
        let peer = name.parse().unwrap();
        bench.node.set_compressions(&peer, *list).unwrap();
    }
    let sender = bench.neighbor(200, "sender", Some(2));
    bench.node.set_compressions(&"sender".parse().unwrap(), Compressions::NONE).unwrap();
    let before = bench.node.stats().compressed;
    let text = "hello ".repeat(200);
    bench.call(|node, now| node.broadcast(now, &[&text])).unwrap();
    let in_use = methods.len() as u64;
    assert_eq!(bench.node.stats().compressed - before, in_use, "sent");
    bench.receive(sender, &numbered("broadcast", "sender", 1, &text));
    assert_eq!(bench.node.stats().relayed, lists.len() as u64 * 8);
    assert_eq!(bench.node.stats().compressed - before, in_use * 2, "passed on");
}
