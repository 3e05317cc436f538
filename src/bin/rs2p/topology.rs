//! The shapes of a mesh: which nodes are linked. Connected for every number of nodes.

use std::collections::BTreeSet;

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Topology {
    /// Each node to the next.
    Line,
    /// A line whose ends are linked.
    Ring,
    /// All nodes to the first.
    Star,
    /// Rows and columns, as near to a square as can be; the last row may be shorter.
    Grid,
    /// A random tree, and random links on top until the nodes have as many neighbors on average.
    Random,
}

impl Topology {
    /// Every shape by its name.
    pub(crate) const ALL: [(&'static str, Self); 5] = [
        ("line", Self::Line),
        ("ring", Self::Ring),
        ("star", Self::Star),
        ("grid", Self::Grid),
        ("random", Self::Random),
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Line => "line",
            Self::Ring => "ring",
            Self::Star => "star",
            Self::Grid => "grid",
            Self::Random => "random",
        }
    }
}

/// The links of a mesh. In each, the second node is the earlier one; no two are the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Links {
    node_count: usize,
    pairs: Vec<(usize, usize)>,
}

impl Links {
    /// `degree` and `seed` matter for a random mesh only.
    pub(crate) fn new(topology: Topology, node_count: usize, degree: usize, seed: u64) -> Self {
        let pairs = match topology {
            Topology::Line => (1..node_count).map(|node| (node, node - 1)).collect(),
            Topology::Ring => {
                // Two nodes are linked once.
                let last = (node_count > 2).then(|| (node_count - 1, 0));
                (1..node_count).map(|node| (node, node - 1)).chain(last).collect()
            }
            Topology::Star => (1..node_count).map(|node| (node, 0)).collect(),
            Topology::Grid => grid(node_count),
            Topology::Random => random(node_count, degree, seed),
        };
        Self { node_count, pairs }
    }

    pub(crate) fn pairs(&self) -> &[(usize, usize)] {
        &self.pairs
    }

    /// The neighbors of each node.
    pub(crate) fn neighbors(&self) -> Vec<BTreeSet<usize>> {
        let mut neighbors = vec![BTreeSet::new(); self.node_count];
        for &(later, earlier) in &self.pairs {
            for (node, neighbor) in [(later, earlier), (earlier, later)] {
                if let Some(neighbors) = neighbors.get_mut(node) {
                    neighbors.insert(neighbor);
                }
            }
        }
        neighbors
    }
}

fn grid(node_count: usize) -> Vec<(usize, usize)> {
    let root = node_count.isqrt();
    let width = if root * root < node_count { root + 1 } else { root };
    let mut pairs = Vec::new();
    for node in 1..node_count {
        if node % width != 0 {
            pairs.push((node, node - 1));
        }
        if node >= width {
            pairs.push((node, node - width));
        }
    }
    pairs
}

fn random(node_count: usize, degree: usize, seed: u64) -> Vec<(usize, usize)> {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut order: Vec<usize> = (0..node_count).collect();
    order.shuffle(&mut rng);
    let mut pairs = BTreeSet::new();
    for (index, &node) in order.iter().enumerate().skip(1) {
        if let Some(&parent) = order.get(rng.random_range(0..index)) {
            pairs.insert((node.max(parent), node.min(parent)));
        }
    }
    let mut others: Vec<(usize, usize)> = (1..node_count)
        .flat_map(|later| (0..later).map(move |earlier| (later, earlier)))
        .filter(|pair| !pairs.contains(pair))
        .collect();
    let wanted = (node_count * degree / 2).saturating_sub(pairs.len());
    let (chosen, _) = others.partial_shuffle(&mut rng, wanted);
    pairs.extend(chosen.iter().copied());
    pairs.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The nodes that can be reached from the first.
    fn reached(links: &Links) -> usize {
        let neighbors = links.neighbors();
        let mut reached = BTreeSet::from([0]);
        let mut waiting = vec![0];
        while let Some(node) = waiting.pop() {
            waiting.extend(neighbors[node].iter().filter(|node| reached.insert(**node)));
        }
        reached.len()
    }

    fn degrees(links: &Links) -> Vec<usize> {
        links.neighbors().iter().map(BTreeSet::len).collect()
    }

    #[test]
    fn every_shape_of_every_size_is_connected_without_a_link_twice() {
        for (name, topology) in Topology::ALL {
            assert_eq!(name, topology.name());
            for count in 1..=64 {
                let links = Links::new(topology, count, 4, 9);
                assert_eq!(reached(&links), count, "{name} of {count}");
                let unique: BTreeSet<_> = links.pairs().iter().collect();
                assert_eq!(unique.len(), links.pairs().len(), "{name} of {count}");
                assert!(links.pairs().iter().all(|(later, earlier)| earlier < later));
                assert!(links.pairs().iter().all(|(later, _)| *later < count));
            }
        }
    }

    #[test]
    fn regular_shapes_have_their_degrees() {
        for count in 3..=64 {
            let line = degrees(&Links::new(Topology::Line, count, 0, 0));
            assert_eq!(line.iter().filter(|degree| **degree == 1).count(), 2);
            assert_eq!(line.iter().max(), Some(&2));
            assert_eq!(degrees(&Links::new(Topology::Ring, count, 0, 0)), vec![2; count]);
            let star = degrees(&Links::new(Topology::Star, count, 0, 0));
            assert_eq!((star[0], star[1..].iter().max()), (count - 1, Some(&1)));
            let grid = degrees(&Links::new(Topology::Grid, count, 0, 0));
            assert!(grid.iter().all(|degree| (1..=4).contains(degree)));
        }
    }

    #[test]
    fn a_grid_is_as_near_to_a_square_as_can_be() {
        for (count, expected) in [(4, 4), (6, 7), (9, 12), (12, 17), (7, 8)] {
            let links = Links::new(Topology::Grid, count, 0, 0);
            assert_eq!(links.pairs().len(), expected, "{count} nodes");
        }
    }

    #[test]
    fn a_random_mesh_has_the_links_asked_for_within_what_is_possible() {
        for count in 1..=64 {
            for degree in [1, 2, 4, 7, 511] {
                let links = Links::new(Topology::Random, count, degree, 3).pairs().len();
                let possible = (count - 1)..=(count * (count - 1) / 2);
                let expected = (count * degree / 2).clamp(*possible.start(), *possible.end());
                assert_eq!(links, expected, "{count} nodes of degree {degree}");
            }
        }
    }

    #[test]
    fn a_seed_repeats_its_mesh_and_another_makes_another() {
        let links = |seed| Links::new(Topology::Random, 32, 4, seed);
        assert_eq!(links(1), links(1));
        assert_ne!(links(1), links(2));
    }
}
