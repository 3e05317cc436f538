//! The event loop: one thread that owns a node and its TCP sockets, and turns what happens to
//! them into inputs and the node's outputs into system calls.
//!
//! This room knows mio, system calls, the clocks and the queues to the user's threads. It knows
//! nothing of the protocol: bytes go through it unread, and every decision is the node's. No
//! system call here blocks but the poller's own wait, and reading never waits for writing.

mod answer;
mod calls;
mod clock;
mod daemon;
mod handle;
mod inbox;
#[cfg(feature = "rsa")]
mod key_maker;
mod listener;
mod outputs;
mod peer_count;
mod send_queue;
mod start;
mod stream;
mod transfer;
mod waiting;

pub(crate) use answer::{Answer, answer};
pub(crate) use daemon::Daemon;
pub(crate) use handle::{Handle, owned};
pub(crate) use inbox::InboxLimits;
pub(crate) use start::{Started, bind};
