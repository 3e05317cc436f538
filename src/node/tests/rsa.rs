//! Nodes under py2p's RSA sockets.

use bytes::Bytes;

use super::super::{CloseMode, Config, Input, Node, Output};
use super::net::{Net, WALL, addr, config, ms};
use super::rsa_key;
use super::victim::{HANDSHAKE_TIMEOUT, Peer, Victim};
use crate::error::{CloseReason, SendError};
use crate::session::SessionError;
use crate::wire::Protocol;

fn rsa(number: usize) -> Config {
    let protocol = Protocol::new("mesh", "PKCS1_v1.5");
    Config { protocol, out_addr: Some(addr(number).into()), ..config() }
}

fn net(count: usize) -> Net {
    let mut net = Net::new(count);
    for number in 0..count {
        net.nodes[number] = node(number);
    }
    net
}

fn node(number: usize) -> Node {
    Node::new(rsa(number), [u8::try_from(number).unwrap(); 32], ms(0), WALL).unwrap()
}

fn troubles(node: &Node) -> Vec<CloseReason> {
    node.troubles().map(|trouble| trouble.reason).collect()
}

#[test]
fn messages_reach_everybody_over_several_links() {
    let mut net = net(3);
    net.dial(0, 1);
    net.dial(2, 1);
    net.run_for(100);
    net.broadcast(0, "over two links");
    net.run_for(100);
    assert_eq!(net.take_texts(1), ["over two links"]);
    assert_eq!(net.take_texts(2), ["over two links"]);
    let far = net.id(2);
    net.call(0, |node, now| node.whisper(now, &far, &["located and dialled"]).unwrap());
    net.run_for(1_000);
    assert_eq!(net.take_texts(2), ["located and dialled"]);
}

#[test]
fn a_message_has_64_kib_at_most() {
    let mut net = net(2);
    net.dial(0, 1);
    net.run_for(100);
    net.take_events(1);
    let text = |len| "x".repeat(len);
    let refused = net.call(0, |node, now| node.broadcast(now, &[text(64 << 10)]));
    assert!(matches!(refused, Err(SendError::TooLong { .. })), "{refused:?}");
    net.broadcast(0, &text(60_000));
    net.run_for(1_000);
    assert_eq!(net.take_texts(1), [text(60_000)]);
}

#[test]
fn what_is_queued_is_sent_before_a_connection_ends() {
    let mut net = net(2);
    net.dial(0, 1);
    net.run_for(100);
    net.take_events(1);
    net.broadcast(0, &"long".repeat(5_000));
    net.broadcast(0, "last words");
    net.call(0, |node, now| node.close(now));
    net.run_for(5_000);
    assert_eq!(net.take_texts(1), ["long".repeat(5_000), "last words".to_owned()]);
    assert!(net.nodes[0].is_closed());
    assert_eq!(net.nodes[0].unsent(), []);
}

#[test]
fn a_connection_without_a_key_waits_for_one() {
    let mut server = node(0);
    let wanted = |node: &mut Node| {
        std::iter::from_fn(|| node.poll_output())
            .filter(|output| matches!(output, Output::MakeRsaKey))
            .count()
    };
    assert_eq!(wanted(&mut server), 4);
    let conn = server.accept(ms(0), addr(1)).unwrap();
    server.handle_input(ms(1), Input::Received { conn, data: b"Requesting key size" });
    assert!(server.poll_output().is_none());
    server.supply_rsa_key(ms(2), rsa_key());
    let said: Vec<u8> = std::iter::from_fn(|| server.poll_output())
        .filter_map(|output| match output {
            Output::Transmit { data, .. } => Some(data.to_vec()),
            _ => None,
        })
        .flatten()
        .collect();
    assert_eq!(said, b"1024            ");
}

#[test]
fn a_connection_on_which_nobody_says_a_word_is_no_fault_and_is_told_nothing() {
    let mut server = node(0);
    while server.poll_output().is_some() {}
    let conn = server.accept(ms(0), addr(1)).unwrap();
    server.handle_input(ms(1), Input::Ended { conn });
    let outputs: Vec<Output> = std::iter::from_fn(|| server.poll_output()).collect();
    assert_eq!(outputs, [Output::Close { conn, mode: CloseMode::Flush }]);
    assert_eq!(troubles(&server), []);
}

#[test]
fn every_fault_ends_in_silence_after_a_while() {
    for (data, reason) in [
        (&b"Requesting key syze"[..], CloseReason::Encryption(SessionError::BadRequest)),
        (b"GET / HTTP/1.1 and so on", CloseReason::Encryption(SessionError::BadRequest)),
    ] {
        let mut server = node(0);
        let mut supply = 0;
        while let Some(output) = server.poll_output() {
            supply += usize::from(matches!(output, Output::MakeRsaKey));
        }
        for _ in 0..supply {
            server.supply_rsa_key(ms(0), rsa_key());
        }
        let conn = server.accept(ms(0), addr(1)).unwrap();
        server.handle_input(ms(1), Input::Received { conn, data });
        let outputs = |node: &mut Node| -> Vec<Output> {
            std::iter::from_fn(|| node.poll_output())
                .filter(|output| !matches!(output, Output::MakeRsaKey))
                .collect()
        };
        assert_eq!(outputs(&mut server), [], "{reason}");
        let due = server.poll_timeout().unwrap();
        assert!((ms(51)..=ms(201)).contains(&due), "{due}");
        server.handle_input(due, Input::Timeout);
        assert_eq!(outputs(&mut server), [Output::Close { conn, mode: CloseMode::Abort }]);
        assert_eq!(troubles(&server), [reason]);
    }
}

#[test]
fn whoever_comes_under_another_encryption_is_shown_what_is_spoken_here() {
    let frame = [0, 0, 1, 0x54, 0, 0, 0, 7, 0, 0, 0, 65, 0, 0, 0, 66, 0, 0, 0, 6];
    let hello = [0x16, 3, 1, 0, 200, 1, 0, 0, 190, 3, 3, 1, 2, 3, 4, 5, 6, 7, 8, 9];
    for (data, name) in [(frame, "Plaintext"), (hello, "tls13-rpk/1")] {
        let mut server = node(0);
        let conn = server.accept(ms(0), addr(1)).unwrap();
        server.handle_input(ms(1), Input::Received { conn, data: &data });
        let mut outputs: Vec<Output> = std::iter::from_fn(|| server.poll_output()).collect();
        outputs.retain(|output| !matches!(output, Output::MakeRsaKey));
        let said = Bytes::from_static(b"Requesting key size");
        let expected =
            [Output::Transmit { conn, data: said }, Output::Close { conn, mode: CloseMode::Flush }];
        assert_eq!(outputs, expected, "{name}");
        assert_eq!(troubles(&server), [CloseReason::OtherEncryption(name)]);
    }
}

#[test]
fn a_dialer_learns_that_the_other_end_is_plaintext() {
    let mut net = Net::new(2);
    net.nodes[0] = node(0);
    net.dial(0, 1);
    net.run_for(1_000);
    assert_eq!(troubles(&net.nodes[0]), [CloseReason::OtherEncryption("Plaintext")]);
    assert_eq!(troubles(&net.nodes[1]), [CloseReason::OtherEncryption("PKCS1_v1.5")]);
}

/// Who cuts a message off behind a block must not learn at once whether that block was good.
#[test]
fn a_stream_that_is_cut_within_a_message_ends_as_late_as_any_fault() {
    let mut victim = Victim::new();
    let peer = Peer::dials(&mut victim);
    let block = peer.blocks(&[b"\0\0\0\x01\x02half of it"]);
    victim.receive(peer.conn, &block);
    victim.input(Input::Ended { conn: peer.conn });
    victim.wait(49);
    assert_eq!(victim.closed.get(&peer.conn), None);
    victim.wait(151);
    assert_eq!(victim.closed[&peer.conn].0, CloseMode::Abort);
    let cut_off = CloseReason::Encryption(SessionError::CutOff);
    assert_eq!(troubles(&victim.node), [cut_off]);
}

#[test]
fn a_fault_ends_at_a_time_of_its_own_whatever_timer_was_about_to_fire() {
    let mut victim = Victim::new();
    let mut delays = std::collections::BTreeSet::new();
    for _ in 0..20 {
        let conn = victim.accept();
        victim.wait(HANDSHAKE_TIMEOUT.as_secs() * 1_000 - 10);
        victim.receive(conn, b"Requesting rubbish");
        assert!(
            victim.node.connections.get(&conn).unwrap().sealed.is_empty(),
            "nobody will look at it"
        );
        let mut delay = 0;
        while !victim.closed.contains_key(&conn) {
            victim.wait(1);
            delay += 1;
        }
        assert!((50..=200).contains(&delay), "after {delay} ms");
        delays.insert(delay);
    }
    assert!(delays.len() > 5, "always the same would be subtracted: {delays:?}");
}

#[test]
fn what_waits_for_a_key_is_bounded() {
    let mut victim = Victim::new();
    for _ in 0..super::super::encryption::POOL_COUNT {
        let _ = Peer::dials(&mut victim);
    }
    victim.withhold_keys();
    // The keys that lay ready are used up by these.
    let conns: Vec<_> = (0..10).map(|_| victim.accept()).collect();
    for conn in &conns {
        victim.receive(*conn, b"Requesting key size");
    }
    let waiting =
        *conns.iter().find(|conn| victim.node.connections.get(conn).unwrap().awaits_key).unwrap();
    victim.receive(waiting, &vec![0; 256 << 10]);
    victim.wait(200);
    assert_eq!(victim.closed.get(&waiting).map(|closed| closed.0), Some(CloseMode::Abort));
    assert_eq!(troubles(&victim.node), [CloseReason::Encryption(SessionError::TooLong)]);
}

/// A driver may shut the connection down at the word, as a socket does.
#[test]
fn a_connection_is_closed_only_behind_the_last_block() {
    let mut victim = Victim::new();
    let _peer = Peer::joins(&mut victim, "peer");
    let (node, now) = (&mut victim.node, victim.now);
    node.broadcast(now, &["long".repeat(2_000)]).unwrap();
    node.close(now);
    let mut outputs = Vec::new();
    for _ in 0..1_000 {
        outputs.extend(std::iter::from_fn(|| node.poll_output()));
        for conn in node.connections.iter().map(|(conn, _)| *conn).collect::<Vec<_>>() {
            node.handle_input(now, Input::Continue { conn });
        }
    }
    let place = |is: fn(&Output) -> bool| outputs.iter().rposition(is).unwrap();
    let last = place(|output| matches!(output, Output::Transmit { .. }));
    let close = place(|output| matches!(output, Output::Close { .. }));
    assert!(last < close, "{last}, {close}");
}
