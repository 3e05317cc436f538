//! Peers lists: who is told, and who is dialled.

use super::bench::{Bench, frame, handshake, id};
use super::net::{Net, addr, config, limited};
use crate::conn_id::ConnId;
use crate::event::Direction;
use crate::node::{CloseMode, Config, Input};
use crate::wire::{Address, Flag, PeerEntry};

fn neighbors(net: &Net, index: usize) -> usize {
    net.nodes[index].routing_table().count()
}

#[test]
fn nodes_that_join_one_seed_find_each_other() {
    let mut net = Net::with(6, limited(|limits| limits.max_outgoing = 8));
    for from in 1..6 {
        net.dial(from, 0);
        net.run_for(50);
    }
    for index in 0..6 {
        assert_eq!(neighbors(&net, index), 5, "node {index}");
    }
}

#[test]
fn no_more_peers_are_dialled_than_wanted() {
    let mut net = Net::with(10, limited(|limits| limits.max_outgoing = 3));
    for from in 1..10 {
        net.dial(from, 0);
        net.run_for(50);
    }
    for index in 1..10 {
        let table = net.nodes[index].routing_table();
        let outgoing = table.filter(|info| info.direction == Direction::Outgoing).count();
        assert_eq!(outgoing, 3.min(index), "node {index}");
    }
}

#[test]
fn with_no_peers_wanted_the_shape_stays() {
    let mut net = Net::linked(5, &[(0, 1), (1, 2), (2, 3), (3, 4)]);
    net.run_for(1_000);
    assert_eq!([0, 1, 2, 3, 4].map(|index| neighbors(&net, index)), [1, 2, 2, 2, 1]);
}

#[test]
fn only_addresses_that_this_node_has_reached_are_told() {
    let mut net = Net::with(3, limited(|limits| limits.max_outgoing = 8));
    // Node 1 announces an address where nobody answers.
    let lying = Config { out_addr: Some(addr(200).into()), ..config() };
    net.nodes[1] = crate::node::Node::new(lying, [9; 32], net.now, super::net::WALL).unwrap();
    net.dial(1, 0);
    net.run_for(50);
    net.dial(2, 0);
    net.run_for(50);
    assert_eq!(neighbors(&net, 2), 1, "node 2 was told of no address to dial");
    assert_eq!(net.take_events(2).len(), 2, "and tried none: joined and dialled is all");
}

#[test]
fn a_probe_leaves_no_connection_behind() {
    let net = Net::line(4);
    for node in &net.nodes {
        assert_eq!(node.connections.len(), node.routing_table().count());
    }
}

fn list(entries: &[(&str, Option<Address>)]) -> Vec<Vec<u8>> {
    let entries: Vec<_> = entries
        .iter()
        .map(|(name, address)| PeerEntry { address: address.clone(), id: id(name) })
        .collect();
    PeerEntry::encode_list(&entries)
}

fn following() -> Bench {
    Bench::with(limited(|limits| limits.max_outgoing = 8))
}

#[test]
fn a_list_is_followed_under_any_main_flag() {
    for main in ["whisper", "broadcast", "waterfall"] {
        let mut bench = following();
        let conn = bench.neighbor(1, "rs", Some(1));
        bench.receive(conn, &frame(main, "rs", &list(&[("far", Some(addr(9).into()))])));
        assert_eq!(bench.dials().len(), 1, "{main}");
        assert_eq!(bench.texts(), [""; 0]);
    }
}

#[test]
fn t32_an_address_that_the_teller_has_no_business_with_is_not_dialled() {
    let mut bench = following();
    let conn = bench.neighbor(1, "rs", Some(1));
    for (host, port) in [("127.0.0.1", 4_000), ("10.0.0.9", 22), ("224.0.0.1", 4_000)] {
        let address = Address { host: host.into(), port };
        bench.receive(conn, &frame("whisper", "rs", &list(&[("far", Some(address))])));
    }
    assert_eq!(bench.dials(), []);
}

#[test]
fn t33_an_address_that_others_tell_is_dialled_again_after_thirty_seconds_and_not_before() {
    let mut bench = following();
    let conn = bench.neighbor(1, "rs", Some(1));
    let told = frame("whisper", "rs", &list(&[("far", Some(addr(9).into()))]));
    for (wait, dials) in [(0, 1), (29_999, 0), (1, 1)] {
        bench.wait(wait);
        bench.receive(conn, &told);
        let dialed = bench.dials();
        assert_eq!(dialed.len(), dials, "after {wait} ms");
        for (conn, _) in dialed {
            bench.input(Input::Closed { conn, error: None });
        }
    }
}

fn told(bench: &mut Bench, conn: ConnId) -> Vec<PeerEntry> {
    let said = bench.sent(conn);
    let lists = said.iter().filter(|message| message.sub_flag() == Some(Flag::Peers));
    let mut lists: Vec<_> =
        lists.map(|list| PeerEntry::decode_list(list.payload(), 1_000).unwrap()).collect();
    assert_eq!(lists.len(), 1, "one list");
    lists.remove(0)
}

#[test]
fn a_list_names_every_neighbor_but_its_reader_and_no_more_than_32() {
    let mut bench = Bench::with(limited(|limits| limits.max_incoming = 200));
    for number in 0..40_u64 {
        let conn = bench.accept(1);
        bench.receive(conn, &handshake(&format!("n{number}"), Some(number), None));
        let told = told(&mut bench, conn);
        assert_eq!(told.len(), usize::try_from(number).unwrap().min(32));
        assert!(told.iter().all(|entry| entry.id != id(&format!("n{number}"))));
    }
}

#[test]
fn a_node_that_is_kept_by_another_connection_gets_a_list_on_it() {
    let mut bench = Bench::new();
    bench.neighbor(1, "py", None);
    let new = bench.accept(1);
    bench.receive(new, &handshake("py", None, None));
    bench.wait(50);
    assert_eq!(bench.said(new), ["whisper handshake", "whisper peers"]);
}

#[test]
fn a_node_is_probed_at_the_address_that_it_comes_from_and_nowhere_else() {
    for (port, to, probed) in [(4_000, 1, true), (4_000, 2, false), (22, 1, false)] {
        let mut bench = Bench::new();
        let conn = bench.accept(1);
        let announced = Address { host: addr(to).ip().to_string(), port };
        bench.receive(conn, &handshake("rs", Some(1), Some(announced)));
        assert_eq!(bench.dials().len(), usize::from(probed), "{to} {port}");
    }
}

/// So many nodes dial at once, each of which says that it can be dialled itself.
fn be_joined(bench: &mut Bench, count: usize) -> Vec<ConnId> {
    let join = |number| {
        let conn = bench.accept(number);
        let address = Some(addr(number).into());
        bench.receive(conn, &handshake(&format!("n{number}"), Some(1), address));
        conn
    };
    (1..=count).map(join).collect()
}

#[test]
fn four_probes_at_most_are_under_way_and_each_ends_with_its_connection() {
    let mut bench = Bench::new();
    let conns = be_joined(&mut bench, 6);
    let probes = bench.dials();
    assert_eq!(probes.len(), 4);
    bench.input(Input::Closed { conn: conns[0], error: None });
    assert_eq!(bench.closed(), [(probes[0].0, CloseMode::Abort)]);
    // The others have their turn as those before them end.
    let dialed =
        |bench: &mut Bench| bench.dials().into_iter().map(|dial| dial.1).collect::<Vec<_>>();
    assert_eq!(dialed(&mut bench), [addr(5)]);
    bench.input(Input::Connected { conn: probes[1].0 });
    assert_eq!(bench.closed(), [(probes[1].0, CloseMode::Abort)]);
    assert_eq!(dialed(&mut bench), [addr(6)]);
    assert_eq!(bench.said(probes[1].0), [""; 0], "nothing is said on a probe");
    let conn = bench.accept(9);
    bench.receive(conn, &handshake("n9", Some(1), None));
    let reached: Vec<_> =
        told(&mut bench, conn).into_iter().filter_map(|entry| entry.address).collect();
    assert_eq!(reached, [addr(2).into()]);
}

#[test]
fn a_probe_that_waits_is_passed_over_when_its_connection_is_gone_or_the_node_closes() {
    let mut bench = Bench::new();
    let conns = be_joined(&mut bench, 7);
    let probes = bench.dials();
    bench.input(Input::Closed { conn: conns[4], error: None });
    bench.input(Input::Closed { conn: probes[0].0, error: None });
    let dials = bench.dials();
    assert_eq!(dials.iter().map(|dial| dial.1).collect::<Vec<_>>(), [addr(6)]);
    bench.call(|node, now| node.close(now));
    assert!(bench.dials().is_empty());
}

#[test]
fn what_was_reached_stays_known_when_a_connection_is_replaced() {
    let mut bench = Bench::new();
    bench.dialed(1, "py", None);
    // A py2p node writes on the connection that it has opened last.
    bench.neighbor(1, "py", None);
    let asker = bench.accept(2);
    bench.receive(asker, &handshake("rs", Some(2), None));
    let lists = bench.sent(asker);
    let list = lists.iter().find_map(|m| PeerEntry::decode_list(m.payload(), 10).ok()).unwrap();
    assert_eq!(list, [PeerEntry { address: Some(addr(1).into()), id: id("py") }]);
}

#[test]
fn an_address_is_probed_by_one_probe_at_a_time() {
    let mut bench = Bench::new();
    for name in ["one", "two"] {
        let conn = bench.accept(1);
        bench.receive(conn, &handshake(name, Some(1), Some(addr(1).into())));
    }
    assert_eq!(bench.dials().len(), 1);
}

#[test]
fn a_list_is_cut_to_what_a_node_with_the_same_limits_takes() {
    let mut bench = Bench::with(limited(|limits| limits.max_frame_len = 1 << 10));
    for number in 0..60 {
        let name = format!("{number:z>66}");
        bench.dialed(number + 1, &name, Some(9));
    }
    let asker = bench.neighbor(70, "one", Some(1));
    bench.call(|node, now| node.disconnect(now, &id("one")));
    let again = bench.accept(70);
    bench.receive(again, &handshake("two", Some(2), None));
    let lists = bench.sent(again);
    let list = lists.iter().find(|m| m.payload().next() == Some(b"peers")).unwrap();
    assert!((500..=1_024).contains(&list.packets().body().len()), "{list:?}");
    assert_ne!(asker, again);
}
