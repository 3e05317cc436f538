//! What happened to one node, line by line: written by a real node, read by a replay.
//!
//! A record begins with what the node was made of, and then holds everything that went into it, its
//! user's calls included, and everything that came out of it, each with its instant. A node is a
//! state machine without clocks or randomness of its own, so whoever has the record can have the
//! node again: [`Replay`] feeds one of the same making, and compares what comes out.
//!
//! The lines are those of the simulator's traces where both have the same to say:
//!
//! ```text
//! 5.120000ms n1 c3 in 24b 00000014...
//! 5.120000ms n1 c4 out 24b 91f2b3c4d5e6f708
//! ```
//!
//! This room knows the lines, and how a node is turned. It does not know files, threads, or who
//! writes a record: that is the driver.
//!
//! A record of a mesh in plain text is run again. Under TLS and RSA it is only shown: a node there
//! draws entropy and keys of its own, which no record holds.
//!
//! *May change in a minor release.*

mod call;
mod given;
mod header;
mod line;
mod out;
mod redact;
mod replay;
mod words;

pub(crate) use call::Call;
pub use given::Given;
pub(crate) use header::Header;
pub use line::{Line, LineKind};
pub(crate) use line::{input_line, start_of};
pub(crate) use out::{event_text, output_text};
pub(crate) use redact::Redactor;
pub use replay::{Difference, MAX_LINE_LEN, Replay, ReplayError, ReplayFault, Turn};
