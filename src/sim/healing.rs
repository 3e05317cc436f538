//! The end of a scenario: a partition that breaks every link across it, and is over within a minute.

use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;

use super::swarm::Swarm;
use super::world::World;
use crate::wire::NodeId;

/// How long the mesh is parted at most. A node that dials somebody on the other side gives up after
/// ten seconds and tries again soon, so that a dial is under way when it ends.
const PARTED: Duration = Duration::from_secs(20);

/// In larger meshes it is not known that there is a way in time.
const MOST_NODES: usize = 64;

impl Swarm {
    /// G3: what one side says while there is no way to the other, the other hears afterwards, each
    /// node once. Py2p nodes are promised nothing, and need not be on the way: the links between the
    /// nodes lead to all of them. In a mesh of dozens of nodes in a row a way may take longer than a
    /// message is current.
    pub(super) fn check_healing(&self, world: &mut World, rng: &mut StdRng, echo: Duration) {
        // Nor is anything promised where somebody makes up numbers.
        if !self.extension || self.nodes > MOST_NODES || world.is_spoilt {
            return;
        }
        let inside: Vec<usize> = (0..self.nodes).filter(|_| rng.random()).collect();
        let outside = (0..self.nodes).filter(|node| !inside.contains(node));
        world.partition(&inside);
        for other in outside {
            inside.iter().for_each(|node| world.cut(*node, other));
        }
        let mut said: Vec<(usize, NodeId, String)> = Vec::new();
        for round in 0..4 {
            world.run_for(PARTED.mul_f64(rng.random_range(0.05..=0.25)));
            for node in 0..self.nodes {
                let text = format!("round {round} of {node}");
                // Whoever is alone on its side says nothing.
                if let (Some(id), true) = (world.id(node), world.broadcast(node, &[&text]).is_ok())
                {
                    said.push((node, id, text));
                }
            }
        }
        world.heal();
        world.run_for(echo);
        for (from, sender, text) in &said {
            for to in (0..self.nodes).filter(|to| to != from) {
                let times = world.received(to, *sender, &[text]);
                if !self.is_heard(world, times) {
                    let what =
                        format!("G3 broken: has heard `{text}` {times} times after a partition");
                    world.fail(to, &what);
                }
            }
        }
    }
}
