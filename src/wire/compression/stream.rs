//! Runs a streaming decoder to its end, within a ceiling.

use super::CompressionError;

/// What one step of a streaming decoder did.
pub(super) enum Step {
    /// It used input or made output, and has not seen the stream's end.
    Going,
    /// It has seen the stream's end.
    End,
}

/// One decoder of one stream, as the three libraries have it in different words.
pub(super) trait Stream {
    /// Reads from `input` and appends to `out` within its capacity.
    fn step(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<Step, CompressionError>;

    /// The number of input bytes used so far.
    fn used(&self) -> u64;
}

/// Runs one stream to its end, appending to `out` and keeping it within `max_len`; returns how
/// much of `data` the stream took.
pub(super) fn run(
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
        out.reserve_exact(out.len().max(FIRST_ROOM).min(ceiling));
    }
}

const FIRST_ROOM: usize = 1_024;

/// How many bytes a decoder has made that appended to this. Where it has more room than it would have
/// made for what is there, some of it was thrown away, and the room tells how much at most.
pub(in crate::wire) fn work_of(out: &Vec<u8>) -> usize {
    let usual = out.len().saturating_mul(2).max(FIRST_ROOM);
    if out.capacity() > usual { out.capacity() } else { out.len() }
}

/// Why one stream was not run to its end.
pub(super) enum StreamError {
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
pub(super) fn run_all<S: Stream>(
    make: impl Fn() -> Result<S, CompressionError>,
    magic: &[u8],
    data: &[u8],
    max_len: usize,
    out: &mut Vec<u8>,
) -> Result<(), CompressionError> {
    /// Each stream costs its decoder's set-up, so a body of many empty ones would cost far more
    /// than its length; a sender that keeps to the protocol writes one.
    const MAX_STREAMS: usize = 4;

    let mut rest = data;
    for index in 0..MAX_STREAMS {
        let before = out.len();
        match run(make()?, rest, out, max_len) {
            Ok(used) => rest = rest.get(used..).unwrap_or_default(),
            Err(StreamError::Refused(CompressionError::Malformed)) if index > 0 => {
                out.truncate(before);
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        }
        if !rest.starts_with(magic) {
            return Ok(());
        }
    }
    Err(CompressionError::Malformed)
}
