//! How connections end, and the clock.

use std::time::Duration;

use super::bench::{Bench, frame, handshake, id};
use super::net::{WALL, addr, config, ms};
use crate::event::Leftover;
use crate::node::reading::USER;
use crate::node::{CloseMode, Input};
use crate::time::UnixTime;

#[test]
fn the_calendar_goes_on_from_when_it_was_set() {
    let mut bench = Bench::new();
    bench.wait(7_000);
    let wall = UnixTime::from_secs(1_000);
    bench.input(Input::ClockSet { wall });
    assert_eq!(bench.node.wall(ms(7_000)), wall);
    assert_eq!(bench.node.wall(ms(10_000)), wall + Duration::from_secs(3));
    assert_ne!(bench.node.wall(ms(10_000)), WALL);
}

#[test]
fn a_dial_that_takes_too_long_is_aborted_and_nothing_else() {
    let mut bench = Bench::new();
    let conn = bench.call(|node, now| node.dial(now, addr(1))).unwrap();
    bench.wait(10_000);
    assert_eq!(bench.closed(), [(conn, CloseMode::Abort)]);
    assert_eq!((bench.events().len(), bench.node.connections.len()), (1, 0));
    let conn = bench.call(|node, now| node.dial(now, addr(1))).unwrap();
    bench.call(|node, now| node.close(now));
    assert_eq!(bench.closed(), [(conn, CloseMode::Abort)]);
    assert!(bench.node.is_closed());
    assert_eq!(bench.node.poll_timeout(), None);
}

#[test]
fn no_timer_of_a_closed_connection_is_left() {
    let mut bench = Bench::new();
    let conn = bench.neighbor(1, "rs", Some(1));
    bench.wait(30_000);
    bench.call(|node, now| node.disconnect(now, &id("rs")));
    assert_eq!(bench.node.poll_timeout(), Some(ms(35_050)));
    bench.input(Input::Closed { conn, error: None });
    assert_eq!(bench.node.poll_timeout(), None);
}

#[test]
fn closing_does_not_abort_what_is_closing_already() {
    let mut bench = Bench::new();
    let conn = bench.neighbor(1, "rs", Some(1));
    bench.call(|node, now| node.disconnect(now, &id("rs")));
    bench.call(|node, now| node.close(now));
    bench.call(|node, now| node.close(now));
    assert_eq!(bench.closed(), [(conn, CloseMode::Flush)]);
    assert!(!bench.node.is_closed());
}

#[test]
fn a_connection_that_another_replaced_is_aborted_after_the_linger_timeout() {
    let mut bench = Bench::new();
    let old = bench.neighbor(1, "rs", Some(1));
    let new = bench.accept(1);
    bench.receive(new, &handshake("rs", Some(2), None));
    let link = |conn| bench.link(conn);
    let (yours, mine) = (link(new), 2);
    let verdict = crate::wire::LinkVerdict::Settled;
    let answer =
        crate::wire::Control::Answer { link: crate::wire::LinkName { yours, mine }, verdict };
    bench.receive(old, &frame("whisper", "rs", &answer.encode()));
    assert_eq!(bench.closed(), [(new, CloseMode::Flush)]);
    bench.wait(4_999);
    assert_eq!(bench.closed(), []);
    bench.wait(1);
    assert_eq!(bench.closed(), [(new, CloseMode::Abort)]);
    assert_eq!(bench.neighbors(), [(id("rs"), old)]);
}

#[test]
fn a_connection_that_another_replaced_is_read_while_bytes_come() {
    let mut bench = Bench::new();
    let old = bench.neighbor(1, "rs", Some(1));
    let new = bench.accept(1);
    bench.receive(new, &handshake("rs", Some(2), None));
    let yours = bench.link(new);
    let link = crate::wire::LinkName { yours, mine: 2 };
    let verdict = crate::wire::LinkVerdict::Settled;
    let answer = crate::wire::Control::Answer { link, verdict };
    bench.receive(old, &frame("whisper", "rs", &answer.encode()));
    bench.forget();
    for count in 0..5 {
        bench.wait(4_000);
        bench.receive(new, &frame("whisper", "rs", &["whisper", "slow"]));
        assert_eq!(bench.texts().len(), 1, "{count}");
    }
    bench.wait(5_000);
    assert_eq!(bench.closed(), [(new, CloseMode::Abort)]);
}

#[test]
fn what_a_closed_node_could_not_send_is_told() {
    let mut bench = Bench::new();
    let conn = bench.neighbor(1, "rs", Some(1));
    bench.node.connections.get_mut(&conn).unwrap().backlog_len = 77;
    bench.call(|node, now| node.close(now));
    bench.wait(5_000);
    assert_eq!(bench.node.unsent(), [(id("rs"), Leftover::Unsent(77))]);
    assert!(bench.node.is_closed());
    assert!(config().limits.linger_timeout == Duration::from_secs(5));
}

#[test]
fn a_disconnect_ends_what_waits_for_the_neighbors_word_too() {
    let mut bench = Bench::new();
    let conn = bench.neighbor(1, "rs", Some(1));
    let parked = bench.accept(1);
    bench.receive(parked, &handshake("rs", Some(2), None));
    bench.call(|node, now| node.disconnect(now, &id("rs")));
    assert_eq!(bench.closed(), [(parked, CloseMode::Flush), (conn, CloseMode::Flush)]);
    assert_eq!(bench.neighbors(), []);
    bench.wait(10_000);
    assert!(bench.node.connections.is_empty());
}

#[test]
fn t30_who_takes_a_little_of_what_waits_for_it_keeps_an_ending_connection_for_two_minutes() {
    let mut bench = Bench::new();
    let slow = bench.neighbor(1, "slow", Some(1));
    bench.node.connections.get_mut(&slow).unwrap().backlog_len = 4 << 20;
    bench.input(Input::Ended { conn: slow });
    assert_eq!(bench.closed(), [(slow, CloseMode::Flush)]);
    for second in (0..120).step_by(4) {
        assert_eq!(bench.closed(), [], "{second}");
        bench.input(Input::Sent { conn: slow, len: 4_096 });
        bench.wait(4_000);
    }
    assert_eq!(bench.closed(), [(slow, CloseMode::Abort)]);
}

#[test]
fn t30_who_says_a_little_keeps_a_replaced_connection_for_two_minutes_that_are_read() {
    let mut bench = Bench::new();
    let old = bench.neighbor(1, "rs", Some(1));
    bench.call(|node, now| node.refuse(now, old, id("rs")));
    bench.forget();
    for second in (0..236).step_by(4) {
        assert_eq!(bench.closed(), [], "{second}");
        bench.receive(old, &frame("whisper", "rs", &["whisper", "slow"]));
        // While it is not read for the user's sake it cannot get on.
        if second == 100 {
            bench.call(|node, now| node.hold_read(now, old, USER));
        } else if second == 120 {
            bench.call(|node, now| node.release_read(now, old, USER));
        }
        bench.wait(4_000);
    }
    bench.receive(old, &frame("whisper", "rs", &["whisper", "slow"]));
    bench.wait(4_000);
    assert_eq!(bench.closed(), [(old, CloseMode::Abort)]);
}
