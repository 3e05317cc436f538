//! What must hold for all bytes: one property for each fuzz target, each a function that panics
//! where the library breaks it.
//!
//! Knows the public modules of the library and nothing of fuzzers. Where a property compares with
//! a model, the model is written another way than the library is, and slower.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a property that does not hold panics"
)]

mod base_58;
mod decompress;
mod frame_chunks;
mod handshake;
mod mesh;
mod message;
mod node;
mod packets;
mod peers;
#[cfg(feature = "sim")]
mod replay;
#[cfg(feature = "rsa")]
mod rsa_records;
mod script;
mod session;
mod upkeep;

/// One thing that must hold for all bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Property {
    /// The name of its fuzz target and of its corpus.
    pub(crate) name: &'static str,
    /// Panics where it does not hold.
    pub(crate) check: fn(&[u8]),
}

/// Every property, in the order of `fuzz/README.md`.
pub(crate) const PROPERTIES: [Property; 12] = [
    Property { name: "frame_chunks", check: frame_chunks::check },
    Property { name: "packets", check: packets::check },
    Property { name: "decompress", check: decompress::check },
    Property { name: "handshake", check: handshake::check },
    Property { name: "peers", check: peers::check },
    Property { name: "base_58", check: base_58::check },
    Property { name: "message", check: message::check },
    Property { name: "node", check: node::check },
    Property { name: "mesh", check: mesh::check },
    Property { name: "rsa_records", check: rsa_records },
    Property { name: "session", check: session::check },
    Property { name: "replay", check: replay },
];

/// Holds of everything in a build without RSA, which has no such records.
fn rsa_records(data: &[u8]) {
    #[cfg(feature = "rsa")]
    rsa_records::check(data);
    #[cfg(not(feature = "rsa"))]
    let _ = data;
}

/// Holds of everything in a build without the simulator, which reads no records.
fn replay(data: &[u8]) {
    #[cfg(feature = "sim")]
    replay::check(data);
    #[cfg(not(feature = "sim"))]
    let _ = data;
}
