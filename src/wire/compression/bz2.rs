//! `bz2`: bzip2 streams.

use bzip2::{Action, Compress, Decompress, Status};

use super::CompressionError;
use super::stream::{Step, Stream, run_all};

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

pub(super) fn decompress(
    data: &[u8],
    max_len: usize,
    out: &mut Vec<u8>,
) -> Result<(), CompressionError> {
    if !data.starts_with(MAGIC) {
        return Err(CompressionError::Malformed);
    }
    run_all(|| Ok(Decompress::new(true)), MAGIC, data, max_len, out)
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
