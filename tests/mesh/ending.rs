//! Connections and sockets that end, with bytes under way and threads that wait.

use std::collections::BTreeSet;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use rs2p::{
    Compress, ConnectError, LocateError, MeshSocket, NodeId, RecvError, SendError, WhisperError,
};

use super::raw::Raw;
use super::{PATIENCE, builder, linked, node, until, within};

const MIB: usize = 1 << 20;

/// A node that queues a lot and gives an ending connection so long.
fn generous(linger: Duration) -> MeshSocket {
    let change = |config: &mut rs2p::Config| {
        config.limits.max_backlog_len = 64 * MIB;
        config.limits.max_memory = 512 * MIB;
        config.compress = Compress::Never;
        config.limits.linger_timeout = linger;
    };
    builder().max_outgoing(0).configure(change).bind("127.0.0.1:0").unwrap()
}

/// Queues 8 MiB for every neighbor.
fn send_8_mib(mesh: &MeshSocket) {
    let packet = vec![7; MIB];
    for _ in 0..8 {
        assert_eq!(mesh.send(&[&packet]).unwrap().refused(), []);
    }
}

#[test]
fn a_peer_that_has_ended_its_side_still_gets_everything_queued() {
    let mesh = generous(PATIENCE);
    let raw = Raw::neighbor_of(&mesh);
    send_8_mib(&mesh);
    raw.end_sending();
    assert_eq!(raw.broadcasts_to_the_end(), [MIB; 8]);
}

#[test]
fn what_a_disconnected_peer_goes_on_sending_is_dropped_and_holds_nobody_up() {
    let mesh = node();
    let mut raw = Raw::neighbor_of(&mesh);
    assert!(mesh.disconnect(&raw.id));
    let late = raw.broadcast(b"late");
    while raw.next().is_some() {}
    for _ in 0..100 {
        raw.stream.write_all(&late).unwrap();
    }
    raw.end_sending();
    assert!(within(Duration::from_secs(4), move || mesh.close().is_clean() && mesh.recv().is_err()));
}

#[test]
fn what_a_peer_sent_before_it_vanished_is_delivered_while_this_node_sends_to_it() {
    // Small enough for the receiving system to take it whole before the peer resets.
    const COUNT: usize = 300;
    for _ in 0..10 {
        let mesh = node();
        let mut raw = Raw::neighbor_of(&mesh);
        let sender = mesh.clone();
        let sending = thread::spawn(move || while sender.send(&["to you"]).is_ok() {});
        // The peer has something unread when it goes, so its system resets the connection.
        raw.stream.peek(&mut [0]).unwrap();
        let flood: Vec<u8> = (0..COUNT).flat_map(|_| raw.broadcast(b"x")).collect();
        assert!(flood.len() < 60_000);
        raw.stream.write_all(&flood).unwrap();
        drop(raw);
        for number in 0..COUNT {
            let message = mesh.recv_timeout(PATIENCE).unwrap();
            assert!(message.is_some(), "{number} of {COUNT} were delivered");
        }
        sending.join().unwrap();
    }
}

#[test]
fn disconnecting_and_then_closing_loses_nothing() {
    let mesh = generous(PATIENCE);
    let raw = Raw::neighbor_of(&mesh);
    send_8_mib(&mesh);
    assert!(mesh.disconnect(&raw.id));
    let closing = thread::spawn(move || mesh.close());
    assert_eq!(raw.broadcasts_to_the_end(), [MIB; 8]);
    assert!(closing.join().unwrap().is_clean());
}

#[test]
fn closing_from_two_threads_at_once_loses_nothing_and_tells_both() {
    let mesh = generous(PATIENCE);
    let raw = Raw::neighbor_of(&mesh);
    send_8_mib(&mesh);
    let closing = [(); 2].map(|()| {
        let clone = mesh.clone();
        thread::spawn(move || clone.close())
    });
    assert_eq!(raw.broadcasts_to_the_end(), [MIB; 8]);
    for thread in closing {
        assert!(thread.join().unwrap().is_clean());
    }
}

#[test]
fn closing_waits_for_a_stuck_peer_no_longer_than_the_linger_timeout_and_names_it() {
    let linger = Duration::from_millis(300);
    let mesh = generous(linger);
    let raw = Raw::neighbor_of(&mesh);
    // More than the systems at both ends take while nobody reads.
    (0..4).for_each(|_| send_8_mib(&mesh));
    let report = within(linger + Duration::from_secs(1), move || mesh.close());
    let [(id, len)] = report.unsent() else { panic!("{report:?}") };
    assert_eq!(*id, raw.id);
    assert!((1..33 * MIB).contains(len), "{len}");
    assert!(!report.is_clean());
}

#[test]
fn dropping_waits_for_a_stuck_peer_about_a_second() {
    let mesh = generous(Duration::from_secs(6));
    let raw = Raw::neighbor_of(&mesh);
    (0..4).for_each(|_| send_8_mib(&mesh));
    within(Duration::from_secs(3), move || drop(mesh));
    drop(raw);
}

#[test]
fn any_thread_may_drop_the_last_handle() {
    for _ in 0..10 {
        let mesh = node();
        let addr = mesh.local_addr();
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let clone = mesh.clone();
                thread::spawn(move || drop(clone))
            })
            .collect();
        drop(mesh);
        for thread in threads {
            thread.join().unwrap();
        }
        assert!(TcpStream::connect(addr).is_err(), "nobody listens any more");
    }
}

#[test]
fn whoever_waits_is_told_when_the_socket_is_closed() {
    let mesh = generous(Duration::from_millis(300));
    let raw = Raw::neighbor_of(&mesh);
    send_8_mib(&mesh);
    // Until its system takes no more for a while: it may still take some, but not what the
    // longest message needs.
    let patience = Duration::from_millis(100);
    while mesh.send_timeout(&[vec![7; MIB]], patience).unwrap().refused().is_empty() {}
    let joined = mesh.next_event(PATIENCE).unwrap();
    assert!(matches!(joined, Some(rs2p::Event::PeerJoined(_))));
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let (addr, far) = (silent.local_addr().unwrap(), "far".parse::<NodeId>().unwrap());
    let calls: Vec<Box<dyn FnOnce(MeshSocket) -> bool + Send>> = vec![
        Box::new(|mesh| mesh.recv() == Err(RecvError::Closed)),
        Box::new(|mesh| mesh.recv_timeout(PATIENCE) == Err(RecvError::Closed)),
        Box::new(|mesh| mesh.recv_many(3) == Err(RecvError::Closed)),
        Box::new(|mesh| mesh.messages().next().is_none()),
        Box::new(|mesh| mesh.wait_for_peers(2, PATIENCE) == 0),
        Box::new(move |mesh| matches!(mesh.connect(addr), Err(ConnectError::SocketClosed))),
        Box::new(move |mesh| mesh.locate(&far) == Err(LocateError::Closed)),
        Box::new(move |mesh| {
            mesh.whisper(&far, &["x"]) == Err(WhisperError::NotFound(LocateError::Closed))
        }),
        Box::new(|mesh| {
            mesh.send_timeout(&[vec![7; 4 * MIB - 1_024]], PATIENCE).unwrap_err()
                == SendError::Closed
        }),
    ];
    let threads: Vec<_> = calls
        .into_iter()
        .map(|call| {
            let clone = mesh.clone();
            thread::spawn(move || call(clone))
        })
        .collect();
    // Events go to whoever takes them first: these two only wait for the end.
    let clone = mesh.clone();
    let events = thread::spawn(move || clone.events().count());
    let clone = mesh.clone();
    let next = thread::spawn(move || while clone.next_event(PATIENCE).is_ok() {});
    until(&mesh, |mesh| mesh.awaiting().len() == 1 && mesh.tools().pending_requests().len() == 2);
    assert_eq!(mesh.close().unsent().len(), 1);
    for (index, thread) in threads.into_iter().enumerate() {
        assert!(within(PATIENCE, || thread.join().unwrap()), "call {index}");
    }
    within(PATIENCE, || next.join().unwrap());
    within(PATIENCE, || events.join().unwrap());
    drop(raw);
}

#[test]
fn a_socket_that_lingers_answers_as_a_closed_one() {
    let mesh = generous(PATIENCE);
    let raw = Raw::neighbor_of(&mesh);
    send_8_mib(&mesh);
    let clone = mesh.clone();
    let closing = thread::spawn(move || clone.close());
    until(&mesh, |mesh| mesh.routing_table().is_empty());
    let addr = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert!(matches!(mesh.connect(addr), Err(ConnectError::SocketClosed)));
    assert_eq!(mesh.locate(&raw.id), Err(LocateError::Closed));
    assert_eq!(mesh.whisper(&raw.id, &["x"]), Err(WhisperError::Send(SendError::Closed)));
    assert_eq!(mesh.send(&["x"]).unwrap_err(), SendError::Closed);
    assert_eq!(mesh.send_timeout(&["x"], PATIENCE).unwrap_err(), SendError::Closed);
    assert_eq!(raw.broadcasts_to_the_end(), [MIB; 8]);
    assert!(closing.join().unwrap().is_clean());
}

#[test]
fn what_a_node_counted_is_known_to_whoever_its_end_wakes() {
    for _ in 0..30 {
        let mesh = node();
        let clone = mesh.clone();
        let waiting = thread::spawn(move || (clone.recv(), clone.stats().wakeups));
        assert!(mesh.close().is_clean());
        let (end, wakeups) = waiting.join().unwrap();
        assert_eq!(end, Err(RecvError::Closed));
        assert!(wakeups > 0);
    }
}

#[test]
fn calls_that_meet_the_end_of_the_loop_return() {
    for _ in 0..30 {
        let nodes = linked(2, &[(0, 1)]);
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let clone = nodes[0].clone();
                thread::spawn(move || while clone.send(&["x"]) != Err(SendError::Closed) {})
            })
            .collect();
        nodes[0].close();
        let names: BTreeSet<_> = threads
            .into_iter()
            .map(|thread| {
                within(PATIENCE, || thread.join().unwrap());
            })
            .collect();
        assert_eq!(names.len(), 1);
    }
}
