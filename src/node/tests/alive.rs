//! Neighbors that say nothing any more.

use std::time::Duration;

use super::bench::{Bench, frame, id};
use super::net::{config, ms};
use crate::conn_id::ConnId;
use crate::error::CloseReason;
use crate::event::Event;
use crate::node::{CloseMode, Compress, Config, Input};
use crate::wire::{Compressions, Control, Extension, Handshake};

/// A neighbor that has dialled this node, at the end of its 50th millisecond, and says that it
/// answers pings.
fn pinging(bench: &mut Bench) -> ConnId {
    let conn = bench.accept(1);
    let methods = Compressions::supported();
    let extension = Some(Extension { ping: true, ..Extension::new(7, 1) });
    let handshake = Handshake::new(id("rs"), &config().protocol, None, methods);
    let handshake = Handshake { extension, ..handshake };
    bench.receive(conn, &frame("whisper", "rs", &handshake.encode()));
    bench.wait(50);
    bench.forget();
    conn
}

/// The number of the ping that was sent on a connection.
fn asked(bench: &mut Bench, conn: ConnId) -> Option<u64> {
    let mut numbers = bench.sent(conn).into_iter().filter_map(|message| {
        match Control::decode(message.payload()) {
            Some(Control::Ping(number)) => Some(number),
            _ => None,
        }
    });
    let number = numbers.next();
    assert_eq!(numbers.next(), None, "once is enough");
    number
}

fn say(bench: &mut Bench, conn: ConnId, control: Control) {
    bench.receive(conn, &frame("whisper", "rs", &control.encode()));
}

#[test]
fn t15_a_neighbor_that_falls_silent_is_asked_after_15_seconds_and_given_up_after_45() {
    let mut bench = Bench::new();
    let conn = pinging(&mut bench);
    bench.wait(14_949);
    assert_eq!(asked(&mut bench, conn), None);
    bench.wait(1);
    assert!(asked(&mut bench, conn).is_some());
    bench.wait(29_999);
    assert_eq!(bench.closed(), []);
    bench.wait(1);
    assert_eq!(bench.closed(), [(conn, CloseMode::Abort)]);
    let reason = CloseReason::Silent { unsent_len: 0 };
    assert_eq!(bench.events(), [Event::PeerLost { id: id("rs"), reason }]);
    assert_eq!(bench.node.poll_timeout(), None);
}

#[test]
fn t15_who_answers_is_kept_and_the_time_that_it_took_is_known() {
    let mut bench = Bench::new();
    let conn = pinging(&mut bench);
    for _ in 0..10 {
        bench.wait(15_000);
        let number = asked(&mut bench, conn).unwrap();
        bench.wait(40);
        say(&mut bench, conn, Control::Pong(number));
    }
    assert_eq!(bench.closed(), []);
    let info = bench.node.routing_table().next().unwrap();
    assert_eq!(info.round_trip, Some(Duration::from_millis(40)));
}

#[test]
fn t15_whoever_says_anything_else_is_alive_too() {
    let mut bench = Bench::new();
    let conn = pinging(&mut bench);
    for _ in 0..100 {
        bench.wait(14_000);
        bench.receive(conn, &frame("whisper", "rs", &["whisper", "still here"]));
    }
    assert_eq!((asked(&mut bench, conn), bench.closed()), (None, vec![]));
    // As good as an answer, even where none comes.
    bench.wait(40_000);
    assert!(asked(&mut bench, conn).is_some());
    bench.receive(conn, &frame("whisper", "rs", &["whisper", "busy"]));
    bench.wait(40_000);
    assert_eq!(bench.closed(), []);
}

#[test]
fn only_the_number_that_was_asked_with_is_an_answer() {
    let mut bench = Bench::new();
    let conn = pinging(&mut bench);
    let ignored = bench.node.stats().ignored.total();
    say(&mut bench, conn, Control::Pong(1));
    bench.wait(15_000);
    let number = asked(&mut bench, conn).unwrap();
    say(&mut bench, conn, Control::Pong(number.wrapping_add(1)));
    say(&mut bench, conn, Control::Pong(number));
    say(&mut bench, conn, Control::Pong(number));
    assert_eq!(bench.node.stats().ignored.total() - ignored, 3);
}

#[test]
fn pings_are_answered_sixty_times_a_minute() {
    let mut bench = Bench::new();
    let conn = pinging(&mut bench);
    for number in 0..100 {
        say(&mut bench, conn, Control::Ping(number));
    }
    let answers = bench.sent(conn);
    let answers = answers.iter().filter_map(|message| Control::decode(message.payload()));
    assert!(answers.eq((0..60).map(Control::Pong)));
}

#[test]
fn t15_a_node_that_stood_still_itself_asks_once_more_before_it_gives_anybody_up() {
    let mut bench = Bench::new();
    let conn = pinging(&mut bench);
    bench.wait(15_000);
    assert!(asked(&mut bench, conn).is_some());
    bench.now = ms(100_000);
    bench.input(Input::Timeout);
    assert_eq!(bench.closed(), []);
    assert!(asked(&mut bench, conn).is_some());
    bench.wait(30_000);
    assert_eq!(bench.closed(), [(conn, CloseMode::Abort)]);
}

#[test]
fn t15_a_neighbor_that_takes_what_waits_for_it_is_alive() {
    let mut bench = Bench::with(Config { compress: Compress::Never, ..config() });
    let conn = pinging(&mut bench);
    // Nothing of this is reported as sent until later.
    bench.node.broadcast(bench.now, &[vec![0; 100_000]]).unwrap();
    while bench.node.poll_output().is_some() {}
    for _ in 0..20 {
        bench.wait(5_000);
        bench.input(Input::Sent { conn, len: 100 });
    }
    assert_eq!(bench.closed(), []);
}

#[test]
fn t15_a_py2p_neighbor_is_told_its_methods_again_after_a_minute_and_never_given_up() {
    let mut bench = Bench::new();
    let conn = bench.neighbor(1, "py", None);
    let list = format!("renegotiate compression {}", Compressions::supported().to_json());
    bench.wait(59_000);
    assert_eq!(bench.said(conn), [""; 0]);
    bench.wait(1_000);
    assert_eq!(bench.said(conn), [&list[..]]);
    bench.wait(600_000);
    assert_eq!(bench.said(conn), [&list[..]; 10]);
    let renegotiated = bench.call(|node, now| node.renegotiate(now, &id("py"), Compressions::NONE));
    assert_eq!(renegotiated, Ok(()));
    bench.forget();
    bench.wait(60_000);
    assert_eq!(bench.said(conn), ["renegotiate compression []"], "what it was told last");
    assert_eq!(bench.closed(), []);
}

#[test]
fn who_does_not_say_that_it_answers_pings_is_not_asked() {
    let mut bench = Bench::new();
    let conn = bench.neighbor(1, "rs", Some(1));
    bench.wait(600_000);
    assert_eq!((bench.said(conn), bench.closed()), (vec![], vec![]));
}
