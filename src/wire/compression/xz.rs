//! `lzma`: .xz containers and legacy .lzma.

use xz2::stream::{Action, Check, Error, Status, Stream as Xz};

use super::CompressionError;
use super::stream::{Step, Stream, run_all};

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

pub(super) fn decompress(
    data: &[u8],
    max_len: usize,
    out: &mut Vec<u8>,
) -> Result<(), CompressionError> {
    run_all(
        || Xz::new_auto_decoder(MEMORY_LIMIT, 0).map_err(|_| CompressionError::Memory),
        MAGIC,
        data,
        max_len,
        out,
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
