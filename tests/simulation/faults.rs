//! What goes wrong, and what must hold all the same.

use rs2p::sim::{Topology, World};

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
    assert_eq!(world.app(1).texts(), ["with 1"]);
}
