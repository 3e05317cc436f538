//! Trees of hashes, so that one signature covers many messages.

use sha2::{Digest, Sha256};

use super::{Hash, Leaf};
use crate::wire::{Step, TreePath};

/// What a hash of two hashes begins with, which no hash of a message does: RFC 6962, 2.1.
const PREFIX: [u8; 1] = [1];

/// A tree over some leaves, as RFC 6962 builds it: a hash that has nobody beside it stands for
/// itself one level up.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    /// The hashes, the leaves first; the last level is the root alone.
    levels: Vec<Vec<Hash>>,
}

impl Tree {
    /// The tree over these leaves; `None` without any.
    pub(super) fn new(leaves: &[Leaf]) -> Option<Self> {
        let mut level: Vec<Hash> = leaves.iter().map(|leaf| leaf.0).collect();
        let mut levels = Vec::new();
        while level.len() > 1 {
            let above = level.chunks(2).filter_map(|pair| match pair {
                [left, right] => Some(join(left, right)),
                [alone] => Some(*alone),
                _ => None,
            });
            let above = above.collect();
            levels.push(std::mem::replace(&mut level, above));
        }
        let has_root = level.len() == 1;
        levels.push(level);
        has_root.then_some(Self { levels })
    }

    /// The hash that stands for all leaves.
    pub(super) fn root(&self) -> Option<&Hash> {
        self.levels.last()?.first()
    }

    /// The way from a leaf to the root; `None` where there is no such leaf, or it is too deep.
    pub(super) fn path(&self, index: usize) -> Option<TreePath> {
        self.levels.first()?.get(index)?;
        let mut steps = Vec::new();
        for (depth, level) in self.levels.iter().enumerate() {
            let position = index >> depth;
            if let Some(&sibling) = level.get(position ^ 1) {
                steps.push(Step { is_left: position % 2 == 1, sibling });
            }
        }
        TreePath::from_steps(steps)
    }
}

/// Where a path leads from a leaf.
pub(super) fn root_of(leaf: Leaf, path: &TreePath) -> Hash {
    path.steps().fold(leaf.0, |hash, step| match step.is_left {
        true => join(&step.sibling, &hash),
        false => join(&hash, &step.sibling),
    })
}

fn join(left: &Hash, right: &Hash) -> Hash {
    let mut hash = Sha256::new();
    hash.update(PREFIX);
    hash.update(left);
    hash.update(right);
    hash.finalize().into()
}
