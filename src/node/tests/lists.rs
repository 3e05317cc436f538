//! What is noted for neighbors that have missed messages, or offer some, and what it takes. PROTOCOL.md
//! §5.7, §6.

use super::bench::{Bench, id, numbered};
use super::memory::KIB;
use super::net::config;
use super::offers::{neighbor, offer, said, source, want};
use crate::conn_id::ConnId;
use crate::error::Refusal;
use crate::node::Input;
use crate::wire::{CatchUpVerb, Run, Source};

/// What so many sources of one run each take at least.
fn least_len(count: usize) -> usize {
    count * (size_of::<Source>() + size_of::<Run>())
}

fn charged(bench: &Bench, conn: ConnId) -> usize {
    assert_eq!(bench.node.check_memory(), Ok(()));
    bench.node.connections.get(&conn).unwrap().charged_len
}

/// A node that holds a message of each of so many senders.
fn holder_of(count: usize) -> Bench {
    let mut bench = Bench::with(config());
    let from = bench.neighbor(1, "from", Some(1));
    for at in 0..count {
        bench.receive(from, &numbered("waterfall", &format!("s{at:03}"), 1, "x"));
    }
    bench.forget();
    bench
}

fn sources(count: usize) -> Vec<Source> {
    (0..count).map(|at| source(&format!("t{at:03}"), &[(1, 9)])).collect()
}

#[test]
fn t44_what_a_neighbor_was_offered_and_wants_is_charged_until_it_has_it() {
    let mut bench = holder_of(300);
    let before = bench.node.usage().memory_len;
    let late = neighbor(&mut bench, 2, "late");
    assert!(charged(&bench, late) >= least_len(300), "offered");
    assert!(bench.node.usage().memory_len >= before + least_len(300));
    let (words, _) = said(&mut bench, late);
    for word in &words {
        want(&mut bench, late, word.offer, &word.sources);
    }
    assert_eq!(said(&mut bench, late).1.len(), 300);
    assert!(charged(&bench, late) < 4 * KIB, "all of it has gone out");
    // What is wanted and waits for room.
    let slow = neighbor(&mut bench, 3, "slow");
    let (words, _) = said(&mut bench, slow);
    bench.node.config.limits.max_catch_up_rate = 1;
    bench.node.config.limits.max_history_len = 1;
    for word in &words {
        want(&mut bench, slow, word.offer, &word.sources);
    }
    assert!(said(&mut bench, slow).1.len() < 50);
    assert!(charged(&bench, slow) >= least_len(250), "wanted");
    bench.input(Input::Closed { conn: slow, error: None });
    bench.input(Input::Closed { conn: late, error: None });
    assert!(bench.node.usage().memory_len < before + 4 * KIB);
    assert_eq!(bench.node.check_memory(), Ok(()));
}

#[test]
fn t44_what_a_neighbor_offers_is_charged_while_it_waits_and_while_it_is_owed() {
    let mut bench = Bench::with(config());
    let [first, second] = [(2, "a"), (3, "b")].map(|(at, name)| neighbor(&mut bench, at, name));
    let before = [first, second].map(|conn| charged(&bench, conn));
    for conn in [first, second] {
        offer(&mut bench, conn, 1, &sources(150));
        offer(&mut bench, conn, 2, &sources(300)[150..]);
    }
    assert!(charged(&bench, first) >= before[0] + least_len(150), "asked");
    assert!(charged(&bench, second) >= before[1] + least_len(300), "heard");
    for at in 0..300 {
        for sequence in 1..=9 {
            bench.receive(first, &numbered("waterfall", &format!("t{at:03}"), sequence, "x"));
            assert_eq!(bench.node.check_memory(), Ok(()));
        }
    }
    bench.wait(20_000);
    for (conn, before) in [first, second].into_iter().zip(before) {
        assert!(charged(&bench, conn) < before + 4 * KIB, "all of it has come");
    }
}

#[test]
fn t44_where_memory_is_scarce_offers_are_answered_and_not_noted_and_made_later() {
    let mut bench = holder_of(300);
    let max_memory = bench.node.config.limits.max_memory;
    bench.node.config.limits.max_memory = (bench.node.usage().memory_len + 16 * KIB) / 4 * 5;
    let conn = neighbor(&mut bench, 2, "late");
    assert!(said(&mut bench, conn).0.is_empty(), "what it misses would stand on lists");
    offer(&mut bench, conn, 1, &sources(300));
    let (words, _) = said(&mut bench, conn);
    assert_eq!((words.len(), words[0].verb, words[0].offer), (1, CatchUpVerb::Want, 1));
    assert_eq!(words[0].sources, sources(300));
    let stats = bench.node.stats().catch_up;
    assert_eq!((stats.refused, stats.postponed), (0, 1));
    let len = bench.node.backlog_len(conn).unwrap();
    bench.input(Input::Sent { conn, len });
    assert!(charged(&bench, conn) < 4 * KIB);
    bench.node.config.limits.max_memory = max_memory;
    bench.wait(11_000);
    let (words, _) = said(&mut bench, conn);
    let offered: usize = words.iter().map(|word| word.sources.len()).sum();
    assert_eq!(offered, 300, "as soon as there is room");
    assert!(bench.neighbors().iter().any(|(peer, _)| *peer == id("late")));
}

#[test]
fn t44_what_was_offered_and_asked_for_is_forgotten_when_nobody_holds_it_any_more() {
    let mut bench = holder_of(300);
    let conn = neighbor(&mut bench, 2, "late");
    offer(&mut bench, conn, 1, &sources(300));
    assert!(charged(&bench, conn) >= 2 * least_len(300), "offered, and asked for");
    bench.wait(90_000);
    assert_eq!(bench.node.usage().history_len, 0);
    assert!(charged(&bench, conn) < 4 * KIB);
    assert_eq!(bench.node.check_memory(), Ok(()));
}

/// Fills a node's memory, and lets it refuse a frame to `from`.
fn use_memory_up(bench: &mut Bench) {
    bench.node.config.limits.max_memory = bench.node.usage().memory_len;
    let refused = bench.node.send_raw(bench.now, &id("from"), b"whisper", &["text"]);
    assert_eq!(refused, Err(Refusal::OutOfMemory));
    bench.wait(0);
}

fn is_neighbor(bench: &Bench, name: &str) -> bool {
    bench.neighbors().iter().any(|(peer, _)| *peer == id(name))
}

#[test]
fn t44_where_lists_are_what_is_too_much_they_are_forgotten_and_made_again_and_nobody_is_closed() {
    for is_wanted in [false, true] {
        let mut bench = holder_of(300);
        bench.neighbor(3, "b", None);
        bench.neighbor(4, "c", None);
        let conn = neighbor(&mut bench, 2, "late");
        let (words, _) = said(&mut bench, conn);
        let (rate, history_len) = (
            std::mem::replace(&mut bench.node.config.limits.max_catch_up_rate, 500),
            std::mem::replace(&mut bench.node.config.limits.max_history_len, 1),
        );
        if is_wanted {
            for word in &words {
                want(&mut bench, conn, word.offer, &word.sources);
            }
            said(&mut bench, conn);
        }
        assert!(charged(&bench, conn) >= least_len(250));
        let max_memory = bench.node.config.limits.max_memory;
        use_memory_up(&mut bench);
        assert!(is_neighbor(&bench, "late") && charged(&bench, conn) < 4 * KIB);
        bench.node.config.limits.max_memory = max_memory;
        bench.node.config.limits.max_catch_up_rate = rate;
        bench.node.config.limits.max_history_len = history_len;
        bench.wait(11_000);
        let offered: usize = said(&mut bench, conn).0.iter().map(|word| word.sources.len()).sum();
        // What has been asked for is not asked for again.
        assert_eq!(offered, if is_wanted { 0 } else { 300 });
    }
}

#[test]
fn t44_a_neighbor_that_offers_a_lot_and_brings_little_of_it_does_not_keep_memory_scarce() {
    let mut bench = Bench::with(config());
    let from = bench.neighbor(1, "from", Some(1));
    let bad = neighbor(&mut bench, 2, "bad");
    let many: Vec<_> = (0..900).map(|at| source(&format!("t{at:03}"), &[(1, 1_000)])).collect();
    for (name, piece) in (1..).zip(many.chunks(150)) {
        offer(&mut bench, bad, name, piece);
    }
    for sequence in 0..200 {
        bench.receive(from, &numbered("broadcast", "x", sequence, "x"));
    }
    let (len, history_len) = (bench.node.usage().memory_len, bench.node.usage().history_len);
    bench.node.config.limits.max_memory = len + len / 9;
    for sequence in 1..=60 {
        bench.wait(500);
        bench.receive(bad, &numbered("waterfall", "t000", sequence, "x"));
        bench.receive(from, b"");
    }
    assert!(!bench.node.ledger.is_pressed);
    assert!(
        history_len > 0 && bench.node.usage().history_len >= history_len,
        "nor others' messages"
    );
    assert!(is_neighbor(&bench, "bad") && is_neighbor(&bench, "from"));
}
