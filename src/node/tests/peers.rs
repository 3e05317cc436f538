//! Peers lists: who is told, and who is dialled.

use super::net::{Net, addr, config};
use crate::event::Direction;
use crate::node::Config;

fn neighbors(net: &Net, index: usize) -> usize {
    net.nodes[index].routing_table().count()
}

#[test]
fn nodes_that_join_one_seed_find_each_other() {
    let mut net = Net::with(6, Config { max_outgoing: 8, ..config() });
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
    let mut net = Net::with(10, Config { max_outgoing: 3, ..config() });
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
    let mut net = Net::with(3, Config { max_outgoing: 8, ..config() });
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
