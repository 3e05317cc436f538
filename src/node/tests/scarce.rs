//! Who pays where memory grows scarce: what holds more than its share, and the memory of what others
//! may have missed, before anybody who holds little. PROTOCOL.md §6.

use std::time::Duration;

use super::bench::{Bench, id, numbered};
use super::memory::{KIB, Stage, scarce};
use super::net::config;
use super::offers::{neighbor, offer, said, source, want};
use crate::conn_id::ConnId;
use crate::error::{CloseReason, Refusal};
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

/// A node whose memory is for the most part that of messages held for others, with so many
/// neighbors, all of which have taken what was sent to them.
fn remembering(count: usize) -> Stage {
    let mut config = scarce(|limits| {
        limits.max_incoming = count;
        limits.max_history_len = 4_096 * KIB;
        // Frames may stay unfinished for as long as the tests take.
        limits.progress_interval = Duration::from_secs(600);
        limits.frame_timeout = Duration::from_secs(600);
        limits.max_memory = 16 << 20;
    });
    config.limits.max_memory = config.least_memory();
    let mut stage = Stage::new(config, count);
    drain(&mut stage, 0..count);
    for sequence in 0..80 {
        stage.receive(0, &numbered("broadcast", "peer0", sequence, &"x".repeat(60 * KIB)));
        drain(&mut stage, 0..count);
    }
    assert!(stage.usage().history_len > 3_900 * KIB);
    stage
}

fn drain(stage: &mut Stage, numbers: std::ops::Range<usize>) {
    for number in numbers {
        let len = stage.backlog(number);
        stage.sent(number, len);
    }
}

/// Queues something of its own for a neighbor.
fn tell(stage: &mut Stage, number: usize, len: usize) -> Result<(), Refusal> {
    let (id, text) = (id(&format!("peer{number}")), vec![7; len]);
    stage.call(|node, now| node.send_raw(now, &id, b"whisper", &[&text]))
}

#[test]
fn t44_a_slow_neighbor_within_its_share_outlives_a_crowd_that_keeps_memory_scarce() {
    let mut stage = remembering(40);
    tell(&mut stage, 0, 2 * KIB).unwrap();
    // Each holds less than the fortieth of the last fifth, and all take what they are sent.
    let share = stage.node.share_len();
    for number in 1..40 {
        stage.begin(number, share - 2 * KIB);
    }
    let limits = stage.node.config().limits.clone();
    assert!(stage.usage().memory_len >= limits.max_memory / 5 * 4);
    assert_eq!(stage.held, [], "nobody holds more than its share");
    for _ in 0..60 {
        stage.wait(Duration::from_secs(1));
        drain(&mut stage, 1..40);
        stage.sent(0, 1);
        for number in 0..40 {
            // Somebody is there.
            stage.receive(number, b"");
        }
    }
    assert_eq!((&stage.lost[..], &stage.aborted[..]), (&[][..], &[][..]));
    assert!(stage.usage().memory_len < limits.max_memory / 4 * 3, "what was missed made room");
    assert!(stage.usage().history_len > 2_000 * KIB, "and no more than that");
    assert!(stage.node.stats().catch_up.displaced > 0);
}

#[test]
fn t44_of_those_that_use_memory_up_the_largest_goes_and_not_the_one_that_is_late() {
    let mut stage = remembering(40);
    tell(&mut stage, 0, 2 * KIB).unwrap();
    stage.wait(Duration::from_secs(2));
    let history_len = stage.usage().history_len;
    // Others have much queued for them, but not for long.
    let mut refused = false;
    for number in (1..40).chain(1..40) {
        refused |= tell(&mut stage, number, 60 * KIB) == Err(Refusal::OutOfMemory);
    }
    assert!(refused);
    assert_eq!(stage.lost, [], "they may be about to take it");
    assert_eq!(
        stage.usage().history_len,
        history_len,
        "and would have all that is held for others"
    );
    stage.wait(Duration::from_secs(1));
    stage.sent(0, 1);
    let mut number = 1;
    while stage.lost.is_empty() {
        // Whether it is refused or another one goes for it.
        let _ = tell(&mut stage, number, 60 * KIB);
        number += 1;
        assert!(number < 40);
    }
    let is_large = |reason: &CloseReason| matches!(reason, CloseReason::OutOfMemory { held_len } if *held_len >= 60 * KIB);
    assert!(stage.lost.iter().all(is_large), "{:?}", stage.lost);
    assert!(stage.backlog(0) > 0, "who is late with little stays");
}

#[test]
fn t44_a_frame_that_many_wait_for_is_nobody_s_alone() {
    let mut stage = Stage::new(
        scarce(|limits| {
            limits.progress_interval = Duration::from_secs(600);
            limits.frame_timeout = Duration::from_secs(600);
        }),
        17,
    );
    drain(&mut stage, 0..17);
    // Six are slow; four broadcasts wait for all six.
    for _ in 0..4 {
        let text = vec![7; 50 * KIB];
        stage.call(|node, now| node.broadcast(now, &[&text])).unwrap();
        drain(&mut stage, 6..17);
    }
    let slow = stage.conns[..6].to_vec();
    for number in 6..17 {
        stage.begin(number, 60 * KIB);
    }
    assert!(!stage.held.is_empty());
    for _ in 0..30 {
        stage.wait(Duration::from_secs(1));
        (0..6).for_each(|number| stage.sent(number, 1));
        drain(&mut stage, 6..17);
    }
    assert!(!stage.aborted.is_empty() && stage.held.is_empty(), "memory is free again");
    let innocent: Vec<_> = stage.aborted.iter().filter(|conn| slow.contains(conn)).collect();
    assert!(innocent.is_empty(), "closing them would have given next to nothing back");
}

#[test]
fn t44_what_is_held_for_others_gives_way_before_anybody_within_its_share() {
    let mut stage = remembering(40);
    for number in 1..40 {
        stage.begin(number, 16 * KIB);
    }
    let (before, history_len) = (stage.usage().memory_len, stage.usage().history_len);
    for less in [100 * KIB, 500 * KIB, 1_000 * KIB] {
        stage.node.config.limits.max_memory = before - less;
        stage.call(|node, now| node.handle_input(now, Input::Timeout));
        assert!(stage.usage().memory_len <= before - less);
        assert!(stage.usage().history_len < history_len - less + 100 * KIB);
        assert!(
            stage.usage().history_len + less + 200 * KIB > history_len,
            "and no more than asked"
        );
    }
    assert_eq!((&stage.lost[..], &stage.aborted[..]), (&[][..], &[][..]));
    // One that holds more than its share goes before.
    stage.node.config.limits.max_memory = 8_192 * KIB;
    stage.begin(0, 62 * KIB);
    let history_len = stage.usage().history_len;
    stage.node.config.limits.max_memory = stage.usage().memory_len - KIB;
    stage.call(|node, now| node.handle_input(now, Input::Timeout));
    assert_eq!(stage.aborted, [stage.conns[0]]);
    assert_eq!(stage.usage().history_len, history_len);
}

#[test]
fn t44_who_has_lists_of_more_than_its_share_is_closed_where_nothing_comes_of_them_for_a_second() {
    for (waited, is_cut) in [(999, false), (1_000, true)] {
        let mut bench = holder_of(300);
        bench.neighbor(3, "b", None);
        bench.neighbor(4, "c", None);
        let conn = neighbor(&mut bench, 2, "late");
        let len = bench.node.backlog_len(conn).unwrap();
        bench.input(Input::Sent { conn, len });
        assert!(charged(&bench, conn) >= least_len(300), "offered");
        bench.wait(waited);
        bench.node.config.limits.max_memory = bench.node.usage().memory_len;
        let refused = bench.node.send_raw(bench.now, &id("from"), b"whisper", &["text"]);
        assert_eq!(refused, Err(Refusal::OutOfMemory));
        bench.wait(0);
        assert_eq!(bench.neighbors().iter().all(|(peer, _)| *peer != id("late")), is_cut);
    }
}

#[test]
fn t44_places_and_questions_that_are_all_taken_leave_neighbors_their_share() {
    let count = 250;
    let mut config = scarce(|limits| {
        (limits.max_incoming, limits.max_requests) = (count, 64);
        limits.max_memory = 64 << 20;
    });
    config.limits.max_memory = config.least_memory();
    let mut stage = Stage::new(config, count);
    drain(&mut stage, 0..count);
    for number in 0..64 {
        let nobody = id(&format!("nobody{number}"));
        stage.node.locate(stage.now, &nobody).unwrap();
        if number % 4 == 3 {
            drain(&mut stage, 0..count);
        }
    }
    for number in 0..count {
        let share = stage.node.share_len();
        stage.begin(number, share - KIB);
    }
    assert_eq!((&stage.lost[..], &stage.aborted[..]), (&[][..], &[][..]));
    assert!(stage.usage().memory_len > stage.node.config.limits.max_memory / 2);
}

#[test]
fn t44_whispers_that_wait_leave_neighbors_their_share() {
    let mut stage = Stage::new(scarce(|_| {}), 10);
    drain(&mut stage, 0..10);
    let (text, nobody) = (vec![7; 50 * KIB], id("nobody"));
    while stage.call(|node, now| node.whisper(now, &nobody, &[&text])).is_ok() {
        drain(&mut stage, 0..10);
    }
    drain(&mut stage, 0..10);
    for number in 0..10 {
        let share = stage.node.share_len();
        stage.begin(number, share - KIB);
    }
    assert_eq!((&stage.lost[..], &stage.aborted[..]), (&[][..], &[][..]));
}
