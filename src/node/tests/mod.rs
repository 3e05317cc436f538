//! The node as a whole: scripts with literal times, on a net of perfect links or on none.

mod bytes;
mod connecting;
mod flooding;
mod net;
mod peers;
