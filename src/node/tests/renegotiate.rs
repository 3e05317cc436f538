//! Agreeing anew on a connection.

use serde_json::Value;

use super::bench::{Bench, frame, id};
use super::net::{addr, config};
use crate::conn_id::ConnId;
use crate::error::{CloseReason, Misbehavior};
use crate::event::Event;
use crate::node::{Config, Input};
use crate::wire::{Compression, Compressions, Handshake, PathfindingMessage};

/// A neighbor that reads these methods.
fn neighbor(bench: &mut Bench, methods: &[&str]) -> ConnId {
    let conn = bench.accept(1);
    let methods = Compressions::from_names(methods.iter().copied());
    let shake = Handshake::new(id("py"), &config().protocol, None, methods);
    bench.receive(conn, &frame("whisper", "py", &shake.encode()));
    bench.wait(50);
    bench.forget();
    conn
}

fn list(bench: &mut Bench, conn: ConnId, names: &str) -> Vec<String> {
    bench.receive(conn, &frame("renegotiate", "py", &["compression", names]));
    bench.said(conn)
}

fn held(bench: &Bench) -> Compressions {
    bench.node.routing_table().next().unwrap().compressions
}

#[test]
fn a_new_list_is_taken_and_answered_with_what_both_have() {
    // As py2p does, but that names which nobody here knows are not kept.
    let vectors: Value =
        serde_json::from_str(include_str!("../../../tests/vectors/py2p.json")).unwrap();
    let names = |list: &Value| -> Vec<String> {
        list.as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
    };
    let cases = vectors["renegotiation"].as_array().unwrap();
    assert!(cases.len() >= 8);
    // What a build without a method cannot answer with is not to be had from it.
    let is_supported =
        |name: &String| Compression::parse(name).is_none_or(Compression::is_supported);
    let possible =
        |case: &&Value| case["answer"].is_null() || names(&case["answer"]).iter().all(is_supported);
    for case in cases.iter().filter(possible) {
        let mut bench = Bench::new();
        let before = names(&case["before"]);
        let conn = neighbor(&mut bench, &before.iter().map(String::as_str).collect::<Vec<_>>());
        let received = case["received"].to_string();
        let said = list(&mut bench, conn, &received);
        let expected: Vec<_> = case["answer_packets"]
            .as_array()
            .unwrap()
            .iter()
            .map(|answer| names(answer).join(" "))
            .collect();
        assert_eq!(said, expected, "{case}");
        let after = names(&case["after"]);
        assert_eq!(held(&bench), Compressions::from_names(after.iter().map(String::as_str)));
        assert_eq!(list(&mut bench, conn, &received), [""; 0], "the same again: silence");
    }
}

#[test]
fn what_is_no_list_is_ignored() {
    let mut bench = Bench::new();
    let conn = neighbor(&mut bench, &["gzip"]);
    assert_eq!(list(&mut bench, conn, "no list"), [""; 0]);
    bench.receive(conn, &frame("renegotiate", "py", &["compression"]));
    bench.receive(conn, &frame("renegotiate", "py", &["broadcast", "x"]));
    let ignored = bench.node.stats().ignored;
    assert_eq!((ignored.unreadable, ignored.unknown_flag, ignored.total()), (2, 1, 3));
    assert_eq!((held(&bench), bench.texts().len()), (Compressions::from_names(["gzip"]), 0));
}

#[test]
fn t37_a_list_that_changes_for_the_fifth_time_within_a_minute_ends_the_connection() {
    let mut bench = Bench::new();
    let conn = neighbor(&mut bench, &[]);
    let lists = [r#"["gzip"]"#, "[]"];
    for minute in 0..3 {
        for count in 0..4 {
            let said = list(&mut bench, conn, lists[count % 2]);
            assert_eq!(said.len(), 1, "minute {minute}, change {count}");
        }
        bench.wait(60_000);
        // A py2p node that has been silent for a minute is told its methods again.
        bench.forget();
    }
    for count in 0..5 {
        list(&mut bench, conn, lists[count % 2]);
    }
    let reason = CloseReason::Misbehaved(Misbehavior::Renegotiation);
    assert_eq!(bench.events(), [Event::PeerLost { id: id("py"), reason }]);
}

fn resend(bench: &mut Bench, conn: ConnId) -> Vec<String> {
    bench.receive(conn, &frame("renegotiate", "py", &["resend"]));
    bench.said(conn)
}

#[test]
fn the_last_broadcast_or_whisper_is_sent_again_and_no_waterfall() {
    let mut bench = Bench::new();
    let conn = neighbor(&mut bench, &["gzip"]);
    bench.call(|node, now| node.broadcast(now, &["b"])).unwrap();
    bench.forget();
    assert_eq!(resend(&mut bench, conn), ["broadcast broadcast b"]);
    bench.call(|node, now| node.whisper(now, &id("py"), &["w"])).unwrap();
    let other = bench.neighbor(2, "other", Some(2));
    bench.receive(other, &frame("broadcast", "far", &["broadcast", "passed on"]));
    assert_eq!(bench.said(conn), ["waterfall broadcast passed on"]);
    list(&mut bench, conn, "[]");
    assert_eq!(resend(&mut bench, conn), ["whisper whisper w"]);
}

/// Whispers a message whose body has this length, and returns it as it was sent.
fn whisper(bench: &mut Bench, conn: ConnId, len: usize) -> PathfindingMessage {
    // The message id's length depends on the text.
    for text in (1..len * 2).map(|n| ["x", "y", "z"][n % 3].repeat(len - n / 3)) {
        let payload = ["whisper", &text];
        let sender = bench.node.id();
        let time = bench.node.wall(bench.now).as_secs();
        let message = PathfindingMessage::new(b"whisper", sender.as_bytes(), time, &payload);
        if message.unwrap().packets().body().len() == len {
            bench.call(|node, now| node.whisper(now, &id("py"), &[&text])).unwrap();
            let sent = bench.sent(conn).remove(0);
            assert_eq!(sent.packets().body().len(), len);
            return sent;
        }
    }
    panic!("no text makes a body of {len} bytes")
}

#[test]
fn t36_three_times_a_minute_and_nothing_long() {
    let mut bench = Bench::with(Config { compressions: Compressions::NONE, ..config() });
    let conn = neighbor(&mut bench, &[]);
    assert_eq!(resend(&mut bench, conn), ["whisper peers"], "the last whisper so far");
    bench.wait(60_000);
    bench.call(|node, now| node.broadcast(now, &["x"])).unwrap();
    bench.forget();
    let answered: usize = (0..1_000).map(|_| resend(&mut bench, conn).len()).sum();
    assert_eq!(answered, 3);
    bench.wait(60_000);
    bench.forget();
    whisper(&mut bench, conn, 65_536);
    assert_eq!(resend(&mut bench, conn).len(), 1);
    whisper(&mut bench, conn, 65_537);
    assert_eq!(resend(&mut bench, conn).len(), 0);
}

#[test]
fn a_body_of_511_bytes_goes_plain_and_one_of_512_compressed() {
    let mut bench = Bench::new();
    let conn = neighbor(&mut bench, &["gzip"]);
    assert!(whisper(&mut bench, conn, 511).compression_fail());
    assert!(!whisper(&mut bench, conn, 512).compression_fail());
}

#[test]
fn a_frame_of_exactly_the_room_is_taken_and_one_byte_more_is_refused_and_counted() {
    for (spare, taken) in [(0, true), (1, false)] {
        let mut bench = Bench::new();
        let conn = bench.dialed(1, "py", None);
        let data = frame("whisper", "py", &["whisper", "x"]);
        let max = bench.node.config().limits.max_backlog_len;
        bench.node.connections.get_mut(&conn).unwrap().backlog_len = max - data.len() + spare;
        let sent =
            bench.call(|node, now| node.send_bytes(now, &id("py"), data.clone().into())).is_ok();
        assert_eq!((sent, bench.node.stats().refused.queue_full), (taken, u64::from(!taken)));
        bench.input(Input::Sent { conn, len: max });
        assert_eq!(addr(1), bench.node.routing_table().next().unwrap().addr);
    }
}
