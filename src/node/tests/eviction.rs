//! Whom a node lets in where many want to, and who gives way.

use std::net::{Ipv4Addr, SocketAddr};

use super::bench::{Bench, handshake, numbered};
use super::net::{addr, limited};
use crate::conn_id::ConnId;
use crate::error::CloseReason;
use crate::event::Event;
use crate::node::{CloseMode, Config, Refused};

fn at(a: u8, b: u8, c: u8, d: u8) -> SocketAddr {
    SocketAddr::new(Ipv4Addr::new(a, b, c, d).into(), 50_000)
}

fn accept(bench: &mut Bench, from: SocketAddr) -> Result<ConnId, Refused> {
    bench.call(|node, now| node.accept(now, from))
}

/// Dials, and becomes a neighbor under an id of its own.
fn join(bench: &mut Bench, from: SocketAddr) -> Result<ConnId, Refused> {
    let conn = accept(bench, from)?;
    bench.receive(conn, &handshake(&format!("n{}", conn.number()), Some(conn.number()), None));
    bench.wait(10);
    Ok(conn)
}

#[test]
fn t13_one_address_with_throwaway_ids_becomes_four_neighbors_and_one_place_sixteen() {
    let mut bench = Bench::new();
    let joined = (0..200).filter(|_| join(&mut bench, at(66, 6, 6, 1)).is_ok()).count();
    assert_eq!((joined, bench.neighbors().len()), (4, 4));
    assert_eq!(join(&mut bench, at(66, 6, 6, 1)), Err(Refused::TooManyFromAddress));
    let joined = (2..200).filter(|last| join(&mut bench, at(66, 6, 6, *last)).is_ok()).count();
    assert_eq!((joined, bench.neighbors().len()), (12, 16));
    assert_eq!(join(&mut bench, at(66, 6, 6, 99)), Err(Refused::TooManyFromNetwork));
    assert!(join(&mut bench, at(66, 6, 7, 1)).is_ok());
    let rejected = bench.node.stats().rejected;
    assert_eq!((rejected.too_many_from_address, rejected.too_many_from_network), (197, 187));
    assert_eq!(rejected.total(), 197 + 187);
    // Those of IPv6 have a whole /64, and a /48.
    let v6 =
        |last: usize| format!("[2001:db8:1:{:x}::{last:x}]:50000", last / 100).parse().unwrap();
    assert_eq!((0..100).filter(|last| join(&mut bench, v6(*last)).is_ok()).count(), 4);
    assert_eq!((100..2_000).filter(|last| join(&mut bench, v6(*last)).is_ok()).count(), 12);
}

#[test]
fn t13_who_goes_makes_room_for_another_from_there() {
    let mut bench = Bench::new();
    let conns: Vec<_> = (0..4).map(|_| join(&mut bench, at(66, 6, 6, 1)).unwrap()).collect();
    assert!(join(&mut bench, at(66, 6, 6, 1)).is_err());
    bench.input(crate::node::Input::Closed { conn: conns[0], error: None });
    assert!(join(&mut bench, at(66, 6, 6, 1)).is_ok());
}

#[test]
fn t13_a_local_network_is_no_crowd_unless_the_configuration_says_so_and_this_machine_never() {
    for (counts_private, local) in [(false, 50), (true, 4)] {
        let config = limited(|_| {});
        let mut bench = Bench::with(Config { counts_private, ..config });
        let mut joined = |from| (0..50).filter(|_| join(&mut bench, from).is_ok()).count();
        assert_eq!(joined(SocketAddr::new(addr(1).ip(), 50_000)), local);
        assert_eq!(joined(at(127, 0, 0, 1)), 50);
    }
}

/// 14 honest neighbors, each in a network of its own, and then 16 of one place.
fn crowded() -> (Bench, Vec<ConnId>) {
    let mut bench = Bench::with(limited(|limits| limits.max_incoming = 30));
    for network in 0..14 {
        join(&mut bench, at(20, network, 0, 1)).unwrap();
    }
    let others = (1..=16).map(|last| join(&mut bench, at(66, 6, 6, last)).unwrap()).collect();
    bench.forget();
    (bench, others)
}

#[test]
fn t13_the_youngest_of_the_network_that_has_most_gives_way() {
    let (mut bench, mut others) = crowded();
    for network in 0..4 {
        let youngest = others.pop().unwrap();
        join(&mut bench, at(30, network, 0, 1)).unwrap();
        let lost = bench.events().into_iter().find_map(|event| match event {
            Event::PeerLost { id, reason } => Some((id.to_string(), reason)),
            _ => None,
        });
        assert_eq!(lost, Some((format!("n{}", youngest.number()), CloseReason::Evicted)));
    }
    assert_eq!((bench.node.stats().closed.evicted, bench.neighbors().len()), (4, 30));
    assert_eq!(bench.node.troubles().count(), 0);
}

#[test]
fn t13_nobody_gives_way_to_a_network_that_has_as_many() {
    let (mut bench, _) = crowded();
    assert_eq!(join(&mut bench, at(66, 6, 6, 200)), Err(Refused::TooManyFromNetwork));
    let mut bench = Bench::with(limited(|limits| {
        limits.max_incoming = 40;
        limits.max_per_subnet = 50;
    }));
    for last in 0..40 {
        join(&mut bench, at(66, 6, 6, last)).unwrap();
    }
    assert_eq!(join(&mut bench, at(66, 6, 6, 99)), Err(Refused::TooManyIncoming));
    assert!(join(&mut bench, at(66, 6, 7, 1)).is_ok());
}

#[test]
fn t13_those_that_answer_quickly_or_bring_news_are_kept() {
    let (mut bench, others) = crowded();
    for (conn, number) in others[8..16].iter().zip(1..) {
        bench.receive(*conn, &numbered("waterfall", "far", number, &format!("news {number}")));
    }
    for conn in &others[4..8] {
        let connection = bench.node.connections.get_mut(conn).unwrap();
        connection.round_trip = Some(std::time::Duration::from_millis(1));
    }
    // Of those that are left, and the honest ones, the older half is kept.
    bench.forget();
    join(&mut bench, at(30, 0, 0, 1)).unwrap();
    let closed = bench.closed();
    assert_eq!(closed.len(), 1);
    assert!(others[..4].contains(&closed[0].0), "{closed:?}");
}

#[test]
fn t13_of_one_network_one_neighbor_is_kept_for_it() {
    let mut bench = Bench::with(limited(|limits| limits.max_incoming = 2));
    let conns: Vec<_> = (0..2).map(|site| join(&mut bench, at(20, 0, site, 1)).unwrap()).collect();
    bench.forget();
    assert!(join(&mut bench, at(30, 0, 0, 1)).is_ok());
    assert_eq!(bench.closed(), [(conns[1], CloseMode::Abort)]);
}

#[test]
fn t13_a_few_neighbors_that_are_all_worth_keeping_stay() {
    let mut bench = Bench::with(limited(|limits| limits.max_incoming = 4));
    for network in 0..4 {
        join(&mut bench, at(20, network, 0, 1)).unwrap();
    }
    assert_eq!(join(&mut bench, at(30, 0, 0, 1)), Err(Refused::TooManyIncoming));
}

/// Dials, and shakes hands as a py2p node with the id of a neighbor, which it replaces.
fn replace(bench: &mut Bench, from: SocketAddr, name: &str) -> Result<ConnId, Refused> {
    let conn = accept(bench, from)?;
    bench.receive(conn, &handshake(name, None, None));
    bench.wait(50);
    Ok(conn)
}

#[test]
fn t13_connections_that_others_have_replaced_are_places_of_their_address() {
    let mut bench = Bench::new();
    for attempt in 0..200 {
        let conn = replace(&mut bench, at(66, 6, 6, 1), "twice");
        let Ok(conn) = conn else { panic!("{attempt}: it gives up an old one for a new one") };
        assert_eq!(bench.neighbors(), [(super::bench::id("twice"), conn)]);
        assert!(bench.node.incoming().0 <= 4, "{attempt}");
    }
    // And those of a network, of which each address has few.
    for last in 2..100 {
        for _ in 0..3 {
            replace(&mut bench, at(66, 6, 6, last), &format!("py{last}")).ok();
        }
    }
    assert_eq!(bench.node.incoming().0, 16);
    assert!(join(&mut bench, at(66, 6, 7, 1)).is_ok());
    assert!(bench.node.stats().closed.evicted >= 196);
}

#[test]
fn t13_where_all_places_are_taken_those_go_first_that_lead_to_no_neighbor() {
    // The local network, where an address may have as many places as it likes.
    let mut bench = Bench::with(limited(|limits| limits.max_incoming = 40));
    let honest: Vec<_> =
        (0..20).map(|network| join(&mut bench, at(20, network, 0, 1)).unwrap()).collect();
    let replaced = replace(&mut bench, at(20, 30, 0, 1), "honest").unwrap();
    replace(&mut bench, at(20, 30, 0, 1), "honest").unwrap();
    let mut names = 0;
    while bench.node.incoming().0 < 40 {
        names += 1;
        for _ in 0..3 {
            replace(&mut bench, at(10, 0, 0, 66), &format!("evil{names}")).unwrap();
        }
    }
    bench.forget();
    let leaving = 40 - bench.neighbors().len() - 1;
    assert!(leaving >= 10);
    for network in 0..leaving {
        join(&mut bench, at(30, u8::try_from(network).unwrap(), 0, 1)).unwrap();
        let closed = bench.closed();
        assert_eq!(closed.len(), 1);
        assert!(!honest.contains(&closed[0].0) && closed[0].0 != replaced, "{closed:?}");
    }
    join(&mut bench, at(30, 99, 0, 1)).unwrap();
    assert_eq!(bench.closed(), [(replaced, CloseMode::Abort)], "of whoever has less it goes last");
    assert!(bench.events().iter().all(|event| !matches!(event, Event::PeerLost { .. })));
}
