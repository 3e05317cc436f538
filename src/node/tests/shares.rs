//! What one neighbor leaves to the others of what is held for all and sent to all.

use super::super::Input;
use super::bench::{Bench, frame, id, numbered};
use super::net::{WALL, config, limited};
use super::offers::{SENDER, holder, neighbor, offer, said, source, want};
use crate::conn_id::ConnId;
use crate::wire::{CatchUp, CatchUpVerb, Compressions, Origin, PathfindingMessage, Source};

/// As much as a turn of the loop may take, and the longest message that may begin within it.
const TURN: u64 = (1 << 20) + (4 << 20);

fn made(sender: &str, incarnation: u64, sequence: u64, text: &str) -> Vec<u8> {
    let origin = Origin { incarnation, sequence };
    let (time, payload) = (WALL.as_secs(), ["broadcast", text]);
    PathfindingMessage::numbered(b"waterfall", sender.as_bytes(), origin, time, &payload)
        .unwrap()
        .with_compression(Compressions::from_names(["gzip"]))
        .encode()
        .unwrap()
}

/// A new neighbor, and all that it is offered.
fn late(bench: &mut Bench, from: usize, name: &str) -> (ConnId, Vec<CatchUp>) {
    let conn = neighbor(bench, from, name);
    let (words, _) = said(bench, conn);
    (conn, words)
}

#[test]
fn t42_what_one_neighbor_brings_does_not_displace_what_others_have_brought() {
    // In as many lives of one sender, or as many senders, as fit.
    for senders in [1, 1_024] {
        let mut bench = holder(config(), 1..=50);
        let liar = bench.neighbor(3, "liar", Some(3));
        for life in 0..1_024_u64 {
            let sender = format!("liar{}", life % senders);
            bench.receive(liar, &made(&sender, 1 + life, 1, ""));
            bench.forget();
        }
        let (_, words) = late(&mut bench, 2, "late");
        let mut offered = words.iter().flat_map(|word| &word.sources);
        assert_eq!(offered.clone().count(), 1_024);
        let its = offered.find(|its| its.sender == id(SENDER)).unwrap();
        assert_eq!(*its, source(SENDER, &[(1, 50)]));
        assert_eq!(bench.node.stats().catch_up.displaced, 1);
    }
}

#[test]
fn t42_t8_a_short_word_has_no_more_sent_than_one_turn_may_take_and_nothing_compressed() {
    let mut bench = Bench::with(config());
    let from = bench.neighbor(1, "from", Some(1));
    let text = "the quick brown fox ".repeat(3_000);
    for sequence in 1..=270 {
        bench.receive(from, &made(SENDER, 7, sequence, &format!("{sequence} {text}")));
        bench.forget();
    }
    let (conn, words) = late(&mut bench, 2, "late");
    let before = bench.node.stats();
    let word = CatchUp { verb: CatchUpVerb::Want, ..words[0].clone() };
    let data = frame("whisper", "late", &word.encode());
    bench.receive(conn, &data);
    let sent = |bench: &Bench| bench.node.stats().catch_up.bytes_out - before.catch_up.bytes_out;
    assert!((1 << 20..(1 << 20) + 60_500).contains(&sent(&bench)), "{} at once", sent(&bench));
    for turn in 1..=15 {
        bench.wait(9);
        assert!(sent(&bench) <= turn * TURN, "and no more in this turn");
        bench.wait(1);
        assert!(sent(&bench) > turn * (1 << 20));
    }
    bench.wait(1_000);
    assert_eq!(said(&mut bench, conn).1, (1..=270).collect::<Vec<_>>());
    assert_eq!(bench.node.stats().compressed, before.compressed);
}

#[test]
fn t42_long_messages_that_many_want_do_not_hold_up_who_wants_short_ones() {
    for liars in [1, 20] {
        let mut bench = holder(config(), 1..=500);
        let from = bench.neighbors()[0].1;
        let long = "x".repeat((4 << 20) - 300);
        for sequence in 1..=3 {
            bench.receive(from, &made("evil", 7, sequence, &long));
        }
        let evil: Vec<_> =
            (0..liars).map(|at| late(&mut bench, 10 + at, &format!("liar{at}"))).collect();
        let (honest, words) = late(&mut bench, 5, "honest");
        for (conn, words) in &evil {
            want(&mut bench, *conn, words[0].offer, &[source("evil", &[(1, 3)])]);
        }
        // Those who came first have had their share, and all is used up that there was at once.
        bench.wait(500);
        want(&mut bench, honest, words[0].offer, &[source(SENDER, &[(1, 500)])]);
        assert_eq!(said(&mut bench, honest).1.len(), 500, "{liars}");
        bench.wait(60_000);
        let stats = bench.node.stats().catch_up;
        assert_eq!(stats.sent, 500 + 3 * u64::try_from(liars).unwrap(), "and they get theirs");
    }
}

#[test]
fn t42_only_as_many_offers_of_one_neighbor_wait_as_it_takes_to_offer_everything() {
    let mut bench = holder(config(), []);
    let first = neighbor(&mut bench, 3, "first");
    offer(&mut bench, first, 1, &[source(SENDER, &[(1, 1)])]);
    let liar = neighbor(&mut bench, 4, "liar");
    for name in 0..1_024 {
        offer(&mut bench, liar, name, &[source("nobody", &[(name, name)])]);
    }
    let waiting = bench.node.connections.get(&liar).unwrap().catch_up.heard.as_slice().len();
    assert!((9..=16).contains(&waiting), "{waiting}");
    assert_eq!(bench.node.stats().catch_up.refused, 1_024 - u64::try_from(waiting).unwrap());
}

#[test]
fn t42_what_waits_for_room_is_looked_for_once() {
    let mut bench = holder(config(), 1..=4_000);
    let from = bench.neighbors()[0].1;
    bench.receive(from, &made("last", 7, 1, &"x".repeat(2 << 20)));
    let (conn, words) = late(&mut bench, 2, "late");
    // Something is queued for it all the time, beside which the long message has no room.
    let data = numbered("broadcast", SENDER, 5_000, "hello");
    bench.node.handle_input(bench.now, Input::Received { conn: from, data: &data });
    let wants = [Source { incarnation: 7, ..source("last", &[(1, 1)]) }];
    let word = CatchUp { verb: CatchUpVerb::Want, offer: words[0].offer, sources: wants.to_vec() };
    let data = frame("whisper", "late", &word.encode());
    bench.node.handle_input(bench.now, Input::Received { conn, data: &data });
    let place = |bench: &Bench| bench.node.connections.get(&conn).unwrap().catch_up.place;
    assert_eq!(place(&bench), 4_000);
    for _ in 0..3 {
        bench.node.handle_input(bench.now, Input::Sent { conn, len: 1 });
        assert_eq!((place(&bench), bench.node.stats().catch_up.sent), (4_000, 0));
    }
    bench.call(|_, _| ());
    assert_eq!(said(&mut bench, conn).1, [5_000, 1]);
}

#[test]
fn t42_who_comes_back_all_the_time_to_be_offered_everything_holds_up_nobody_who_wants_something() {
    let slow = limited(|limits| {
        (limits.max_catch_up_rate, limits.max_history_len) = (32 << 10, 2 << 20);
    });
    let mut bench = holder(slow, (0..4_000).map(|at| 2 * at));
    let (honest, words) = late(&mut bench, 5, "honest");
    let come_back = |bench: &mut Bench, stays: u64| {
        let conn = neighbor(bench, 66, "evil");
        bench.wait(stays);
        bench.input(Input::Closed { conn, error: None });
    };
    // What there was at once is used up.
    (0..60).for_each(|_| come_back(&mut bench, 10));
    assert!(bench.node.stats().catch_up.bytes_out > 2 << 20);
    bench.forget();
    want(&mut bench, honest, words[0].offer, &[source(SENDER, &[(0, 999)])]);
    (0..20).for_each(|_| come_back(&mut bench, 1_000));
    assert_eq!(said(&mut bench, honest).1.len(), 500, "all within twenty seconds");
    // And who has not been there yet is told at once what there is.
    let another = neighbor(&mut bench, 7, "another");
    bench.wait(1_000);
    assert!(!said(&mut bench, another).0.is_empty());
}
