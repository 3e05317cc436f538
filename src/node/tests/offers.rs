//! What a neighbor can say about missed messages, and what it cannot bring about by that.

use super::super::Config;
use super::bench::{Bench, frame, id, numbered};
use super::net::{WALL, config, limited};
use crate::conn_id::ConnId;
use crate::wire::{
    CatchUp, CatchUpVerb, Compressions, Extension, Handshake, MAX_RUNS, Origin, PathfindingMessage,
    Run, Runs, Source,
};

/// The one of all senders here, which numbers its messages in its life 7.
pub(super) const SENDER: &str = "sender";

fn numbers(runs: &[(u64, u64)]) -> Runs {
    Runs::from_runs(runs.iter().map(|&(first, last)| Run { first, last }).collect()).unwrap()
}

pub(super) fn source(sender: &str, runs: &[(u64, u64)]) -> Source {
    Source { sender: id(sender), incarnation: 7, numbers: numbers(runs) }
}

/// A neighbor that can catch up, and was made no offer yet that is still looked at.
pub(super) fn neighbor(bench: &mut Bench, from: usize, name: &str) -> ConnId {
    let conn = bench.accept(from);
    let extension = Extension { catches_up: true, ..Extension::new(7, from.try_into().unwrap()) };
    let protocol = &config().protocol;
    let handshake = Handshake::new(id(name), protocol, None, Compressions::supported());
    let handshake = Handshake { extension: Some(extension), ..handshake };
    bench.receive(conn, &frame("whisper", name, &handshake.encode()));
    conn
}

fn say(bench: &mut Bench, conn: ConnId, verb: CatchUpVerb, offer: u64, sources: &[Source]) {
    let word = CatchUp { verb, offer, sources: sources.to_vec() };
    bench.receive(conn, &frame("whisper", "x", &word.encode()));
}

pub(super) fn offer(bench: &mut Bench, conn: ConnId, name: u64, sources: &[Source]) {
    say(bench, conn, CatchUpVerb::Offer, name, sources);
}

pub(super) fn want(bench: &mut Bench, conn: ConnId, name: u64, sources: &[Source]) {
    say(bench, conn, CatchUpVerb::Want, name, sources);
}

/// What was said to a neighbor about missed messages, and the numbers of those that it was sent.
pub(super) fn said(bench: &mut Bench, conn: ConnId) -> (Vec<CatchUp>, Vec<u64>) {
    let (mut words, mut sent) = (Vec::new(), Vec::new());
    for message in bench.sent(conn) {
        if let Some(word) = CatchUp::decode(message.payload()) {
            words.push(word);
        } else if message.msg_type() == b"waterfall" {
            sent.push(Origin::decode(message.stated_id()).unwrap().sequence);
        }
    }
    (words, sent)
}

/// A node that has taken messages of these numbers.
pub(super) fn holder(config: Config, sequences: impl IntoIterator<Item = u64>) -> Bench {
    let mut bench = Bench::with(config);
    let from = bench.neighbor(1, "from", Some(1));
    for sequence in sequences {
        bench.receive(from, &numbered("broadcast", SENDER, sequence, &sequence.to_string()));
    }
    bench.forget();
    bench
}

/// The one offer that a new neighbor is made, and its connection.
fn offered(bench: &mut Bench) -> (ConnId, CatchUp) {
    let conn = neighbor(bench, 2, "late");
    let (mut words, sent) = said(bench, conn);
    assert_eq!((words.len(), sent.len()), (1, 0), "nothing is sent that was not asked for");
    (conn, words.pop().unwrap())
}

#[test]
fn t42_a_new_neighbor_is_told_what_is_held_and_sent_what_it_wants_once() {
    let mut bench = holder(config(), [1, 2, 3, 9]);
    let (conn, word) = offered(&mut bench);
    assert_eq!(word.verb, CatchUpVerb::Offer);
    assert_eq!(word.sources, [source(SENDER, &[(1, 3), (9, 9)])]);
    want(&mut bench, conn, word.offer, &[source(SENDER, &[(2, 2), (9, 9)])]);
    assert_eq!(said(&mut bench, conn), (vec![], vec![2, 9]));
    // Each offer is answered once.
    want(&mut bench, conn, word.offer, &[source(SENDER, &[(1, 9)])]);
    assert_eq!(said(&mut bench, conn), (vec![], vec![]));
    assert_eq!(bench.node.stats().catch_up.refused, 1);
}

#[test]
fn t42_what_py2p_nodes_have_told_first_is_held_and_told_on_when_its_number_comes() {
    let mut bench = Bench::new();
    let (py, rs) = (bench.neighbor(1, "py", None), bench.neighbor(3, "rs", Some(3)));
    let behind = bench.neighbor(4, "behind", Some(4));
    let number = |message: &PathfindingMessage| {
        Origin::decode(message.stated_id()).map(|origin| origin.sequence)
    };
    let told = |bench: &mut Bench| bench.sent(behind).iter().map(number).collect::<Vec<_>>();
    bench.receive(py, &frame("waterfall", SENDER, &["broadcast", "all"]));
    assert_eq!((bench.texts(), told(&mut bench)), (vec!["all".to_owned()], vec![None]));
    assert_eq!(bench.node.usage().history_count, 0, "nobody could want it");
    bench.forget();
    bench.receive(rs, &numbered("waterfall", SENDER, 5, "all"));
    assert_eq!((bench.texts(), told(&mut bench)), (vec![], vec![Some(5)]));
    for conn in [rs, behind] {
        bench.receive(conn, &numbered("waterfall", SENDER, 5, "all"));
    }
    bench.receive(py, &frame("waterfall", SENDER, &["broadcast", "all"]));
    assert_eq!((bench.texts(), told(&mut bench)), (vec![], vec![]));
    assert_eq!([py, rs].map(|conn| bench.sent(conn).len()), [0, 0]);
    // The same again is another message, also to whoever has heard of the first without number.
    bench.receive(rs, &numbered("waterfall", SENDER, 6, "all"));
    assert_eq!((bench.texts(), told(&mut bench)), (vec!["all".to_owned()], vec![Some(6)]));
    let stats = bench.node.stats();
    assert_eq!((stats.catch_up.numbered, stats.dropped.echo, stats.dropped.duplicate), (1, 1, 3));
    bench.forget();
    let (conn, word) = offered(&mut bench);
    assert_eq!(word.sources, [source(SENDER, &[(5, 6)])]);
    want(&mut bench, conn, word.offer, &word.sources);
    assert_eq!(said(&mut bench, conn), (vec![], vec![5, 6]));
}

#[test]
fn t42_what_was_not_offered_is_not_sent_whatever_is_wanted() {
    let everything = [
        source("other", &[(0, u64::MAX)]),
        source(SENDER, &[(0, u32::MAX.into()), (u64::MAX - 1, u64::MAX)]),
    ];
    let mut bench = holder(config(), [5, 6]);
    let conn = neighbor(&mut bench, 2, "late");
    let (words, _) = said(&mut bench, conn);
    let from = bench.neighbors().iter().find(|(name, _)| *name == id("from")).unwrap().1;
    bench.receive(from, &numbered("broadcast", SENDER, 7, "since"));
    bench.forget();
    want(&mut bench, conn, words[0].offer + 1, &everything);
    assert_eq!(said(&mut bench, conn), (vec![], vec![]), "under no name of an offer");
    let other = neighbor(&mut bench, 3, "other");
    let (theirs, _) = said(&mut bench, other);
    want(&mut bench, conn, theirs[0].offer, &everything);
    assert_eq!(said(&mut bench, conn), (vec![], vec![]), "nor under one of another connection");
    want(&mut bench, conn, words[0].offer, &everything);
    assert_eq!(said(&mut bench, conn), (vec![], vec![5, 6]), "nor what came since");
    let wrong_life = Source { incarnation: 8, ..source(SENDER, &[(0, 9)]) };
    want(&mut bench, other, theirs[0].offer, &[wrong_life]);
    assert_eq!(said(&mut bench, other), (vec![], vec![]));
    let stats = bench.node.stats().catch_up;
    assert_eq!((stats.asked, stats.sent, stats.refused), (2, 2, 2));
}

#[test]
fn t42_who_does_not_say_that_it_catches_up_is_told_nothing_and_not_listened_to() {
    let mut bench = holder(config(), [1]);
    for (from, link) in [(2, Some(2)), (3, None)] {
        let conn = bench.neighbor(from, ["b", "c"][from - 2], link);
        assert_eq!(said(&mut bench, conn), (vec![], vec![]));
        offer(&mut bench, conn, 1, &[source(SENDER, &[(1, 9)])]);
        want(&mut bench, conn, 1, &[source(SENDER, &[(1, 9)])]);
        assert_eq!(said(&mut bench, conn), (vec![], vec![]));
    }
    assert_eq!(bench.node.stats().catch_up.words, 0);
}

#[test]
fn t42_of_an_offer_a_node_wants_what_it_does_not_hold_and_nothing_of_its_own() {
    let mut bench = holder(config(), [2, 3]);
    let conn = neighbor(&mut bench, 2, "early");
    said(&mut bench, conn);
    let own = bench.node.id();
    let mut sources = vec![
        source(SENDER, &[(1, 4), (7, u64::from(u32::MAX) + 6)]),
        source(own.as_str(), &[(1, 100)]),
    ];
    sources.sort_by_key(Source::key);
    offer(&mut bench, conn, 40, &sources);
    let (words, _) = said(&mut bench, conn);
    let wants = [source(SENDER, &[(1, 1), (4, 4), (7, u64::from(u32::MAX) + 6)])];
    assert_eq!(words, [CatchUp { verb: CatchUpVerb::Want, offer: 40, sources: wants.to_vec() }]);
    offer(&mut bench, conn, 41, &[source(SENDER, &[(2, 3)])]);
    let nothing = CatchUp { verb: CatchUpVerb::Want, offer: 41, sources: vec![] };
    assert_eq!(said(&mut bench, conn).0, [nothing], "so that the other end need not remember");
}

#[test]
fn t42_a_second_offer_waits_for_the_answer_to_the_first_and_then_for_what_is_missing() {
    let mut bench = holder(config(), []);
    let [a, b, c] = [(2, "a"), (3, "b"), (4, "c")].map(|(at, name)| neighbor(&mut bench, at, name));
    bench.forget();
    let all = [source(SENDER, &[(1, 4)])];
    for conn in [a, b, c] {
        offer(&mut bench, conn, 1, &all);
    }
    assert_eq!(said(&mut bench, a).0[0].sources, all);
    assert_eq!(said(&mut bench, b).0.len() + said(&mut bench, c).0.len(), 0);
    for sequence in 1..=3 {
        bench.wait(1_500);
        bench.receive(a, &numbered("waterfall", SENDER, sequence, &sequence.to_string()));
        assert_eq!(said(&mut bench, b), (vec![], vec![sequence]), "it may have another");
    }
    bench.wait(1_999);
    assert_eq!(said(&mut bench, b).0, []);
    bench.wait(1);
    assert_eq!(said(&mut bench, b).0[0].sources, [source(SENDER, &[(4, 4)])]);
    bench.receive(b, &numbered("waterfall", SENDER, 4, "4"));
    assert_eq!(said(&mut bench, c).0[0].sources, []);
    let stats = bench.node.stats();
    assert_eq!((stats.catch_up.wanted, stats.catch_up.caught_up), (5, 4));
    assert_eq!((stats.relayed, bench.texts().len()), (4 * 3, 4));
}

#[test]
fn t42_who_answers_drop_by_drop_holds_the_others_up_for_ten_seconds_at_most() {
    let mut bench = holder(config(), []);
    let [a, b] = [(2, "a"), (3, "b")].map(|(at, name)| neighbor(&mut bench, at, name));
    bench.forget();
    offer(&mut bench, a, 1, &[source(SENDER, &[(1, 1_000)])]);
    offer(&mut bench, b, 1, &[source(SENDER, &[(1, 1_000)])]);
    for sequence in 1..10 {
        bench.wait(1_000);
        bench.receive(a, &numbered("waterfall", SENDER, sequence, "drop"));
        assert_eq!(said(&mut bench, b).0, []);
    }
    bench.wait(1_000);
    assert_eq!(said(&mut bench, b).0[0].sources, [source(SENDER, &[(10, 1_000)])]);
    // Where whoever answers is gone, nobody waits for it.
    let d = neighbor(&mut bench, 4, "d");
    offer(&mut bench, d, 1, &[source(SENDER, &[(10, 1_000)])]);
    assert_eq!(said(&mut bench, d).0.iter().filter(|it| it.verb == CatchUpVerb::Want).count(), 0);
    for conn in [a, b] {
        bench.input(crate::node::Input::Closed { conn, error: None });
    }
    assert_eq!(said(&mut bench, d).0.iter().filter(|it| it.verb == CatchUpVerb::Want).count(), 1);
}

#[test]
fn t42_one_wanted_message_sent_again_and_again_is_one_of_those_that_were_wanted() {
    let mut bench = holder(config(), []);
    let [a, b] = [(2, "a"), (3, "b")].map(|(at, name)| neighbor(&mut bench, at, name));
    bench.forget();
    for conn in [a, b] {
        offer(&mut bench, conn, 1, &[source(SENDER, &[(1, 3)])]);
    }
    for sequence in [1, 1, 1, 1, 2, 2] {
        bench.receive(a, &numbered("waterfall", SENDER, sequence, &sequence.to_string()));
        assert_eq!(said(&mut bench, b).0, [], "the third is still to come");
    }
    bench.receive(a, &numbered("waterfall", SENDER, 3, "3"));
    assert_eq!(said(&mut bench, b).0.len(), 1);
    assert_eq!(bench.node.stats().catch_up.caught_up, 3);
}

#[test]
fn t42_who_answers_with_every_other_number_leaves_no_longer_list_of_gaps_than_it_may_offer() {
    let mut bench = holder(config(), []);
    let conn = neighbor(&mut bench, 2, "a");
    offer(&mut bench, conn, 1, &[source(SENDER, &[(0, 1 << 20)])]);
    let mut most = 0;
    for at in 1..=MAX_RUNS as u64 + 10 {
        bench.receive(conn, &numbered("waterfall", SENDER, 2 * at, "x"));
        bench.forget();
        let asked = &bench.node.connections.get(&conn).unwrap().catch_up.asked;
        let runs = asked.as_slice().iter().map(|source| source.numbers.iter().len()).sum::<usize>();
        most = most.max(runs);
        assert!(runs <= MAX_RUNS, "{runs}");
    }
    assert!(most > MAX_RUNS / 2, "{most}");
}

#[test]
fn t42_offers_of_everything_cost_what_they_take_on_the_wire_and_only_so_many_are_heard() {
    let mut bench = holder(config(), [1]);
    let conn = neighbor(&mut bench, 2, "greedy");
    bench.forget();
    let runs: Vec<_> =
        (0..1_000).map(|at| (at << 40, (at << 40) + u64::from(u32::MAX) - 1)).collect();
    let huge: Vec<_> = ["a", "b", "c", "d"].map(|name| source(name, &runs)).into();
    for name in 0..100 {
        offer(&mut bench, conn, name, &huge);
        for word in said(&mut bench, conn).0 {
            assert_eq!(word.sources, huge, "no more than it has offered");
        }
        let held = &bench.node.connections.get(&conn).unwrap().catch_up;
        let kept = held.heard.as_slice().len() + held.asked.as_slice().len();
        assert!(kept <= 8, "{kept}");
    }
    let stats = bench.node.stats().catch_up;
    assert_eq!(stats.refused, 92, "eight of four thousand runs each");
    assert!(bench.node.usage().history_count == 1 && stats.bytes_out < 1_024);
    bench.wait(60_000);
    offer(&mut bench, conn, 100, &huge);
    assert_eq!(bench.node.stats().catch_up.refused, 92, "and as many in the next minute");
}

#[test]
fn t42_all_that_a_node_can_hold_is_heard_at_once_and_every_ten_seconds() {
    let mut full = Bench::with(config());
    let from = full.neighbor(1, "from", Some(1));
    for at in 0..4_096_u64 {
        let (sender, sequence) = (format!("sender{:03}", at / 4), 2 * at);
        full.receive(from, &numbered("broadcast", &sender, sequence, ""));
        full.forget();
    }
    let late = neighbor(&mut full, 2, "late");
    let (words, _) = said(&mut full, late);
    let sources: usize = words.iter().map(|word| word.sources.len()).sum();
    assert!(words.len() > 4 && sources > 1_024, "{} words, {sources} sources", words.len());

    let mut bench = holder(config(), []);
    let first = neighbor(&mut bench, 2, "first");
    offer(&mut bench, first, 1, &[source(SENDER, &[(1, 1)])]);
    let honest = neighbor(&mut bench, 3, "honest");
    for round in 0..7 {
        for word in &words {
            offer(&mut bench, honest, 100 * round + word.offer, &word.sources);
        }
        bench.wait(10_000);
    }
    let stats = bench.node.stats().catch_up;
    assert_eq!((stats.refused, stats.wanted), (0, 1 + 7 * 4_096));
}

#[test]
fn t42_a_forgery_that_a_neighbor_holds_does_not_keep_the_message_from_it() {
    let mut bench = holder(config(), []);
    let from = bench.neighbors().iter().find(|(name, _)| *name == id("from")).unwrap().1;
    let liar = neighbor(&mut bench, 3, "liar");
    offer(&mut bench, liar, 1, &[source("nobody", &[(1, 1_000)])]);
    // Somebody else has sent the honest one what is not the sender's, under its next number.
    let honest = neighbor(&mut bench, 4, "honest");
    offer(&mut bench, honest, 1, &[source(SENDER, &[(5, 5)])]);
    assert_eq!(said(&mut bench, honest).0.iter().filter(|it| it.offer == 1).count(), 0);
    bench.receive(from, &numbered("broadcast", SENDER, 5, "the truth"));
    assert_eq!(said(&mut bench, honest).1, [5]);
}

#[test]
fn t42_a_node_with_gaps_everywhere_wants_no_more_than_fits_a_word() {
    let small = limited(|limits| limits.max_frame_len = 1 << 10);
    let mut bench = holder(small, (0..200).map(|at| 2 * at));
    let conn = neighbor(&mut bench, 2, "other");
    let (words, _) = said(&mut bench, conn);
    assert!(words.len() > 2, "so many runs take several words: {}", words.len());
    let told: u64 = words.iter().flat_map(|it| &it.sources).map(|it| it.numbers.count()).sum();
    assert_eq!(told, 200);
    for word in &words {
        let message = PathfindingMessage::new(b"whisper", b"x", WALL.as_secs(), &word.encode());
        assert!(message.unwrap().packets().body().len() <= 1 << 10);
    }
    // Each of the words is answered by itself.
    for word in &words {
        want(&mut bench, conn, word.offer, &word.sources);
    }
    assert_eq!(said(&mut bench, conn).1.len(), 200);
    offer(&mut bench, conn, 1, &[source(SENDER, &[(0, 400)])]);
    let (words, _) = said(&mut bench, conn);
    assert_eq!(words[0].sources, [source(SENDER, &[(0, 400)])], "rather what it holds as well");
}

#[test]
fn t42_a_closed_node_holds_nothing_and_waits_for_nothing() {
    let mut bench = holder(config(), [1, 2]);
    let (conn, word) = offered(&mut bench);
    bench.call(|node, now| node.close(now));
    assert_eq!(bench.node.usage().history_count, 0);
    want(&mut bench, conn, word.offer, &word.sources);
    assert_eq!(said(&mut bench, conn).1, [0_u64; 0]);
    bench.wait(60_000);
    assert_eq!(bench.node.poll_timeout(), None);
}
