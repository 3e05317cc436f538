//! The wire room, and RSA, against golden vectors made by py2p 0.2.136 (`py2p.json`), and against
//! properties that hold for all input.
//!
//! Every test counts the cases it saw: a renamed key fails it and never passes it vacuously.
//! Cases that need a compression method which this build lacks are left out, and counted so.

mod base58;
mod compression;
mod golden;
mod id;
mod message;
mod paper;
mod parse;
mod property;
mod replay;
#[cfg(feature = "rsa")]
mod rsa;
mod transcript;
