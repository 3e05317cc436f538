//! Finding others: what is dialled of the address book, when, and on whose word.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use proptest::prelude::*;

use super::bench::{Bench, frame, handshake, id};
use super::net::{Net, addr, config, limited, ms};
use crate::conn_id::ConnId;
use crate::event::Direction;
use crate::node::dial_policy::tests::{any_ip, is_fit};
use crate::node::{AddressBook, Config, Input, Node};
use crate::wire::{Control, LinkName, LinkVerdict, PeerEntry};

fn following(max_outgoing: usize) -> Bench {
    Bench::with(limited(|limits| limits.max_outgoing = max_outgoing))
}

fn public(network: u8, last: u8) -> SocketAddr {
    SocketAddr::new(Ipv4Addr::new(20, network, 0, last).into(), 4_000)
}

/// A peers list of these addresses, each of a node of its own.
fn list(addrs: impl IntoIterator<Item = SocketAddr>) -> Vec<u8> {
    let entry =
        |addr: SocketAddr| PeerEntry { id: id(&format!("at{addr}")), address: Some(addr.into()) };
    let entries: Vec<_> = addrs.into_iter().map(entry).collect();
    frame("whisper", "rs", &PeerEntry::encode_list(&entries))
}

fn refuse(bench: &mut Bench, conn: ConnId) {
    let error = Some(std::io::ErrorKind::ConnectionRefused.into());
    bench.input(Input::Closed { conn, error });
}

fn answer(bench: &mut Bench, conn: ConnId, name: &str) {
    bench.input(Input::Connected { conn });
    bench.receive(conn, &handshake(name, Some(conn.number()), None));
}

#[test]
fn a_node_that_has_lost_its_neighbors_finds_others_that_it_was_told_of() {
    let mut net = Net::with(5, limited(|limits| limits.max_outgoing = 1));
    for from in 1..5 {
        net.dial(from, 0);
        net.run_for(50);
    }
    // Each has its one connection, to node 0, and has heard of others.
    net.call(0, Node::close);
    net.run_for(120_000);
    for index in 1..5 {
        assert!(net.nodes[index].routing_table().count() > 0, "node {index}");
    }
}

#[test]
fn t32_four_dials_are_pending_at_most_and_then_one_follows_a_second() {
    let mut bench = following(16);
    let conn = bench.neighbor(1, "rs", Some(1));
    bench.receive(conn, &list((1..=16).map(|number| public(number, 1))));
    let dials = bench.dials();
    assert_eq!(dials.len(), 4);
    bench.wait(5_000);
    assert_eq!(bench.dials().len(), 0, "none before another is over");
    for (conn, _) in dials {
        refuse(&mut bench, conn);
    }
    bench.wait(0);
    let mut dials = bench.dials();
    assert_eq!(dials.len(), 4, "it was quiet for four seconds");
    for _ in 0..4 {
        refuse(&mut bench, dials[0].0);
        bench.wait(999);
        assert_eq!(bench.dials(), []);
        bench.wait(1);
        dials = bench.dials();
        assert_eq!(dials.len(), 1);
    }
}

#[test]
fn t32_a_victim_that_a_hundred_neighbors_name_is_dialled_three_times_in_ten_minutes() {
    let mut bench = following(64);
    let tellers: Vec<_> =
        (1..=100).map(|number| bench.neighbor(number, &format!("n{number}"), Some(1))).collect();
    let victim = |port: u16| SocketAddr::new(Ipv4Addr::new(9, 9, 9, 9).into(), port);
    let mut dialed = Vec::new();
    for second in 0..2_400_u16 {
        let teller = tellers[usize::from(second) % tellers.len()];
        let ports = (0..20).map(|port| victim(1_024 + second * 20 % 60_000 + port));
        bench.receive(teller, &list(ports));
        bench.wait(1_000);
        for (conn, addr) in bench.dials() {
            assert_eq!(addr.ip(), victim(1).ip());
            dialed.push(bench.now);
            refuse(&mut bench, conn);
        }
    }
    let window = Duration::from_secs(600);
    let most = dialed
        .iter()
        .map(|at| dialed.iter().filter(|it| it.since(*at) < window && *it >= at).count());
    assert_eq!(most.max(), Some(3));
    assert!(dialed.len() >= 9, "{}: it is not given up for ever", dialed.len());
}

#[test]
fn t32_this_machine_is_dialled_without_a_pace_on_its_own_word_and_never_on_anothers() {
    let own = |last: u16| SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 4_000 + last);
    for (teller, expected) in [(own(0), 16), (SocketAddr::new(addr(1).ip(), 50_000), 0)] {
        let mut bench = following(64);
        let conn = bench.call(|node, now| node.accept(now, teller)).unwrap();
        bench.receive(conn, &handshake("rs", Some(1), None));
        bench.receive(conn, &list((1..=16).map(own)));
        let mut count = 0;
        while let [(dial, _), ..] = bench.dials()[..] {
            // The four that are pending are answered one by one.
            for dial in dial.number()..dial.number() + 4 {
                let conn = ConnId::from_number(dial);
                if bench.node.connections.get(&conn).is_some() {
                    count += 1;
                    refuse(&mut bench, conn);
                }
            }
            bench.wait(0);
        }
        assert_eq!(count, expected, "{teller}");
    }
}

#[test]
fn t30_one_network_fills_no_more_than_half_of_the_places() {
    let mut bench = following(8);
    let conn = bench.neighbor(1, "rs", Some(1));
    bench.receive(conn, &list((1..=16).map(|last| public(1, last))));
    let settle = |bench: &mut Bench| {
        for _ in 0..60 {
            for (conn, addr) in bench.dials() {
                answer(bench, conn, &format!("at{addr}"));
            }
            bench.wait(1_000);
        }
        let table = bench.node.routing_table();
        let outgoing = table.filter(|info| info.direction == Direction::Outgoing);
        let of_first = |ip: IpAddr| matches!(ip, IpAddr::V4(ip) if ip.octets()[1] == 1);
        outgoing.fold((0, 0), |(first, all), info| {
            (first + usize::from(of_first(info.addr.ip())), all + 1)
        })
    };
    assert_eq!(settle(&mut bench), (4, 4));
    bench.receive(conn, &list((2..=16).map(|network| public(network, 1))));
    assert_eq!(settle(&mut bench), (4, 8));
}

#[test]
fn t31_the_thirty_third_list_in_a_row_is_left_alone() {
    let mut bench = following(8);
    let conn = bench.neighbor(1, "rs", Some(1));
    for number in 1..=40_u8 {
        bench.receive(conn, &list((1..=40).map(|last| public(number, last))));
    }
    let known = bench.node.usage().addresses;
    // Sixteen of each list, and no more than a teller may tell.
    assert_eq!((known, bench.node.stats().ignored.too_many_lists), (64, 8));
    bench.wait(9_999);
    bench.receive(conn, &list([public(50, 1)]));
    assert_eq!(bench.node.stats().ignored.too_many_lists, 9);
    bench.wait(1);
    bench.receive(conn, &list([public(50, 1)]));
    assert_eq!(bench.node.stats().ignored.too_many_lists, 9);
}

#[test]
fn t31_of_a_long_list_sixteen_random_ones_are_kept() {
    let mut bench = following(8);
    let conn = bench.neighbor(1, "rs", Some(1));
    bench.receive(conn, &list((1..=100).map(|network| public(network, 1))));
    let kept = bench.node.address_book(bench.now);
    assert_eq!(kept.entries().len(), 16);
    let is_early = |addr: SocketAddr| matches!(addr.ip(), IpAddr::V4(ip) if ip.octets()[1] <= 50);
    let early = kept.entries().iter().filter(|entry| is_early(entry.addr)).count();
    assert!((1..16).contains(&early), "{early}");
}

#[test]
fn t29_an_address_that_leads_to_this_node_itself_is_not_dialled_on_anybodys_word_for_an_hour() {
    for is_socket_its_own_peer in [false, true] {
        let mut bench = following(8);
        let me = bench.node.id().to_string();
        let teller = bench.neighbor(1, "rs", Some(1));
        let conn = bench.call(|node, now| node.dial(now, addr(9))).unwrap();
        if is_socket_its_own_peer {
            bench.input(Input::SelfConnected { conn });
        } else {
            answer(&mut bench, conn, &me);
        }
        bench.forget();
        for (wait, dials) in [(0, 0), (3_599_999, 0), (1, 1)] {
            bench.wait(wait);
            bench.receive(teller, &list([addr(9)]));
            assert_eq!(bench.dials().len(), dials, "after {wait} ms");
        }
        assert!(bench.call(|node, now| node.dial(now, addr(8))).is_ok());
    }
}

#[test]
fn t29_the_own_outward_address_is_not_dialled() {
    let mut config = limited(|limits| limits.max_outgoing = 8);
    config.out_addr = Some(addr(9).into());
    let mut bench = Bench::with(config);
    let teller = bench.neighbor(1, "rs", Some(1));
    bench.receive(teller, &list([addr(9)]));
    assert_eq!((bench.dials(), bench.node.usage().addresses), (vec![], 0));
    let kept: AddressBook =
        format!("rs2p address book 1\ntried {} one\n", addr(9)).parse().unwrap();
    bench.call(|node, now| node.take_address_book(now, &kept));
    bench.wait(600_000);
    assert_eq!(bench.dials(), []);
}

#[test]
fn whom_the_user_has_sent_away_is_not_dialled_again() {
    let mut bench = following(8);
    bench.dialed(1, "one", Some(1));
    bench.call(|node, now| node.disconnect(now, &id("one")));
    bench.wait(600_000);
    assert_eq!(bench.dials(), []);
    // Who goes by himself is.
    let conn = bench.dialed(2, "two", Some(2));
    bench.input(Input::Closed { conn, error: None });
    bench.wait(1_000);
    assert_eq!(bench.dials().iter().map(|dial| dial.1).collect::<Vec<_>>(), [addr(2)]);
}

#[test]
fn a_kept_book_is_dialled_within_four_seconds_the_anchors_first() {
    let mut text = "rs2p address book 1\n".to_owned();
    for number in 1..=20 {
        text.push_str(&format!("tried {} n{number}\n", public(number, 1)));
    }
    text.push_str(&format!("anchor {} first\nanchor {} second\n", public(30, 1), public(31, 1)));
    let kept: AddressBook = text.parse().unwrap();
    let mut dialed = Vec::new();
    for seed in 0..20 {
        let mut bench = following(8);
        bench.node = Node::new(
            limited(|limits| limits.max_outgoing = 8),
            [seed; 32],
            ms(0),
            super::net::WALL,
        )
        .unwrap();
        bench.call(|node, now| node.take_address_book(now, &kept));
        bench.wait(4_000);
        let dials = bench.dials();
        assert_eq!(dials.len(), 4, "as many as may be pending");
        dialed.extend(dials.into_iter().map(|dial| dial.1));
    }
    for four in dialed.chunks(4) {
        let mut first = [four[0], four[1]];
        first.sort();
        assert_eq!(first, [public(30, 1), public(31, 1)]);
    }
    let mut bench = Bench::new();
    bench.call(|node, now| node.take_address_book(now, &kept));
    bench.wait(600_000);
    assert_eq!(bench.dials(), [], "a node that wants no outgoing connections dials nobody");
}

#[test]
fn a_book_without_anybody_to_dial_wakes_nobody() {
    let mut bench = following(8);
    bench.dialed(1, "one", Some(1));
    bench.wait(1_000);
    let wakes = |bench: &Bench| bench.node.timers.is_set(super::super::timer::Timer::Search);
    assert!(!wakes(&bench));
    let trouble = bench.node.troubles().count();
    let conn = bench.neighbor(2, "rs", Some(2));
    bench.receive(conn, &list([addr(9)]));
    let (dial, _) = bench.dials()[0];
    refuse(&mut bench, dial);
    assert_eq!(bench.node.troubles().count(), trouble, "an old address is nobody's fault");
    assert!(wakes(&bench));
}

#[test]
fn t33_a_lost_neighbor_is_dialled_after_pauses_that_double() {
    let mut longest = [Duration::ZERO; 6];
    for seed in 0..40 {
        let config = Config { ..limited(|limits| limits.max_outgoing = 8) };
        let mut bench = Bench::new();
        bench.node = Node::new(config, [seed; 32], ms(0), super::net::WALL).unwrap();
        // With one more, so that what fails is not this node's own way.
        bench.neighbor(3, "other", Some(3));
        let conn = bench.dialed(1, "one", Some(1));
        bench.input(Input::Closed { conn, error: None });
        for pause in &mut longest {
            let before = bench.now;
            while bench.node.connections.values().all(|other| other.is_incoming()) {
                bench.wait(10);
            }
            let (conn, to) = bench.dials()[0];
            assert_eq!(to, addr(1));
            *pause = bench.now.since(before).max(*pause);
            refuse(&mut bench, conn);
        }
    }
    for (failure, pause) in longest.iter().enumerate() {
        // The pace of all dials together is one a second.
        let bound = Duration::from_secs(1 << failure).max(Duration::from_secs(1));
        assert!(*pause <= bound + Duration::from_millis(20), "{failure}: {pause:?}");
        assert!(*pause > bound / 2, "{failure}: {pause:?}");
    }
    assert_eq!(config().limits.max_outgoing, 0);
}

#[test]
fn what_may_not_be_dialled_keeps_nothing_else_waiting() {
    let mut bench = following(8);
    let teller = bench.neighbor(2, "rs", Some(2));
    let victim = |port| SocketAddr::new(Ipv4Addr::new(9, 9, 9, 9).into(), port);
    bench.receive(teller, &list((4_000..4_004).map(victim)));
    bench.wait(10_000);
    for (conn, _) in bench.dials() {
        refuse(&mut bench, conn);
    }
    bench.wait(100_000);
    for (conn, _) in bench.dials() {
        refuse(&mut bench, conn);
    }
    // Of the four ports one at least is due, and none may be dialled.
    let conn = bench.dialed(1, "one", Some(1));
    bench.forget();
    bench.input(Input::Closed { conn, error: None });
    bench.wait(1_000);
    assert_eq!(bench.dials().iter().map(|dial| dial.1).collect::<Vec<_>>(), [addr(1)]);
}

#[test]
fn a_neighbor_that_is_met_again_under_another_id_is_not_dialled_again_and_again() {
    let mut bench = following(8);
    let conn = bench.dialed(1, "old", Some(1));
    bench.input(Input::Closed { conn, error: None });
    let incumbent = bench.neighbor(1, "new", Some(2));
    bench.wait(1_000);
    let [(second, _)] = bench.dials()[..] else { panic!("it is dialled at its address") };
    answer(&mut bench, second, "new");
    let link = LinkName { yours: bench.link(second), mine: second.number() };
    let word = Control::Answer { link, verdict: LinkVerdict::Settled }.encode();
    bench.receive(incumbent, &frame("whisper", "new", &word));
    bench.input(Input::Closed { conn: second, error: None });
    bench.forget();
    bench.wait(30_000);
    assert_eq!(bench.dials(), [], "it is a neighbor");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]
    #[test]
    fn t32_whatever_a_neighbor_tells_nothing_is_dialled_but_what_the_policy_lets_it_tell(
        ips in prop::collection::vec((any_ip(), 1_000..1_100_u16), 1..100),
        teller in any_ip(),
    ) {
        let mut bench = following(64);
        let from = SocketAddr::new(teller, 50_000);
        let conn = bench.call(|node, now| node.accept(now, from)).unwrap();
        bench.receive(conn, &handshake("rs", Some(1), None));
        let told: Vec<_> = ips.into_iter().map(|(ip, port)| SocketAddr::new(ip, port)).collect();
        for part in told.chunks(16) {
            bench.receive(conn, &list(part.iter().copied()));
        }
        let mut dialed = Vec::new();
        // All, but a book keeps no more than 64 that one has told.
        for _ in 0..30 {
            bench.wait(1_000);
            for (conn, addr) in bench.dials() {
                dialed.push(addr);
                refuse(&mut bench, conn);
            }
        }
        let fit: Vec<_> = told.iter().filter(|addr| is_fit(**addr, teller)).collect();
        prop_assert!(dialed.iter().all(|addr| fit.contains(&addr)), "{dialed:?}");
        prop_assert_eq!(dialed.is_empty(), fit.is_empty());
    }
}
