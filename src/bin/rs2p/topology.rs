//! The shapes of a mesh by their names, and the links of one: which nodes are linked.

use std::collections::BTreeSet;
use std::ffi::OsString;

use rand::SeedableRng;
use rand::rngs::StdRng;
use rs2p::sim::Topology;

use crate::args::{self, UsageError};

/// The shapes that users can ask for. Each is connected for every number of nodes.
const SHAPES: [Topology; 5] = [
    Topology::Line,
    Topology::Ring,
    Topology::Star,
    Topology::Grid,
    Topology::Random { degree: 0 },
];

/// Reads a shape. A random one has no degree yet: see [`with_degree`].
pub(crate) fn read(option: &'static str, value: &OsString) -> Result<Topology, UsageError> {
    args::choice(option, value, &SHAPES.map(|shape| (shape.name(), shape)))
}

/// Gives a random shape its degree. No other shape takes one.
pub(crate) fn with_degree(
    shape: Topology,
    degree: Option<usize>,
    default: usize,
) -> Result<Topology, UsageError> {
    match (shape, degree) {
        (Topology::Random { .. }, _) => Ok(Topology::Random { degree: degree.unwrap_or(default) }),
        (shape, None) => Ok(shape),
        (shape, Some(_)) => {
            let because = format!("the degrees of a {} are given by its shape", shape.name());
            Err(UsageError::Useless { option: "--degree", because })
        }
    }
}

/// The links of a mesh. No two are the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Links {
    pairs: Vec<(usize, usize)>,
    /// The neighbors of each node.
    neighbors: Vec<BTreeSet<usize>>,
}

impl Links {
    /// `seed` matters for a random mesh only.
    pub(crate) fn new(topology: &Topology, node_count: usize, seed: u64) -> Self {
        let pairs = topology.links(node_count, &mut StdRng::seed_from_u64(seed));
        let mut neighbors = vec![BTreeSet::new(); node_count];
        for &(from, to) in &pairs {
            for (node, neighbor) in [(from, to), (to, from)] {
                if let Some(neighbors) = neighbors.get_mut(node) {
                    neighbors.insert(neighbor);
                }
            }
        }
        Self { pairs, neighbors }
    }

    pub(crate) fn pairs(&self) -> &[(usize, usize)] {
        &self.pairs
    }

    pub(crate) fn neighbors(&self) -> &[BTreeSet<usize>] {
        &self.neighbors
    }

    /// The least and the greatest number of neighbors of a node.
    pub(crate) fn degree_range(&self) -> [usize; 2] {
        let degrees = || self.neighbors.iter().map(BTreeSet::len);
        [degrees().min().unwrap_or_default(), degrees().max().unwrap_or_default()]
    }

    pub(crate) fn mean_degree(&self) -> f64 {
        // Exact far beyond what a mesh has.
        2.0 * self.pairs.len() as f64 / self.neighbors.len() as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_is_read_by_its_name_and_named_by_it() {
        for name in ["line", "ring", "star", "grid", "random"] {
            assert_eq!(read("--topology", &name.into()).unwrap().name(), name);
        }
        assert!(read("--topology", &"custom".into()).is_err());
    }

    #[test]
    fn only_a_random_shape_takes_a_degree() {
        let random = || Topology::Random { degree: 0 };
        let degree = |asked| with_degree(random(), asked, 8).unwrap();
        assert_eq!(degree(None), Topology::Random { degree: 8 });
        assert_eq!(degree(Some(3)), Topology::Random { degree: 3 });
        assert_eq!(with_degree(Topology::Ring, None, 8).unwrap(), Topology::Ring);
        assert!(with_degree(Topology::Ring, Some(3), 8).is_err());
    }

    #[test]
    fn links_have_degrees() {
        let star = Links::new(&Topology::Star, 5, 0);
        assert_eq!((star.degree_range(), star.mean_degree()), ([1, 4], 1.6));
        assert_eq!(star.neighbors()[2], [0].into());
    }

    #[test]
    fn a_random_mesh_has_the_links_asked_for_within_what_is_possible() {
        for count in 1..=64 {
            for degree in [1, 2, 4, 7, 511] {
                let links = Links::new(&Topology::Random { degree }, count, 3).pairs().len();
                let possible = (count - 1)..=(count * (count - 1) / 2);
                let expected = (count * degree / 2).clamp(*possible.start(), *possible.end());
                assert_eq!(links, expected, "{count} nodes of degree {degree}");
            }
        }
    }

    #[test]
    fn a_seed_repeats_its_mesh_and_another_makes_another() {
        let links = |seed| Links::new(&Topology::Random { degree: 4 }, 32, seed);
        assert_eq!(links(1), links(1));
        assert_ne!(links(1), links(2));
    }
}
