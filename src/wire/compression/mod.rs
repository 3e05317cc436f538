//! The three compression methods, and what stands for "may be compressed by". PROTOCOL.md §2.1.
//!
//! Every decoder here streams into a buffer with a ceiling: its memory follows the input and the
//! ceiling, never what the input announces.

use std::error::Error;
use std::fmt;

#[cfg(feature = "bzip2")]
mod bz2;
mod list;
mod stream;
#[cfg(not(all(feature = "bzip2", feature = "xz")))]
mod unsupported;
#[cfg(feature = "xz")]
mod xz;
mod zlib;

pub use list::Compressions;
pub(super) use stream::work_of;
#[cfg(not(feature = "bzip2"))]
use unsupported as bz2;
#[cfg(not(feature = "xz"))]
use unsupported as xz;

/// A way to compress the body of a frame.
///
/// The order is the order of preference for sending. `bz2` and `lzma` can be left out of a build
/// (features `bzip2` and `xz`); see [`Compression::is_supported`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Compression {
    /// `gzip`: writes a zlib stream (RFC 1950), reads that or a gzip container (RFC 1952).
    Gzip,
    /// `bz2`: writes one bzip2 stream, reads one or more.
    Bz2,
    /// `lzma`: writes an .xz container, reads one or more of them, or one legacy .lzma.
    Lzma,
}

impl Compression {
    /// Every method, in order of preference.
    pub fn all() -> impl Iterator<Item = Self> {
        [Self::Gzip, Self::Bz2, Self::Lzma].into_iter()
    }

    /// The name in handshakes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Bz2 => "bz2",
            Self::Lzma => "lzma",
        }
    }

    /// The method with this name, compared exactly.
    pub fn parse(name: &str) -> Option<Self> {
        Self::all().find(|method| method.name() == name)
    }

    /// Whether this build has the method.
    pub const fn is_supported(self) -> bool {
        match self {
            Self::Gzip => true,
            Self::Bz2 => cfg!(feature = "bzip2"),
            Self::Lzma => cfg!(feature = "xz"),
        }
    }

    /// How many times as long a byte takes to be unpacked as one of `gzip` does, rounded down: text of
    /// 4 MiB took 760 ms by `bz2` and 130 ms by `lzma`.
    pub(crate) const fn weight(self) -> usize {
        match self {
            Self::Gzip => 1,
            Self::Bz2 => 16,
            Self::Lzma => 4,
        }
    }

    /// Compresses `data` as one piece.
    ///
    /// # Errors
    ///
    /// [`CompressionError::Unsupported`] where this build lacks the method.
    pub fn compress(self, data: &[u8]) -> Result<Vec<u8>, CompressionError> {
        match self {
            Self::Gzip => zlib::compress(data),
            Self::Bz2 => bz2::compress(data),
            Self::Lzma => xz::compress(data),
        }
    }

    /// Decompresses what `data` begins with: one stream, or, of bzip2 and .xz, up to four in a row.
    /// Bytes behind them are ignored. (py2p ignores most of them, too, but refuses a tail that
    /// could be the start of one more stream.)
    ///
    /// # Errors
    ///
    /// [`CompressionError::Malformed`] where `data` does not begin with a complete stream;
    /// [`CompressionError::TooLong`] as soon as the result exceeds `max_len` bytes;
    /// [`CompressionError::Memory`] where an .xz or .lzma stream asks for more than
    /// 32 MiB of working memory (so does everything that `xz -9` writes);
    /// [`CompressionError::Unsupported`] where this build lacks the method.
    pub fn decompress(self, data: &[u8], max_len: usize) -> Result<Vec<u8>, CompressionError> {
        let mut out = Vec::new();
        self.decompress_into(data, max_len, &mut out)?;
        Ok(out)
    }

    /// The same, appending to an empty `out`, which grows with what is unpacked in vain, too.
    pub(crate) fn decompress_into(
        self,
        data: &[u8],
        max_len: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), CompressionError> {
        match self {
            Self::Gzip => zlib::decompress(data, max_len, out),
            Self::Bz2 => bz2::decompress(data, max_len, out),
            Self::Lzma => xz::decompress(data, max_len, out),
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why data was not compressed or decompressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CompressionError {
    /// This build lacks the method.
    Unsupported,
    /// The data does not begin with a complete stream of the method.
    Malformed,
    /// The result would be longer than the caller takes.
    TooLong,
    /// The stream asks for too much working memory.
    Memory,
}

impl fmt::Display for CompressionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unsupported => "this build lacks the compression method",
            Self::Malformed => "the data is not a complete compressed stream",
            Self::TooLong => "the decompressed data exceeds the limit",
            Self::Memory => "the compressed stream asks for too much working memory",
        })
    }
}

impl Error for CompressionError {}
