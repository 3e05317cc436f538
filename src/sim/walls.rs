//! What lets nothing through from one node to another: blocks, and partitions.

use std::collections::BTreeSet;

use super::app::App;
use super::link::LinkId;
use super::world::{NodeIndex, World};

/// Between whom nothing gets through.
#[derive(Debug, Default)]
pub(super) struct Walls {
    /// From whom to whom.
    blocks: BTreeSet<(NodeIndex, NodeIndex)>,
    /// Of each partition, which nodes are inside. Those that are not listed are outside.
    partitions: Vec<Vec<bool>>,
}

impl Walls {
    /// Whether nothing gets through from one node to another.
    pub(super) fn stand(&self, from: NodeIndex, to: NodeIndex) -> bool {
        let is_inside = |inside: &Vec<bool>, node: NodeIndex| inside.get(node) == Some(&true);
        self.blocks.contains(&(from, to))
            || self.partitions.iter().any(|inside| is_inside(inside, from) != is_inside(inside, to))
    }

    /// Every block, but no partition.
    pub(super) fn blocks(&self) -> impl Iterator<Item = (NodeIndex, NodeIndex)> {
        self.blocks.iter().copied()
    }
}

impl<A: App> World<A> {
    /// Lets nothing through from one node to another: bytes and dials wait on the way, or for
    /// ever.
    pub fn block(&mut self, from: NodeIndex, to: NodeIndex) {
        self.note_world(format_args!("block n{from} to n{to}"));
        self.walls.blocks.insert((from, to));
        self.apply_walls(self.links_between(from, to));
    }

    /// Ends what [`World::block`] began. A partition between the two stands on.
    pub fn unblock(&mut self, from: NodeIndex, to: NodeIndex) {
        self.note_world(format_args!("unblock n{from} to n{to}"));
        self.walls.blocks.remove(&(from, to));
        self.apply_walls(self.links_between(from, to));
    }

    /// Lets nothing through between some nodes and all others, either way.
    pub fn partition(&mut self, inside: &[NodeIndex]) {
        self.note_world(format_args!("partition of {inside:?}"));
        let mut members = vec![false; self.machines.len()];
        for &node in inside {
            if let Some(member) = members.get_mut(node) {
                *member = true;
            }
        }
        self.walls.partitions.push(members);
        self.apply_walls(self.links.keys().copied().collect());
    }

    /// Ends every partition. What [`World::block`] began goes on.
    pub fn heal(&mut self) {
        self.note_world(format_args!("heal"));
        self.walls.partitions.clear();
        self.apply_walls(self.links.keys().copied().collect());
    }

    /// Finds out anew which directions of these links are blocked.
    pub(super) fn apply_walls(&mut self, links: BTreeSet<LinkId>) {
        for id in links {
            for side in [0, 1] {
                let Some(link) = self.links.get_mut(&id) else { continue };
                let [dialer, accepter] = link.ends;
                let (writer, reader) =
                    if side == 0 { (dialer, accepter) } else { (accepter, dialer) };
                let Some(pipe) = link.pipes.get_mut(side) else { continue };
                let was_blocked = pipe.is_blocked;
                pipe.is_blocked = link.clogged_until.is_some()
                    || self.walls.stand(writer.machine, reader.machine);
                if was_blocked && !pipe.is_blocked {
                    // Before anything that is still on its way: the order on a stream is kept.
                    pipe.unread.append(&mut pipe.kept_back);
                    self.read_unread(reader.machine, reader.conn);
                }
            }
        }
    }
}
