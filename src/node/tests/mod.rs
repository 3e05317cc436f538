//! The node as a whole: scripts with literal times, on a net of perfect links or on none.
//!
//! What a single connection can be told stands in `bytes`; what takes several nodes, in a file for
//! each thing that they do together. Faults on links belong to simulations.

mod bench;
mod bytes;
mod connecting;
mod duplicate;
mod ending;
mod flooding;
mod hold;
mod links;
mod net;
mod peers;
mod renegotiate;
mod requests;
#[cfg(feature = "tls")]
mod secured;
mod seeds;
mod storm;
mod takeover;
