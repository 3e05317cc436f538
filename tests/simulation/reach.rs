//! G3 on large meshes: the world checks it link by link, and fails where it is broken.

use rs2p::sim::{Topology, World};

use crate::SECOND;

/// Nodes in a random mesh, some of whose links break while everybody speaks. Returns the deliveries.
fn speak_while_links_break(nodes: usize, broadcasts: usize) -> u64 {
    let mut world = World::new(1);
    world.add_nodes(nodes);
    world.link(&Topology::Random { degree: 8 });
    world.run_for(10 * SECOND);
    for number in 0..broadcasts {
        world.broadcast(number % nodes, &[format!("{number}")]).unwrap();
        for _ in 0..nodes / 100 {
            world.cut_any();
        }
        world.run_for(SECOND / 4);
    }
    world.run_for(20 * SECOND);
    world.deliveries()
}

#[test]
fn whoever_is_linked_to_a_node_that_has_a_message_gets_it_while_links_break() {
    assert_eq!(speak_while_links_break(100, 40), 99 * 40);
}

#[test]
#[ignore = "takes half a minute"]
fn a_thousand_nodes_hear_a_hundred_broadcasts_while_links_break() {
    assert_eq!(speak_while_links_break(1_000, 100), 999 * 100);
}
