//! The time of a scenario in which things happen: users speak, and everything else goes wrong.

use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;

use super::swarm::{Swarm, longest_packet};
use super::world::World;
use crate::node::Compress;

/// How long the faults go on, where nobody says otherwise.
pub(super) const STORM: Duration = Duration::from_secs(60);

/// How many bytes a user sends at once: more than a node takes in one turn.
const BURST_LEN: usize = 5 << 19;

/// How many of each kind of fault there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Connections that break.
    pub cuts: usize,
    /// Times that some nodes are cut off from the others.
    pub partitions: usize,
    /// Directions between two nodes that swallow everything for a while.
    pub black_holes: usize,
    /// Nodes that stand still for a while.
    pub pauses: usize,
    /// Nodes that crash and come back.
    pub crashes: usize,
    /// Clocks that are set to something else, by less than a minute.
    pub clock_steps: usize,
    /// Links that pass nothing on for a while, and then everything.
    pub clogs: usize,
    /// Neighbors that do not read for a while.
    pub stalls: usize,
    /// Connections that end at one end, and at the other later.
    pub resets: usize,
    /// Dials that are refused.
    pub refusals: usize,
    /// Machines whose tables of descriptors are full for a while.
    pub full_tables: usize,
    /// Machines that take long over whatever they read, until the faults stop.
    pub slow_machines: usize,
    /// Nodes that are closed in good order and come back.
    pub stops: usize,
}

impl Swarm {
    /// What happens when, in order.
    pub(super) fn plan(&self, rng: &mut StdRng) -> Vec<(Duration, Deed)> {
        let Faults { cuts, partitions, black_holes, pauses, crashes, clock_steps, .. } =
            self.faults;
        let Faults { clogs, stalls, resets, refusals, .. } = self.faults;
        let Faults { full_tables, slow_machines, stops, .. } = self.faults;
        let mut plan = Vec::new();
        for (count, deed) in [
            (self.actions, Deed::Speak),
            (self.bursts, Deed::Burst),
            (cuts, Deed::Cut),
            (partitions, Deed::Partition),
            (partitions, Deed::Heal),
            (black_holes, Deed::BlackHole),
            (black_holes / 2, Deed::Unblock),
            (pauses, Deed::Pause),
            (crashes, Deed::Crash),
            (crashes, Deed::Restart),
            (clock_steps, Deed::ClockStep),
            (clogs, Deed::Clog),
            (stalls, Deed::Stall),
            (resets, Deed::Reset),
            (refusals, Deed::Refuse),
            (full_tables, Deed::Exhaust),
            (slow_machines, Deed::SlowDown),
            (stops, Deed::Stop),
            (stops, Deed::Restart),
            (self.squeezes, Deed::Squeeze),
            (self.dozes, Deed::Doze),
            (self.squeezes + self.dozes, Deed::Relax),
        ] {
            for _ in 0..count {
                plan.push((self.storm.mul_f64(rng.random_range(0.05..=1.0)), deed));
            }
        }
        plan.sort();
        plan
    }

    pub(super) fn carry_out(&self, world: &mut World, rng: &mut StdRng, deed: Deed) {
        let node = rng.random_range(0..self.nodes);
        match deed {
            Deed::Speak => self.speak(world, rng, node),
            Deed::Burst => self.burst(world, rng, node),
            Deed::Clog | Deed::Stall | Deed::Reset => {
                if let Some((one, other)) = world.draw_neighbors() {
                    let time = Duration::from_millis(rng.random_range(1..=5_000));
                    match deed {
                        Deed::Clog => world.clog(one, other, time),
                        // Longer than a node is patient with it, sometimes.
                        Deed::Stall => world.stall(one, other, time * 6),
                        _ => world.reset(one, other),
                    }
                }
            }
            // The dials that follow on what else breaks.
            Deed::Refuse => world.refuse_dials(node, 2),
            Deed::Cut => {
                world.cut_any();
            }
            Deed::Partition => {
                let inside: Vec<usize> = (0..self.nodes).filter(|_| rng.random()).collect();
                world.partition(&inside);
            }
            Deed::Heal => world.heal(),
            Deed::Unblock => unblock_all(world),
            Deed::BlackHole => world.block(node, rng.random_range(0..self.nodes)),
            Deed::Pause => world.pause(node, Duration::from_millis(rng.random_range(1..=40_000))),
            Deed::Crash => world.crash(node),
            Deed::Exhaust => {
                world.exhaust(node, Duration::from_millis(rng.random_range(1..=30_000)));
            }
            Deed::SlowDown => {
                world.slow_down(node, Duration::from_millis(rng.random_range(1..=50)));
            }
            Deed::Stop => {
                // What a node has only just taken must go out as well.
                drop(world.broadcast(node, &[format!("last words at {}", world.now())]));
                world.stop(node);
            }
            Deed::Squeeze => world.squeeze(node, rng.random_range(0..=100)),
            Deed::Doze => world.doze(node),
            Deed::Relax => world.relax(node),
            Deed::Restart => (0..self.nodes).for_each(|node| world.restart(node)),
            Deed::ClockStep => {
                world.set_clock_drift(node, rng.random_range(-10_000..=10_000));
                let offset = Duration::from_millis(rng.random_range(0..=25_000));
                if rng.random() {
                    world.set_clock_ahead(node, offset);
                } else {
                    world.set_clock_behind(node, offset);
                }
            }
        }
    }

    /// A user sends two or three megabytes at once, in messages that take a few hundred bytes on
    /// the way where the nodes compress.
    fn burst(&self, world: &mut World, rng: &mut StdRng, node: usize) {
        for other in (0..self.nodes).filter(|other| *other != node) {
            if rng.random() {
                // A busy moment, after which the machine reads much at once.
                world.pause(other, Duration::from_millis(rng.random_range(1..=2_000)));
            }
        }
        let longest = longest_packet(world, node);
        let len = if self.compress == Compress::Never { longest.min(200) } else { longest };
        for _ in 0..BURST_LEN.div_ceil(len.max(1)).min(40) {
            // A crashed node, and one without neighbors, says nothing.
            drop(world.broadcast(node, &[vec![b'x'; len]]));
        }
    }

    /// A user says something, to everybody or to somebody.
    fn speak(&self, world: &mut World, rng: &mut StdRng, node: usize) {
        let len = match rng.random_range(0..10) {
            0..7 => rng.random_range(0..200),
            7..9 => rng.random_range(200..20_000),
            _ => rng.random_range(20_000..200_000),
        }
        .min(self.longest());
        let packet: Vec<u8> =
            if rng.random() { vec![b'x'; len] } else { (0..len).map(|_| rng.random()).collect() };
        let other = world.id(rng.random_range(0..self.nodes));
        match (rng.random_range(0..4), other) {
            (0, Some(other)) => drop(world.whisper(node, &other, &[packet])),
            (1, Some(other)) => drop(world.locate(node, &other)),
            // A crashed node, and one without neighbors, says nothing.
            _ => drop(world.broadcast(node, &[packet])),
        }
    }

    /// The longest packet that is worth its time on these links: some arrive byte by byte.
    fn longest(&self) -> usize {
        let back = self.link_back.as_ref().unwrap_or(&self.link);
        self.link.chunk_len.end().min(back.chunk_len.end()) * 200
    }
}

/// One thing that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Deed {
    Speak,
    Burst,
    Cut,
    Partition,
    Heal,
    BlackHole,
    Unblock,
    Pause,
    Crash,
    Restart,
    ClockStep,
    Clog,
    Stall,
    Reset,
    Refuse,
    Exhaust,
    SlowDown,
    Stop,
    Squeeze,
    Doze,
    Relax,
}

pub(super) fn unblock_all(world: &mut World) {
    for (from, to) in world.walls.blocks().collect::<Vec<_>>() {
        world.unblock(from, to);
    }
}
