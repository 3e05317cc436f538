//! Bytes ⇄ [`PathfindingMessage`]: everything the py2p 0.2 protocol puts on a link.
//!
//! This room knows layouts: how a stream is cut into frames ([`FrameDecoder`]), how a frame's body
//! is compressed ([`Compression`]), how a body holds packets ([`Packets`]), what the first four
//! packets mean ([`PathfindingMessage`]), what ids are made of ([`NodeId`], [`MessageId`],
//! [`Protocol`]), and what nodes tell each other in payloads of their own ([`Handshake`],
//! [`PeerEntry`], [`Request`], [`Response`]), and what nodes of this crate add ([`Extension`],
//! [`Origin`], [`SignedOrigin`], [`Control`], [`CatchUp`]).
//!
//! It does not know who sent a byte, on which connection, in which order, or what time it is. It
//! takes what py2p takes; how much of that a node is willing to take is the caller's decision,
//! which it states as [`DecodeLimits`]. No input makes it panic, allocate from an announced
//! length, or spend more than linear time.
//!
//! *May change in a minor release.* Applications need what the crate's root re-exports; this
//! module is public for tests, fuzzers and the curious.

#![warn(clippy::arithmetic_side_effects)]

mod address;
pub mod base58;
mod catch_up;
mod compression;
mod control;
mod error;
mod extension;
mod flag;
mod frame;
mod handshake;
mod id;
mod json;
mod locate;
mod packets;
mod pathfinding;
mod peers;
mod refusal;
mod runs;
mod signed;

pub use address::Address;
pub use catch_up::{CatchUp, CatchUpVerb, MAX_RUNS, MAX_SOURCES, Source};
pub use compression::{Compression, CompressionError, Compressions};
pub use control::{CONTROL_WORD, Control, LinkName, LinkVerdict, is_reserved};
pub use error::{DecodeError, EncodeError};
pub use extension::{Extension, Origin};
pub use flag::Flag;
pub use frame::{FrameDecoder, SIZE_HEADER_LEN, strip_size_header};
pub use handshake::Handshake;
pub use id::{IdError, MAX_ID_LEN, MessageId, NodeId, Protocol, RequestId};
pub use locate::{Request, Response, Wanted};
pub use packets::{Misfit, PacketIter, Packets};
pub use pathfinding::{DecodeLimits, Decompressed, HEADER_COUNT, PathfindingMessage, decompress};
pub use peers::PeerEntry;
pub use refusal::RefusalReason;
pub use runs::{Run, Runs};
pub use signed::{MAX_TREE_DEPTH, SignedOrigin, Step, TreePath};

/// The version of the protocol that is hashed into every protocol id.
pub const PROTOCOL_VERSION: &str = "0.2";
