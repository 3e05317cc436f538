//! `gzip`: zlib streams and gzip containers.

use std::sync::{Mutex, PoisonError};

use flate2::{Compress, Decompress, FlushCompress, FlushDecompress, Status};

use super::CompressionError;
use super::stream::{Step, Stream, run};

/// Largest window, as Python's zlib opens every stream.
const WINDOW_BITS: u8 = 15;

/// Above this many bytes speed matters more than the last percent: 1 MiB costs several times
/// as much at the default level as at the lowest.
const FAST_ABOVE: usize = 64 * 1024;

/// An encoder that waits for the next use: one for the process, however many nodes it has.
///
/// It has 380 KB, and making it takes longer than compressing a short message. Memory suffers too:
/// as often as something that stays is allocated where the last one was, the heap grows by another.
static SPARE: Mutex<Option<Compress>> = Mutex::new(None);

pub(super) fn compress(data: &[u8]) -> Result<Vec<u8>, CompressionError> {
    if data.len() > FAST_ABOVE {
        return compress_by(&mut Compress::new(flate2::Compression::fast(), true), data);
    }
    // Not held meanwhile: who finds none makes one.
    let spare = SPARE.lock().unwrap_or_else(PoisonError::into_inner).take();
    let mut encoder = spare.unwrap_or_else(|| Compress::new(flate2::Compression::default(), true));
    let out = compress_by(&mut encoder, data);
    encoder.reset();
    *SPARE.lock().unwrap_or_else(PoisonError::into_inner) = Some(encoder);
    out
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoder_that_was_used_before_makes_what_a_new_one_makes() {
        let texts = [0, 1, 700, 40_000, 512].map(|len: u32| {
            let line = |number: u32| format!("line {}\n", number.wrapping_mul(2_654_435_761));
            (0..len / 8).map(line).collect::<String>()
        });
        for text in texts.iter().chain(texts.iter().rev()) {
            let mut new = Compress::new(flate2::Compression::default(), true);
            assert_eq!(compress(text.as_bytes()), compress_by(&mut new, text.as_bytes()));
        }
    }
}
