//! From a dial to a neighbor and to its end.

use super::net::{Net, WALL, addr, config, limited, ms};
use crate::conn_id::ConnId;
use crate::error::{CloseReason, DialError, SendError};
use crate::event::{Direction, Event};
use crate::node::{CloseMode, Config, Input, Node, Output, Refused};
use crate::time::Instant;
use crate::wire::Protocol;

fn lost(events: &[Event]) -> Vec<CloseReason> {
    let reason = |event: &Event| match event {
        Event::PeerLost { reason, .. } | Event::DialFailed { reason, .. } => Some(*reason),
        _ => None,
    };
    events.iter().filter_map(reason).collect()
}

fn outputs(node: &mut Node) -> Vec<String> {
    std::iter::from_fn(|| node.poll_output()).map(|output| format!("{output:?}")).collect()
}

#[test]
fn two_nodes_become_neighbors_and_both_users_hear_of_it() {
    let mut net = Net::new(2);
    let conn = net.dial(0, 1);
    net.run_for(10);
    let info = net.nodes[0].routing_table().next().unwrap();
    assert_eq!((info.id, info.conn, info.direction), (net.id(1), conn, Direction::Outgoing));
    let id = net.id(1);
    let [Event::PeerJoined(told), dialed] = &net.take_events(0)[..] else { panic!("two events") };
    assert_eq!((told.id, told.conn, told.direction), (id, conn, Direction::Outgoing));
    assert_eq!(*dialed, Event::Dialed { conn, id });
    let info = net.nodes[1].routing_table().next().unwrap();
    assert_eq!((info.id, info.direction), (net.id(0), Direction::Incoming));
    assert_eq!(info.announced, Some(addr(0).into()));
    let [Event::PeerJoined(told)] = &net.take_events(1)[..] else { panic!("one event") };
    assert_eq!((told.id, told.conn), (info.id, info.conn));
}

#[test]
fn a_dialled_connection_sends_its_handshake_when_it_opens_and_an_accepted_one_waits() {
    let mut node = Node::new(config(), [0; 32], ms(0), WALL).unwrap();
    let conn = node.dial(ms(0), addr(1)).unwrap();
    assert_eq!(outputs(&mut node), ["c1 dial 10.0.0.2:4000"]);
    node.handle_input(ms(1), Input::Connected { conn });
    let handshake = outputs(&mut node);
    assert!(handshake[0].starts_with("c1 out "), "{handshake:?}");
    assert_eq!(handshake.len(), 1);
    node.accept(ms(2), addr(2)).unwrap();
    assert_eq!(outputs(&mut node), [""; 0]);
}

#[test]
fn nodes_of_different_protocols_part_and_both_know_why() {
    let mut net = Net::new(2);
    let other = Protocol::new("other", "Plaintext");
    net.nodes[1] = Node::new(Config { protocol: other, ..config() }, [1; 32], ms(0), WALL).unwrap();
    net.dial(0, 1);
    net.run_for(10);
    assert_eq!(lost(&net.take_events(0)), [CloseReason::WrongProtocol]);
    for node in &net.nodes {
        assert_eq!(node.routing_table().count(), 0);
        assert!(node.connections.is_empty(), "{node:?}");
    }
}

#[test]
fn a_peer_under_another_encryption_is_told_from_one_of_another_subnet() {
    let other = CloseReason::OtherEncryption("PKCS1_v1.5");
    let mut net = Net::new(2);
    // As if it were: it says so, and is plaintext all the same.
    net.nodes[1].config.protocol = Protocol::new("mesh", "PKCS1_v1.5");
    net.dial(0, 1);
    net.run_for(10);
    assert_eq!(lost(&net.take_events(0)), [other]);

    let mut node = Node::new(config(), [0; 32], ms(0), WALL).unwrap();
    let conn = node.accept(ms(0), addr(1)).unwrap();
    node.handle_input(ms(1), Input::Received { conn, data: b"Requesting key size" });
    assert_eq!(node.troubles().next().unwrap().reason, other);
}

#[test]
fn a_node_does_not_become_its_own_neighbor() {
    let mut net = Net::new(2);
    assert_eq!(net.nodes[0].dial(ms(0), addr(0)), Err(DialError::SelfConnection));
    // By an address that it does not know as its own.
    net.nodes[0] = Node::new(config(), [0; 32], ms(0), WALL).unwrap();
    net.dial(0, 0);
    net.run_for(10);
    assert!(matches!(
        lost(&net.take_events(0))[..],
        [CloseReason::SelfConnection | CloseReason::Network(_)]
    ));
    assert_eq!(net.nodes[0].routing_table().count(), 0);
}

#[test]
fn an_address_is_not_dialled_twice() {
    let mut net = Net::new(2);
    let conn = net.dial(0, 1);
    assert_eq!(net.nodes[0].dial(ms(0), addr(1)), Err(DialError::AlreadyDialing(conn)));
    net.run_for(10);
    let known = net.id(1);
    assert_eq!(net.nodes[0].dial(net.now, addr(1)), Err(DialError::AlreadyConnected(known)));
}

#[test]
fn a_refused_dial_is_reported() {
    let mut net = Net::new(1);
    net.dial(0, 1);
    net.run_for(10);
    let refused = CloseReason::Network(std::io::ErrorKind::ConnectionRefused.into());
    assert_eq!(lost(&net.take_events(0)), [refused]);
}

#[test]
fn simultaneous_dials_leave_one_link_and_lose_nothing() {
    for delay in 0..6 {
        for (first, second) in [(0, 1), (1, 0)] {
            let mut net = Net::new(2);
            net.dial(first, second);
            net.run_for(delay);
            // Late enough, the address is known from nowhere: the incoming port is another.
            net.dial(second, first);
            let mut sent = [0, 0];
            for step in 0..20 {
                for from in [0, 1] {
                    let text = format!("{from} {step}");
                    if net.call(from, |node, now| node.broadcast(now, &[&text])).is_ok() {
                        sent[from] += 1;
                    }
                }
                net.run_for(1);
            }
            net.run_for(100);
            let received = [1, 0].map(|index| net.take_texts(index).len());
            assert_eq!(received, sent, "{first} dials, and {second} {delay} ms later");
            for node in &net.nodes {
                assert_eq!(node.connections.len(), 1, "one link is left");
                assert_eq!(node.routing_table().count(), 1);
            }
        }
    }
}

#[test]
fn t10_a_silent_peer_is_closed_after_the_handshake_timeout() {
    let mut node = Node::new(config(), [0; 32], ms(0), WALL).unwrap();
    node.accept(ms(0), addr(1)).unwrap();
    let conn = node.dial(ms(1_000), addr(2)).unwrap();
    outputs(&mut node);
    assert_eq!(node.poll_timeout(), Some(ms(5_000)));
    node.handle_input(ms(5_000), Input::Timeout);
    assert_eq!(outputs(&mut node), ["c1 close Abort"]);
    assert_eq!(node.poll_timeout(), Some(ms(11_000)), "a dial may take ten seconds");
    node.handle_input(ms(2_000), Input::Connected { conn });
    assert_eq!(node.poll_timeout(), Some(ms(7_000)), "and five more for the handshake");
}

#[test]
fn incoming_connections_are_taken_up_to_the_limits_and_not_one_more() {
    let config = limited(|limits| (limits.max_incoming, limits.max_pending) = (3, 2));
    let mut node = Node::new(config, [0; 32], ms(0), WALL).unwrap();
    assert!(node.accept(ms(0), addr(1)).is_ok());
    assert!(node.accept(ms(0), addr(2)).is_ok());
    assert_eq!(node.accept(ms(0), addr(3)), Err(Refused::TooManyPending));

    let mut net = Net::with(5, limited(|limits| limits.max_incoming = 3));
    for from in 1..5 {
        net.dial(from, 0);
        net.run_for(10);
    }
    assert_eq!(net.nodes[0].routing_table().count(), 3);
    assert_eq!(net.nodes[0].accept(net.now, addr(9)), Err(Refused::TooManyIncoming));
    assert_eq!(net.nodes[0].stats().rejected.total(), 2);
}

#[test]
fn a_disconnect_delivers_what_was_sent_before_it() {
    let mut net = Net::line(2);
    net.broadcast(0, "last words");
    let peer = net.id(1);
    assert!(net.call(0, |node, now| node.disconnect(now, &peer)));
    assert!(!net.call(0, |node, now| node.disconnect(now, &peer)));
    net.run_for(10);
    assert_eq!(lost(&net.take_events(0)), [CloseReason::Local]);
    let events = net.take_events(1);
    assert!(matches!(events[0], Event::Message(_)));
    assert_eq!(lost(&events), [CloseReason::Remote]);
    assert!(net.nodes.iter().all(|node| node.connections.is_empty()));
}

#[test]
fn a_closed_node_ends_its_connections_and_takes_no_new_ones() {
    let mut net = Net::linked(3, &[(0, 1), (2, 0)]);
    assert!(!net.nodes[0].is_closed());
    net.call(0, Node::close);
    assert_eq!(net.nodes[0].dial(net.now, addr(1)), Err(DialError::Closed));
    assert_eq!(net.nodes[0].accept(net.now, addr(1)), Err(Refused::Closed));
    assert_eq!(net.nodes[0].broadcast(net.now, &["x"]), Err(SendError::Closed));
    net.run_for(10);
    assert!(net.nodes[0].is_closed());
}

#[test]
fn a_peer_that_never_ends_its_side_is_aborted_after_the_linger_timeout() {
    let mut net = Net::line(2);
    let conn = net.conn(0, 1);
    net.nodes[0].close(net.now);
    let closed: Vec<Output> = std::iter::from_fn(|| net.nodes[0].poll_output()).collect();
    assert!(closed.contains(&Output::Close { conn, mode: CloseMode::Flush }));
    let linger = net.now + config().limits.linger_timeout;
    assert_eq!(net.nodes[0].poll_timeout(), Some(linger));
    net.nodes[0].handle_input(linger, Input::Timeout);
    let abort = Output::Close { conn, mode: CloseMode::Abort };
    assert_eq!(net.nodes[0].poll_output(), Some(abort));
    assert!(net.nodes[0].is_closed());
}

#[test]
fn inputs_about_connections_that_are_gone_are_ignored() {
    let mut node = Node::new(config(), [0; 32], ms(0), WALL).unwrap();
    let conn = node.accept(ms(0), addr(1)).unwrap();
    node.handle_input(ms(1), Input::Closed { conn, error: None });
    outputs(&mut node);
    for gone in [conn, ConnId::from_number(99)] {
        node.handle_input(ms(2), Input::Received { conn: gone, data: b"\xff\xff\xff\xff" });
        node.handle_input(ms(2), Input::Sent { conn: gone, len: 9 });
        node.handle_input(ms(2), Input::Connected { conn: gone });
        node.handle_input(ms(2), Input::Closed { conn: gone, error: None });
    }
    node.handle_input(ms(2), Input::Timeout);
    assert_eq!(outputs(&mut node), [""; 0]);
    assert_eq!(node.poll_timeout(), None);
}

#[test]
fn the_same_seed_and_inputs_give_the_same_outputs() {
    let run = |seed| {
        let mut node = Node::new(config(), [seed; 32], Instant::ZERO, WALL).unwrap();
        let conn = node.dial(ms(1), addr(1)).unwrap();
        node.handle_input(ms(2), Input::Connected { conn });
        std::iter::from_fn(|| node.poll_output()).collect::<Vec<_>>()
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2), "another seed makes another id");
}
