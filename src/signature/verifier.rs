//! The receiver's side.

use std::collections::VecDeque;

use super::tree::root_of;
use super::{Hash, Leaf, signed_text};
use crate::identity::PublicKey;
use crate::wire::{NodeId, Protocol, SignedOrigin};

/// How many batches may come in turns before a signature is checked a second time.
pub(super) const MAX_REMEMBERED: usize = 256;

/// Checks signatures of one mesh, and remembers those of batches.
#[derive(Debug)]
pub(crate) struct Verifier {
    protocol: Protocol,
    /// What was found right, the latest last.
    right: VecDeque<Root>,
}

/// A root and who has signed it how. The signature is part of it: a right root under another
/// signature would be passed on to nodes that do not remember the root.
#[derive(Debug, PartialEq, Eq)]
struct Root {
    signature: [u8; 64],
    hash: Hash,
    key: [u8; 32],
    /// Whose the key is: its hash costs microseconds, which a batch pays once.
    sender: NodeId,
}

/// What became of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Check {
    /// The sender has signed it.
    Right,
    /// The sender has signed it, with others that were checked before.
    Known,
    /// The sender has not signed this.
    Wrong,
}

impl Verifier {
    pub(crate) fn new(protocol: Protocol) -> Self {
        Self { protocol, right: VecDeque::new() }
    }

    /// Whether this sender has signed the message with this leaf.
    pub(crate) fn check(&mut self, sender: &NodeId, signed: &SignedOrigin, leaf: Leaf) -> Check {
        let SignedOrigin { key, signature, path, .. } = signed;
        let hash = root_of(leaf, path);
        let root = Root { signature: *signature, hash, key: *key, sender: *sender };
        if path.depth() > 0 && self.right.iter().rev().any(|other| *other == root) {
            return Check::Known;
        }
        let key = PublicKey::from_bytes(*key);
        let text = signed_text(&self.protocol, &hash);
        if key.node_id() != *sender || !key.is_signed(&text, signature) {
            return Check::Wrong;
        }
        // A message that was signed alone comes alone: its copies are known before they are checked.
        if path.depth() > 0 {
            if self.right.len() == MAX_REMEMBERED {
                self.right.pop_front();
            }
            self.right.push_back(root);
        }
        Check::Right
    }
}
