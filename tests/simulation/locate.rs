//! Finding nodes that are no neighbors.

use rs2p::sim::{Topology, World};
use rs2p::{Event, NodeId, Stats};

use crate::{SECOND, settle};

const NODES: usize = 30;

/// Over how many links a question goes that nobody can answer: over each of 90 both ways, but not back
/// to whom it came from first.
const MOST: u64 = 2 * 90 - 29;

/// A meshed graph of 90 links.
fn meshed() -> World {
    let mut world = World::new(1);
    world.add_nodes(NODES);
    world.link(&Topology::Random { degree: 6 });
    settle(&mut world);
    world
}

fn sum(world: &World, counter: fn(&Stats) -> u64) -> u64 {
    (0..NODES).map(|node| counter(&world.node(node).unwrap().stats())).sum()
}

#[test]
fn a_question_goes_to_everybody_and_never_back_to_whom_it_came_from() {
    let mut world = meshed();
    let nobody: NodeId = "nobody".parse().unwrap();
    for _ in 0..10 {
        world.locate(0, &nobody).unwrap();
    }
    world.run_for(60 * SECOND);
    assert_eq!(sum(&world, |stats| stats.frames.questions), 10 * MOST);
    assert_eq!(sum(&world, |stats| stats.ignored.known_question), 10 * (MOST - 29));
    assert_eq!(sum(&world, |stats| stats.frames.answers), 0);
}

#[test]
fn a_question_for_somebody_is_answered_with_its_address_and_over_few_links() {
    let mut world = meshed();
    let (wanted, addr) = (world.id(29).unwrap(), "10.0.0.30:4000".parse().unwrap());
    for node in 1..11 {
        world.locate(node, &wanted).unwrap();
    }
    world.run_for(30 * SECOND);
    for node in 1..11 {
        let is_it = |event: &&Event| matches!(event, Event::LocateDone { .. });
        let done: Vec<_> = world.app(node).events().iter().filter(is_it).collect();
        let [Event::LocateDone { outcome: Ok(address), .. }] = done[..] else {
            panic!("node {node}: {done:?}")
        };
        assert_eq!(address.socket_addr(), Some(addr), "node {node}");
    }
    let answers = sum(&world, |stats| stats.frames.answers);
    assert!((10..10 * 60).contains(&answers), "{answers}");
    assert!(sum(&world, |stats| stats.frames.questions) <= 10 * MOST);
}
