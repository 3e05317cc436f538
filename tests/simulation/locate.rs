//! Finding nodes that are no neighbors.

use rs2p::sim::{Topology, World};

use crate::{SECOND, settle};

#[test]
fn a_question_goes_over_each_link_of_a_meshed_graph_at_most_twice() {
    let mut world = World::new(1);
    world.add_nodes(30);
    world.link(&Topology::Random { degree: 6 });
    settle(&mut world);
    let frames = |world: &World| {
        (0..30).map(|node| world.node(node).unwrap().stats().frames_out).sum::<u64>()
    };
    let before = frames(&world);
    let wanted = world.id(29).unwrap();
    for _ in 0..10 {
        world.call(0, |node, now| node.locate(now, &wanted).unwrap());
    }
    world.run_for(60 * SECOND);
    // 90 links, both ways, and the answers' way back.
    let sent = frames(&world) - before;
    assert!(sent <= 10 * (2 * 90 + 60), "{sent} frames");
}
