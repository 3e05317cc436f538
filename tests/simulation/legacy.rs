//! Meshes with py2p nodes in them, as a model shows them.

use rs2p::sim::{Legacy, Topology, World};

use crate::{SECOND, settle};

/// Two of our nodes with two of py2p, everybody linked with everybody.
fn two_and_two(seed: u64) -> World {
    let mut world = World::new(seed);
    world.add_nodes(2);
    world.connect(0, 1);
    settle(&mut world);
    world.add_outsider(Legacy::new([0, 1]).following(0));
    world.add_outsider(Legacy::new([0, 1, 2]).following(0));
    settle(&mut world);
    world
}

#[test]
fn t22_a_storm_of_two_py2p_nodes_reaches_no_user_of_ours_twice() {
    for seed in 0..10 {
        let mut world = two_and_two(seed);
        assert_eq!(world.node(0).unwrap().routing_table().count(), 3);
        world.broadcast(0, &["hello"]).unwrap();
        world.run_for(30 * SECOND);
        assert_eq!(world.app(1).texts(), ["hello"]);
        assert!(world.app(0).texts().is_empty());
        let stats = world.node(1).unwrap().stats();
        // Ten a second from each of the two that have it from each other.
        assert!(stats.dropped.echo + stats.dropped.duplicate > 100, "{:?}", stats.dropped);
        assert!(stats.relayed <= 2, "{}", stats.relayed);
        let sender = world.id(0).unwrap();
        assert!([2, 3].into_iter().all(|it| world.has_heard(it, sender, &["hello"])));
    }
}

#[test]
fn t22_what_a_py2p_user_says_reaches_everybody_and_no_user_of_ours_twice() {
    let mut world = World::new(1);
    world.add_nodes(6);
    world.link(&Topology::Ring);
    settle(&mut world);
    for node in 0..6 {
        let others = [node, (node + 3) % 6];
        let legacy = Legacy::new(others).following(2).saying(3, 7 * SECOND);
        world.add_outsider(legacy);
    }
    world.run_for(60 * SECOND);
    for node in 0..6 {
        let mut texts = world.app(node).texts();
        assert_eq!(texts.len(), 18, "{texts:?}");
        texts.sort();
        texts.dedup();
        assert_eq!(texts.len(), 18, "{texts:?}");
    }
}

#[test]
fn a_py2p_node_closes_whoever_tells_it_of_an_address_that_refuses_and_we_tell_of_none() {
    let mut world = World::new(2);
    world.add_nodes(3);
    world.link(&Topology::Line);
    settle(&mut world);
    // Told of node 0's and node 2's addresses by node 1, who has dialled neither or both.
    let legacy = world.add_outsider(Legacy::new([1]));
    settle(&mut world);
    world.crash(2);
    world.run_for(10 * SECOND);
    let another = world.add_outsider(Legacy::new([1]));
    settle(&mut world);
    let sender = world.id(1).unwrap();
    world.broadcast(1, &["still here"]).unwrap();
    settle(&mut world);
    for outsider in [legacy, another] {
        assert!(world.has_heard(outsider, sender, &["still here"]));
    }
}
