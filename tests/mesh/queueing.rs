//! Queues with a bound, and threads that wait for room or for what is in them.

use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use rs2p::{BindError, Compress, ConfigError, MeshSocket, RecvError, Refusal, SendError};

use super::raw::Raw;
use super::{PATIENCE, builder, linked, node, until, within};

/// A node whose queues hold one message of 50,000 bytes for each neighbor, and not two.
fn narrow() -> MeshSocket {
    let change = |config: &mut rs2p::Config| {
        config.limits.max_frame_len = 64 << 10;
        config.limits.max_backlog_len = 64 << 10;
        config.compress = Compress::Never;
    };
    builder().max_outgoing(0).configure(change).bind("127.0.0.1:0").unwrap()
}

const LEN: usize = 50_000;

/// Sends until the queue is full and the system takes no more for a while.
fn fill(mesh: &MeshSocket) -> usize {
    let send = || mesh.send_timeout(&[vec![7; LEN]], Duration::from_millis(100)).unwrap();
    (0..).take_while(|_| send().refused().is_empty()).count()
}

#[test]
fn a_message_waits_until_a_slow_reader_makes_room_and_goes_on() {
    let mesh = narrow();
    let raw = Raw::neighbor_of(&mesh);
    let sent = fill(&mesh);
    let waiting = mesh.clone();
    let sending = thread::spawn(move || waiting.send_timeout(&[vec![8; LEN]], PATIENCE));
    // A call behind the other: the message is waiting now, or will be before anything is read.
    let clone = mesh.clone();
    let reading = thread::spawn(move || {
        let lens = raw.broadcasts_to_the_end();
        drop(clone);
        lens
    });
    let report = within(PATIENCE, || sending.join().unwrap()).unwrap();
    assert_eq!((report.queued(), report.refused()), (1, &[][..]));
    assert!(mesh.close().is_clean());
    assert_eq!(reading.join().unwrap(), vec![LEN; sent + 1]);
}

#[test]
fn at_the_deadline_it_goes_to_those_with_room_and_the_others_are_named() {
    let mesh = narrow();
    let stuck = Raw::neighbor_of(&mesh);
    fill(&mesh);
    let good = node();
    good.connect(mesh.local_addr()).unwrap();
    assert_eq!(mesh.wait_for_peers(2, PATIENCE), 2);
    // The stuck peer's system may still take some.
    let mut reports = std::iter::repeat_with(|| {
        mesh.send_timeout(&[vec![9; LEN]], Duration::from_millis(50)).unwrap()
    });
    let report = reports.find(|report| !report.refused().is_empty()).unwrap();
    assert_eq!(report.queued(), 1);
    assert_eq!(report.refused(), [(stuck.id, Refusal::QueueFull)]);
    // Among what was said before it came.
    let mut messages = std::iter::repeat_with(|| good.recv_timeout(PATIENCE).unwrap().unwrap());
    assert!(messages.any(|message| message.contents().eq([vec![9; LEN]])));
}

#[test]
fn many_threads_that_wait_for_room_all_get_it_while_the_peer_reads() {
    let mesh = narrow();
    let raw = Raw::neighbor_of(&mesh);
    let reading = thread::spawn(move || raw.broadcasts_to_the_end().len());
    let threads: Vec<_> = (0..16)
        .map(|_| {
            let mesh = mesh.clone();
            thread::spawn(move || {
                for _ in 0..20 {
                    let report = mesh.send_timeout(&[vec![7; LEN]], PATIENCE * 10).unwrap();
                    assert_eq!(report.refused(), []);
                }
            })
        })
        .collect();
    for thread in threads {
        within(PATIENCE, || thread.join().unwrap());
    }
    assert!(mesh.close().is_clean());
    assert_eq!(reading.join().unwrap(), 16 * 20);
}

#[test]
fn the_longest_message_finds_room_in_an_empty_queue_and_one_too_long_waits_for_none() {
    let mesh = narrow();
    let raw = Raw::neighbor_of(&mesh);
    let longest = (0..300).map(|less| (64 << 10) - less).find(|len| {
        // Too long ones tell so without a wait.
        !matches!(
            mesh.send_timeout(&[vec![7; *len]], PATIENCE * 10),
            Err(SendError::TooLong { .. })
        )
    });
    assert!(longest.is_some());
    let reading = thread::spawn(move || raw.broadcasts_to_the_end().len());
    assert!(mesh.close().is_clean());
    assert_eq!(reading.join().unwrap(), 1);
}

#[test]
fn an_inbox_keeps_the_last_messages_that_fit_its_limit_in_bytes() {
    let slow = builder().max_outgoing(0).max_inbox_len(10_000).bind("127.0.0.1:0").unwrap();
    let fast = node();
    fast.connect(slow.local_addr()).unwrap();
    for number in 0..30_u8 {
        fast.send(&[vec![number; 1_000]]).unwrap();
    }
    until(&slow, |slow| slow.stats().delivered == 30);
    let Err(RecvError::Lagged(lagged)) = slow.recv() else { panic!("nothing was discarded") };
    let kept = slow.recv_many(100).unwrap();
    let numbers: Vec<_> = kept.iter().map(|m| m.contents().next().unwrap()[0]).collect();
    assert_eq!(numbers, (u8::try_from(lagged).unwrap()..30).collect::<Vec<_>>());
    let len: usize = kept.iter().map(|m| m.as_pathfinding().packets().body().len()).sum();
    assert!((9_000..=10_000).contains(&len), "{len}");
}

#[test]
fn several_messages_can_be_taken_at_once_and_all_until_the_end() {
    let nodes = linked(2, &[(0, 1)]);
    for number in 0..9_u8 {
        nodes[0].send(&[[number]]).unwrap();
    }
    until(&nodes[1], |mesh| mesh.stats().delivered == 9);
    assert_eq!(nodes[1].recv_many(0).unwrap(), []);
    let [some, more] = [3, 2].map(|count| nodes[1].recv_many(count).unwrap());
    let mut all = [some, more].concat();
    assert_eq!(all.len(), 5);
    assert!(nodes[1].close().is_clean());
    all.extend(nodes[1].messages());
    let numbers: Vec<_> = all.iter().map(|m| m.contents().next().unwrap()[0]).collect();
    assert_eq!(numbers, (0..9).collect::<Vec<u8>>());
    assert_eq!(nodes[1].recv_many(1), Err(RecvError::Closed));
}

#[test]
fn more_callers_than_the_loop_has_places_for_are_all_answered() {
    const COUNT: usize = 1_100;
    let mesh = node();
    let barrier = Arc::new(Barrier::new(COUNT));
    let threads: Vec<_> = (0..COUNT)
        .map(|_| {
            let (mesh, barrier) = (mesh.clone(), Arc::clone(&barrier));
            let call = move || {
                barrier.wait();
                mesh.send(&["x"])
            };
            thread::Builder::new().stack_size(128 << 10).spawn(call).unwrap()
        })
        .collect();
    for thread in threads {
        assert_eq!(thread.join().unwrap().unwrap_err(), SendError::NoNeighbors);
    }
}

#[test]
fn an_inbox_without_a_place_is_refused() {
    let refused = builder().max_inbox_count(0).bind("127.0.0.1:0");
    let too_small = ConfigError::TooSmall { field: "max_inbox_count", min: 1 };
    assert!(matches!(refused, Err(BindError::Config(error)) if error == too_small));
}
