//! Strangers take the places of those who have yet to say who they are, and keep them.

use super::bench::{Bench, frame, handshake, id};
use super::net::{addr, limited, ms};
use crate::error::CloseReason;
use crate::node::{CloseMode, Refused};
use crate::wire::{Compressions, Handshake, Protocol};

#[test]
fn two_addresses_that_hold_all_places_keep_no_third_one_out() {
    let mut bench = Bench::new();
    let silent: Vec<_> = (0..32).map(|number| bench.accept(1 + number % 2)).collect();
    for addr in [3, 4] {
        let newcomer = bench.accept(addr);
        bench.receive(newcomer, &handshake(&format!("honest{addr}"), None, None));
        bench.wait(100);
    }
    assert_eq!(bench.neighbors().len(), 2);
    // Whoever joins leaves a place behind.
    assert_eq!(bench.closed(), [(silent[0], CloseMode::Abort)]);
    let reasons: Vec<_> = bench.node.troubles().map(|trouble| trouble.reason).collect();
    assert_eq!(reasons, [CloseReason::HandshakeTimeout]);
}

#[test]
fn where_all_have_as_many_places_each_keeps_its_own_for_a_second() {
    let mut bench = Bench::with(limited(|limits| limits.max_pending = 3));
    let first = bench.accept(1);
    bench.accept(2);
    bench.accept(3);
    let accept = |bench: &mut Bench| bench.call(|node, now| node.accept(now, addr(4)));
    assert_eq!(accept(&mut bench), Err(Refused::TooManyPending));
    bench.wait(999);
    assert_eq!(accept(&mut bench), Err(Refused::TooManyPending));
    bench.wait(1);
    assert!(accept(&mut bench).is_ok());
    assert_eq!(bench.closed(), [(first, CloseMode::Abort)]);
    // The newcomer has no more than the others, and takes no second place from them.
    let two = Bench::with(limited(|limits| limits.max_pending = 2));
    let mut node = two.node;
    assert!(node.accept(ms(0), addr(1)).is_ok() && node.accept(ms(0), addr(2)).is_ok());
    assert_eq!(node.accept(ms(0), addr(1)), Err(Refused::TooManyPending));
}

#[test]
fn a_newcomer_that_is_not_let_in_takes_nobodys_place() {
    let mut bench = Bench::with(limited(|limits| limits.max_pending = 1));
    let waiting = bench.accept(1);
    bench.wait(2_000);
    let rule = crate::node::Rule {
        kind: crate::node::RuleKind::Deny,
        subject: addr(2).ip().into(),
        lifetime: None,
    };
    bench.call(|node, now| node.add_rule(now, rule)).unwrap();
    let taken = bench.call(|node, now| node.accept(now, addr(2)));
    assert_eq!(taken, Err(Refused::Denied));
    assert_eq!(bench.closed(), []);
    bench.receive(waiting, &handshake("honest", None, None));
    bench.wait(100);
    assert_eq!(bench.neighbors().len(), 1);
}

#[test]
fn who_was_refused_and_does_not_leave_keeps_nobody_out() {
    let mut bench = Bench::with(limited(|limits| limits.max_incoming = 2));
    let mut refused = || {
        let conn = bench.accept(1);
        let other = Protocol::new("other", "Plaintext");
        let handshake = Handshake::new(id("stranger"), &other, None, Compressions::NONE);
        bench.receive(conn, &frame("whisper", "stranger", &handshake.encode()));
        conn
    };
    let strangers = [refused(), refused()];
    assert_eq!(bench.closed(), strangers.map(|conn| (conn, CloseMode::Flush)));
    bench.accept(2);
    assert_eq!(bench.closed(), [(strangers[0], CloseMode::Abort)], "it has had its word");
    bench.wait(5_000);
    bench.neighbor(2, "honest", None);
    bench.neighbor(3, "another", None);
    let full = bench.call(|node, now| node.accept(now, addr(4)));
    assert_eq!(full, Err(Refused::TooManyIncoming), "neighbors stay");
}

#[test]
fn second_connections_of_neighbors_take_no_places_from_newcomers() {
    let mut bench = Bench::new();
    for name in 0..8_u64 {
        for link in 0..5 {
            let conn = bench.accept(1);
            let name = format!("victim{name}");
            bench.receive(conn, &handshake(&name, Some(1 + link), None));
        }
    }
    assert_eq!((bench.neighbors().len(), bench.node.incoming()), (8, (40, 0)));
    assert!(bench.call(|node, now| node.accept(now, addr(2))).is_ok());
}
