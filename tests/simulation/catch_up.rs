//! Links that break, partitions and churn, and nobody misses anything.

use std::time::Duration;

use rs2p::NodeId;
use rs2p::sim::{Topology, World};

use crate::{SECOND, settle};

/// What a mesh goes through.
struct Trial {
    seed: u64,
    nodes: usize,
    broadcasts: usize,
    /// How long each of the partitions lasts.
    partitions: &'static [u64],
    /// How many links break in each second.
    cuts: usize,
    /// How many nodes leave for good, and as many come anew.
    churn: usize,
}

/// What came of it.
#[derive(Debug)]
struct Outcome {
    deliveries: u64,
    /// Copies in vain, and bytes, for each delivery.
    copies: f64,
    bytes: f64,
    late: u64,
    offers: u64,
    median: Duration,
    longest: Duration,
}

impl Trial {
    fn run(&self) -> Outcome {
        let mut world = World::new(self.seed);
        world.add_nodes(self.nodes);
        world.link(&Topology::Random { degree: 8 });
        settle(&mut world);
        // Those that come and go; the others live throughout, and say everything.
        let guests: Vec<usize> = (0..self.churn).map(|at| self.nodes - 1 - at).collect();
        let hosts = self.nodes - self.churn;
        let total: u64 = self.partitions.iter().sum::<u64>() + 10 * self.partitions.len() as u64;
        let mut said: Vec<(usize, NodeId, String)> = Vec::new();
        let (mut second, mut tries) = (0, 0);
        for (number, parted) in self.partitions.iter().enumerate() {
            // Another part of the mesh each time, from a single node to half of all.
            let inside: Vec<usize> =
                (0..self.nodes).filter(|node| node % (2 + 3 * number) == 0).collect();
            world.partition(&inside);
            cut_across(&mut world, &inside);
            for at in 0..parted + 10 {
                if at == *parted {
                    world.heal();
                }
                for _ in 0..self.cuts {
                    world.cut_any();
                }
                for guest in
                    guests.iter().filter(|guest| *guest % 20 == usize::try_from(at % 20).unwrap())
                {
                    world.crash(*guest);
                    world.restart(*guest);
                }
                second += 1;
                while said.len() * usize::try_from(total).unwrap() < self.broadcasts * second {
                    let from = tries * 37 % hosts;
                    tries += 1;
                    let text = format!("message {}", said.len());
                    let id = world.id(from).unwrap();
                    // Whoever has no neighbor at the moment says nothing.
                    if world.broadcast(from, &[&text]).is_ok() {
                        said.push((from, id, text));
                    }
                }
                world.run_for(SECOND);
            }
        }
        world.run_for(60 * SECOND);
        for (from, sender, text) in &said {
            for to in (0..hosts).filter(|to| to != from) {
                let times = world.received(to, *sender, &[text]);
                assert_eq!(times, 1, "{text} of {from} at {to}");
            }
        }
        self.outcome(&world)
    }

    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    fn outcome(&self, world: &World) -> Outcome {
        let stats: Vec<_> =
            (0..self.nodes).filter_map(|node| Some(world.node(node)?.stats())).collect();
        let sum = |field: fn(&rs2p::Stats) -> u64| stats.iter().map(field).sum::<u64>();
        let deliveries = world.deliveries();
        let mut latencies: Vec<Duration> = world.latencies().collect();
        latencies.sort_unstable();
        Outcome {
            deliveries,
            copies: sum(|stats| stats.dropped.duplicate) as f64 / deliveries as f64,
            bytes: sum(|stats| stats.bytes_out) as f64 / deliveries as f64,
            late: sum(|stats| stats.catch_up.caught_up),
            offers: sum(|stats| stats.catch_up.words),
            median: *latencies.get(latencies.len() / 2).unwrap(),
            longest: *latencies.last().unwrap(),
        }
    }
}

/// Breaks every link between some nodes and the others.
fn cut_across(world: &mut World, inside: &[usize]) {
    let ids: Vec<Option<NodeId>> = (0..world.count()).map(|node| world.id(node)).collect();
    for &node in inside {
        let Some(found) = world.node(node) else { continue };
        let neighbors: Vec<NodeId> = found.routing_table().map(|info| info.id).collect();
        for id in neighbors {
            let other = ids.iter().position(|other| *other == Some(id)).unwrap();
            if !inside.contains(&other) {
                world.cut(node, other);
            }
        }
    }
}

#[test]
fn t42_nobody_misses_anything_for_links_that_break_and_partitions_of_50_seconds() {
    for seed in 0..2 {
        let trial =
            Trial { seed, nodes: 60, broadcasts: 60, partitions: &[5, 20, 49], cuts: 1, churn: 6 };
        let outcome = trial.run();
        assert!(outcome.late > 100, "without partitions it proves nothing: {outcome:?}");
        assert!(outcome.deliveries > 2_000 && outcome.bytes > 0.0, "{outcome:?}");
        assert!(outcome.copies < 12.0, "{outcome:?}");
        assert!(outcome.offers > 0 && outcome.median < outcome.longest, "{outcome:?}");
    }
}

/// `cargo test --release --test simulation t42_a_thousand -- --ignored --nocapture`
#[test]
#[ignore = "takes half a minute"]
fn t42_a_thousand_nodes_with_broken_links_partitions_and_churn_miss_nothing() {
    let trial = Trial {
        seed: 42,
        nodes: 1_000,
        broadcasts: 100,
        partitions: &[10, 30, 49],
        cuts: 5,
        churn: 50,
    };
    let outcome = trial.run();
    println!("{outcome:?}");
    assert!(outcome.late > 1_000, "without partitions it proves nothing: {outcome:?}");
}

/// What is missed while a link stood for nothing is what is a minute old.
#[test]
fn t42_a_partition_of_more_than_a_minute_costs_what_is_older_and_no_more() {
    let mut world = World::new(1);
    world.add_nodes(4);
    world.link(&Topology::Line);
    settle(&mut world);
    world.partition(&[0, 1]);
    world.cut(1, 2);
    for second in 0..70 {
        world.broadcast(0, &[format!("{second}")]).unwrap();
        world.run_for(SECOND);
    }
    world.heal();
    let healed = world.now();
    while world.node(1).unwrap().routing_table().count() < 2 {
        world.run_for(SECOND / 100);
        assert!(world.now().since(healed) < 60 * SECOND);
    }
    let waited = world.now().since(healed).as_secs_f64();
    world.run_for(5 * SECOND);
    let texts = world.app(3).texts();
    let first: f64 = texts.first().unwrap().parse().unwrap();
    let rest = 70.0 - first;
    assert_eq!(texts.len() as f64, rest, "all from the first on");
    assert!((60.0 - waited - rest).abs() <= 1.0, "{rest} after {waited} s");
}
