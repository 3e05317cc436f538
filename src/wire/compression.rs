//! The three compression methods, and what stands for "may be compressed by". PROTOCOL.md §2.1.
//!
//! Every decoder here streams into a buffer with a ceiling: its memory follows the input and the
//! ceiling, never what the input announces.

use std::error::Error;
use std::fmt;

/// A way to compress the body of a frame.
///
/// The order is the order of preference for sending. `bz2` and `lzma` can be left out of a build
/// (features `bzip2` and `xz`); see [`Compression::is_supported`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
    pub const ALL: [Self; 3] = [Self::Gzip, Self::Bz2, Self::Lzma];

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
        Self::ALL.into_iter().find(|method| method.name() == name)
    }

    /// Whether this build has the method.
    pub const fn is_supported(self) -> bool {
        match self {
            Self::Gzip => true,
            Self::Bz2 => cfg!(feature = "bzip2"),
            Self::Lzma => cfg!(feature = "xz"),
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

    /// Decompresses what `data` begins with. Bytes behind a complete stream are ignored, as py2p
    /// ignores them, unless another stream of the same method begins there.
    ///
    /// # Errors
    ///
    /// [`CompressionError::Malformed`] where `data` does not begin with a complete stream;
    /// [`CompressionError::TooLong`] as soon as the result exceeds `max_len` bytes;
    /// [`CompressionError::Memory`] where an .xz or .lzma stream asks for more than
    /// 32 MiB of working memory (so does everything that `xz -9` writes);
    /// [`CompressionError::Unsupported`] where this build lacks the method.
    pub fn decompress(self, data: &[u8], max_len: usize) -> Result<Vec<u8>, CompressionError> {
        match self {
            Self::Gzip => zlib::decompress(data, max_len),
            Self::Bz2 => bz2::decompress(data, max_len),
            Self::Lzma => xz::decompress(data, max_len),
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

/// An ordered list of methods without repetition: what a node announces or a frame may be under.
///
/// ```
/// use rs2p::wire::{Compression, Compressions};
///
/// let list = Compressions::from_names(["lzma", "snappy", "gzip", "lzma"]);
/// assert_eq!(list.iter().collect::<Vec<_>>(), [Compression::Lzma, Compression::Gzip]);
/// assert_eq!(list.preferred(), Some(Compression::Gzip));
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Compressions {
    methods: [Option<Compression>; 3],
}

impl Compressions {
    /// No method: frames are plain.
    pub const NONE: Self = Self { methods: [None; 3] };

    /// Every method of this build, in order of preference.
    pub fn supported() -> Self {
        Compression::ALL.into_iter().filter(|method| method.is_supported()).collect()
    }

    /// The methods with these names, in their order; unknown names are ignored.
    pub fn from_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        names.into_iter().filter_map(Compression::parse).collect()
    }

    /// The methods in order.
    pub fn iter(&self) -> impl Iterator<Item = Compression> + use<> {
        self.methods.into_iter().flatten()
    }

    /// Whether the list has this method.
    pub fn contains(&self, method: Compression) -> bool {
        self.methods.contains(&Some(method))
    }

    /// The method to send with: the first that this build has, in ITS order of preference, that
    /// the list names.
    pub fn preferred(&self) -> Option<Compression> {
        Self::supported().iter().find(|&method| self.contains(method))
    }
}

impl FromIterator<Compression> for Compressions {
    fn from_iter<I: IntoIterator<Item = Compression>>(methods: I) -> Self {
        let mut list = Self::NONE;
        for method in methods {
            if !list.contains(method) {
                if let Some(slot) = list.methods.iter_mut().find(|slot| slot.is_none()) {
                    *slot = Some(method);
                }
            }
        }
        list
    }
}

impl fmt::Debug for Compressions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// What one step of a streaming decoder did.
enum Step {
    /// It used input or made output, and has not seen the stream's end.
    Going,
    /// It has seen the stream's end.
    End,
}

/// One decoder of one stream, as the three libraries have it in different words.
trait Stream {
    /// Reads from `input` and appends to `out` within its capacity.
    fn step(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<Step, CompressionError>;

    /// The number of input bytes used so far.
    fn used(&self) -> u64;
}

/// Runs one stream to its end, appending to `out` and keeping it within `max_len`; returns how
/// much of `data` the stream took.
fn run(
    mut stream: impl Stream,
    data: &[u8],
    out: &mut Vec<u8>,
    max_len: usize,
) -> Result<usize, StreamError> {
    loop {
        let used = usize::try_from(stream.used()).unwrap_or(usize::MAX);
        let input = data.get(used..).unwrap_or_default();
        reserve(out, max_len);
        let made = out.len();
        let step = stream.step(input, out).map_err(StreamError::Refused)?;
        if out.len() > max_len {
            return Err(StreamError::Refused(CompressionError::TooLong));
        }
        let used_now = usize::try_from(stream.used()).unwrap_or(usize::MAX);
        match step {
            Step::End => return Ok(used_now),
            Step::Going if used_now == used && out.len() == made => {
                return Err(StreamError::Truncated);
            }
            Step::Going => {}
        }
    }
}

/// Makes room for at least one more byte, in steps that double, up to one byte above `max_len`:
/// that byte tells a result of exactly `max_len` from a longer one.
fn reserve(out: &mut Vec<u8>, max_len: usize) {
    if out.len() == out.capacity() {
        let ceiling = max_len.saturating_add(1).saturating_sub(out.len()).max(1);
        out.reserve_exact(out.len().clamp(1_024, 1 << 20).min(ceiling));
    }
}

/// Why one stream was not run to its end.
enum StreamError {
    /// Its bytes are wrong, or ask for too much.
    Refused(CompressionError),
    /// The input ended first.
    Truncated,
}

impl From<StreamError> for CompressionError {
    fn from(error: StreamError) -> Self {
        match error {
            StreamError::Refused(cause) => cause,
            StreamError::Truncated => Self::Malformed,
        }
    }
}

/// Runs stream after stream while another one begins where the last ended. A later stream that
/// turns out to be damaged counts as ignored tail, as in Python's modules; one that is cut short
/// does not.
#[cfg(any(feature = "bzip2", feature = "xz"))]
fn run_all<S: Stream>(
    make: impl Fn() -> Result<S, CompressionError>,
    magic: &[u8],
    data: &[u8],
    max_len: usize,
) -> Result<Vec<u8>, CompressionError> {
    /// Each stream costs its decoder's set-up, so a body of many empty ones would cost far more
    /// than its length; a sender that keeps to the protocol writes one.
    const MAX_STREAMS: usize = 64;

    let mut out = Vec::new();
    let mut rest = data;
    for index in 0..MAX_STREAMS {
        let before = out.len();
        match run(make()?, rest, &mut out, max_len) {
            Ok(used) => rest = rest.get(used..).unwrap_or_default(),
            Err(StreamError::Refused(CompressionError::Malformed)) if index > 0 => {
                out.truncate(before);
                return Ok(out);
            }
            Err(error) => return Err(error.into()),
        }
        if !rest.starts_with(magic) {
            return Ok(out);
        }
    }
    Err(CompressionError::Malformed)
}

mod zlib {
    use flate2::{Compress, Decompress, FlushCompress, FlushDecompress, Status};

    use super::{CompressionError, Step, Stream, run};

    /// Largest window, as Python's zlib opens every stream.
    const WINDOW_BITS: u8 = 15;

    /// Above this many bytes speed matters more than the last percent: 1 MiB costs several times
    /// as much at the default level as at the lowest.
    const FAST_ABOVE: usize = 64 * 1024;

    pub(super) fn compress(data: &[u8]) -> Result<Vec<u8>, CompressionError> {
        let level = if data.len() > FAST_ABOVE {
            flate2::Compression::fast()
        } else {
            flate2::Compression::default()
        };
        let mut encoder = Compress::new(level, true);
        let mut out = Vec::with_capacity((data.len() / 2).saturating_add(64));
        loop {
            let used = usize::try_from(encoder.total_in()).unwrap_or(usize::MAX);
            let input = data.get(used..).unwrap_or_default();
            match encoder.compress_vec(input, &mut out, FlushCompress::Finish) {
                Ok(Status::StreamEnd) => return Ok(out),
                Ok(Status::Ok | Status::BufError) => out.reserve((data.len() / 2).max(64)),
                Err(_) => return Err(CompressionError::Malformed),
            }
        }
    }

    pub(super) fn decompress(data: &[u8], max_len: usize) -> Result<Vec<u8>, CompressionError> {
        let decoder = match *data {
            [0x1f, 0x8b, ..] => Decompress::new_gzip(WINDOW_BITS),
            // RFC 1950: method 8, and a check over the first two bytes.
            [cmf, flg, ..] if cmf & 0x0f == 8 && u16::from_be_bytes([cmf, flg]) % 31 == 0 => {
                Decompress::new(true)
            }
            _ => return Err(CompressionError::Malformed),
        };
        let mut out = Vec::new();
        run(decoder, data, &mut out, max_len)?;
        Ok(out)
    }

    impl Stream for Decompress {
        fn step(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<Step, CompressionError> {
            match self.decompress_vec(input, out, FlushDecompress::None) {
                Ok(Status::StreamEnd) => Ok(Step::End),
                Ok(Status::Ok | Status::BufError) => Ok(Step::Going),
                Err(_) => Err(CompressionError::Malformed),
            }
        }

        fn used(&self) -> u64 {
            self.total_in()
        }
    }
}

#[cfg(feature = "bzip2")]
mod bz2 {
    use bzip2::{Action, Compress, Decompress, Status};

    use super::{CompressionError, Step, Stream, run_all};

    /// What the next stream must begin with. The byte behind it is the block size.
    const MAGIC: &[u8] = b"BZh";

    pub(super) fn compress(data: &[u8]) -> Result<Vec<u8>, CompressionError> {
        let mut encoder = Compress::new(bzip2::Compression::best(), 0);
        let mut out = Vec::with_capacity((data.len() / 2).saturating_add(64));
        loop {
            let used = usize::try_from(encoder.total_in()).unwrap_or(usize::MAX);
            let input = data.get(used..).unwrap_or_default();
            match encoder.compress_vec(input, &mut out, Action::Finish) {
                Ok(Status::StreamEnd) => return Ok(out),
                Ok(_) => out.reserve((data.len() / 2).max(64)),
                Err(_) => return Err(CompressionError::Malformed),
            }
        }
    }

    pub(super) fn decompress(data: &[u8], max_len: usize) -> Result<Vec<u8>, CompressionError> {
        if !data.starts_with(MAGIC) {
            return Err(CompressionError::Malformed);
        }
        run_all(|| Ok(Decompress::new(true)), MAGIC, data, max_len)
    }

    impl Stream for Decompress {
        fn step(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<Step, CompressionError> {
            match self.decompress_vec(input, out) {
                Ok(Status::StreamEnd) => Ok(Step::End),
                Ok(_) => Ok(Step::Going),
                Err(_) => Err(CompressionError::Malformed),
            }
        }

        fn used(&self) -> u64 {
            self.total_in()
        }
    }
}

#[cfg(feature = "xz")]
mod xz {
    use xz2::stream::{Action, Check, Error, Status, Stream as Xz};

    use super::{CompressionError, Step, Stream, run_all};

    const MAGIC: &[u8] = b"\xfd7zXZ\0";

    /// Python's default preset.
    const PRESET: u32 = 6;

    /// The most a stream's dictionary may make us hold. Preset 6 needs 9 MiB, preset 8 needs 33.
    const MEMORY_LIMIT: u64 = 32 << 20;

    pub(super) fn compress(data: &[u8]) -> Result<Vec<u8>, CompressionError> {
        let mut encoder =
            Xz::new_easy_encoder(PRESET, Check::Crc64).map_err(|_| CompressionError::Memory)?;
        let mut out = Vec::with_capacity((data.len() / 2).saturating_add(128));
        loop {
            let used = usize::try_from(encoder.total_in()).unwrap_or(usize::MAX);
            let input = data.get(used..).unwrap_or_default();
            match encoder.process_vec(input, &mut out, Action::Finish) {
                Ok(Status::StreamEnd) => return Ok(out),
                Ok(_) => out.reserve((data.len() / 2).max(128)),
                Err(_) => return Err(CompressionError::Memory),
            }
        }
    }

    pub(super) fn decompress(data: &[u8], max_len: usize) -> Result<Vec<u8>, CompressionError> {
        run_all(
            || Xz::new_auto_decoder(MEMORY_LIMIT, 0).map_err(|_| CompressionError::Memory),
            MAGIC,
            data,
            max_len,
        )
    }

    impl Stream for Xz {
        fn step(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<Step, CompressionError> {
            match self.process_vec(input, out, Action::Run) {
                Ok(Status::StreamEnd) => Ok(Step::End),
                Ok(_) => Ok(Step::Going),
                Err(Error::MemLimit | Error::Mem) => Err(CompressionError::Memory),
                Err(_) => Err(CompressionError::Malformed),
            }
        }

        fn used(&self) -> u64 {
            self.total_in()
        }
    }
}

#[cfg(not(feature = "bzip2"))]
use unsupported as bz2;
#[cfg(not(feature = "xz"))]
use unsupported as xz;

#[cfg(not(all(feature = "bzip2", feature = "xz")))]
mod unsupported {
    use super::CompressionError;

    pub(super) fn compress(_: &[u8]) -> Result<Vec<u8>, CompressionError> {
        Err(CompressionError::Unsupported)
    }

    pub(super) fn decompress(_: &[u8], _: usize) -> Result<Vec<u8>, CompressionError> {
        Err(CompressionError::Unsupported)
    }
}
