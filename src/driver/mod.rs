//! The event loop: one thread that owns a node and its TCP sockets, and turns what happens to
//! them into inputs and the node's outputs into system calls.
//!
//! This room knows mio, system calls, the clocks and the queues to the user's threads. It knows
//! nothing of the protocol: bytes go through it unread, and every decision is the node's. No
//! system call here blocks but the poller's own wait, and reading never waits for writing.

mod alarm;
mod answer;
mod bundle;
mod calls;
#[cfg(feature = "chaos")]
mod chaos;
mod clock;
mod commands;
mod conn_set;
mod daemon;
mod descriptors;
mod ending;
mod extras;
mod handle;
mod inbox;
#[cfg(feature = "rsa")]
mod key_maker;
mod listener;
#[cfg(all(loom, test))]
mod model;
mod outputs;
mod peer_count;
mod publishing;
#[cfg(feature = "sim")]
mod recorder;
mod send_queue;
mod start;
mod stream;
mod sync;
#[cfg(feature = "sim")]
mod tape;
#[cfg(feature = "sim")]
mod tapped;
#[cfg(test)]
mod tests;
mod transfer;
mod waiting;
#[cfg(feature = "chaos")]
mod weather;

#[cfg(not(feature = "sim"))]
use crate::node::Node as Tapped;
pub(crate) use answer::{Answer, answer};
#[cfg(feature = "chaos")]
pub use chaos::{Chaos, ChaosError, ChaosOptions, ChaosReport};
pub(crate) use daemon::Daemon;
pub(crate) use extras::Extras;
pub(crate) use handle::{Handle, owned};
pub use inbox::InboxFull;
pub(crate) use inbox::InboxLimits;
#[cfg(feature = "sim")]
pub use recorder::{Payloads, Recorded, Recorder};
pub(crate) use start::{Started, bind};
#[cfg(feature = "sim")]
use tapped::Tapped;
