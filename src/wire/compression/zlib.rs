//! `gzip`: zlib streams and gzip containers.

use flate2::{Compress, Decompress, FlushCompress, FlushDecompress, Status};

use super::CompressionError;
use super::stream::{Step, Stream, run};

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
