//! Everybody at once: a mesh whose machines are all started again in one moment.

use std::collections::BTreeMap;

use rs2p::sim::{Recorder, World};
use rs2p::{AddressBook, Config, Protocol};

use crate::SECOND;

const NODES: usize = 64;

fn config() -> Config {
    Config::new(Protocol::new("mesh", "Plaintext"))
}

/// The most dials to any one node, and by any one, within a second, as the trace tells.
fn peak(trace: &[String], from_ms: f64) -> (usize, usize) {
    let mut to: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    let mut by: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for line in trace {
        // As `5.120ms n1 c3 dial 10.0.0.2:4000`.
        let words: Vec<&str> = line.split(' ').collect();
        let [at, node, _, "dial", addr] = words[..] else { continue };
        let at: f64 = at.trim_end_matches("ms").parse().unwrap();
        if at >= from_ms {
            to.entry(addr.to_owned()).or_default().push(at);
            by.entry(node.to_owned()).or_default().push(at);
        }
    }
    let most = |dials: BTreeMap<String, Vec<f64>>| {
        let within = |times: &[f64], from: f64| {
            times.iter().filter(|at| (from..from + 1_000.0).contains(*at)).count()
        };
        dials.values().flat_map(|times| times.iter().map(|at| within(times, *at))).max().unwrap()
    };
    (most(to), most(by))
}

/// How many nodes hear the first.
fn reached(world: &mut World, text: &str) -> usize {
    let sender = world.id(0).unwrap();
    world.broadcast(0, &[text]).unwrap();
    world.run_for(2 * SECOND);
    (1..NODES).filter(|node| world.received(*node, sender, &[text]) == 1).count()
}

#[test]
fn t33_sixty_four_nodes_that_restart_at_once_are_whole_in_thirty_seconds_without_a_storm() {
    for seed in 0..5 {
        let mut world = World::new(seed);
        world.keep_trace();
        for _ in 0..NODES {
            world.add(config(), Recorder::default());
        }
        for node in 1..NODES {
            world.call(node, |it, now| it.dial(now, "10.0.0.1:4000".parse().unwrap()).is_ok());
            world.run_for(SECOND / 4);
        }
        world.run_for(120 * SECOND);
        assert_eq!(reached(&mut world, "before"), NODES - 1);
        let books: Vec<AddressBook> =
            (0..NODES).map(|node| world.node(node).unwrap().address_book(world.now())).collect();
        assert!(books.iter().all(|book| book.entries().len() >= 2));
        (0..NODES).for_each(|node| world.crash(node));
        let began = world.now().as_nanos() as f64 / 1e6;
        for (node, book) in books.iter().enumerate() {
            world.restart(node);
            world.call(node, |it, now| it.take_address_book(now, book));
        }
        world.run_for(28 * SECOND);
        assert_eq!(reached(&mut world, "after"), NODES - 1, "seed {seed}");
        let trace: Vec<String> = world.trace().collect();
        let (to, by) = peak(&trace, began);
        println!("seed {seed}: {to} dials to one node a second, {by} by one");
        assert!(to <= 20 && by <= 20, "seed {seed}: {to} dials to one node a second, {by} by one");
    }
}

#[test]
fn t33_those_that_lose_one_seed_together_do_not_come_back_to_it_together() {
    let mut world = World::new(1);
    world.keep_trace();
    for _ in 0..NODES {
        world.add(config(), Recorder::default());
    }
    for node in 1..NODES {
        world.connect(node, 0);
        world.run_for(SECOND / 4);
    }
    world.run_for(120 * SECOND);
    world.crash(0);
    world.run_for(120 * SECOND);
    let began = world.now().as_nanos() as f64 / 1e6;
    world.restart(0);
    world.run_for(600 * SECOND);
    let trace: Vec<String> = world.trace().collect();
    let (to, _) = peak(&trace, began);
    assert!(to <= 20, "{to} dials to one node a second");
    assert_eq!(reached(&mut world, "again"), NODES - 1);
}
