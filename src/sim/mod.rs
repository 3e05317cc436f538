//! A whole mesh in one thread, from one seed: the very nodes that run behind real sockets, on
//! virtual links, in virtual time, with faults on demand.
//!
//! This room knows how a network behaves: links with latency, bandwidth and buffers that carry a
//! stream in pieces, that stall, break and swallow; machines that crash, stop and run by wrong
//! clocks. It also knows what a mesh owes its users, and checks it at every step. It knows nothing
//! of the inside of a node: it turns it as any driver does. Strangers may join in, who say whatever
//! they like in bytes: attackers, and models of py2p nodes.
//!
//! ```
//! use std::time::Duration;
//! use rs2p::sim::{Topology, World};
//!
//! let mut world = World::new(7);
//! world.add_nodes(10);
//! world.link(&Topology::Ring);
//! world.run_for(Duration::from_secs(5));
//! world.broadcast(0, &["hello"])?;
//! world.run_for(Duration::from_secs(5));
//! assert!((1..10).all(|node| world.app(node).texts() == ["hello"]));
//! # Ok::<(), rs2p::SendError>(())
//! ```
//!
//! Everything follows from the seed: two worlds with the same seed and the same calls have the same
//! trace, to the byte ([`World::trace_hash`]). That also holds between machines of different word
//! sizes and byte orders, but for one thing: [`Latency::Exponential`] takes a logarithm, whose last
//! digit is the platform's own. A failed check panics with the seed and the last lines of the
//! trace.
//!
//! *May change in a minor release.*

mod account;
mod agenda;
mod app;
mod attack;
mod breaks;
mod check;
mod conduct;
mod content;
mod dial;
mod farewell;
mod faults;
mod hand;
mod healing;
#[cfg(feature = "rsa")]
mod keys;
mod ledger;
mod legacy;
mod link;
mod machine;
mod network;
mod options;
mod outsider;
mod reach;
mod scenario;
mod seal;
mod shrink;
mod storm;
mod strain;
mod strangers;
mod swarm;
mod tap;
mod topology;
mod trace;
mod turn;
mod walls;
mod watch;
mod world;

pub use app::{App, Context, Recorder};
pub use attack::Attack;
pub use hand::Hand;
pub use legacy::Legacy;
pub use options::{Latency, LinkOptions};
pub use outsider::Outsider;
pub use scenario::ScenarioError;
pub use shrink::Shrunk;
pub use storm::Faults;
pub use swarm::{Swarm, SwarmReport};
pub use topology::Topology;
pub use world::{NodeIndex, World};
