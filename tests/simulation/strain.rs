//! Machines that lack descriptors or time, and nodes that are closed.

use rs2p::sim::{Topology, World};
use rs2p::{CloseReason, Event, Leftover};

use crate::{SECOND, settle};

#[test]
fn t14_a_machine_without_descriptors_takes_who_waits_when_it_has_some_again() {
    let mut world = World::new(1);
    world.add_nodes(4);
    world.exhaust(0, 3 * SECOND);
    for node in 1..4 {
        world.connect(node, 0);
    }
    world.run_for(2 * SECOND);
    assert_eq!(world.node(0).unwrap().usage().connections, 0);
    world.run_for(2 * SECOND);
    assert_eq!(world.node(0).unwrap().routing_table().count(), 3);
}

#[test]
fn t14_what_a_machine_without_descriptors_dials_fails_and_is_dialled_again() {
    let mut world = World::new(2);
    world.add_nodes(2);
    world.exhaust(0, 20 * SECOND);
    world.connect(0, 1);
    world.run_for(10 * SECOND);
    let is_network =
        |event: &Event| matches!(event, Event::DialFailed { reason: CloseReason::Network(_), .. });
    assert!(world.app(0).events().iter().any(is_network));
    world.run_for(60 * SECOND);
    assert_eq!(world.node(0).unwrap().routing_table().count(), 1);
}

#[test]
fn a_machine_that_takes_its_time_delays_its_own_messages_only() {
    let mut world = World::new(3);
    world.add_nodes(6);
    world.link(&Topology::Ring);
    settle(&mut world);
    world.slow_down(3, SECOND / 2);
    for number in 0..20 {
        world.broadcast(0, &[format!("{number}")]).unwrap();
        world.run_for(SECOND / 10);
    }
    world.run_for(SECOND);
    for node in [1, 2, 4, 5] {
        assert_eq!(world.app(node).texts().len(), 20, "node {node}");
    }
    world.run_for(20 * SECOND);
    assert_eq!(world.app(3).texts().len(), 20);
}

#[test]
fn t39_a_node_that_is_closed_has_told_everybody_what_it_said() {
    for seed in 0..20 {
        let mut world = World::new(seed);
        world.add_nodes(4);
        world.link(&Topology::Star);
        settle(&mut world);
        let id = world.id(0).unwrap();
        for number in 0..5 {
            world.broadcast(0, &[format!("{number} {}", "x".repeat(50_000))]).unwrap();
        }
        world.stop(0);
        world.run_for(10 * SECOND);
        assert!(world.node(0).is_none());
        for node in 1..4 {
            for number in 0..5 {
                let text = format!("{number} {}", "x".repeat(50_000));
                assert_eq!(world.received(node, id, &[text]), 1, "seed {seed}, node {node}");
            }
        }
    }
}

#[cfg(feature = "rsa")]
#[test]
fn t39_a_node_under_rsa_that_is_closed_says_what_waits_for_its_turn_first() {
    let mut world = World::new(5);
    for _ in 0..2 {
        let mut config = rs2p::Config::new(rs2p::Protocol::new("mesh", "PKCS1_v1.5"));
        config.limits.max_outgoing = 0;
        world.add(config, rs2p::sim::Recorder::default());
    }
    world.connect(0, 1);
    settle(&mut world);
    let (id, other) = (world.id(0).unwrap(), world.id(1).unwrap());
    let long = "x".repeat(20_000);
    world.broadcast(0, &[format!("for all {long}")]).unwrap();
    world.whisper(0, &other, &[format!("for you {long}")]).unwrap();
    world.stop(0);
    world.run_for(10 * SECOND);
    for text in ["for all", "for you"] {
        assert_eq!(world.received(1, id, &[format!("{text} {long}")]), 1, "{text}");
    }
}

#[test]
fn t39_what_a_closed_node_could_not_send_is_told() {
    let mut world = World::new(4);
    world.add_nodes(2);
    world.connect(0, 1);
    settle(&mut world);
    world.stall(1, 0, 60 * SECOND);
    for number in 0..5 {
        // Not to be made shorter.
        let long: Vec<u8> =
            (0..300_000_u32).flat_map(|it| (it * 7 + number).to_le_bytes()).collect();
        world.broadcast(0, &[long]).unwrap();
    }
    world.stop(0);
    world.run_for(5 * SECOND);
    let count = |leftover: &Leftover| match leftover {
        Leftover::Unsent(len) => *len,
        Leftover::Unconfirmed => 0,
    };
    let unsent: usize = world
        .node(0)
        .map_or(0, |node| node.unsent().iter().map(|(_, leftover)| count(leftover)).sum());
    // That it is what waits is what the world checks.
    assert!(unsent > 1_000_000, "{unsent}");
}
