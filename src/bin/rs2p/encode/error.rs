//! Why no frame could be made.

use std::error::Error;
use std::fmt;
use std::io;

use rs2p::DecodeError;
use rs2p::wire;

use crate::hex::HexError;

#[derive(Debug)]
pub(crate) enum EncodeError {
    /// The packets do not fit a frame.
    TooLong(wire::EncodeError),
    /// The standard input could not be read.
    Read(io::Error),
    /// A line of the standard input is not what `rs2p decode --json` prints of a good frame.
    Line { number: u64, error: LineError },
}

/// What is wrong with a line.
#[derive(Debug)]
pub(crate) enum LineError {
    /// It is longer than any that is read.
    Length {
        max: u64,
    },
    /// It is not JSON.
    Json(serde_json::Error),
    /// It has no list of packets.
    NoPackets,
    /// A packet has no `hex`, or one that is not hexadecimal.
    NoHex {
        packet: usize,
    },
    Hex {
        packet: usize,
        error: HexError,
    },
    /// This build has no such method.
    Method,
    /// The packets do not fit a frame.
    TooLong(wire::EncodeError),
    /// The packets are no message.
    Message(DecodeError),
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong(_) => write!(f, "the message is too long"),
            Self::Read(_) => write!(f, "the standard input could not be read"),
            Self::Line { number, .. } => write!(f, "line {number} makes no frame"),
        }
    }
}

impl Error for EncodeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::TooLong(error) => Some(error),
            Self::Read(error) => Some(error),
            Self::Line { error, .. } => Some(error),
        }
    }
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { max } => write!(f, "it is longer than {max} bytes"),
            Self::Json(error) => write!(f, "it is not JSON: {error}"),
            Self::NoPackets => write!(f, "it has no `packets`"),
            Self::NoHex { packet } => write!(f, "packet {packet} has no text `hex`"),
            Self::Hex { packet, error } => write!(f, "`hex` of packet {packet}: {error}"),
            Self::Method => write!(f, "`compression` is no method of this build, and not null"),
            Self::TooLong(error) => write!(f, "{error}"),
            Self::Message(error) => write!(f, "{error}"),
        }
    }
}

// Each shows its cause itself.
impl Error for LineError {}
