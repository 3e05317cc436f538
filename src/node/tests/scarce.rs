//! Who pays where memory grows scarce: what holds more than its share, and the memory of what others
//! may have missed, before anybody who holds little. PROTOCOL.md §6.

use std::net::SocketAddr;
use std::time::Duration;

use super::bench::{frame, id, numbered};
use super::memory::{KIB, Stage, scarce};
use crate::error::{CloseReason, Refusal, SendError, WhisperError};
use crate::node::{Input, Whispered};
use crate::wire::{Address, Response};

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

#[test]
fn t44_whispers_that_wait_give_way_to_places_that_are_taken_after_them() {
    let count = 250;
    let mut config = scarce(|limits| {
        (limits.max_incoming, limits.max_pending) = (count, count);
        limits.max_memory = 16 << 20;
    });
    config.limits.max_memory = config.least_memory();
    let mut stage = Stage::new(config, 10);
    drain(&mut stage, 0..10);
    let (text, nobody) = (vec![7; 50 * KIB], id("nobody"));
    while stage.call(|node, now| node.whisper(now, &nobody, &[&text])).is_ok() {
        drain(&mut stage, 0..10);
    }
    for number in 0..10 {
        stage.begin(number, 512);
    }
    for number in 10..count {
        let addr = format!("10.9.{number}.1:50000").parse().unwrap();
        stage.call(|node, now| node.accept(now, addr)).unwrap();
    }
    assert_eq!((&stage.lost[..], &stage.aborted[..]), (&[][..], &[][..]));
    let is_right = |error: &_| *error == WhisperError::Send(SendError::OutOfMemory);
    assert!(!stage.failed.is_empty() && stage.failed.iter().all(is_right));
    assert!(stage.usage().memory_len > stage.node.config.limits.max_memory - 50 * KIB);
}

#[test]
fn t44_false_answers_have_no_neighbor_closed_for_what_is_dialled_on_them() {
    let mut stage = Stage::new(scarce(|_| {}), 10);
    drain(&mut stage, 0..10);
    let mut asked = Vec::new();
    for number in 0..8 {
        let (text, nobody) = (vec![7; 50 * KIB], id(&format!("nobody{number}")));
        let Ok(Whispered::Locating(request_id)) =
            stage.call(|node, now| node.whisper(now, &nobody, &[&text]))
        else {
            break;
        };
        asked.push((request_id, nobody));
        drain(&mut stage, 0..10);
    }
    for number in 0..9 {
        stage.begin(number, 512);
    }
    let places = asked.iter().flat_map(|asked| [asked; 4]).zip(1..);
    for ((request_id, nobody), place) in places {
        let addr: SocketAddr = format!("8.8.{place}.1:5000").parse().unwrap();
        let (request_id, address) = (*request_id, Some(Address::from(addr)));
        let answer = Response { request_id, id: *nobody, address }.encode();
        stage.receive(9, &frame("whisper", "peer0", &answer));
    }
    assert_eq!(stage.lost, []);
    assert!(stage.usage().connections > 12, "as many were dialled as there was room for");
}
