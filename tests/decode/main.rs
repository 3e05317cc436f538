//! `rs2p decode` and `rs2p encode`, run as users and scripts run them: against the vectors made by
//! py2p, against damage, and against each other.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

mod damage;
mod golden;
mod helps;
mod program;
