//! Peer-to-peer mesh networking: sockets that reach a whole mesh of nodes over TCP.
//!
//! A [`MeshSocket`] joins a mesh through any of its nodes. What it sends reaches every node, also
//! those that it is not connected to; what they send, it receives.
//!
//! ```
//! # #[cfg(feature = "tls")] {
//! use rs2p::MeshSocket;
//!
//! let node = MeshSocket::builder().bind("127.0.0.1:0")?;
//! println!("{} listens at {}", node.id(), node.local_addr());
//! # }
//! # Ok::<(), rs2p::BindError>(())
//! ```
//!
//! # Encryption
//!
//! Every connection of a mesh is encrypted alike, by what [`Builder::encryption`] says. The default
//! is TLS 1.3: a node's id is made of a key, and the node proves to each neighbor that it has it.
#![cfg_attr(
    feature = "tls",
    doc = "An [`Identity`] in a file keeps a node's id from run to run: see [`Builder::identity`]."
)]
//!
//! The wire protocol is that of py2p 0.2, and real py2p nodes may be part of a mesh that speaks
//! [`Encryption::Plaintext`], or py2p's legacy RSA. Neither proves anything about anybody: PROTOCOL.md
//! §10 has a table of what each mode promises.
//!
//! Readers who know py2p find its symbols again in [`py2p`].
//!
//! # The rooms
//!
//! The mesh itself is a state machine without sockets, threads or clocks, in [`node`]; it speaks
//! the bytes of [`wire`], at the times of [`time`]. Behind a [`MeshSocket`], a thread with an event
//! loop connects it to the network. Programs need only what is at this root, which is stable. The
//! modules are public for tests, simulations and fuzzers; what only they name may change in a
//! minor release.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod book_file;
mod builder;
mod conn_id;
mod driver;
mod error;
mod event;
#[cfg(feature = "tls")]
mod identity;
#[cfg(feature = "tls")]
mod keystore;
mod message;
pub mod node;
pub mod py2p;
#[cfg(feature = "sim")]
pub mod record;
#[cfg(feature = "rsa")]
pub mod rsa;
#[cfg(feature = "rsa")]
mod rsa_socket;
#[cfg(feature = "tls")]
mod secret;
pub mod session;
#[cfg(feature = "tls")]
mod signature;
#[cfg(feature = "sim")]
pub mod sim;
mod socket;
mod sorted_map;
mod status;
pub mod time;
mod tools;
pub mod wire;

pub use book_file::AddressBookFileError;
pub use builder::{Builder, Encryption};
pub use conn_id::ConnId;
pub use driver::InboxFull;
#[cfg(feature = "chaos")]
pub use driver::{Chaos, ChaosError, ChaosOptions, ChaosReport};
#[cfg(feature = "sim")]
pub use driver::{Payloads, Recorded, Recorder};
pub use error::{
    BindError, CloseReason, ConfigError, ConnectError, Denial, DialError, LocateError, Misbehavior,
    NetworkError, RecvError, Refusal, RuleError, SendError, WhisperError,
};
pub use event::{
    Delivery, Direction, DropReason, Event, Explanation, Fate, Favor, Incident, Leftover, PeerInfo,
    PeerNote, PeerRecord, PeerTraffic, SendReport, Trouble,
};
#[cfg(feature = "tls")]
pub use identity::{Identity, IdentityError, PublicKey};
#[cfg(feature = "tls")]
pub use keystore::KeystoreError;
pub use message::Message;
#[doc(inline)]
pub use node::{
    AddressBook, AddressBookError, Admission, AdmissionCheck, BookEntry, Candidate, CaughtUp,
    Closed, Compress, Config, Dropped, Frames, Ignored, Limits, Network, ParseNetworkError,
    Rejected, Rule, RuleKind, Signatures, Standing, Stats, Subject, Undecodable, Unsent,
};
#[cfg(feature = "rsa")]
pub use rsa_socket::{RsaListener, RsaSocket, RsaSocketBuilder, RsaSocketError};
#[cfg(feature = "tls")]
pub use secret::{MeshSecret, SecretError};
#[doc(inline)]
pub use session::SessionError;
pub use socket::{Connecting, MeshSocket};
pub use status::{CloseReport, Status};
#[doc(inline)]
pub use time::UnixTime;
pub use tools::ProtocolTools;
#[doc(inline)]
pub use wire::{
    Address, Compression, Compressions, DecodeError, IdError, MessageId, NodeId, Packets,
    PathfindingMessage, Protocol, RefusalReason, RequestId,
};

/// The programs in README.md, compiled and run as tests.
#[cfg(all(doctest, feature = "tls"))]
#[doc = include_str!("../README.md")]
struct Readme;
