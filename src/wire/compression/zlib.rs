//! `gzip`: zlib streams and gzip containers.

use std::io::{ErrorKind, Read};
use std::sync::{Mutex, MutexGuard, PoisonError};

use flate2::bufread::GzDecoder;
use flate2::{Compress, Decompress, FlushCompress, FlushDecompress, Status};

use super::CompressionError;
use super::stream::{Step, Stream, run};

/// Above this many bytes speed matters more than the last percent: 1 MiB costs several times
/// as much at the default level as at the lowest.
const FAST_ABOVE: usize = 64 * 1024;

/// An encoder that is not at work, of each level. One takes 400 KB, which take longer to be cleared
/// than a short message to be compressed, and would be as many for each thread that ever did it.
static SPARE: [Mutex<Option<Compress>>; 2] = [Mutex::new(None), Mutex::new(None)];

pub(super) fn compress(data: &[u8]) -> Result<Vec<u8>, CompressionError> {
    let [short, long] = &SPARE;
    let (level, spare) = if data.len() > FAST_ABOVE {
        (flate2::Compression::fast(), long)
    } else {
        (flate2::Compression::default(), short)
    };
    let kept = lock(spare).take();
    let mut encoder = kept.unwrap_or_else(|| Compress::new(level, true));
    let out = compress_by(&mut encoder, data)?;
    encoder.reset();
    *lock(spare) = Some(encoder);
    Ok(out)
}

/// The same with a decoder, which takes 50 KB.
static SPARE_DECODER: Mutex<Option<Decompress>> = Mutex::new(None);

fn lock<T>(spare: &Mutex<Option<T>>) -> MutexGuard<'_, Option<T>> {
    spare.lock().unwrap_or_else(PoisonError::into_inner)
}

fn compress_by(encoder: &mut Compress, data: &[u8]) -> Result<Vec<u8>, CompressionError> {
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

pub(super) fn decompress(
    data: &[u8],
    max_len: usize,
    out: &mut Vec<u8>,
) -> Result<(), CompressionError> {
    match *data {
        [0x1f, 0x8b, ..] => run(Container::new(data), data, out, max_len)?,
        // RFC 1950: method 8, and a check over the first two bytes.
        [cmf, flg, ..] if cmf & 0x0f == 8 && u16::from_be_bytes([cmf, flg]) % 31 == 0 => {
            let mut decoder = lock(&SPARE_DECODER).take().unwrap_or_else(|| Decompress::new(true));
            let outcome = run(&mut decoder, data, out, max_len);
            decoder.reset(true);
            *lock(&SPARE_DECODER) = Some(decoder);
            outcome?
        }
        _ => return Err(CompressionError::Malformed),
    };
    Ok(())
}

/// A gzip container, which both back ends read in this way alone.
struct Container<'a> {
    decoder: GzDecoder<&'a [u8]>,
    len: usize,
}

impl<'a> Container<'a> {
    fn new(data: &'a [u8]) -> Self {
        Self { decoder: GzDecoder::new(data), len: data.len() }
    }
}

impl Stream for Container<'_> {
    /// Its input is what it was made with.
    fn step(&mut self, _: &[u8], out: &mut Vec<u8>) -> Result<Step, CompressionError> {
        let mut piece = [0; 1_024];
        let room = out.capacity().saturating_sub(out.len()).min(piece.len());
        let piece = piece.get_mut(..room).unwrap_or_default();
        match self.decoder.read(piece) {
            Ok(0) => Ok(Step::End),
            Ok(len) => {
                out.extend_from_slice(piece.get(..len).unwrap_or_default());
                Ok(Step::Going)
            }
            // It has taken all that there is, and makes nothing of it.
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(Step::Going),
            Err(_) => Err(CompressionError::Malformed),
        }
    }

    fn used(&self) -> u64 {
        let left = self.decoder.get_ref().len();
        u64::try_from(self.len.saturating_sub(left)).unwrap_or(u64::MAX)
    }
}

impl Stream for &mut Decompress {
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
