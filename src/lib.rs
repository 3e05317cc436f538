//! rs2p: peer-to-peer mesh networking. (front door to be written)

pub mod time;
pub mod wire;
pub use wire::{IdError, NodeId, Protocol};
