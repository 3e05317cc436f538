//! Nodes under TLS: who is at the other end is proven before anything is believed.

use super::super::{Config, Input, Node, Output};
use super::net::{Net, WALL, addr, config, ms};
use crate::error::{CloseReason, ConfigError, Misbehavior};
use crate::event::Event;
use crate::identity::Identity;
use crate::session::SessionError;
use crate::wire::{NodeId, Protocol, RefusalReason};

pub(super) fn identity(number: usize) -> Identity {
    Identity::from_secret(&[u8::try_from(number).unwrap() + 1; 32]).unwrap()
}

pub(super) fn tls(number: usize) -> Config {
    Config {
        protocol: Protocol::new("mesh", "tls13-rpk/1"),
        out_addr: Some(addr(number).into()),
        identity: Some(identity(number)),
        ..config()
    }
}

pub(super) fn node(config: Config, number: usize) -> Node {
    Node::new(config, [u8::try_from(number).unwrap(); 32], ms(0), WALL).unwrap()
}

/// Nodes under TLS with the keys of their numbers.
pub(super) fn net(count: usize) -> Net {
    let mut net = Net::new(count);
    for number in 0..count {
        net.nodes[number] = node(tls(number), number);
    }
    net
}

pub(super) fn reasons(events: &[Event]) -> Vec<CloseReason> {
    let reason = |event: &Event| match event {
        Event::DialFailed { reason, .. } | Event::PeerLost { reason, .. } => Some(*reason),
        _ => None,
    };
    events.iter().filter_map(reason).collect()
}

pub(super) fn troubles(node: &Node) -> Vec<CloseReason> {
    node.troubles().map(|trouble| trouble.reason).collect()
}

#[test]
fn nodes_go_by_the_ids_that_their_keys_prove() {
    let mut net = net(3);
    net.dial(0, 1);
    net.dial(1, 2);
    net.run_for(100);
    for number in 0..3 {
        assert_eq!(net.id(number), identity(number).node_id());
    }
    net.broadcast(0, "over two links");
    net.run_for(100);
    assert_eq!(net.take_texts(1), ["over two links"]);
    assert_eq!(net.take_texts(2), ["over two links"]);
    let far = net.id(2);
    net.call(0, |node, now| node.whisper(now, &far, &["located, dialled and proven"]).unwrap());
    net.run_for(1_000);
    assert_eq!(net.take_texts(2), ["located, dialled and proven"]);
}

#[test]
fn long_messages_pass_in_both_directions_at_once() {
    let mut net = net(2);
    net.dial(0, 1);
    net.run_for(100);
    net.take_events(0);
    net.take_events(1);
    let long: String =
        (0..3_000_000).map(|at| char::from(b'a' + u8::try_from(at % 26).unwrap())).collect();
    net.broadcast(0, &long);
    net.broadcast(1, &long);
    net.run_for(1_000);
    assert_eq!(net.take_texts(0), [long.as_str()]);
    assert_eq!(net.take_texts(1), [long.as_str()]);
}

#[test]
fn a_node_that_proves_another_id_than_the_one_dialled_gets_no_handshake() {
    let mut net = net(2);
    let wanted = identity(7).node_id();
    net.call(0, |node, now| node.dial_for(now, addr(1), Some(wanted)).unwrap());
    net.run_for(100);
    let proven = identity(1).node_id();
    assert_eq!(reasons(&net.take_events(0)), [CloseReason::WrongPeer(proven)]);
    // Its last word is all that it said.
    assert_eq!(net.nodes[0].stats().frames_out, 1);
    assert_eq!(net.nodes[1].stats().frames_in, 1);
    let refused = CloseReason::Refused(RefusalReason::WrongPeer);
    assert_eq!(troubles(&net.nodes[1]), [refused]);
    assert!(net.nodes.iter().all(|node| node.connections.is_empty()));
}

#[test]
fn a_handshake_must_repeat_the_id_that_the_key_proves() {
    let mut net = net(2);
    net.nodes[1].id = identity(7).node_id();
    net.dial(0, 1);
    net.dial(1, 0);
    net.run_for(100);
    let fault = CloseReason::Misbehaved(Misbehavior::FalseId);
    assert_eq!(reasons(&net.take_events(0)), [fault]);
    assert_eq!(troubles(&net.nodes[0])[..2], [fault, fault]);
    let refused = CloseReason::Refused(RefusalReason::FalseId);
    assert_eq!(troubles(&net.nodes[1]), [refused, refused]);
    assert!(net.nodes.iter().all(|node| node.connections.is_empty()));
}

#[test]
fn both_ends_say_that_the_other_is_under_another_encryption() {
    for (dialer, acceptor) in [(0, 1), (1, 0)] {
        let mut net = Net::new(2);
        net.nodes[1] = node(tls(1), 1);
        net.dial(dialer, acceptor);
        net.run_for(100);
        assert_eq!(troubles(&net.nodes[0]), [CloseReason::OtherEncryption("tls13-rpk/1")]);
        assert_eq!(troubles(&net.nodes[1]), [CloseReason::OtherEncryption("Plaintext")]);
        assert!(net.nodes.iter().all(|node| node.connections.is_empty()));
    }
}

#[test]
fn both_ends_say_that_the_other_is_of_another_subnet() {
    let mut net = net(2);
    let protocol = Protocol::new("other", "tls13-rpk/1");
    net.nodes[1] = node(Config { protocol, ..tls(1) }, 1);
    net.dial(0, 1);
    net.run_for(100);
    for number in 0..2 {
        assert_eq!(troubles(&net.nodes[number]), [CloseReason::WrongProtocol], "{number}");
    }
}

#[test]
fn a_node_started_anew_takes_the_place_of_its_earlier_life_at_once() {
    let mut net = net(2);
    net.dial(1, 0);
    net.run_for(100);
    let earlier = net.conn(0, 1);
    // Its machine lost power: nobody tells node 0.
    net.deafen((0, earlier));
    net.nodes[1] = node(tls(1), 9);
    // To the net, connections of one name are one.
    net.nodes[1].last_conn = 10;
    net.dial(1, 0);
    net.run_for(100);
    assert_ne!(net.conn(0, 1), earlier);
    net.take_events(1);
    net.broadcast(0, "to the new life");
    net.run_for(100);
    assert_eq!(net.take_texts(1), ["to the new life"]);
}

#[test]
fn two_dials_at_once_become_one_link_and_nothing_is_lost() {
    let mut net = net(2);
    net.dial(0, 1);
    net.dial(1, 0);
    for number in 0..40 {
        net.run_for(1);
        for from in 0..2 {
            let _ = net.call(from, |node, now| node.broadcast(now, &[format!("{number}")]));
        }
    }
    net.run_for(20_000);
    let (heard, told) = (net.take_texts(0).len(), net.take_texts(1).len());
    assert!(heard > 30 && heard == told, "{heard}, {told}");
    assert!(net.nodes.iter().all(|node| node.connections.len() == 1));
    // The one that was given up has ended in good order.
    let cut_off = CloseReason::Encryption(SessionError::CutOff);
    assert!(net.nodes.iter().all(|node| !troubles(node).contains(&cut_off)));
}

#[test]
fn a_connection_that_ends_without_a_goodbye_was_cut_off() {
    let mut net = net(2);
    let conn = net.dial(0, 1);
    net.run_for(100);
    net.take_events(0);
    net.call(0, |node, now| node.handle_input(now, Input::Ended { conn }));
    let cut_off = CloseReason::Encryption(SessionError::CutOff);
    assert_eq!(reasons(&net.take_events(0)), [cut_off]);

    let conn = net.dial(0, 1);
    let _ = conn;
    net.run_for(100);
    net.take_events(0);
    let id = net.id(0);
    net.call(1, |node, now| node.disconnect(now, &id));
    net.run_for(100);
    assert_eq!(reasons(&net.take_events(0)), [CloseReason::Remote]);
}

/// PROTOCOL.md §3.2: it may be there only to show that this node can be reached.
#[test]
fn a_connection_on_which_nobody_says_a_word_is_not_cut_off() {
    let mut server = node(tls(0), 0);
    let cut_off = CloseReason::Encryption(SessionError::CutOff);
    let silent = server.accept(ms(0), addr(1)).unwrap();
    server.handle_input(ms(1), Input::Ended { conn: silent });
    assert_eq!(troubles(&server), []);
    let brief = server.accept(ms(0), addr(1)).unwrap();
    server.handle_input(ms(1), Input::Received { conn: brief, data: &[0x16] });
    server.handle_input(ms(1), Input::Ended { conn: brief });
    assert_eq!(troubles(&server), [cut_off], "one byte is a beginning");
    // The one that dials has said something.
    let dialed = server.dial(ms(2), addr(1)).unwrap();
    server.handle_input(ms(2), Input::Connected { conn: dialed });
    server.handle_input(ms(2), Input::Ended { conn: dialed });
    assert_eq!(troubles(&server), [cut_off, cut_off]);
}

#[test]
fn a_probe_is_no_trouble_to_the_node_that_is_probed() {
    let cut_off = CloseReason::Encryption(SessionError::CutOff);
    for (said, expected) in [(&b""[..], vec![]), (b"\x16", vec![cut_off])] {
        let mut server = node(tls(0), 0);
        let conn = server.accept(ms(0), addr(1)).unwrap();
        server.handle_input(ms(1), Input::Received { conn, data: said });
        server.handle_input(ms(2), Input::Ended { conn });
        server.handle_input(ms(3), Input::Closed { conn, error: None });
        assert!(server.connections.is_empty());
        assert_eq!(troubles(&server), expected);
    }
}

#[test]
fn a_silent_end_is_given_up_and_rubbish_is_told() {
    let mut server = node(tls(0), 0);
    let silent = server.accept(ms(0), addr(1)).unwrap();
    let loud = server.accept(ms(0), addr(2)).unwrap();
    server.handle_input(ms(1), Input::Received { conn: loud, data: b"GET / HTTP/1.1\r\n\r\n" });
    assert_eq!(troubles(&server), [CloseReason::Encryption(SessionError::NotTls)]);
    server.handle_input(ms(5_001), Input::Timeout);
    assert_eq!(troubles(&server)[1], CloseReason::HandshakeTimeout);
    let _ = silent;
    // The one is told by an alert, the other by nothing.
    let outputs: Vec<Output> = std::iter::from_fn(|| server.poll_output()).collect();
    let alerts = outputs.iter().filter(|output| matches!(output, Output::Transmit { .. }));
    assert_eq!(alerts.count(), 1, "{outputs:?}");
}

#[test]
fn tls_needs_an_identity_and_a_known_name() {
    let new = |config| Node::new(config, [0; 32], ms(0), WALL).map(|node| node.id());
    assert_eq!(new(Config { identity: None, ..tls(0) }), Err(ConfigError::NoIdentity));
    let protocol = Protocol::new("mesh", "ROT13");
    assert_eq!(new(Config { protocol, ..tls(0) }), Err(ConfigError::UnknownEncryption));
    let id: NodeId = "somebody".parse().unwrap();
    assert_eq!(new(Config { id: Some(id), ..tls(0) }), Ok(identity(0).node_id()));
}
