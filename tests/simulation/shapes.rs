//! Everybody hears everybody, once, whatever the shape.

use rs2p::sim::{Recorder, Topology, World};
use rs2p::{Config, Protocol};

use crate::{SECOND, settle};

#[test]
fn every_broadcast_reaches_every_node_once_on_every_shape() {
    for (seed, shape) in [
        Topology::Line,
        Topology::Ring,
        Topology::Star,
        Topology::Grid,
        Topology::Random { degree: 4 },
    ]
    .iter()
    .enumerate()
    {
        let mut world = World::new(u64::try_from(seed).unwrap());
        world.add_nodes(20);
        world.link(shape);
        settle(&mut world);
        for from in 0..20 {
            world.broadcast(from, &[format!("from {from}")]).unwrap();
        }
        world.run_for(20 * SECOND);
        assert_eq!(world.deliveries(), 20 * 19, "{shape:?}");
    }
}

#[test]
fn hops_are_the_links_that_a_message_came_over() {
    let mut world = World::new(3);
    world.add_nodes(4);
    world.link(&Topology::Line);
    settle(&mut world);
    world.broadcast(0, &["to the end"]).unwrap();
    world.run_for(SECOND);
    world.broadcast(1, &["from within"]).unwrap();
    world.run_for(SECOND);
    assert_eq!(world.hops(), [0, 1 + 2, 1 + 1, 1]);
}

#[test]
fn a_thousand_equal_messages_are_a_thousand_messages() {
    let mut world = World::new(1);
    world.add_nodes(8);
    world.link(&Topology::Random { degree: 3 });
    settle(&mut world);
    for _ in 0..1_000 {
        world.broadcast(0, &["again"]).unwrap();
    }
    world.run_for(20 * SECOND);
    assert_eq!(world.deliveries(), 7_000);
}

#[test]
fn the_same_seed_gives_the_same_trace_to_the_byte() {
    let run = |seed| {
        let mut world = World::new(seed);
        world.add_nodes(16);
        world.link(&Topology::Random { degree: 4 });
        settle(&mut world);
        for from in 0..16 {
            world.broadcast(from, &["hello"]).unwrap();
            world.run_for(SECOND / 50);
        }
        world.cut_any();
        world.run_for(20 * SECOND);
        world.trace_hash()
    };
    assert_eq!(run(7), run(7));
    assert_ne!(run(7), run(8));
}

#[test]
fn a_broadcast_takes_no_more_of_the_stack_for_more_neighbors() {
    let run = || {
        let mut world = World::new(1);
        let mut config = Config::new(Protocol::new("mesh", "Plaintext"));
        config.max_outgoing = 0;
        world.add(config, Recorder::default());
        world.add_nodes(1_000);
        for node in 1..=1_000 {
            world.connect(0, node);
        }
        settle(&mut world);
        world.broadcast(0, &["to all"]).unwrap();
        world.run_for(SECOND);
        world.deliveries()
    };
    // An eighth of what a test's thread has.
    let thread = std::thread::Builder::new().stack_size(256 << 10).spawn(run).unwrap();
    assert_eq!(thread.join().unwrap(), 1_000);
}
