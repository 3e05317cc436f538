//! Live tests against py2p 0.2.136, the implementation that wrote this protocol.
//!
//! They need a Python that has it, `pip install py2p==0.2.136 rsa`, so they are ignored unless
//! asked for: `RS2P_PYTHON=path/to/python cargo test --test interop -- --ignored`.
//!
//! Two habits of py2p shape every test here. It takes up to 100 ms for a message. And nodes that
//! are linked with each other repeat a broadcast to one another without end, so tests compare
//! distinct payloads, never counts of messages.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at the first thing that is not as it must be"
)]

#[cfg(feature = "cli")]
mod alike;
mod compressions;
#[cfg(feature = "cli")]
mod driven;
mod equals;
mod hops;
mod kills;
mod locates;
mod mesh;
mod nodes;
mod pace;
mod peers_lists;
mod py2p;
mod py2p_alone;
mod renegotiations;
mod replies;
#[cfg(feature = "rsa")]
mod rsa_mesh;
#[cfg(feature = "rsa")]
mod rsa_sockets;
mod sizes;
mod speaker;
mod storms;
mod subnets;
mod wire;
