//! Nodes with a bad network between them, of each kind that the [proxy](super::proxy) makes.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rs2p::{Builder, CloseReason, Event, MeshSocket};

use super::proxy::{BACK, Proxy, Random, THERE, Way};
use super::{PATIENCE, builder, node, until, within};

const SEED: u64 = 7;

/// A node at each end of a proxy, and a third one that is linked with both where `is_ring`.
struct Trio {
    near: MeshSocket,
    far: MeshSocket,
    third: MeshSocket,
    proxy: Proxy,
}

impl Trio {
    fn new(make: impl Fn() -> MeshSocket, ways: [Way; 2], is_ring: bool) -> Self {
        let (near, far, third) = (make(), make(), make());
        let proxy = Proxy::new(far.local_addr(), ways, SEED);
        near.connect(proxy.addr).unwrap();
        near.connect(third.local_addr()).unwrap();
        assert_eq!(third.wait_for_peers(1, PATIENCE), 1);
        if is_ring {
            third.connect(far.local_addr()).unwrap();
        }
        let degree = if is_ring { 2 } else { 1 };
        assert_eq!(far.wait_for_peers(degree, PATIENCE), degree);
        Self { near, far, third, proxy }
    }
}

/// What `number` says: short and long, with all byte values.
fn payload(number: usize) -> Vec<u8> {
    let len = [1, 40, 700, 3_000][number % 4];
    (0..len).map(|place| (place * 7 + number).to_le_bytes()[0]).collect()
}

/// The next message, which has to come.
fn next(node: &MeshSocket) -> Vec<u8> {
    let message = node.recv_timeout(PATIENCE).unwrap().expect("a message is missing");
    message.contents().next().unwrap().to_vec()
}

/// Why the node lost its first neighbor since it was last asked.
fn loss(node: &MeshSocket) -> CloseReason {
    loop {
        let event = node.next_event(PATIENCE).unwrap().expect("the neighbor is not lost");
        if let Event::PeerLost { reason, .. } = event {
            return reason;
        }
    }
}

fn encryptions() -> Vec<Builder> {
    let all = vec![
        builder(),
        #[cfg(feature = "tls")]
        MeshSocket::builder(),
    ];
    all.into_iter().map(|builder| builder.max_outgoing(0)).collect()
}

#[test]
fn t4_in_whatever_pieces_and_gaps_bytes_come_each_message_arrives_once_and_in_order() {
    const COUNT: usize = 40;
    let longest = Duration::from_millis(8);
    for builder in encryptions() {
        for way in [Way::Split, Way::Shred, Way::Coalesce, Way::Delay(longest), Way::Rate(100_000)]
        {
            let trio = Trio::new(|| builder.clone().bind("127.0.0.1:0").unwrap(), [way; 2], false);
            let Trio { near, far, third, .. } = &trio;
            for number in 0..COUNT {
                near.send(&[payload(number)]).unwrap();
                far.send(&[payload(number)]).unwrap();
            }
            for receiver in [near, far] {
                for number in 0..COUNT {
                    assert_eq!(next(receiver), payload(number), "{way:?}");
                }
            }
            // From two senders, and each of them in order.
            let (mut from_near, mut from_far) = (0, 0);
            for _ in 0..2 * COUNT {
                let message = third.recv_timeout(PATIENCE).unwrap().unwrap();
                let is_near = message.sender() == near.id();
                let number = if is_near { &mut from_near } else { &mut from_far };
                assert!(message.contents().eq([payload(*number)]), "{way:?}");
                *number += 1;
            }
            assert!(near.close().is_clean(), "{way:?}");
            for receiver in [far, third] {
                assert_eq!(receiver.try_recv(), Ok(None), "{way:?}: nothing came on top");
            }
        }
    }
}

#[test]
fn t11_a_link_of_250_bytes_a_second_holds_nobody_else_up() {
    let trio = Trio::new(node, [Way::Pass; 2], false);
    let Trio { near, far, third, proxy } = &trio;
    proxy.set([Way::Rate(250), Way::Pass]);
    let noise = Random(SEED).bytes(5_000);
    near.send(&[&noise]).unwrap();
    assert_eq!(next(third), noise);
    // Twenty seconds pass before it is there; all of this comes first.
    for number in 0..50 {
        near.whisper(&third.id(), &[payload(number)]).unwrap();
        let question = third.recv_timeout(PATIENCE).unwrap().unwrap();
        question.reply(&["heard"]).unwrap();
        assert_eq!(next(near), b"heard");
    }
    assert_eq!(far.try_recv(), Ok(None), "the slow link is not that slow");
    proxy.set([Way::Pass; 2]);
    assert_eq!(next(far), noise);
    assert_eq!(near.routing_table().len(), 2);
}

#[test]
fn t11_a_peer_that_stops_reading_is_cut_and_named_with_what_it_did_not_take() {
    // So long that a good neighbor takes something meanwhile, however busy the machine is.
    let stall = Duration::from_secs(3);
    let make = || {
        let change = |config: &mut rs2p::Config| {
            config.limits.stall_timeout = stall;
            config.compress = rs2p::Compress::Never;
            config.limits.max_backlog_len = 4 << 20;
        };
        builder().max_outgoing(0).configure(change).bind("127.0.0.1:0").unwrap()
    };
    let trio = Trio::new(make, [Way::Pass; 2], false);
    let Trio { near, far, third, proxy } = &trio;
    proxy.set([Way::Stop, Way::Pass]);
    let counted = third.clone();
    let reading = thread::spawn(move || counted.messages().count());
    let (mut sent, mut refused_len) = (0, 0);
    let reason = loop {
        let report = near.send_timeout(&[vec![7; 100_000]], Duration::from_millis(20)).unwrap();
        sent += 1;
        if report.refused().iter().any(|(id, _)| *id == far.id()) {
            refused_len += 100_000;
        }
        match near.next_event(Duration::ZERO).unwrap() {
            Some(Event::PeerLost { id, reason }) => {
                assert_eq!(id, far.id());
                break reason;
            }
            Some(_) => {}
            None => assert!(sent < 10_000, "the peer is not cut"),
        }
    };
    let CloseReason::Stalled { unsent_len } = reason else { panic!("{reason:?}") };
    assert!(unsent_len > 0 && unsent_len <= 4 << 20, "{unsent_len}");
    assert!(refused_len > 0, "what came on top was refused, and told");
    assert!(near.close().is_clean(), "the other neighbor has everything");
    until(third, |third| third.routing_table().is_empty());
    third.close();
    assert_eq!(reading.join().unwrap(), sent);
}

#[test]
fn a_link_that_is_reset_again_and_again_is_made_again_and_gives_nothing_twice() {
    let trio = Trio::new(node, [Way::Pass; 2], false);
    let Trio { near, far, proxy, .. } = &trio;
    near.add_seed(proxy.addr).unwrap();
    let mut random = Random(SEED);
    let mut received = Vec::new();
    for round in 0..4_u64 {
        let mut sent = 0;
        for number in 0..200 {
            if number == random.below(200) || number == 199 {
                proxy.reset();
            }
            // Where there is no neighbor at the moment, nothing is sent.
            sent += u64::from(near.send(&[(round * 1_000 + number).to_be_bytes()]).is_ok());
        }
        assert!(sent > 0);
        assert!(matches!(loss(far), CloseReason::Network(_) | CloseReason::Remote));
        // Nobody knows which of the resets has been noticed; the link comes back all the same.
        for number in 200.. {
            assert!(number < 1_000, "the link is not made again");
            let _ = near.send(&[(round * 1_000 + number).to_be_bytes()]);
            let came = far.recv_timeout(Duration::from_millis(100)).unwrap();
            let others = std::iter::from_fn(|| far.try_recv().unwrap());
            let numbers = came.into_iter().chain(others).map(|message| {
                u64::from_be_bytes(message.contents().next().unwrap().try_into().unwrap())
            });
            received.extend(numbers);
            if received.last().is_some_and(|&last| last >= round * 1_000 + 200) {
                break;
            }
        }
    }
    let count = received.len();
    received.sort_unstable();
    received.dedup();
    assert_eq!(received.len(), count, "twice");
}

#[test]
fn what_a_black_hole_swallows_one_way_arrives_by_the_other_links() {
    let trio = Trio::new(node, [Way::Pass; 2], true);
    let Trio { near, far, third, proxy } = &trio;
    for (side, sender, receiver) in [(THERE, near, far), (BACK, far, near)] {
        let mut ways = [Way::Pass; 2];
        ways[side] = Way::Swallow;
        proxy.set(ways);
        for number in 0..20 {
            sender.send(&[payload(number)]).unwrap();
            assert_eq!(next(receiver), payload(number));
            assert_eq!(next(third), payload(number));
        }
        // What comes again after a gap in the middle of frames is no message, and ends the link.
        proxy.reset();
        until(near, |near| near.routing_table().len() == 1);
        until(far, |far| far.routing_table().len() == 1);
        near.connect(proxy.addr).unwrap_err();
        proxy.set([Way::Pass; 2]);
        near.connect(proxy.addr).unwrap();
        until(far, |far| far.routing_table().len() == 2);
    }
}

#[cfg(feature = "tls")]
#[test]
fn under_tls_flipped_bits_end_a_link_and_never_change_a_message() {
    let make = || MeshSocket::builder().max_outgoing(0).bind("127.0.0.1:0").unwrap();
    let trio = Trio::new(make, [Way::Pass; 2], true);
    let Trio { near, far, third, proxy } = &trio;
    near.add_seed(proxy.addr).unwrap();
    for round in 0..5 {
        until(near, |near| near.routing_table().len() == 2);
        until(far, |far| far.routing_table().len() == 2);
        proxy.set([Way::Flip(3_000); 2]);
        let mut number = round;
        let reason = loop {
            near.send(&[payload(number)]).unwrap();
            // By the third node, if not by the link.
            for receiver in [far, third] {
                assert_eq!(next(receiver), payload(number));
            }
            if let Some(Event::PeerLost { reason, .. }) = far.next_event(Duration::ZERO).unwrap() {
                break reason;
            }
            number += 1;
        };
        assert!(near.routing_table().iter().any(|peer| peer.id == third.id()));
        let is_told = matches!(
            reason,
            CloseReason::Encryption(_) | CloseReason::Network(_) | CloseReason::Remote
        );
        assert!(is_told, "{reason:?}");
        proxy.set([Way::Pass; 2]);
    }
}

#[test]
fn in_plaintext_flipped_bits_cost_the_link_and_nobody_else() {
    // So short that a length with a flipped bit is refused, or is there before the flood is over.
    let make = || {
        let brief = builder().max_outgoing(0).configure(|config| {
            config.limits.max_frame_len = 8 << 10;
        });
        brief.bind("127.0.0.1:0").unwrap()
    };
    let trio = Trio::new(make, [Way::Pass; 2], false);
    let Trio { near, far, third, proxy } = &trio;
    proxy.set([Way::Flip(200), Way::Pass]);
    let near_too = Arc::new(near.clone());
    let flood = thread::spawn(move || {
        for number in 0..400 {
            near_too.send(&[payload(number)]).unwrap();
        }
    });
    for number in 0..400 {
        assert_eq!(next(third), payload(number));
    }
    within(PATIENCE, || flood.join().unwrap());
    until(far, |far| far.routing_table().is_empty());
    assert!(matches!(loss(far), CloseReason::Malformed(_) | CloseReason::Misbehaved(_)));
    assert!(far.status().is_running() && near.status().is_running());
    assert_eq!(near.wait_for_peers(1, PATIENCE), 1);
}
