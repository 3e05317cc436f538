//! A user who is slow, and a node that waits for it.

use std::thread;
use std::time::Duration;

use rs2p::{InboxFull, MeshSocket, RecvError};

use super::{PATIENCE, builder, node, until};

const COUNT: usize = 2_000;
const MAX_INBOX: usize = 50;

/// A node whose inbox is small, and one that sends it numbered messages as fast as its queue takes
/// them.
fn pair(full: InboxFull) -> (MeshSocket, thread::JoinHandle<usize>) {
    let slow = builder().max_outgoing(0).max_inbox_count(MAX_INBOX).inbox_full(full);
    let slow = slow.bind("127.0.0.1:0").unwrap();
    let sender = node();
    sender.connect(slow.local_addr()).unwrap();
    assert_eq!(slow.wait_for_peers(1, PATIENCE), 1);
    let sending = thread::spawn(move || {
        let send = |number: usize| sender.send_timeout(&[number.to_string()], PATIENCE);
        let sent = (0..COUNT).filter(|&number| send(number).unwrap().queued() == 1).count();
        assert!(sender.close().is_clean());
        sent
    });
    (slow, sending)
}

fn number_of(message: &rs2p::Message) -> usize {
    String::from_utf8(message.contents().next().unwrap().to_vec()).unwrap().parse().unwrap()
}

#[test]
fn t38_an_inbox_that_pauses_loses_nothing_and_the_loop_sleeps_while_it_is_full() {
    let (slow, sending) = pair(InboxFull::Pause);
    until(&slow, |slow| slow.stats().delivered >= MAX_INBOX as u64);
    // What is still on its way comes first.
    let sleeps = |slow: &MeshSocket| {
        let before = slow.stats().wakeups;
        assert_eq!(slow.wait_for_peers(2, Duration::from_millis(200)), 1);
        slow.stats().wakeups - before <= 4
    };
    assert!((0..100).any(|_| sleeps(&slow)), "it never sleeps");
    let before = slow.stats();
    // Nothing is received for a while: nothing more is taken, and nothing turns.
    assert_eq!(slow.wait_for_peers(2, Duration::from_secs(2)), 1);
    let after = slow.stats();
    assert_eq!(after.delivered, before.delivered, "nothing is taken beyond what was read");
    let wakeups = after.wakeups - before.wakeups;
    assert!(wakeups <= 40, "{wakeups} wake-ups in 2 s");
    for expected in 0..COUNT {
        let message = slow.recv_timeout(PATIENCE).unwrap().expect("everything arrives");
        assert_eq!(number_of(&message), expected);
    }
    assert_eq!(sending.join().unwrap(), COUNT);
    assert_eq!(slow.stats().lagged, 0);
}

#[test]
fn t38_what_was_delivered_is_what_was_received_and_what_lagged() {
    let (slow, sending) = pair(InboxFull::Discard);
    assert_eq!(sending.join().unwrap(), COUNT);
    until(&slow, |slow| slow.stats().delivered == COUNT as u64);
    let (mut received, mut lagged) = (0, 0);
    while received + lagged < COUNT as u64 {
        match slow.recv_timeout(PATIENCE) {
            Ok(message) => received += u64::from(message.is_some()),
            Err(RecvError::Lagged(count)) => lagged += count,
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!((received, lagged), (MAX_INBOX as u64, slow.stats().lagged));
}
