//! What the node takes of memory, and what it does where that grows scarce. PROTOCOL.md §6.

use std::time::Duration;

use bytes::Bytes;

use super::bench::{Bench, frame, handshake};
use super::net::limited;
use crate::conn_id::ConnId;
use crate::error::{CloseReason, Refusal, SendError, WhisperError};
use crate::event::Event;
use crate::node::{CloseMode, Compress, Config, Input, Limits, Node, Output, Usage};
use crate::time::Instant;

pub(super) const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// The defaults, but that what is sent is as long as it looks, and nothing is held for others or to
/// be explained.
fn plain() -> Config {
    let config = limited(|limits| {
        limits.max_history_len = 0;
        limits.max_explained_count = 0;
    });
    Config { compress: Compress::Never, ..config }
}

/// Little memory, for frames of 64 KiB.
pub(super) fn scarce(change: impl FnOnce(&mut Limits)) -> Config {
    let config = limited(|limits| {
        (limits.max_incoming, limits.max_outgoing, limits.max_requests) = (20, 0, 32);
        limits.max_frame_len = 64 * KIB;
        limits.max_backlog_len = 256 * KIB;
        limits.max_seen_len = 64 * KIB;
        limits.max_history_len = 0;
        limits.max_explained_count = 0;
        limits.max_memory = MIB;
        change(limits);
    });
    Config { compress: Compress::Never, ..config }
}

/// A node with neighbors that take nothing of what is sent to them.
pub(super) struct Stage {
    pub(super) node: Node,
    pub(super) now: Instant,
    pub(super) conns: Vec<ConnId>,
    pub(super) held: Vec<ConnId>,
    pub(super) lost: Vec<CloseReason>,
    pub(super) aborted: Vec<ConnId>,
    /// Why whispers failed.
    pub(super) failed: Vec<WhisperError>,
}

impl Stage {
    pub(super) fn new(config: Config, count: usize) -> Self {
        let mut bench = Bench::with(config);
        let mut join = |number: usize| {
            let conn = bench.accept(number + 1);
            bench.receive(conn, &handshake(&format!("peer{number}"), Some(number as u64), None));
            conn
        };
        let conns = (0..count).map(&mut join).collect();
        let Bench { node, now, .. } = bench;
        assert_eq!(node.routing_table().count(), count);
        let (held, lost, aborted) = (Vec::new(), Vec::new(), Vec::new());
        Self { node, now, conns, held, lost, aborted, failed: Vec::new() }
    }

    pub(super) fn call<T>(&mut self, call: impl FnOnce(&mut Node, Instant) -> T) -> T {
        let result = call(&mut self.node, self.now);
        while let Some(output) = self.node.poll_output() {
            match output {
                Output::HoldRead { conn } => self.held.push(conn),
                Output::ReleaseRead { conn } => self.held.retain(|held| *held != conn),
                Output::Event(Event::WhisperDone { outcome: Err(error), .. }) => {
                    self.failed.push(error);
                }
                Output::Event(Event::PeerLost { reason, .. }) => self.lost.push(reason),
                Output::Close { conn, mode: CloseMode::Abort } => {
                    self.held.retain(|held| *held != conn);
                    self.aborted.push(conn);
                }
                _ => {}
            }
        }
        assert_eq!(self.node.check_memory(), Ok(()));
        result
    }

    pub(super) fn receive(&mut self, number: usize, data: &[u8]) {
        let conn = self.conns[number];
        self.call(|node, now| node.handle_input(now, Input::Received { conn, data }));
    }

    pub(super) fn sent(&mut self, number: usize, len: usize) {
        let conn = self.conns[number];
        self.call(|node, now| node.handle_input(now, Input::Sent { conn, len }));
    }

    /// Begins a frame of 64 KiB of which so many bytes come now.
    pub(super) fn begin(&mut self, number: usize, len: usize) {
        let mut data = vec![0, 1, 0, 0];
        data.resize(4 + len, 7);
        self.receive(number, &data);
    }

    pub(super) fn wait(&mut self, duration: Duration) {
        let end = self.now + duration;
        while let Some(due) = self.node.poll_timeout().filter(|&due| due <= end) {
            self.now = self.now.max(due);
            self.call(|node, now| node.handle_input(now, Input::Timeout));
        }
        self.now = end;
    }

    pub(super) fn usage(&self) -> Usage {
        self.node.usage()
    }

    pub(super) fn backlog(&self, number: usize) -> usize {
        self.node.backlog_len(self.conns[number]).unwrap_or(0)
    }
}

#[test]
fn t44_a_broadcast_to_117_neighbors_is_in_memory_once() {
    let mut stage = Stage::new(plain(), 117);
    for number in 0..117 {
        let len = stage.backlog(number);
        stage.sent(number, len);
    }
    let before = stage.usage();
    assert_eq!(before.queued_len, 0);
    let text = vec![7; 4 * MIB - KIB];
    let report = stage.call(|node, now| node.broadcast(now, &[&text])).unwrap();
    assert_eq!(report.queued(), 117);
    let queued_len = stage.usage().queued_len;
    assert!((text.len()..text.len() + 16 * KIB).contains(&queued_len), "{queued_len}");
    for number in 0..117 {
        let len = stage.backlog(number);
        assert!(len > text.len());
        stage.sent(number, len);
    }
    // Peers lists were kept to be sent again, and this is too long to be.
    assert_eq!(stage.usage().queued_len, 0);
    assert!(stage.usage().memory_len <= before.memory_len);
}

#[test]
fn t44_whatever_is_held_of_a_frame_is_charged_as_it_comes_and_given_back_with_its_end() {
    let mut stage = Stage::new(scarce(|_| {}), 2);
    let before = stage.usage().memory_len;
    stage.begin(0, 1);
    assert_eq!(stage.usage().memory_len, before + 1);
    stage.receive(0, &vec![7; 9_999]);
    assert_eq!(stage.usage().memory_len, before + 10_000);
    let conn = stage.conns[0];
    stage.call(|node, now| node.handle_input(now, Input::Closed { conn, error: None }));
    assert!(stage.usage().memory_len < before);
}

#[test]
fn t44_at_four_fifths_those_that_hold_most_are_not_read_until_a_quarter_is_free() {
    let mut stage = Stage::new(scarce(|_| {}), 14);
    let held = |stage: &Stage| stage.held.clone();
    // Twelve hold 60 KiB each and two a little: the first thirteen fill four fifths of 1 MiB.
    for number in 0..12 {
        assert_eq!(held(&stage), [], "{number}");
        stage.begin(number, 60 * KIB);
    }
    let taken = stage.usage().memory_len;
    assert!(taken < MIB / 5 * 4, "{taken}");
    stage.begin(12, MIB / 5 * 4 - taken - 1);
    assert_eq!(held(&stage), []);
    stage.begin(13, 1);
    let big = stage.conns[..13].to_vec();
    assert_eq!(held(&stage), big, "those that hold more than a fourteenth of the last fifth");
    assert_eq!(stage.node.poll_timeout().map(|due| due > stage.now), Some(true), "the loop sleeps");
    // Frames of those that are read are taken while that is so.
    stage.receive(13, &vec![7; 14 * KIB]);
    assert_eq!(held(&stage), big);
    // Somebody leaves. Where three quarters are taken, all wait on.
    let conn = stage.conns[0];
    stage.call(|node, now| node.handle_input(now, Input::Closed { conn, error: None }));
    stage.held.retain(|held| *held != conn);
    assert!(stage.usage().memory_len >= MIB / 4 * 3);
    assert_eq!(held(&stage), big[1..]);
    let conn = stage.conns[1];
    stage.call(|node, now| node.handle_input(now, Input::Closed { conn, error: None }));
    stage.held.retain(|held| *held != conn);
    assert!(stage.usage().memory_len < MIB / 4 * 3);
    assert_eq!(held(&stage), []);
    assert_eq!(stage.lost.len(), 2, "only those that left are lost");
    assert_eq!((stage.node.stats().held, stage.node.stats().closed.out_of_memory), (13, 0));
}

#[test]
fn t44_nobody_keeps_memory_scarce_for_longer_than_20_seconds() {
    let mut stage = Stage::new(scarce(|_| {}), 14);
    for number in 0..14 {
        stage.begin(number, 60 * KIB);
    }
    assert!(stage.held.len() >= 12);
    stage.wait(Duration::from_millis(19_900));
    assert_eq!(stage.node.stats().closed.out_of_memory, 0);
    assert!(stage.node.stats().closed.slow_frame <= 2, "who is not read is not slow");
    stage.wait(Duration::from_millis(200));
    assert_eq!(stage.held, [], "memory is free again");
    let is_cut = |reason: &&CloseReason| matches!(reason, CloseReason::OutOfMemory { held_len } if *held_len >= 60 * KIB);
    let cut = stage.lost.iter().filter(is_cut).count();
    assert_eq!(stage.node.stats().closed.out_of_memory, cut as u64);
    assert!((1..=4).contains(&cut), "{:?}", stage.lost);
}

#[test]
fn t44_what_exceeds_all_memory_closes_whoever_holds_the_most_at_once() {
    // Many small frames, each below the share that is read: only more connections than it allows.
    let mut stage = Stage::new(scarce(|_| {}), 1);
    stage.begin(0, 60 * KIB);
    let mut number = 100;
    while stage.aborted.is_empty() {
        number += 1;
        assert!(number < 400, "memory has no end");
        let from = super::net::addr(number % 200);
        stage.call(|node, now| node.accept(now, from)).unwrap();
        stage.now = stage.now + Duration::from_millis(1);
        // Not the pending ones' limit, but memory's.
        stage.node.config.limits.max_pending = 1_000;
        stage.node.config.limits.max_incoming = 1_000;
    }
    assert_eq!(stage.aborted, [stage.conns[0]]);
    let held =
        matches!(stage.lost[..], [CloseReason::OutOfMemory { held_len }] if held_len >= 60 * KIB);
    assert!(held, "{:?}", stage.lost);
}

#[test]
fn t44_a_frame_for_which_there_is_no_memory_is_refused_and_of_those_that_wait_the_largest_is_closed()
 {
    let mut stage = Stage::new(scarce(|_| {}), 5);
    let text = vec![7; 50 * KIB];
    let ids: Vec<_> = stage.node.routing_table().map(|info| info.id).collect();
    // Different frames for each, 200 KiB in all queues but the last, and more for as long as it fits.
    for _ in 0..5 {
        for id in &ids[..4] {
            let queued = stage.call(|node, now| node.send_raw(now, id, b"whisper", &[&text]));
            assert!(matches!(queued, Ok(()) | Err(Refusal::OutOfMemory)));
        }
    }
    assert!(stage.node.stats().refused.out_of_memory > 0);
    assert_eq!(stage.lost, [], "what was queued just now may be gone at once");
    assert!(!stage.node.has_room(text.len()));
    assert_eq!(
        stage.call(|node, now| node.whisper(now, &ids[4], &[&text])),
        Err(SendError::OutOfMemory)
    );
    stage.wait(Duration::from_millis(1_000));
    let queued = stage.call(|node, now| node.send_raw(now, &ids[4], b"whisper", &[&text]));
    assert_eq!(queued, Err(Refusal::OutOfMemory));
    assert!(matches!(stage.lost[..], [CloseReason::OutOfMemory { .. }]), "{:?}", stage.lost);
    let queued = stage.call(|node, now| node.send_raw(now, &ids[4], b"whisper", &[&text]));
    assert_eq!(queued, Ok(()));
}

#[test]
fn t44_a_handshake_for_which_there_is_no_memory_ends_its_connection() {
    let mut stage = Stage::new(scarce(|_| {}), 1);
    let conn = stage.call(|node, now| node.accept(now, super::net::addr(99))).unwrap();
    stage.node.config.limits.max_memory = stage.usage().memory_len;
    let data = handshake("late", Some(7), None);
    stage.call(|node, now| node.handle_input(now, Input::Received { conn, data: &data }));
    assert_eq!(stage.aborted, [conn], "nothing may be sent before it");
    assert_eq!(stage.node.stats().closed.out_of_memory, 1);
    assert_eq!(stage.node.routing_table().count(), 1);
}

#[test]
fn t44_what_waits_until_its_receiver_is_found_is_charged_until_its_outcome() {
    let mut stage = Stage::new(scarce(|_| {}), 1);
    let len = stage.backlog(0);
    stage.sent(0, len);
    let text = vec![7; 50 * KIB];
    let nobody = "nobody".parse().unwrap();
    let mut count = 0;
    let outcome = loop {
        let before = stage.usage().memory_len;
        let whispered = stage.call(|node, now| node.whisper(now, &nobody, &[&text]));
        let len = stage.backlog(0);
        stage.sent(0, len);
        if whispered.is_err() {
            break whispered;
        }
        count += 1;
        assert!(stage.usage().memory_len > before + text.len());
    };
    assert_eq!(outcome, Err(SendError::OutOfMemory));
    assert!((14..20).contains(&count), "{count}");
    stage.wait(Duration::from_secs(30));
    assert!(stage.usage().memory_len < 300 * KIB);
}

#[test]
fn t11_a_reader_that_stops_costs_no_more_than_its_queue_and_is_named_with_what_it_did_not_take() {
    let mut stage = Stage::new(plain(), 3);
    for number in 0..3 {
        let len = stage.backlog(number);
        stage.sent(number, len);
    }
    let before = stage.usage().memory_len;
    let text = vec![7; 64 * KIB];
    let mut refused = 0;
    for _ in 0..200 {
        let report = stage.call(|node, now| node.broadcast(now, &[&text])).unwrap();
        refused += report.refused().len();
        // Two read, and the last does not.
        for number in 0..2 {
            let len = stage.backlog(number);
            stage.sent(number, len);
        }
    }
    let limits = stage.node.config().limits.clone();
    let taken = stage.usage().memory_len - before;
    assert!(taken <= limits.max_backlog_len + limits.max_frame_len, "{taken}");
    let fitting = limits.max_backlog_len / (text.len() + KIB);
    assert!((200 - fitting - 2..=200 - fitting).contains(&refused), "{refused}");
    let unsent_len = stage.backlog(2);
    stage.wait(Duration::from_millis(20_100));
    assert_eq!(stage.lost, [CloseReason::Stalled { unsent_len }]);
    assert_eq!(stage.node.routing_table().count(), 2, "the others are unaffected");
}

#[test]
fn an_encrypted_connection_holds_no_buffer_at_rest() {
    let frame = frame("broadcast", "peer0", &["broadcast", "x"]);
    let mut stage = Stage::new(scarce(|_| {}), 1);
    let before = stage.usage().memory_len;
    let (head, tail) = frame.split_at(30);
    stage.receive(0, head);
    assert_eq!(stage.usage().memory_len, before + 26);
    stage.receive(0, tail);
    let kept = Bytes::from(frame).len() + 512;
    assert!(stage.usage().memory_len <= before + kept);
}
