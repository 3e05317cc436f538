//! Messages that are handed over, and sent when there is room for them.

use std::thread;
use std::time::Duration;

use rs2p::{Compress, Encryption, InboxFull, MeshSocket, SendError};

use super::raw::Raw;
use super::{PATIENCE, node, until, within};

/// A node whose queues hold little, and that takes everything from others.
fn narrow(encryption: Encryption) -> MeshSocket {
    let change = |config: &mut rs2p::Config| {
        config.limits.max_frame_len = 32 << 10;
        config.limits.max_backlog_len = 64 << 10;
        config.limits.linger_timeout = PATIENCE;
        config.compress = Compress::Never;
    };
    let builder = MeshSocket::builder().encryption(encryption).max_outgoing(0).configure(change);
    builder.inbox_full(InboxFull::Pause).bind("127.0.0.1:0").unwrap()
}

/// Two of them, linked.
fn pair(encryption: Encryption) -> (MeshSocket, MeshSocket) {
    let (one, other) = (narrow(encryption), narrow(encryption));
    one.connect(other.local_addr()).unwrap();
    assert_eq!(other.wait_for_peers(1, PATIENCE), 1);
    (one, other)
}

/// The messages of a thread, some of them long.
fn text(thread: usize, number: usize) -> String {
    let len = if number % 100 == 0 { 20_000 } else { number % 50 };
    format!("{thread} {number} {}", "x".repeat(len))
}

fn text_of(message: &rs2p::Message) -> String {
    message.contents().map(String::from_utf8_lossy).collect()
}

/// Receives what some threads have published so often each, in the order of each.
fn receive_all(socket: &MeshSocket, threads: usize, count: usize) {
    let mut next = vec![0; threads];
    while next != vec![count; threads] {
        let message = socket.recv_timeout(PATIENCE).unwrap().expect("a message is missing");
        let received = text_of(&message);
        let thread: usize = received.split_once(' ').unwrap().0.parse().unwrap();
        assert_eq!(received, text(thread, next[thread]));
        next[thread] += 1;
    }
    assert_eq!(socket.try_recv().unwrap().map(|it| text_of(&it)), None);
}

#[test]
fn what_several_threads_publish_comes_whole_and_in_the_order_of_each() {
    const COUNT: usize = 5_000;
    let (one, other) = pair(Encryption::Plaintext);
    let threads: Vec<_> = (0..3)
        .map(|thread| {
            let one = one.clone();
            thread::spawn(move || {
                (0..COUNT).for_each(|number| one.publish(&[text(thread, number)]).unwrap());
            })
        })
        .collect();
    receive_all(&other, threads.len(), COUNT);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert!(one.flush(PATIENCE));
    let stats = one.stats();
    assert_eq!((stats.sent, stats.unpublished), (3 * COUNT as u64, 0));
    assert!(one.close().is_clean());
}

#[cfg(feature = "tls")]
#[test]
fn messages_that_are_published_together_share_a_signature() {
    const COUNT: usize = 3_000;
    let (one, other) = pair(Encryption::Tls);
    let publisher = one.clone();
    let publishing = thread::spawn(move || {
        (0..COUNT).for_each(|number| publisher.publish(&[text(0, number)]).unwrap());
    });
    receive_all(&other, 1, COUNT);
    publishing.join().unwrap();
    let verified = other.stats().verified;
    assert!(verified < COUNT as u64 / 2, "{verified} signatures");
    assert_eq!(one.stats().unpublished, 0);
}

#[test]
fn a_socket_that_is_closed_sends_what_was_published_first() {
    const COUNT: usize = 2_000;
    let (one, other) = pair(Encryption::Plaintext);
    let receiving = thread::spawn(move || receive_all(&other, 1, COUNT));
    (0..COUNT).for_each(|number| one.publish(&[text(0, number)]).unwrap());
    assert!(within(PATIENCE, move || one.close().is_clean()));
    receiving.join().unwrap();
}

#[test]
fn whoever_waits_for_room_is_woken_by_the_end_and_what_is_left_then_is_counted() {
    let mesh = narrow(Encryption::Plaintext);
    let _stuck = Raw::neighbor_of(&mesh);
    let publisher = mesh.clone();
    let publishing = thread::spawn(move || {
        let publish = || publisher.publish(&[[7; 10_000]]);
        let mut count = 0;
        loop {
            match publish() {
                Ok(()) => count += 1,
                Err(error) => return (count, error),
            }
        }
    });
    // The system takes a lot before it takes nothing more.
    until(&mesh, |mesh| !mesh.flush(Duration::from_millis(100)));
    let report = mesh.close_timeout(Duration::from_millis(50));
    let (count, error) = within(PATIENCE, || publishing.join().unwrap());
    assert_eq!(error, SendError::Closed);
    assert!(!report.is_clean(), "{report:?}");
    assert_eq!(mesh.stats().sent + report.unpublished(), count);
    assert!(!mesh.flush(PATIENCE), "there is nobody to ask");
}

#[test]
fn what_can_be_told_at_once_is() {
    let mesh = narrow(Encryption::Plaintext);
    assert_eq!(mesh.publish(&["text"]), Err(SendError::NoNeighbors));
    let other = node();
    mesh.connect(other.local_addr()).unwrap();
    assert_eq!(mesh.publish_as("whisper", &["text"]), Err(SendError::ReservedFlag));
    assert_eq!(mesh.publish_as("handshake", &["text"]), Err(SendError::ReservedFlag));
    let longest = (30 << 10..32 << 10).rev().find(|len| mesh.publish(&[vec![7; *len]]).is_ok());
    let too_long = mesh.publish(&[vec![7; longest.unwrap() + 1]]);
    assert!(matches!(too_long, Err(SendError::TooLong { len, max }) if len == max + 1));
    let too_many = SendError::TooManyPackets { count: 2_001, max: 1_020 };
    assert_eq!(mesh.publish(&[""; 2_000]), Err(too_many));
    assert!(mesh.publish_as("word", &[""; 1_019]).is_ok());
    let len = |message: rs2p::Message| message.contents().map(<[u8]>::len).sum::<usize>();
    assert_eq!(other.recv_timeout(PATIENCE).unwrap().map(len), longest);
    assert_eq!(other.recv_timeout(PATIENCE).unwrap().map(|it| it.contents().count()), Some(1_019));
    mesh.close();
    assert_eq!(mesh.publish(&["text"]), Err(SendError::Closed));
}

#[cfg(feature = "rsa")]
#[test]
fn under_rsa_it_waits_for_the_work_with_keys() {
    const COUNT: usize = 300;
    let bind = || {
        let change = |config: &mut rs2p::Config| {
            config.compress = Compress::Never;
            // What is refused is not made up for.
            config.limits.max_history_len = 0;
        };
        let builder = MeshSocket::builder().encryption(Encryption::Rsa).configure(change);
        builder.max_outgoing(0).bind("127.0.0.1:0").unwrap()
    };
    let (one, other) = (bind(), bind());
    one.connect(other.local_addr()).unwrap();
    assert_eq!(other.wait_for_peers(1, PATIENCE), 1);
    (0..COUNT).for_each(|number| one.publish(&[format!("{number} {:1000}", "")]).unwrap());
    for number in 0..COUNT {
        let message = other.recv_timeout(PATIENCE).unwrap().expect("a message is missing");
        assert!(text_of(&message).starts_with(&format!("{number} ")));
    }
    assert_eq!(one.stats().refused.total(), 0);
}

#[test]
fn who_has_no_room_keeps_others_waiting_for_a_second_and_not_for_ever() {
    const COUNT: usize = 300;
    let mesh = narrow(Encryption::Plaintext);
    let _stuck = Raw::neighbor_of(&mesh);
    let healthy = narrow(Encryption::Plaintext);
    healthy.connect(mesh.local_addr()).unwrap();
    assert_eq!(mesh.wait_for_peers(2, PATIENCE), 2);
    let publisher = mesh.clone();
    let publishing = thread::spawn(move || {
        (0..COUNT).for_each(|_| publisher.publish(&[[7; 20_000]]).unwrap());
    });
    for _ in 0..COUNT {
        assert!(healthy.recv_timeout(PATIENCE).unwrap().is_some());
    }
    publishing.join().unwrap();
    assert!(mesh.flush(PATIENCE), "and for nobody");
    assert!(mesh.stats().refused.queue_full > 0);
}

#[test]
fn a_packet_that_panics_when_it_is_looked_at_costs_others_nothing() {
    struct Bad;
    impl AsRef<[u8]> for Bad {
        fn as_ref(&self) -> &[u8] {
            panic!("on purpose")
        }
    }
    let (one, other) = pair(Encryption::Plaintext);
    let publisher = one.clone();
    assert!(thread::spawn(move || publisher.publish(&[Bad])).join().is_err());
    assert!(within(PATIENCE, move || one.publish(&["text"]).is_ok() && one.flush(PATIENCE)));
    assert_eq!(
        other.recv_timeout(PATIENCE).unwrap().map(|it| text_of(&it)).as_deref(),
        Some("text")
    );
}
