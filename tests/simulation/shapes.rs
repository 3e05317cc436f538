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
        world.pause(1, SECOND);
        world.partition(&[2, 3]);
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
        config.limits.max_outgoing = 0;
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

#[test]
fn the_trace_tells_the_story() {
    let mut world = World::new(1);
    world.keep_trace();
    world.add_nodes(3);
    world.link(&Topology::Line);
    settle(&mut world);
    world.cut(0, 1);
    world.partition(&[0, 2]);
    world.heal();
    world.block(1, 2);
    world.unblock(1, 2);
    world.pause(0, SECOND);
    world.set_clock_behind(1, SECOND);
    world.crash(2);
    settle(&mut world);
    world.restart(2);
    settle(&mut world);
    let trace: Vec<String> = world.trace().collect();
    let mut rest = trace.iter();
    for line in [
        "n0 start ",
        "n0 c1 dial 10.0.0.2:4000",
        "n1 c2 accept 10.0.0.1:50001",
        "n0 c1 connected",
        "n1 event joined",
        "world cut n0 n1",
        "world partition of [0, 2]",
        "world heal",
        "world block n1 to n2",
        "world unblock n1 to n2",
        "n0 pause for 1s",
        "n1 clock 1s behind",
        "n2 crash",
        "n0 resume",
        "n2 start ",
    ] {
        assert!(rest.any(|found| found.contains(line)), "{line}: {trace:#?}");
    }
    let has = |line: &str| trace.iter().any(|found| found.contains(line));
    assert!(has("n1 c1 closed: ") && has("n2 refuses n1"), "{trace:#?}");
}
