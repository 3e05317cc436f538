//! What goes wrong, and what must hold all the same.

use std::net::SocketAddr;

use rs2p::SendError;
use rs2p::sim::{Latency, LinkOptions, Topology, World};

use crate::{SECOND, settle};

#[test]
fn a_link_that_is_cut_is_made_again() {
    let mut world = World::new(3);
    world.add_nodes(2);
    world.connect(0, 1);
    settle(&mut world);
    world.cut(0, 1);
    world.run_for(SECOND);
    world.run_for(5 * SECOND);
    world.broadcast(0, &["again"]).unwrap();
    world.run_for(SECOND);
    assert_eq!(world.app(1).texts(), ["again"]);
}

#[test]
fn what_a_short_partition_holds_up_arrives_after_it() {
    let mut world = World::new(4);
    world.add_nodes(6);
    world.link(&Topology::Ring);
    settle(&mut world);
    world.partition(&[0, 1, 2]);
    world.broadcast(0, &["across"]).unwrap();
    world.run_for(10 * SECOND);
    assert_eq!(world.deliveries(), 2, "this side only");
    world.heal();
    world.run_for(10 * SECOND);
    assert_eq!(world.deliveries(), 5);
}

#[test]
fn a_crashed_node_comes_back_under_another_id_and_is_joined_again() {
    let mut world = World::new(5);
    world.add_nodes(3);
    world.link(&Topology::Star);
    settle(&mut world);
    let before = world.id(1);
    world.crash(1);
    world.run_for(10 * SECOND);
    world.broadcast(0, &["without 1"]).unwrap();
    world.restart(1);
    world.run_for(60 * SECOND);
    assert_ne!(world.id(1), before);
    world.broadcast(2, &["with 1"]).unwrap();
    world.run_for(5 * SECOND);
    assert_eq!(world.app(1).texts(), ["without 1", "with 1"], "what is not a minute old");
}

#[test]
fn t15_a_black_hole_is_noticed_by_both_ends_within_45_seconds_and_crossed_when_it_is_gone() {
    let mut world = World::new(6);
    world.add_nodes(2);
    world.connect(0, 1);
    settle(&mut world);
    let neighbors = |world: &World| {
        [0, 1].map(|node| world.node(node).map_or(0, |node| node.routing_table().count()))
    };
    // Whatever either end says meanwhile keeps the other from asking.
    for _ in 0..30 {
        world.run_for(5 * SECOND);
        world.broadcast(0, &["still here"]).unwrap();
    }
    world.block(0, 1);
    world.block(1, 0);
    world.run_for(30 * SECOND);
    assert_eq!(neighbors(&world), [1, 1], "a short one is waited out");
    world.run_for(16 * SECOND);
    assert_eq!(neighbors(&world), [0, 0]);
    world.unblock(0, 1);
    world.unblock(1, 0);
    world.run_for(300 * SECOND);
    assert_eq!(neighbors(&world), [1, 1]);
    world.broadcast(1, &["here again"]).unwrap();
    world.run_for(5 * SECOND);
    assert_eq!(world.app(0).texts(), ["here again"]);
}

/// Links over which everything takes this long.
fn links_of(latency: std::time::Duration) -> LinkOptions {
    LinkOptions { latency: Latency::Fixed(latency), ..LinkOptions::default() }
}

fn addr_of(world: &World, node: usize) -> SocketAddr {
    let config = world.node(node).unwrap().config();
    config.out_addr.as_ref().unwrap().socket_addr().unwrap()
}

#[test]
fn a_wall_that_comes_up_while_a_dial_is_on_its_way_holds() {
    let mut world = World::new(6);
    world.add_nodes(2);
    world.set_link_options(links_of(SECOND / 10));
    world.connect(0, 1);
    world.run_for(SECOND / 20);
    world.block(0, 1);
    world.run_for(60 * SECOND);
    assert_eq!(world.arrivals(), 0);
    world.unblock(0, 1);
    world.run_for(600 * SECOND);
    assert!(world.arrivals() > 0);
}

#[test]
fn dials_whose_answers_are_lost_are_given_up_by_both_ends() {
    let mut world = World::new(7);
    world.add_nodes(2);
    world.block(1, 0);
    world.connect(0, 1);
    let awaiting = |world: &World| world.node(1).unwrap().awaiting().count();
    world.run_for(SECOND);
    assert_eq!(awaiting(&world), 1);
    world.crash(0);
    world.run_for(60 * SECOND);
    assert_eq!(awaiting(&world), 0);
}

#[test]
fn a_dial_of_an_earlier_life_takes_nothing_from_this_one() {
    let mut world = World::new(8);
    world.add_nodes(3);
    world.set_link_options(links_of(SECOND / 2));
    let addr = addr_of(&world, 1);
    world.call(0, |node, now| node.dial(now, addr).unwrap());
    world.crash(0);
    world.restart(0);
    // The first connection of the new life, as that dial was of the old one.
    world.set_link_options(links_of(SECOND / 100));
    world.connect(2, 0);
    settle(&mut world);
    world.broadcast(2, &["to the new life"]).unwrap();
    world.run_for(SECOND);
    assert_eq!(world.app(0).texts(), ["to the new life"]);
}

#[test]
fn a_partition_that_ends_leaves_the_blocks_of_others() {
    let mut world = World::new(9);
    world.add_nodes(3);
    world.link(&Topology::Line);
    settle(&mut world);
    world.block(0, 1);
    world.partition(&[2]);
    world.heal();
    world.broadcast(0, &["held up"]).unwrap();
    world.broadcast(2, &["through"]).unwrap();
    world.run_for(5 * SECOND);
    assert_eq!([0, 1, 2].map(|node| world.app(node).texts().len()), [1, 1, 0]);
    world.partition(&[0]);
    world.unblock(0, 1);
    world.run_for(5 * SECOND);
    assert_eq!(world.app(1).texts(), ["through"], "the partition stands on");
    world.heal();
    world.run_for(5 * SECOND);
    assert_eq!(world.app(2).texts(), ["held up"]);
}

#[test]
fn a_paused_node_does_nothing_and_catches_up_when_it_goes_on() {
    for seed in 0..10 {
        let mut world = World::new(seed);
        world.add_nodes(3);
        world.connect(0, 1);
        settle(&mut world);
        world.pause(1, 4 * SECOND);
        let other = world.id(0).unwrap();
        let before = world.node(1).unwrap().stats();
        assert_eq!(world.broadcast(1, &["mute"]).unwrap_err(), SendError::Closed);
        assert_eq!(world.whisper(1, &other, &["mute"]).unwrap_err(), SendError::Closed);
        assert!(world.call(1, |node, _| node.id()).is_none());
        world.broadcast(0, &["heard later"]).unwrap();
        world.set_clock_ahead(1, 7 * SECOND);
        world.set_clock_drift(1, 1_000);
        world.connect(1, 2);
        world.connect(2, 1);
        world.run_for(3 * SECOND);
        let node = world.node(1).unwrap();
        assert_eq!((node.stats(), node.usage().connections), (before, 1));
        // The machine has taken the dial, so that the other end has introduced itself.
        assert_eq!(world.node(2).unwrap().stats().frames_out, 1);
        world.run_for(10 * SECOND);
        assert_eq!(world.app(1).texts(), ["heard later"]);
        assert_eq!(world.node(1).unwrap().routing_table().count(), 2);
        let walls = [0, 1].map(|node| world.node(node).unwrap().wall(world.now()));
        assert!(walls[1].since(walls[0]) >= 7 * SECOND);
    }
}

#[test]
fn a_dial_to_a_paused_machine_that_crashes_is_broken() {
    let mut world = World::new(10);
    world.add_nodes(2);
    world.pause(0, 60 * SECOND);
    world.connect(1, 0);
    world.run_for(SECOND);
    world.crash(0);
    world.run_for(SECOND / 5);
    assert_eq!(world.node(1).unwrap().usage().connections, 0);
}

#[test]
fn a_node_that_is_started_again_dials_at_once() {
    let mut world = World::new(11);
    world.add_nodes(2);
    world.connect(0, 1);
    settle(&mut world);
    world.crash(0);
    world.run_for(60 * SECOND);
    world.restart(0);
    world.run_for(SECOND);
    assert_eq!(world.node(0).unwrap().routing_table().count(), 1);
}

/// Two neighbors.
fn pair(seed: u64) -> World {
    let mut world = World::new(seed);
    world.add_nodes(2);
    world.connect(0, 1);
    settle(&mut world);
    world
}

#[test]
fn a_clogged_link_passes_everything_on_in_the_end() {
    let mut world = pair(12);
    world.clog(0, 1, 3 * SECOND);
    world.broadcast(0, &["one"]).unwrap();
    world.run_for(SECOND);
    world.broadcast(0, &["two"]).unwrap();
    world.broadcast(1, &["three"]).unwrap();
    world.run_for(SECOND);
    assert_eq!(world.deliveries(), 0);
    world.run_for(2 * SECOND);
    assert_eq!(world.app(1).texts(), ["one", "two"]);
    assert_eq!(world.app(0).texts(), ["three"]);
}

#[test]
fn a_stalled_reader_hears_nothing_and_is_heard() {
    let mut world = pair(13);
    world.stall(1, 0, 3 * SECOND);
    world.broadcast(0, &["later"]).unwrap();
    world.broadcast(1, &["now"]).unwrap();
    world.run_for(SECOND);
    assert_eq!([0, 1].map(|node| world.app(node).texts().len()), [1, 0]);
    world.run_for(3 * SECOND);
    assert_eq!(world.app(1).texts(), ["later"]);
}

#[test]
fn a_connection_reset_at_one_end_ends_at_the_other_by_what_that_sends() {
    let mut world = pair(14);
    world.reset(1, 0);
    world.run_for(SECOND / 1_000);
    let neighbors =
        |world: &World| [0, 1].map(|node| world.node(node).unwrap().routing_table().count());
    assert_eq!(neighbors(&world), [1, 0]);
    world.broadcast(0, &["not in vain"]).unwrap();
    world.run_for(SECOND / 5);
    assert_eq!(neighbors(&world), [0, 0]);
    world.run_for(10 * SECOND);
    assert_eq!(neighbors(&world), [1, 1]);
    assert_eq!(world.app(1).texts(), ["not in vain"], "by the next connection");
}

#[test]
fn dials_are_refused_as_often_as_was_asked_for() {
    let mut world = World::new(15);
    world.keep_trace();
    world.add_nodes(2);
    world.refuse_dials(1, 3);
    world.connect(0, 1);
    world.run_for(60 * SECOND);
    assert_eq!(world.trace().filter(|line| line.contains("n1 refuses n0")).count(), 3);
    assert_eq!(world.node(0).unwrap().routing_table().count(), 1);
}
