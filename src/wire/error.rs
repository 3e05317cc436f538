//! Why bytes are no message, and why a message cannot become bytes.

use std::error::Error;
use std::fmt;

/// Why bytes could not be decoded.
///
/// Always the sender's fault. The decoder keeps nothing of the input, and nothing was allocated
/// for what the input merely announced. "Not enough bytes yet" is no error: a
/// [`FrameDecoder`](super::FrameDecoder) answers `None` then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DecodeError {
    /// The input ends inside the named field.
    MissingData(&'static str),
    /// The size header of a frame handed over whole announces another length.
    SizeMismatch {
        /// The length that the header announces.
        announced: u32,
        /// The number of bytes behind the header.
        actual: usize,
    },
    /// A frame's header announces more than the receiver takes.
    FrameTooLong {
        /// The length that the header announces.
        len: u32,
        /// The most that the receiver takes.
        max: usize,
    },
    /// A body decompresses to more than the receiver takes. Decompression stopped there.
    DecompressedTooLong {
        /// The most that the receiver takes.
        max: usize,
    },
    /// A compressed body asks its decoder for more working memory than the receiver grants.
    DecompressionMemory,
    /// The packet lengths do not add up to the body's length.
    PacketLengths,
    /// A body holds more packets than the receiver takes.
    TooManyPackets {
        /// The most that the receiver takes.
        max: usize,
    },
    /// A message needs four packets before its payload; this one has fewer.
    TooFewPackets {
        /// The number of packets found.
        count: usize,
    },
    /// The timestamp packet is not a base-58 integer.
    BadTimestamp,
    /// The named payload field is not the JSON that the protocol asks for.
    BadJson(&'static str),
    /// The named payload field is no id: see [`NodeId`](super::NodeId).
    BadId(&'static str),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MissingData(field) => write!(f, "the input ends inside the {field}"),
            Self::SizeMismatch { announced, actual } => {
                write!(f, "the size header announces {announced} bytes, but {actual} follow")
            }
            Self::FrameTooLong { len, max } => {
                write!(f, "a frame of {len} bytes exceeds the limit of {max}")
            }
            Self::DecompressedTooLong { max } => {
                write!(f, "the body decompresses to more than {max} bytes")
            }
            Self::DecompressionMemory => {
                write!(f, "the body needs too much memory to be decompressed")
            }
            Self::PacketLengths => write!(f, "the packet lengths do not add up to the body"),
            Self::TooManyPackets { max } => write!(f, "the body has more than {max} packets"),
            Self::TooFewPackets { count } => {
                write!(f, "a message needs at least 4 packets, this one has {count}")
            }
            Self::BadTimestamp => write!(f, "the timestamp is not a base-58 integer"),
            Self::BadJson(field) => write!(f, "the {field} is not the JSON it should be"),
            Self::BadId(field) => write!(f, "the {field} is not an id"),
        }
    }
}

impl Error for DecodeError {}

/// Why a message could not be encoded. The caller's doing; nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EncodeError {
    /// The packets and their lengths exceed the 4 GiB that a size header can announce.
    TooLong {
        /// The length of the body in bytes, as far as it was counted.
        len: u64,
    },
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { len } => {
                write!(f, "a body of {len} bytes is longer than a size header can announce")
            }
        }
    }
}

impl Error for EncodeError {}
