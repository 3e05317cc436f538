//! py2p nodes that pass broadcasts to and fro, and equal messages that are not echoes.

use super::bench::{Bench, frame, frame_at, id, numbered};
use super::net::{Net, WALL, config, limited};
use crate::error::{Refusal, SendError};
use crate::node::Config;
use crate::wire::{Origin, PathfindingMessage};

/// Returns a message as a py2p neighbor does: as a waterfall, stamped anew.
fn restamped(message: &PathfindingMessage, secs: u64) -> Vec<u8> {
    let sender = std::str::from_utf8(message.sender()).unwrap();
    let payload: Vec<_> = message.payload().collect();
    frame_at(secs, "waterfall", sender, &payload)
}

#[test]
fn t22_what_two_storming_neighbors_repeat_is_delivered_once_and_passed_on_once_to_each() {
    let mut bench = Bench::new();
    let storming = [bench.neighbor(1, "py1", None), bench.neighbor(2, "py2", None)];
    let calm = bench.neighbor(3, "rs", Some(3));
    let first = frame("broadcast", "far", &["broadcast", "storm"]);
    let limits = crate::wire::DecodeLimits::PROTOCOL;
    let message =
        PathfindingMessage::decode(&first, crate::wire::Compressions::NONE, limits).unwrap();
    for second in 0..=300 {
        for conn in storming {
            for _ in 0..10 {
                bench.receive(conn, &restamped(&message, second));
            }
        }
        bench.wait(1_000);
    }
    assert_eq!(bench.texts(), ["storm"]);
    assert_eq!(bench.said(storming[0]), [""; 0], "it came from there");
    assert_eq!(bench.said(storming[1]), ["waterfall broadcast storm"]);
    assert_eq!(bench.said(calm), ["waterfall broadcast storm"]);
    let stats = bench.node.stats();
    assert_eq!(stats.dropped.total(), 301 * 20 - 1);
    assert_eq!(stats.received, stats.delivered + stats.dropped.total());
}

#[test]
fn t23_what_came_when_the_memory_of_echoes_was_full_is_delivered_once_however_long_it_storms() {
    let mut bench = Bench::with(limited(|limits| limits.max_seen_len = 64 << 10));
    let (rs, py) = (bench.neighbor(1, "rs", Some(1)), bench.neighbor(2, "py", None));
    let room = (64 << 10) / 76 / 3;
    for number in 1..=room + 1 {
        bench.receive(rs, &numbered("broadcast", "rs", number, &number.to_string()));
    }
    assert_eq!(bench.texts().len() as u64, room + 1);
    let repeated = |bench: &mut Bench, number: u64, second| {
        bench
            .receive(py, &frame_at(second, "waterfall", "rs", &["broadcast", &number.to_string()]));
    };
    for second in 1..=300 {
        bench.wait(1_000);
        // The last for which there was room, and the first for which there was none.
        repeated(&mut bench, room, second);
        repeated(&mut bench, room + 1, second);
        assert_eq!(bench.texts(), [""; 0], "{second}");
        if second < 120 {
            // What nobody has had is not taken either, as long as it could be such a one.
            bench.receive(py, &frame_at(second, "waterfall", "far", &["broadcast", "new"]));
            assert_eq!(bench.texts(), [""; 0], "{second}");
        }
    }
    let overload = bench.node.stats().dropped.overload;
    assert!((1..=250).contains(&overload), "{overload}: known when it comes again with room");
    bench.receive(py, &frame_at(300, "waterfall", "far", &["broadcast", "newer"]));
    assert_eq!(bench.texts(), ["newer"], "all is as it was");
}

#[test]
fn t22_two_py2p_nodes_between_two_of_this_crate_bring_each_user_a_broadcast_once() {
    // 0 and 3 are of this crate; both know both py2p nodes, which know each other.
    let mut ends =
        ["rs1", "rs2"].map(|name| Bench::with(Config { id: Some(id(name)), ..config() }));
    let conns =
        ends.each_mut().map(|bench| ["py1", "py2"].map(|name| bench.neighbor(1, name, None)));
    ends[0].call(|node, now| node.broadcast(now, &["once"])).unwrap();
    let mut held: Vec<PathfindingMessage> = conns[0].map(|conn| ends[0].sent(conn)).concat();
    assert_eq!(held.len(), 2);
    let message = held.remove(0);
    let mut got = 0;
    for second in 0..60 {
        for (bench, conns) in ends.iter_mut().zip(conns) {
            for conn in conns {
                bench.receive(conn, &restamped(&message, second));
            }
            got += bench.texts().len();
            bench.wait(1_000);
        }
    }
    assert_eq!(got, 1, "and the sender never");
    let relayed = ends.map(|bench| bench.node.stats().relayed);
    assert_eq!(relayed, [0, 1]);
}

#[test]
fn equal_broadcasts_straight_from_a_py2p_node_in_different_seconds_are_all_delivered() {
    let mut line = Net::line(3);
    let mut bench = Bench::new();
    let (py, next) = (bench.neighbor(1, "py", None), bench.neighbor(2, "next", Some(2)));
    for second in 0..30 {
        bench.receive(py, &frame_at(second, "broadcast", "py", &["broadcast", "tick"]));
        // Two nodes of this crate further on.
        let relayed = bench.sent(next);
        assert_eq!(relayed.len(), 1, "second {second}");
        let origin = Origin::decode(relayed[0].stated_id());
        assert_eq!(origin, Some(Origin { incarnation: 0, sequence: 0 }));
        let data = relayed[0].encode().unwrap();
        let conn = line.conn(0, 1);
        for _ in 0..2 {
            let input = crate::node::Input::Received { conn, data: &data };
            line.call(0, |node, now| node.handle_input(now, input));
        }
        bench.wait(1_000);
        line.run_for(1_000);
    }
    assert_eq!(bench.texts().len(), 30);
    assert_eq!(line.take_texts(0).len(), 30);
    // Node 1 is the neighbor that told node 0; the others are behind it.
    assert_eq!(line.nodes[0].stats().dropped.duplicate, 30);
}

#[test]
fn a_number_that_a_py2p_node_states_is_not_believed() {
    let mut bench = Bench::new();
    let py = bench.neighbor(1, "py", None);
    for sequence in 0..5 {
        bench.receive(py, &numbered("waterfall", "far", sequence, "again"));
    }
    assert_eq!(bench.texts(), ["again"]);
    let rs = bench.neighbor(2, "rs", Some(2));
    for sequence in 1..6 {
        bench.receive(rs, &numbered("broadcast", "rs", sequence, "again"));
        bench.receive(rs, &numbered("broadcast", "rs", sequence, "again"));
    }
    assert_eq!(bench.texts().len(), 5);
}

#[test]
fn hearsay_and_then_the_numbered_original_are_one_message() {
    let mut bench = Bench::new();
    let (py, rs) = (bench.neighbor(1, "py", None), bench.neighbor(2, "rs", Some(2)));
    bench.receive(py, &frame("waterfall", "rs", &["broadcast", "x"]));
    bench.receive(rs, &numbered("broadcast", "rs", 1, "x"));
    assert_eq!(bench.texts(), ["x"]);
    bench.receive(rs, &numbered("broadcast", "rs", 2, "x"));
    assert_eq!(bench.texts(), ["x"], "the second original is another");
    assert_eq!(bench.node.stats().dropped.echo, 1);
}

#[test]
fn t21_thirty_equal_sends_to_a_py2p_node_are_thirty_messages_on_the_wire() {
    let mut bench = Bench::new();
    let py = bench.neighbor(1, "py", None);
    for _ in 0..30 {
        let report = bench.call(|node, now| node.broadcast(now, &["equal"])).unwrap();
        assert_eq!((report.queued(), report.refused().len()), (1, 0));
    }
    let mut ids: Vec<_> = bench.sent(py).iter().map(PathfindingMessage::id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 30);
    let refused = bench.call(|node, now| node.broadcast(now, &["equal"]));
    assert_eq!(refused, Err(SendError::DuplicateInFlight));

    let rs = bench.neighbor(2, "rs", Some(2));
    let report = bench.call(|node, now| node.broadcast(now, &["equal"])).unwrap();
    assert_eq!(report.queued(), 1);
    assert_eq!(report.refused(), [("py".parse().unwrap(), Refusal::DuplicateInFlight)]);
    let unsent = bench.node.stats().refused;
    assert_eq!((unsent.equal, unsent.total()), (1, 1));
    assert_eq!((bench.said(rs).len(), bench.said(py).len()), (1, 0));
    bench.wait(1_000);
    let report = bench.call(|node, now| node.broadcast(now, &["equal"])).unwrap();
    assert_eq!(report.queued(), 2, "a second later there is room for one more");
}

#[test]
fn own_messages_that_come_back_are_dropped_under_any_payload() {
    let mut bench = Bench::new();
    let conn = bench.neighbor(1, "rs", Some(2));
    bench.neighbor(2, "other", Some(3));
    let own = bench.node.id().to_string();
    for (count, payload) in [["broadcast", "x"], ["chat", "never sent"]].into_iter().enumerate() {
        for main in ["broadcast", "waterfall"] {
            bench.receive(conn, &frame(main, &own, &payload));
        }
        assert_eq!(bench.node.stats().dropped.own, 2 * (1 + u64::try_from(count).unwrap()));
    }
    assert_eq!((bench.texts().len(), bench.node.stats().relayed), (0, 0));
}

#[test]
fn without_memory_messages_are_counted_as_overload() {
    let mut bench = Bench::with(limited(|limits| limits.max_seen_len = 64 << 10));
    let conn = bench.neighbor(1, "rs", Some(2));
    for sequence in 0..2_000 {
        bench.receive(conn, &numbered("broadcast", "rs", sequence, &sequence.to_string()));
    }
    let room = (64 << 10) / 40;
    assert_eq!(bench.texts().len(), room);
    assert_eq!(bench.node.stats().dropped.overload, 2_000 - u64::try_from(room).unwrap());
}

#[test]
fn what_a_py2p_node_repeats_of_its_own_is_an_echo_too() {
    let mut bench = Bench::new();
    let py = bench.neighbor(1, "py", None);
    bench.receive(py, &frame("broadcast", "py", &["broadcast", "x"]));
    for second in 1..20 {
        bench.receive(py, &frame_at(second, "waterfall", "py", &["broadcast", "x"]));
        bench.receive(py, &frame_at(second, "broadcast", "far", &["broadcast", "y"]));
    }
    assert_eq!(bench.texts(), ["x", "y"]);
}

#[test]
fn a_broadcast_is_not_passed_on_to_the_neighbor_that_made_it() {
    let mut bench = Bench::new();
    let maker = bench.neighbor(1, "maker", Some(1));
    let between = bench.neighbor(2, "between", Some(2));
    bench.receive(between, &numbered("waterfall", "maker", 1, "x"));
    assert_eq!((bench.said(maker).len(), bench.texts().len()), (0, 1));
}

#[test]
fn only_the_neighbor_itself_sends_its_broadcasts_straight() {
    let mut bench = Bench::new();
    let py = bench.neighbor(1, "py", None);
    let calm = bench.neighbor(2, "rs", Some(2));
    for (sender, second, is_straight) in [("py", 0, true), ("far", 0, false), ("far", 5, false)] {
        bench.receive(py, &frame_at(second, "broadcast", sender, &["broadcast", sender]));
        let stated: Vec<_> =
            bench.sent(calm).iter().map(|message| Origin::decode(message.stated_id())).collect();
        match (is_straight, second) {
            (true, _) => assert_eq!(stated, [Some(Origin { incarnation: 0, sequence: 0 })]),
            (false, 0) => assert_eq!(stated, [None], "hearsay keeps its message id"),
            (false, _) => assert!(stated.is_empty(), "and is dropped when it is heard again"),
        }
    }
}

#[test]
fn a_waterfall_with_the_sub_flag_whisper_is_for_this_node_alone() {
    let mut bench = Bench::new();
    let py = bench.neighbor(1, "py", None);
    let other = bench.neighbor(2, "rs", Some(2));
    bench.receive(py, &frame("waterfall", "far", &["whisper", "psst"]));
    assert_eq!(bench.texts(), ["psst"]);
    assert_eq!(bench.said(other), [""; 0]);
}

#[test]
fn a_storm_does_not_swallow_the_equal_messages_of_its_origin() {
    let mut bench = Bench::new();
    let py = [bench.neighbor(1, "py1", None), bench.neighbor(2, "py2", None)];
    for second in 0..30 {
        bench.receive(py[0], &frame_at(second, "broadcast", "py1", &["broadcast", "tick"]));
        for later in second..second + 5 {
            bench.receive(py[1], &frame_at(later, "waterfall", "py1", &["broadcast", "tick"]));
        }
        bench.wait(1_000);
    }
    assert_eq!(bench.texts().len(), 30);
}

#[test]
fn a_forged_number_stands_for_nothing_but_the_forgery() {
    let mut bench = Bench::new();
    let [victim, forger] = [bench.neighbor(1, "victim", Some(1)), bench.neighbor(2, "x", Some(2))];
    bench.receive(forger, &numbered("waterfall", "victim", 5, "forged"));
    bench.receive(victim, &numbered("broadcast", "victim", 5, "real"));
    bench.receive(forger, &numbered("waterfall", "victim", 5, "real"));
    assert_eq!(bench.texts(), ["forged", "real"]);
}

#[test]
fn a_stated_id_that_looks_like_an_origin_is_not_passed_on() {
    let mut bench = Bench::new();
    let py = bench.neighbor(1, "py", None);
    let other = bench.neighbor(2, "rs", Some(2));
    bench.receive(py, &numbered("waterfall", "far", 5, "x"));
    let sent = bench.sent(other);
    assert_eq!(Origin::decode(sent[0].stated_id()), None);
    assert_eq!(sent[0].stated_id(), sent[0].id().as_bytes());
}

#[test]
fn t22_what_comes_late_does_not_go_to_py2p_nodes_which_would_stamp_it_anew() {
    for (age, is_told) in [(50, true), (51, false), (90, false)] {
        let mut bench = Bench::new();
        let from = bench.neighbor(1, "from", Some(1));
        let [old, new] = [(2, "old", None), (3, "new", Some(3))]
            .map(|(at, name, link)| bench.neighbor(at, name, link));
        bench.wait(age * 1_000 - 150);
        bench.receive(from, &numbered("waterfall", "sender", 1, "late"));
        assert_eq!(bench.said(new), ["waterfall broadcast late"]);
        let told = bench.said(old);
        assert_eq!(told.contains(&"waterfall broadcast late".to_owned()), is_told, "{age}");
        let stats = bench.node.stats();
        assert_eq!((stats.relayed, stats.catch_up.withheld), if is_told { (2, 0) } else { (1, 1) });
        // What other py2p nodes say is as old as their clocks are wrong, and passed on.
        let other = bench.neighbor(4, "other", None);
        bench.receive(other, &frame("broadcast", "other", &["broadcast", "slow clock"]));
        assert_eq!(bench.said(old), ["waterfall broadcast slow clock"]);
    }
}

#[test]
fn t22_a_message_that_a_py2p_node_told_first_is_an_echo_a_minute_later_where_clocks_differ() {
    for ahead in [0, 1, 2, 5, 9] {
        let mut bench = Bench::new();
        let old = bench.neighbor(1, "old", None);
        bench.wait(59_500);
        // Its sender said it now, by a clock that is ahead; the py2p node stamps it anew.
        bench.receive(old, &frame_at(59, "waterfall", "far", &["broadcast", "once"]));
        assert_eq!(bench.texts(), ["once"]);
        bench.wait(58_500);
        let late = bench.neighbor(2, "late", Some(2));
        bench.wait(2_500);
        let (origin, time) = (Origin { incarnation: 7, sequence: 1 }, WALL.as_secs() + 59 + ahead);
        let packets = ["broadcast", "once"];
        let said = PathfindingMessage::numbered(b"waterfall", b"far", origin, time, &packets);
        bench.receive(late, &said.unwrap().encode().unwrap());
        assert!(bench.texts().is_empty(), "{ahead}");
        assert_eq!(bench.node.stats().dropped.echo, 1);
    }
}
