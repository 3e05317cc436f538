//! Shapes of meshes.

use std::collections::BTreeSet;

use rand::RngExt;
use rand::rngs::StdRng;

/// Which nodes of a mesh are linked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Topology {
    /// Each with the next.
    Line,
    /// Each with the next, and the last with the first.
    Ring,
    /// Each with the first.
    Star,
    /// Rows and columns, as near to a square as the count allows.
    Grid,
    /// A random tree, and random links on top up to this many for a node on average.
    Random {
        /// The average number of links of a node; at least a tree's.
        degree: usize,
    },
    /// These links.
    Custom(Vec<(usize, usize)>),
}

impl Topology {
    /// The shape in one word.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Line => "line",
            Self::Ring => "ring",
            Self::Star => "star",
            Self::Grid => "grid",
            Self::Random { .. } => "random",
            Self::Custom(_) => "custom",
        }
    }

    /// The links among `count` nodes: pairs of different nodes, each once.
    pub fn links(&self, count: usize, rng: &mut StdRng) -> Vec<(usize, usize)> {
        match self {
            Self::Line => (1..count).map(|node| (node - 1, node)).collect(),
            Self::Ring => {
                let closing = (count > 2).then(|| (count - 1, 0));
                (1..count).map(|node| (node - 1, node)).chain(closing).collect()
            }
            Self::Star => (1..count).map(|node| (0, node)).collect(),
            Self::Grid => grid(count),
            Self::Random { degree } => random(count, *degree, rng),
            Self::Custom(links) => links.clone(),
        }
    }
}

fn grid(count: usize) -> Vec<(usize, usize)> {
    let width = (1..=count).find(|width| width * width >= count).unwrap_or(1);
    let right = (0..count).filter(|node| node % width + 1 < width).map(|node| (node, node + 1));
    let down = (0..count).map(|node| (node, node + width));
    right.chain(down).filter(|&(_, to)| to < count).collect()
}

fn random(count: usize, degree: usize, rng: &mut StdRng) -> Vec<(usize, usize)> {
    let mut links: BTreeSet<(usize, usize)> =
        (1..count).map(|node| (rng.random_range(0..node), node)).collect();
    let most = count * count.saturating_sub(1) / 2;
    let wanted = (count * degree / 2).min(most);
    while links.len() < wanted {
        let (a, b) = (rng.random_range(0..count), rng.random_range(0..count));
        if a != b {
            links.insert((a.min(b), a.max(b)));
        }
    }
    links.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn every_shape_of_every_size_is_connected_and_links_each_pair_once() {
        let shapes = [
            Topology::Line,
            Topology::Ring,
            Topology::Star,
            Topology::Grid,
            Topology::Random { degree: 0 },
            Topology::Random { degree: 6 },
        ];
        for shape in shapes {
            for count in 1..=40 {
                let links = shape.links(count, &mut StdRng::seed_from_u64(7));
                let pairs: BTreeSet<_> = links.iter().map(|&(a, b)| (a.min(b), a.max(b))).collect();
                assert_eq!(pairs.len(), links.len(), "{shape:?} {count}");
                assert!(pairs.iter().all(|&(a, b)| a < b && b < count), "{shape:?} {count}");
                let mut reached = BTreeSet::from([0]);
                for _ in 0..count {
                    let next = |&(a, b): &(usize, usize)| {
                        [a, b].into_iter().any(|end| reached.contains(&end)).then_some([a, b])
                    };
                    let more: Vec<_> = pairs.iter().filter_map(next).flatten().collect();
                    reached.extend(more);
                }
                assert_eq!(reached.len(), count, "{shape:?} {count} is connected");
            }
        }
    }

    #[test]
    fn a_random_shape_has_the_degree_that_was_asked_for() {
        let links = Topology::Random { degree: 8 }.links(1_000, &mut StdRng::seed_from_u64(1));
        assert_eq!(links.len(), 4_000);
        let full = Topology::Random { degree: 99 }.links(10, &mut StdRng::seed_from_u64(1));
        assert_eq!(full.len(), 45);
    }
}
