//! Signed broadcasts: a node on the way can withhold a message, and neither make nor change one.

use super::super::{Config, Input, MAX_BATCH_COUNT, Output, Signatures};
use super::net::Net;
use super::secured::{identity, net, node, reasons, tls, troubles};
use crate::error::{CloseReason, Misbehavior, SendError};
use crate::event::{Delivery, Event};
use crate::wire::{Origin, Packets, PathfindingMessage, Protocol, SignedOrigin, Step, TreePath};

const FORGERY: CloseReason = CloseReason::Misbehaved(Misbehavior::Forgery);

/// Nodes that are linked so, handshakes done.
fn linked(count: usize, links: &[(usize, usize)]) -> Net {
    let mut net = net(count);
    for &(from, to) in links {
        net.dial(from, to);
    }
    net.run_for(100);
    for number in 0..count {
        net.take_events(number);
    }
    net
}

fn unsigned(number: usize) -> Config {
    Config { signatures: Signatures::Never, ..tls(number) }
}

fn deliveries(net: &mut Net, number: usize) -> Vec<Delivery> {
    let delivery = |event| if let Event::Message(delivery) = event { Some(delivery) } else { None };
    net.take_events(number).into_iter().filter_map(delivery).collect()
}

/// Has a node put a message on a connection as it stands.
fn inject(net: &mut Net, from: usize, to: usize, message: &PathfindingMessage) {
    let conn = net.conn(from, to);
    let sent = net.call(from, |node, now| node.transmit_message(now, conn, message.clone()));
    assert_eq!(sent, Ok(()));
    net.run_for(50);
}

/// The message with another packet at one place.
fn with_packet(message: &PathfindingMessage, index: usize, packet: &[u8]) -> PathfindingMessage {
    let mut packets: Vec<&[u8]> = message.packets().iter().collect();
    packets[index] = packet;
    of_packets(&packets)
}

fn of_packets(packets: &[&[u8]]) -> PathfindingMessage {
    use crate::wire::{Compressions, DecodeLimits};

    let body = Packets::join(packets).unwrap().body().clone();
    PathfindingMessage::decode_body(body, Compressions::NONE, DecodeLimits::PROTOCOL).unwrap()
}

fn signed(message: &PathfindingMessage) -> SignedOrigin {
    SignedOrigin::decode(message.stated_id()).unwrap()
}

fn restated(message: &PathfindingMessage, signed: &SignedOrigin) -> PathfindingMessage {
    message.with_stated_id(&signed.encode()).unwrap()
}

#[test]
fn a_broadcast_is_authenticated_however_far_it_comes_and_costs_one_check_each() {
    let mut net = linked(4, &[(0, 1), (1, 2), (2, 3), (3, 0)]);
    net.broadcast(0, "signed");
    net.run_for(100);
    for number in 1..4 {
        let [delivery] = &deliveries(&mut net, number)[..] else { panic!("one message") };
        assert!(delivery.is_authenticated);
        assert_eq!(delivery.sender, identity(0).node_id());
        let stats = net.nodes[number].stats();
        assert_eq!((stats.verified, stats.dropped.forged), (1, 0), "copies are not checked");
    }
    assert!(net.nodes[0].routing_table().all(|info| info.is_authenticated));
}

#[test]
fn a_whisper_is_authenticated_under_tls_and_nothing_is_in_plaintext() {
    let mut net = linked(2, &[(0, 1)]);
    let id = net.id(1);
    net.call(0, |node, now| node.whisper(now, &id, &["psst"]).unwrap());
    net.run_for(50);
    assert!(deliveries(&mut net, 1)[0].is_authenticated);

    let mut net = Net::line(2);
    let id = net.id(1);
    net.call(0, |node, now| node.whisper(now, &id, &["psst"]).unwrap());
    net.broadcast(0, "hello");
    net.run_for(50);
    let deliveries = deliveries(&mut net, 1);
    assert_eq!(deliveries.len(), 2);
    assert!(deliveries.iter().all(|delivery| !delivery.is_authenticated));
    assert!(net.nodes[0].routing_table().all(|info| !info.is_authenticated));
}

#[test]
fn without_signatures_broadcasts_are_not_authenticated_and_whispers_are() {
    let mut net = net(2);
    for number in 0..2 {
        net.nodes[number] = node(unsigned(number), number);
    }
    net.dial(0, 1);
    net.run_for(100);
    net.take_events(1);
    let id = net.id(1);
    net.broadcast(0, "hello");
    net.call(0, |node, now| node.whisper(now, &id, &["psst"]).unwrap());
    net.run_for(50);
    let deliveries = deliveries(&mut net, 1);
    assert_eq!(
        deliveries.iter().map(|delivery| delivery.is_authenticated).collect::<Vec<_>>(),
        [false, true]
    );
    assert_eq!(deliveries[0].message.stated_id().len(), 16);
    assert_eq!(net.nodes[1].stats().verified, 0);
}

/// What a relay may try with a message that came by it, by what it is.
fn attempts(
    message: &PathfindingMessage,
    other: &PathfindingMessage,
) -> Vec<(&'static str, PathfindingMessage)> {
    let proof = signed(message);
    let origin = |incarnation, sequence| Origin { incarnation, sequence };
    let other_origin = |origin| restated(message, &SignedOrigin { origin, ..proof.clone() });
    let step = Step { is_left: true, sibling: [7; 32] };
    let longer = TreePath::from_steps(vec![step]).unwrap();
    let mallory = identity(1);
    let own_key = SignedOrigin { key: *mallory.public_key().as_bytes(), ..proof.clone() };
    let mut packets: Vec<&[u8]> = message.packets().iter().collect();
    packets.push(b"one more");
    let time = with_packet(message, 3, [b"1", message.time_58().as_bytes()].concat().as_slice());
    let later = crate::wire::base58::encode_u64(message.time().unwrap() + 1);
    let incarnation = proof.origin.incarnation;
    vec![
        ("another packet", with_packet(message, 5, b"hallo")),
        ("another sub-flag", with_packet(message, 4, b"hello")),
        ("one packet more", of_packets(&packets)),
        ("one packet less", of_packets(&packets[..5])),
        ("another time", with_packet(message, 3, later.as_bytes())),
        ("a time with a zero in front", time),
        ("another number", other_origin(origin(incarnation, 99))),
        ("another life", other_origin(origin(1, proof.origin.sequence))),
        ("another sender", with_packet(message, 1, mallory.node_id().as_bytes())),
        ("a sender that is no id", with_packet(message, 1, b"a b")),
        ("no signature", message.with_stated_id(&proof.origin.encode()).unwrap()),
        ("a message id", message.with_stated_id(message.id().as_bytes()).unwrap()),
        ("another message's signature", restated(message, &signed(other))),
        ("its own key", restated(message, &own_key)),
        ("no proof", restated(message, &SignedOrigin { signature: [0; 64], ..proof.clone() })),
        ("a longer path", restated(message, &SignedOrigin { path: longer, ..proof })),
    ]
}

#[test]
fn what_a_relay_makes_or_changes_is_refused_and_the_honest_copy_still_arrives_once() {
    // 0 has said two things to 1 and 3. 1 is the false one between it and 2, 3 an honest one.
    let mut world = linked(4, &[(0, 1), (0, 3)]);
    world.broadcast(0, "hello");
    world.broadcast(0, "other");
    world.run_for(50);
    let heard = deliveries(&mut world, 1);
    let (message, other) = (heard[0].message.clone(), heard[1].message.clone());
    let count = attempts(&message, &other).len();
    for index in 0..count {
        let mut net = linked(4, &[(1, 2), (3, 2)]);
        let (name, attempt) = attempts(&message, &other).swap_remove(index);
        inject(&mut net, 1, 2, &attempt);
        let stats = net.nodes[2].stats();
        assert_eq!((stats.dropped.forged, stats.delivered), (1, 0), "{name}");
        assert_eq!(reasons(&net.take_events(2)), [FORGERY], "{name}");
        assert_eq!(troubles(&net.nodes[2]), [FORGERY], "{name}");
        let trouble = net.nodes[2].troubles().next().unwrap();
        assert!(trouble.is_authenticated && trouble.id == Some(net.id(1)));
        assert_eq!(net.nodes[3].stats().received, 0, "{name} was passed on");

        inject(&mut net, 3, 2, &message);
        inject(&mut net, 3, 2, &message);
        let heard = deliveries(&mut net, 2);
        assert_eq!(heard.len(), 1, "{name}");
        assert!(heard[0].is_authenticated && heard[0].sender == identity(0).node_id());
        assert_eq!(net.nodes[2].stats().dropped.duplicate, 1, "{name}");
        assert_eq!(net.nodes[2].connections.len(), 1, "the honest one stays");
    }
}

#[test]
fn a_message_played_again_is_known_and_later_too_old() {
    let mut net = linked(3, &[(0, 1), (1, 2)]);
    net.broadcast(0, "hello");
    net.run_for(50);
    let message = deliveries(&mut net, 1)[0].message.clone();
    assert_eq!(deliveries(&mut net, 2).len(), 1);
    for _ in 0..3 {
        inject(&mut net, 1, 2, &message);
    }
    assert_eq!(net.nodes[2].stats().dropped.duplicate, 3);
    net.run_for(121_000);
    inject(&mut net, 1, 2, &message);
    let stats = net.nodes[2].stats();
    assert_eq!((stats.dropped.stale, stats.delivered, stats.verified), (1, 1, 1));
    assert!(troubles(&net.nodes[2]).is_empty(), "an honest node may be late");
}

#[test]
fn paths_of_one_batch_that_are_exchanged_are_refused() {
    let mut world = linked(2, &[(0, 1)]);
    let texts: Vec<[String; 1]> = (0..4).map(|number| [format!("message {number}")]).collect();
    world.call(0, |node, now| node.broadcast_batch(now, &texts).unwrap());
    world.run_for(50);
    let heard = deliveries(&mut world, 1);
    let (first, second) = (signed(&heard[0].message), signed(&heard[1].message));
    let mut net = linked(3, &[(1, 2)]);
    inject(&mut net, 1, 2, &heard[0].message);
    let swapped = SignedOrigin { path: first.path, ..second };
    inject(&mut net, 1, 2, &restated(&heard[1].message, &swapped));
    let stats = net.nodes[2].stats();
    assert_eq!((stats.delivered, stats.dropped.forged), (1, 1));
    assert_eq!(troubles(&net.nodes[2]), [FORGERY]);
}

#[test]
fn a_whisper_in_another_name_is_refused() {
    for signatures in [Signatures::WhereProven, Signatures::Never] {
        let mut net = net(2);
        for number in 0..2 {
            net.nodes[number] = node(Config { signatures, ..tls(number) }, number);
        }
        net.dial(0, 1);
        net.run_for(100);
        net.take_events(1);
        let victim = identity(7).node_id();
        let whisper =
            PathfindingMessage::new(b"whisper", victim.as_bytes(), 1, &["whisper", "psst"]);
        inject(&mut net, 0, 1, &whisper.unwrap());
        assert_eq!(net.nodes[1].stats().delivered, 0);
        assert_eq!(net.nodes[1].stats().dropped.forged, 1);
        assert_eq!(troubles(&net.nodes[1]), [FORGERY]);
    }
}

#[test]
fn who_signs_does_not_meet_who_does_not_and_both_are_told() {
    for (dialer, acceptor) in [(0, 1), (1, 0)] {
        let mut net = net(2);
        net.nodes[1] = node(unsigned(1), 1);
        net.dial(dialer, acceptor);
        net.run_for(100);
        for number in 0..2 {
            assert_eq!(troubles(&net.nodes[number]), [CloseReason::Unsigned], "{number}");
        }
        assert!(net.nodes.iter().all(|node| node.connections.is_empty()));
    }
}

#[test]
fn a_batch_has_one_signature_which_everybody_checks_once() {
    let mut net = linked(3, &[(0, 1), (1, 2)]);
    let texts: Vec<[String; 1]> =
        (0..MAX_BATCH_COUNT).map(|number| [format!("message {number}")]).collect();
    let reports = net.call(0, |node, now| node.broadcast_batch(now, &texts).unwrap());
    assert_eq!(reports.len(), MAX_BATCH_COUNT);
    assert!(reports.iter().all(|report| report.as_ref().unwrap().queued() == 1));
    net.run_for(1_000);
    for number in 1..3 {
        let heard = net.take_texts(number);
        assert!(heard.iter().eq(texts.iter().map(|[text]| text)), "in order, each once");
        assert_eq!(net.nodes[number].stats().verified, 1);
    }
    let one_more = vec![["x"]; MAX_BATCH_COUNT + 1];
    let outcome = net.call(0, |node, now| node.broadcast_batch(now, &one_more));
    let error = SendError::TooManyMessages { count: MAX_BATCH_COUNT + 1, max: MAX_BATCH_COUNT };
    assert_eq!(outcome.unwrap_err(), error);
    assert_eq!(net.nodes[0].stats().sent, u64::try_from(MAX_BATCH_COUNT).unwrap());
}

#[test]
fn a_batch_tells_of_each_message_and_those_that_are_none_hold_up_nobody() {
    for mut net in [linked(2, &[(0, 1)]), Net::line(2)] {
        let too_long = vec![b'x'; 5 << 20];
        let messages: [[&[u8]; 1]; 3] = [[b"one"], [&too_long], [b"three"]];
        let reports = net.call(0, |node, now| node.broadcast_batch(now, &messages).unwrap());
        assert!(reports[0].is_ok() && reports[2].is_ok());
        assert!(matches!(reports[1], Err(SendError::TooLong { .. })));
        net.run_for(100);
        assert_eq!(net.take_texts(1), ["one", "three"]);
        let none: [[&[u8]; 1]; 0] = [];
        assert_eq!(net.call(0, |node, now| node.broadcast_batch(now, &none)), Ok(vec![]));
        net.call(0, |node, now| node.close(now));
        let closed = net.call(0, |node, now| node.broadcast_batch(now, &messages));
        assert_eq!(closed.unwrap_err(), SendError::Closed);
    }
    let mut alone = net(1);
    let outcome = alone.call(0, |node, now| node.broadcast_batch(now, &[["x"]]));
    assert_eq!(outcome.unwrap_err(), SendError::NoNeighbors);
}

#[test]
fn a_batch_of_equal_messages_to_py2p_nodes_is_as_many_messages_as_fit_their_seconds() {
    let mut net = Net::legacy_line(2);
    let reports = net.call(0, |node, now| node.broadcast_batch(now, &[["same"]; 32]).unwrap());
    let sent = reports.iter().filter(|report| report.is_ok()).count();
    assert_eq!(sent, 30);
    assert_eq!(reports[31], Err(SendError::DuplicateInFlight));
    net.run_for(100);
    assert_eq!(net.take_texts(1).len(), 30);
}

#[test]
fn the_longest_message_fits_alone_and_in_the_largest_batch_a_path_less() {
    let mut net = linked(3, &[(0, 1), (1, 2)]);
    let longest = net.nodes[0].longest_packet(net.now, &[]).unwrap();
    net.broadcast(0, &"x".repeat(longest));
    net.run_for(1_000);
    assert_eq!(net.take_texts(2)[0].len(), longest);
    let too_long = net.call(0, |node, now| node.broadcast(now, &["x".repeat(longest + 1)]));
    assert!(matches!(too_long, Err(SendError::TooLong { .. })));

    let path_len = 10 * 32;
    let batch = |len| {
        let mut batch = vec![["short".to_owned()]; MAX_BATCH_COUNT];
        batch[0] = ["x".repeat(len)];
        batch
    };
    for (len, fits) in [(longest - path_len, true), (longest - path_len + 1, false)] {
        let batch = batch(len);
        let reports = net.call(0, |node, now| node.broadcast_batch(now, &batch).unwrap());
        assert_eq!(reports[0].is_ok(), fits);
        net.run_for(1_000);
        assert_eq!(net.take_texts(2).len(), MAX_BATCH_COUNT - usize::from(!fits));
    }
    for (node, neighbors) in net.nodes.iter().zip([1, 2, 1]) {
        assert_eq!(node.routing_table().count(), neighbors, "nobody was closed for a length");
    }
}

#[test]
fn the_same_node_in_two_meshes_is_not_played_from_one_into_the_other() {
    let other = |number| Config { protocol: Protocol::new("other", "tls13-rpk/1"), ..tls(number) };
    let mut elsewhere = net(2);
    for number in 0..2 {
        elsewhere.nodes[number] = node(other(number), number);
    }
    elsewhere.dial(0, 1);
    elsewhere.run_for(100);
    elsewhere.take_events(1);
    elsewhere.broadcast(0, "said elsewhere");
    elsewhere.run_for(50);
    let message = deliveries(&mut elsewhere, 1)[0].message.clone();
    let mut net = linked(3, &[(1, 2)]);
    inject(&mut net, 1, 2, &message);
    assert_eq!(net.nodes[2].stats().delivered, 0);
    assert_eq!(troubles(&net.nodes[2]), [FORGERY]);
}

#[test]
fn a_flood_of_signatures_is_checked_in_turns() {
    const COUNT: u64 = 400;
    let mut net = linked(2, &[(0, 1)]);
    let (out, conn) = (net.conn(0, 1), net.conn(1, 0));
    let mut flood = Vec::new();
    for number in 0..COUNT {
        net.nodes[0].broadcast(net.now, &[number.to_string()]).unwrap();
        while let Some(output) = net.nodes[0].poll_output() {
            match output {
                Output::Transmit { conn, data } if conn == out => flood.extend_from_slice(&data),
                _ => {}
            }
        }
    }
    let node = &mut net.nodes[1];
    node.handle_input(net.now, Input::Received { conn, data: &flood });
    let first = node.stats().verified;
    assert!((50..200).contains(&first), "{first} in one turn");
    let mut turns = 1;
    while node.stats().verified < COUNT {
        let before = node.stats().verified;
        node.handle_input(net.now, Input::Continue { conn });
        assert!(node.stats().verified - before < 200);
        turns += 1;
        assert!(turns < 20, "each turn gets on");
    }
    let mut is_read = false;
    while let Some(output) = node.poll_output() {
        match output {
            Output::PauseRead { .. } => is_read = false,
            Output::ResumeRead { .. } => is_read = true,
            _ => {}
        }
    }
    // The turn that takes the last of it may have been the last.
    node.handle_input(net.now, Input::Continue { conn });
    is_read |= matches!(node.poll_output(), Some(Output::ResumeRead { .. }));
    assert!(is_read);
    assert_eq!(node.stats().delivered, COUNT);
}
