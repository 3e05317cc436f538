//! An accepting node holds its handshake back from py2p nodes for a moment.

use super::bench::{Bench, frame, handshake, id};
use super::net::config;
use crate::error::CloseReason;
use crate::event::Event;
use crate::node::{CloseMode, Input};
use crate::wire::{Compressions, Handshake, Protocol};

#[test]
fn a_py2p_node_that_dials_only_to_answer_is_never_sent_a_handshake() {
    let shake = handshake("py", None, None);
    let answer = frame("whisper", "py", &["whisper", "the answer"]);
    for (first, pause, second) in [
        ([&shake[..], &answer].concat(), 0, vec![]),
        (shake.clone(), 0, answer.clone()),
        (shake, 49, answer),
    ] {
        let mut bench = Bench::new();
        let conn = bench.accept(1);
        bench.receive(conn, &first);
        bench.wait(pause);
        bench.receive(conn, &second);
        assert_eq!(bench.texts(), ["the answer"]);
        assert_eq!(bench.closed(), [(conn, CloseMode::Flush)]);
        bench.wait(10_000);
        assert_eq!(bench.said(conn), [""; 0]);
        assert_eq!(bench.neighbors(), []);
        assert_eq!(bench.node.poll_timeout(), None);
    }
}

#[test]
fn a_py2p_node_that_says_no_more_gets_the_handshake_after_50_ms() {
    let mut bench = Bench::new();
    let conn = bench.accept(1);
    bench.wait(7);
    bench.receive(conn, &handshake("py", None, None));
    bench.wait(49);
    assert_eq!((bench.said(conn).len(), bench.neighbors().len()), (0, 0));
    bench.wait(1);
    assert_eq!(bench.said(conn), ["whisper handshake", "whisper peers"]);
    assert_eq!(bench.neighbors(), [(id("py"), conn)]);
}

#[test]
fn a_py2p_node_that_goes_on_with_a_broadcast_gets_the_handshake_at_once() {
    let mut bench = Bench::new();
    let conn = bench.accept(1);
    bench.receive(conn, &handshake("py", None, None));
    bench.wait(10);
    bench.receive(conn, &frame("broadcast", "py", &["broadcast", "hello"]));
    assert_eq!(bench.said(conn), ["whisper handshake", "whisper peers"]);
    assert_eq!(bench.texts(), ["hello"]);
    assert_eq!(bench.neighbors(), [(id("py"), conn)]);
    bench.wait(1_000);
    assert_eq!(bench.said(conn), [""; 0], "and only one");
}

#[test]
fn a_node_of_this_crate_gets_the_handshake_at_once_unless_this_one_plays_py2p() {
    let plain = crate::node::Config { extension: false, ..config() };
    for (config, expected) in [(config(), 2), (plain, 0)] {
        let mut bench = Bench::with(config);
        let conn = bench.accept(1);
        bench.receive(conn, &handshake("new", Some(1), None));
        assert_eq!(bench.said(conn).len(), expected);
    }
}

#[test]
fn another_protocol_is_told_ours_and_then_closed() {
    for extended in [false, true] {
        let mut bench = Bench::new();
        let conn = bench.accept(1);
        let protocol = Protocol::new("another", "Plaintext");
        let mut other = Handshake::new(id("other"), &protocol, None, Compressions::NONE);
        other.extension = extended.then_some(crate::wire::Extension::new(1, 1));
        bench.receive(conn, &frame("whisper", "other", &other.encode()));
        assert_eq!(bench.said(conn), ["whisper handshake"]);
        assert_eq!(bench.closed(), [(conn, CloseMode::Flush)]);
        let reasons: Vec<_> = bench.node.troubles().map(|trouble| trouble.reason).collect();
        assert_eq!(reasons, [CloseReason::WrongProtocol]);

        let mut dialer = Bench::new();
        let conn = dialer.call(|node, now| node.dial(now, super::net::addr(1))).unwrap();
        dialer.input(Input::Connected { conn });
        dialer.receive(conn, &frame("whisper", "other", &other.encode()));
        let events = dialer.events();
        let [Event::DialFailed { reason, .. }] = &events[..] else { panic!("{events:?}") };
        assert_eq!(*reason, CloseReason::WrongProtocol);
        assert_eq!(dialer.closed(), [(conn, CloseMode::Abort)]);
    }
}
