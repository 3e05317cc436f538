//! `rs2p node`, run as users and scripts run it: on pipes, and on a terminal.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may fail by panicking"
)]

mod chat;
mod encryption;
mod json;
#[cfg(unix)]
mod killed;
mod running;
#[cfg(target_os = "linux")]
mod terminal;
