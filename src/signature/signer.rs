//! The sender's side.

use super::tree::Tree;
use super::{Leaf, signed_text};
use crate::identity::Identity;
use crate::wire::{Origin, Protocol, SignedOrigin};

/// Signs messages of one node in one mesh.
#[derive(Debug)]
pub(crate) struct Signer {
    identity: Identity,
    protocol: Protocol,
}

impl Signer {
    pub(crate) fn new(identity: Identity, protocol: Protocol) -> Self {
        Self { identity, protocol }
    }

    /// Signs messages by one signature: each is an origin and the leaf that was made with it. Signs
    /// nothing where they are more than a path can lead from.
    pub(crate) fn sign(&self, messages: &[(Origin, Leaf)]) -> Vec<SignedOrigin> {
        self.sign_all(messages).unwrap_or_default()
    }

    fn sign_all(&self, messages: &[(Origin, Leaf)]) -> Option<Vec<SignedOrigin>> {
        let leaves: Vec<Leaf> = messages.iter().map(|&(_, leaf)| leaf).collect();
        let tree = Tree::new(&leaves)?;
        let signature = self.identity.sign(&signed_text(&self.protocol, tree.root()?));
        let key = *self.identity.public_key().as_bytes();
        let signed = |(index, &(origin, _)): (usize, &(Origin, Leaf))| {
            Some(SignedOrigin { origin, key, signature, path: tree.path(index)? })
        };
        messages.iter().enumerate().map(signed).collect()
    }
}
