//! Signatures of broadcasts: which bytes stand for a message, and who has signed them.
//! PROTOCOL.md §10.4.
//!
//! This room knows hashes, trees of them, and keys. A message becomes a [`Leaf`]; the leaves of
//! messages that are sent together become a [`Tree`], whose root their sender signs ([`Signer`]);
//! a receiver goes from the leaf to the root and checks the signature there ([`Verifier`]). The
//! room does not know where a message came from, whether it is new, or what follows where a
//! signature is wrong.

mod leaf;
mod signer;
#[cfg(test)]
mod tests;
mod tree;
mod verifier;

use crate::wire::Protocol;
pub(crate) use leaf::Leaf;
pub(crate) use signer::Signer;
pub(crate) use verifier::{Check, Verifier};

/// A hash of SHA-256.
type Hash = [u8; 32];

/// What every signed text begins with. TLS signs with the same keys, and no text of its begins so.
const DOMAIN: &[u8] = b"rs2p-broadcast-v1";

/// The text that is signed for the root of a tree. The mesh is part of it: a key may belong to a
/// node of several, and what was said in one must not be played in another.
fn signed_text(protocol: &Protocol, root: &Hash) -> Vec<u8> {
    let protocol_id = protocol.id().as_bytes();
    [DOMAIN, &len_of(protocol_id), protocol_id, root].concat()
}

/// A length as it stands in front of what has it, so that no two lists of texts look alike.
fn len_of(bytes: &[u8]) -> [u8; 8] {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes()
}
