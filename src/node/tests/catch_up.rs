//! What was missed comes later: partitions that heal, neighbors that were slow, and how much of it
//! all there is. What a stranger may say about it stands in `offers`.

use std::time::Duration;

use super::super::{CaughtUp, Config, Limits, Node};
use super::net::{Net, WALL, addr, config, limited, ms};
use crate::conn_id::ConnId;
use crate::error::Refusal;
use crate::wire::Compressions;

/// A line of three nodes with its first link cut.
fn parted() -> Net {
    let mut net = Net::line(3);
    part(&mut net, 0, 1);
    net
}

fn part(net: &mut Net, from: usize, to: usize) {
    let id = net.id(to);
    assert!(net.call(from, |node, now| node.disconnect(now, &id)));
    net.run_for(10);
}

/// Nobody asks for signs of life, which take room in small queues and find peers that do not answer.
fn never_ping(limits: &mut Limits) {
    limits.ping_interval = Duration::from_secs(3_600);
}

fn heal(net: &mut Net, from: usize, to: usize) {
    net.dial(from, to);
    net.run_for(200);
}

fn caught_up(net: &Net, index: usize) -> CaughtUp {
    net.nodes[index].stats().catch_up
}

fn numbers(texts: &[String]) -> Vec<u64> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

#[test]
fn t42_what_was_sent_while_a_link_was_down_comes_once_when_it_is_back() {
    for seconds in [1, 10, 50, 59] {
        let mut net = parted();
        let told: Vec<u64> = (0..seconds).collect();
        for second in &told {
            net.broadcast(1, &second.to_string());
            net.run_for(500);
            net.broadcast(2, "from the other end");
            net.run_for(500);
        }
        assert_eq!(net.take_texts(0), [""; 0]);
        heal(&mut net, 0, 1);
        let mut texts = net.take_texts(0);
        texts.retain(|text| text != "from the other end");
        assert_eq!(numbers(&texts), told, "in the order in which they were taken");
        let others = net.take_texts(2);
        assert_eq!(others.len(), told.len(), "nothing comes twice to those who had it");
        let (holder, misser) = (caught_up(&net, 1), caught_up(&net, 0));
        let all = 2 * seconds;
        assert_eq!((holder.offered, holder.asked, holder.sent, holder.skipped), (all, all, all, 0));
        assert_eq!((misser.wanted, misser.caught_up), (all, all));
        net.run_for(5_000);
        assert_eq!(net.take_texts(0), [""; 0]);
    }
}

#[test]
fn t42_what_is_older_than_a_minute_does_not_come_and_all_the_rest_does() {
    let mut net = parted();
    for second in 0..90 {
        net.broadcast(1, &second.to_string());
        net.run_for(1_000);
    }
    // The link is cut since 10 ms more; the 30th was sent 60 s ago to the millisecond.
    heal(&mut net, 0, 1);
    let expected: Vec<u64> = (31..90).collect();
    assert_eq!(numbers(&net.take_texts(0)), expected);
    let holder = caught_up(&net, 1);
    assert_eq!((holder.offered, holder.sent), (59, 59));
    net.run_for(80_000);
    let stats = net.nodes[1].stats();
    assert_eq!((stats.catch_up.expired, stats.catch_up.displaced), (90, 0), "all in the end");
}

#[test]
fn t42_both_sides_of_a_partition_and_those_behind_them_get_what_they_missed() {
    // 0 - 1 - 2 = 3 - 4 - 5, with a way round the cut link that is cut as well.
    let mut net = Net::linked(6, &[(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (0, 5)]);
    part(&mut net, 2, 3);
    part(&mut net, 0, 5);
    for (at, from) in [0, 1, 2, 3, 4, 5, 0, 3].into_iter().enumerate() {
        net.broadcast(from, &at.to_string());
        net.run_for(3_000);
    }
    for index in 0..6 {
        net.take_texts(index);
    }
    net.dial(0, 5);
    net.dial(2, 3);
    net.run_for(1_000);
    for index in 0..6 {
        let mut got = numbers(&net.take_texts(index));
        got.sort_unstable();
        let expected = if index < 3 { vec![3, 4, 5, 7] } else { vec![0, 1, 2, 6] };
        assert_eq!(got, expected, "node {index}");
    }
    let dropped: u64 = net.nodes.iter().map(|node| node.stats().dropped.total()).sum();
    let sent: u64 = (0..6).map(|index| caught_up(&net, index).sent).sum();
    assert_eq!(sent, 16, "over each of both links, both ways");
    assert!(dropped <= 16 + 8, "{dropped} copies in vain, for 24 deliveries");
}

#[test]
fn t42_a_node_that_is_away_while_messages_have_come_round_to_it_wants_none_of_them() {
    let mut net = Net::linked(3, &[(0, 1), (1, 2), (2, 0)]);
    part(&mut net, 0, 1);
    net.broadcast(1, "the other way");
    net.run_for(100);
    assert_eq!(net.take_texts(0), ["the other way"]);
    heal(&mut net, 0, 1);
    assert_eq!((caught_up(&net, 1).offered, caught_up(&net, 1).asked), (1, 0));
    let offered = (caught_up(&net, 0).offered, caught_up(&net, 0).sent);
    assert_eq!(offered, (0, 0), "nobody is offered what it has made itself");
    part(&mut net, 0, 2);
    heal(&mut net, 0, 2);
    assert_eq!((caught_up(&net, 2).offered, caught_up(&net, 2).sent), (1, 0));
    assert_eq!(net.nodes[0].stats().dropped.duplicate, 0);
}

#[test]
fn t42_an_idle_mesh_says_nothing_about_it_and_gives_its_memory_back() {
    let mut net = Net::with(2, limited(never_ping));
    net.dial(0, 1);
    net.run_for(30_000);
    assert_eq!(net.nodes[0].usage().timers, 1, "the one for pings");
    part(&mut net, 0, 1);
    heal(&mut net, 0, 1);
    assert_eq!([0, 1].map(|index| caught_up(&net, index)), [CaughtUp::default(); 2]);
    net.broadcast(0, "x");
    net.run_for(74_000);
    for node in &net.nodes {
        assert_eq!(node.usage().history_count, 1);
        assert!(node.usage().history_len > 256);
    }
    net.run_for(6_001);
    for node in &net.nodes {
        assert_eq!((node.usage().history_count, node.usage().history_len), (0, 0));
        assert_eq!((node.usage().timers, node.stats().catch_up.expired), (1, 1));
    }
}

#[test]
fn t42_a_node_that_holds_nothing_and_a_py2p_node_are_told_nothing() {
    for (other, holds) in [
        (Config { extension: false, ..config() }, false),
        (limited(|limits| limits.max_history_len = 0), false),
        (config(), true),
    ] {
        let mut net = Net::new(4);
        net.nodes[2] =
            Node::new(Config { out_addr: Some(addr(2).into()), ..other }, [9; 32], ms(0), WALL)
                .unwrap();
        net.dial(0, 1);
        net.run_for(100);
        net.broadcast(0, "before");
        net.run_for(100);
        net.dial(1, 2);
        net.run_for(200);
        net.broadcast(2, "since");
        net.run_for(100);
        let texts = net.take_texts(2);
        assert_eq!(texts.contains(&"before".to_owned()), holds);
        assert_eq!(caught_up(&net, 1).words > 0, holds);
        assert_eq!(caught_up(&net, 2).words > 0, holds);
        assert_eq!(net.nodes[2].usage().history_count > 0, holds);
        assert_eq!(net.take_texts(1).last().map(String::as_str), Some("since"));
        // Somebody who meets it later is offered by it what it holds.
        net.dial(3, 2);
        net.run_for(200);
        assert_eq!(caught_up(&net, 2).offered, if holds { 2 } else { 0 });
        let texts = net.take_texts(3);
        assert_eq!(texts, if holds { &["before", "since"][..] } else { &[] });
    }
}

#[test]
fn t42_what_a_py2p_node_has_made_is_not_held() {
    let mut net = Net::new(3);
    net.nodes[0] = Node::new(
        Config { extension: false, out_addr: Some(addr(0).into()), ..config() },
        [9; 32],
        ms(0),
        WALL,
    )
    .unwrap();
    net.dial(0, 1);
    net.run_for(200);
    net.broadcast(0, "straight");
    net.run_for(100);
    assert_eq!(net.take_texts(1), ["straight"]);
    assert_eq!(net.nodes[1].usage().history_count, 0);
    net.dial(1, 2);
    net.run_for(200);
    assert_eq!(net.take_texts(2), [""; 0]);
}

#[test]
fn t42_t11_a_neighbor_that_was_too_slow_gets_what_its_queue_had_no_room_for() {
    let small = limited(|limits| {
        limits.max_frame_len = 1 << 10;
        limits.max_backlog_len = 2 << 10;
        never_ping(limits);
    });
    let mut net = Net::with(2, Config { compressions: Compressions::NONE, ..small });
    net.dial(0, 1);
    net.run_for(12_000);
    let conn = net.conn(0, 1);
    net.hold((0, conn));
    let filler = "x".repeat(500);
    let (mut refused, mut ids) = (0, Vec::new());
    for number in 0..20 {
        let text = format!("{number}{filler}");
        let report = net.call(0, |node, now| node.broadcast(now, &[&text])).unwrap();
        refused += report.refused().len();
        ids.push(report.id());
        net.run_for(500);
    }
    let other = net.id(1);
    // To whom a message went, and to whom it did not.
    let explained = |net: &Net, id| {
        let explanation = net.nodes[0].explain(id).unwrap();
        (explanation.passed_to, explanation.refused)
    };
    let full = (vec![], vec![(other, Refusal::QueueFull)]);
    assert_eq!(ids.iter().filter(|id| explained(&net, id) == full).count(), refused);
    assert!(refused >= 15, "{refused} refused");
    net.take_events(1);
    net.let_go((0, conn));
    net.run_for(3_000);
    let mut got: Vec<u64> =
        net.take_texts(1).iter().map(|text| text.trim_end_matches('x').parse().unwrap()).collect();
    got.sort_unstable();
    assert_eq!(got, (0..20).collect::<Vec<_>>());
    let stats = net.nodes[0].stats();
    assert_eq!(stats.catch_up.sent, u64::try_from(refused).unwrap());
    assert_eq!(
        stats.refused.total(),
        u64::try_from(refused).unwrap(),
        "and nothing is refused for it"
    );
    for id in &ids {
        assert_eq!(explained(&net, id), (vec![other], vec![]));
    }
}

/// The connection on which node 1 has met node 2 and was asked for so many messages, over which
/// nothing goes any more but by [`Net::take_one`].
fn slowly_met(net: &mut Net, asked: u64) -> ConnId {
    let conn = net.dial(1, 2);
    net.hold((1, conn));
    for _ in 0..100 {
        if caught_up(net, 1).asked == asked {
            return conn;
        }
        net.run_for(5);
        net.take_one((1, conn));
    }
    panic!("{} asked", caught_up(net, 1).asked);
}

#[test]
fn t42_a_queue_of_two_kilobytes_is_neither_filled_nor_left_dry() {
    let small = limited(|limits| {
        limits.max_frame_len = 1 << 10;
        limits.max_backlog_len = 2 << 10;
    });
    let mut net = Net::with(3, Config { compressions: Compressions::NONE, ..small });
    net.dial(0, 1);
    net.run_for(100);
    for number in 0..200 {
        net.broadcast(0, &format!("{number:0300}"));
        net.run_for(20);
    }
    let conn = slowly_met(&mut net, 200);
    let backlog = |net: &Net| net.nodes[1].backlog_len(conn).unwrap();
    let mut live = 0;
    for turn in 0..1_000 {
        let is_over = caught_up(&net, 1).sent == 200;
        assert!(backlog(&net) <= 2 << 10 && (is_over || backlog(&net) > 0));
        if turn % 10 == 0 && live < 20 {
            live += 1;
            let report = net.call(1, |node, now| node.broadcast(now, &["now"])).unwrap();
            assert!(report.refused().is_empty(), "there is room for what is said now");
        }
        net.take_one((1, conn));
        net.run_for(5);
    }
    let texts = net.take_texts(2);
    assert_eq!(texts.iter().filter(|text| *text == "now").count(), live);
    assert_eq!(texts.len(), 200 + live);
    assert_eq!(net.nodes[1].stats().refused.total(), 0);
}

#[test]
fn t42_what_becomes_too_old_while_it_waits_is_passed_over_and_counted() {
    let small = limited(|limits| {
        limits.max_frame_len = 1 << 10;
        limits.max_backlog_len = 2 << 10;
        limits.stall_timeout = Duration::from_secs(600);
        never_ping(limits);
    });
    let mut net = Net::with(3, Config { compressions: Compressions::NONE, ..small });
    net.dial(0, 1);
    net.run_for(100);
    for number in 0..20 {
        net.broadcast(0, &format!("{number:0300}"));
    }
    net.run_for(20);
    let conn = slowly_met(&mut net, 20);
    let before = caught_up(&net, 1).sent;
    assert!(before < 10, "{before}");
    net.run_for(130_000);
    net.let_go((1, conn));
    net.run_for(1_000);
    let holder = caught_up(&net, 1);
    assert_eq!((holder.sent, holder.skipped), (before, 20 - before));
}

#[test]
fn t42_all_that_is_sent_late_stays_within_its_rate() {
    let slow = limited(|limits| {
        limits.max_history_len = 64 << 10;
        limits.max_catch_up_rate = 1 << 10;
    });
    let mut net = Net::with(5, Config { compressions: Compressions::NONE, ..slow });
    net.dial(0, 1);
    net.run_for(100);
    for number in 0..55 {
        net.broadcast(0, &format!("{number:0700}"));
    }
    net.run_for(100);
    let began = net.now;
    for late in 2..5 {
        net.dial(1, late);
    }
    net.run_for(100);
    let burst = caught_up(&net, 1);
    assert!(burst.bytes_out <= (64 << 10) + 1_024, "{}", burst.bytes_out);
    assert!(burst.throttled > 0);
    let first = [2, 3, 4].map(|index| net.take_texts(index).len());
    assert_eq!((first[0], first[2]), (55, 0));
    for _ in 0..20 {
        net.run_for(1_000);
        let seconds = net.now.since(began).as_secs() + 1;
        assert!(caught_up(&net, 1).bytes_out <= (64 << 10) + seconds * 1_024);
    }
    let more = caught_up(&net, 1).bytes_out - burst.bytes_out;
    assert!(more > 18 * 1_024, "and all of it is used: {more}");
    let then = [3, 4].map(|index| net.take_texts(index).len());
    assert!(then[0].abs_diff(then[1]) <= 1 && then[0] >= 9, "turn by turn: {then:?}");
}

#[cfg(feature = "tls")]
#[test]
fn t42_in_a_signed_mesh_what_was_missed_comes_signed_and_ones_own_is_not_taken() {
    let mut net = super::secured::net(3);
    net.dial(0, 1);
    net.dial(1, 2);
    net.run_for(100);
    part(&mut net, 0, 1);
    let batch: Vec<[&str; 1]> = vec![["one"], ["two"], ["three"]];
    net.call(2, |node, now| node.broadcast_batch(now, &batch)).unwrap();
    net.run_for(100);
    net.take_events(0);
    heal(&mut net, 0, 1);
    let delivered: Vec<_> = net
        .take_events(0)
        .into_iter()
        .filter_map(
            |event| if let crate::event::Event::Message(it) = event { Some(it) } else { None },
        )
        .collect();
    assert_eq!(delivered.len(), 3);
    assert!(delivered.iter().all(|it| it.is_authenticated && it.sender == net.id(2)));
    assert_eq!(net.nodes[0].stats().dropped.forged, 0);
    // The node is started anew, under the same id: what it said in its earlier life is offered to
    // it by nobody, and would not be taken.
    net.broadcast(0, "in an earlier life");
    net.run_for(100);
    part(&mut net, 0, 1);
    net.nodes[0] = Node::new(super::secured::tls(0), [77; 32], net.now, WALL).unwrap();
    let wall = WALL + net.now.since(ms(0));
    net.call(0, |node, now| node.handle_input(now, crate::node::Input::ClockSet { wall }));
    heal(&mut net, 1, 0);
    let texts = net.take_texts(0);
    assert_eq!(texts, ["one", "two", "three"], "of others it takes what is current");
    assert_eq!(net.nodes[0].stats().dropped.own, 0);
}

#[cfg(feature = "tls")]
#[test]
fn t42_in_a_signed_mesh_nobody_is_passed_what_it_has_just_offered() {
    let mut net = super::secured::net(4);
    for (from, to) in [(0, 1), (0, 2), (1, 2), (2, 3)] {
        net.dial(from, to);
    }
    net.run_for(100);
    part(&mut net, 0, 1);
    part(&mut net, 0, 2);
    for number in 0..10 {
        net.broadcast(3, &number.to_string());
    }
    net.run_for(100);
    let before: u64 = net.nodes.iter().map(|node| node.stats().dropped.duplicate).sum();
    for holder in [1, 2] {
        net.call(0, |node, now| node.dial(now, addr(holder))).unwrap();
    }
    net.run_for(300);
    assert_eq!(numbers(&net.take_texts(0)), (0..10).collect::<Vec<_>>());
    let after: u64 = net.nodes.iter().map(|node| node.stats().dropped.duplicate).sum();
    assert_eq!(after, before, "neither of those who offered it");
    assert_eq!(caught_up(&net, 1).asked + caught_up(&net, 2).asked, 10);
}
