//! What can go wrong, one enum per operation, and why a connection ended.
//!
//! Each variant says whose fault it is by its name. A text says all that the error knows, so none
//! has a `source()` that would say it again.

mod close;
mod config;
mod dial;
mod network;
mod recv;
mod rule;
mod send;
mod whisper;

pub use close::{CloseReason, Denial, Misbehavior};
pub use config::{BindError, ConfigError};
pub use dial::{ConnectError, DialError};
pub use network::NetworkError;
pub use recv::RecvError;
pub use rule::RuleError;
pub use send::{Refusal, SendError};
pub use whisper::{LocateError, WhisperError};
