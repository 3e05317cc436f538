//! Cuts a byte stream into frames. PROTOCOL.md §2.
//!
//! Knows the size header and the receiver's limit. Does not know what a frame means.

use bytes::Bytes;

use super::DecodeError;

/// The length of the size header in front of each frame, in bytes.
pub const SIZE_HEADER_LEN: usize = 4;

/// Cuts the bytes of one connection into frames, whatever pieces they arrive in.
///
/// Holds at most one unfinished frame, and of that no more than the bytes that arrived: memory
/// follows what a peer sent, never what it announced. After an error the stream has lost its
/// step; the decoder answers every later call with the same error.
///
/// ```
/// use rs2p::wire::FrameDecoder;
///
/// let mut decoder = FrameDecoder::default();
/// let mut input: &[u8] = b"\0\0\0\x05he";
/// assert_eq!(decoder.next_frame(&mut input, 1024), Ok(None));
/// let mut input: &[u8] = b"llo\0\0";
/// assert_eq!(decoder.next_frame(&mut input, 1024), Ok(Some("hello".into())));
/// assert_eq!(decoder.next_frame(&mut input, 1024), Ok(None));
/// ```
#[derive(Debug, Default)]
pub struct FrameDecoder {
    header: [u8; SIZE_HEADER_LEN],
    header_len: usize,
    body: Vec<u8>,
    error: Option<DecodeError>,
}

impl FrameDecoder {
    /// Takes bytes from the front of `input` until a frame is complete, and returns its body.
    ///
    /// `Ok(None)` means that `input` is used up and the frame is not complete.
    ///
    /// # Errors
    ///
    /// [`DecodeError::FrameTooLong`] as soon as a header announces more than `max_len` bytes.
    pub fn next_frame(
        &mut self,
        input: &mut &[u8],
        max_len: usize,
    ) -> Result<Option<Bytes>, DecodeError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let result = self.advance(input, max_len);
        self.error = result.as_ref().err().copied();
        result
    }

    /// The number of bytes held of an unfinished frame, its header included.
    pub fn buffered_len(&self) -> usize {
        self.header_len.saturating_add(self.body.len())
    }

    /// The bytes of memory that the unfinished frame takes: at most twice what has arrived of it, and
    /// never more than it is to have.
    pub fn held_len(&self) -> usize {
        self.body.capacity()
    }

    /// How many bytes are missing before the next thing is known: the rest of the size header, or of
    /// the frame behind it; 0 where no frame has begun.
    pub fn missing_len(&self) -> usize {
        match self.header_len {
            0 => 0,
            SIZE_HEADER_LEN => {
                let len = usize::try_from(u32::from_be_bytes(self.header)).unwrap_or(usize::MAX);
                len.saturating_sub(self.body.len())
            }
            len => SIZE_HEADER_LEN.saturating_sub(len),
        }
    }

    /// What the size header of an unfinished frame announces; `None` until all of it is here.
    pub fn announced_len(&self) -> Option<u32> {
        (self.header_len == SIZE_HEADER_LEN).then(|| u32::from_be_bytes(self.header))
    }

    fn advance(&mut self, input: &mut &[u8], max_len: usize) -> Result<Option<Bytes>, DecodeError> {
        let missing = self.header.get_mut(self.header_len..).unwrap_or_default();
        let piece = take(input, missing.len());
        for (slot, byte) in missing.iter_mut().zip(piece) {
            *slot = *byte;
        }
        self.header_len = self.header_len.saturating_add(piece.len());
        if self.header_len < SIZE_HEADER_LEN {
            return Ok(None);
        }
        let announced = u32::from_be_bytes(self.header);
        let too_long = DecodeError::FrameTooLong { len: announced, max: max_len };
        let len = usize::try_from(announced).map_err(|_| too_long)?;
        if len > max_len {
            return Err(too_long);
        }
        let piece = take(input, len.saturating_sub(self.body.len()));
        if piece.len() == len {
            self.header_len = 0;
            return Ok(Some(Bytes::copy_from_slice(piece)));
        }
        let room = self.body.capacity().saturating_sub(self.body.len());
        if room < piece.len() {
            // Doubled, so that little is moved, but for the last time.
            let more = piece.len().max(self.body.len());
            self.body.reserve_exact(more.min(len.saturating_sub(self.body.len())));
        }
        self.body.extend_from_slice(piece);
        if self.body.len() < len {
            return Ok(None);
        }
        self.header_len = 0;
        Ok(Some(Bytes::from(std::mem::take(&mut self.body))))
    }
}

/// Checks the size header of one whole frame and returns the body behind it: the first of the
/// three stages of decoding.
///
/// # Errors
///
/// [`DecodeError::MissingData`] where the header itself is cut short, and
/// [`DecodeError::SizeMismatch`] where it announces more or fewer bytes than follow.
pub fn strip_size_header(frame: &[u8]) -> Result<&[u8], DecodeError> {
    let (header, body) =
        frame.split_first_chunk().ok_or(DecodeError::MissingData("size header"))?;
    let announced = u32::from_be_bytes(*header);
    if usize::try_from(announced).is_ok_and(|len| len == body.len()) {
        Ok(body)
    } else {
        Err(DecodeError::SizeMismatch { announced, actual: body.len() })
    }
}

/// Splits up to `len` bytes off the front of `input`.
fn take<'a>(input: &mut &'a [u8], len: usize) -> &'a [u8] {
    let (head, tail) = input.split_at_checked(len).unwrap_or((input, &[]));
    *input = tail;
    head
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(chunks: &[&[u8]], max_len: usize) -> (Vec<Bytes>, Option<DecodeError>) {
        let mut decoder = FrameDecoder::default();
        let mut found = Vec::new();
        for chunk in chunks {
            let mut input = *chunk;
            loop {
                match decoder.next_frame(&mut input, max_len) {
                    Ok(Some(frame)) => found.push(frame),
                    Ok(None) => break,
                    Err(error) => return (found, Some(error)),
                }
            }
            assert!(input.is_empty(), "a decoder that wants more has used up its input");
        }
        (found, None)
    }

    #[test]
    fn a_stream_cut_at_every_pair_of_offsets_gives_the_same_frames() {
        let stream = b"\0\0\0\x03one\0\0\0\0\0\0\0\x05three\0\0\0\x01x\0\0";
        let whole = frames(&[stream], 64);
        assert_eq!(whole.0, ["one", "", "three", "x"]);
        for first in 0..=stream.len() {
            for second in first..=stream.len() {
                let cut = [&stream[..first], &stream[first..second], &stream[second..]];
                assert_eq!(frames(&cut, 64), whole, "cut at {first} and {second}");
            }
        }
    }

    #[test]
    fn a_frame_of_exactly_the_limit_passes_and_one_byte_more_is_refused_at_its_header() {
        assert_eq!(frames(&[b"\0\0\0\x04four"], 4), (vec!["four".into()], None));
        let refused = DecodeError::FrameTooLong { len: 5, max: 4 };
        assert_eq!(frames(&[b"\0\0\0\x05"], 4), (vec![], Some(refused)));
    }

    #[test]
    fn t44_a_frame_keeps_no_more_alive_than_it_has_however_it_came() {
        let mut stream = 3_000_u32.to_be_bytes().to_vec();
        stream.resize(3_004, 7);
        // Behind it, and before it, come others in the same pieces.
        let stream = [&b"\0\0\0\x01x"[..], &stream, &[0; 9_000]].concat();
        for piece_len in [1, 2, 7, 1_000, 1_504, 2_999, 3_008, 3_009, 3_010, 64 << 10] {
            let pieces: Vec<_> = stream.chunks(piece_len).collect();
            for frame in frames(&pieces, 4_096).0 {
                let len = frame.len();
                assert_eq!(Vec::from(frame).capacity(), len, "in pieces of {piece_len}");
            }
        }
    }

    #[test]
    fn an_announced_length_is_never_allocated() {
        let mut decoder = FrameDecoder::default();
        let mut input: &[u8] = b"\xff\xff\xff\xffabc";
        assert_eq!(decoder.next_frame(&mut input, usize::MAX), Ok(None));
        assert_eq!(decoder.held_len(), 3);
        assert_eq!(decoder.buffered_len(), 7);
    }

    #[test]
    fn an_unfinished_frame_tells_its_length_once_its_header_is_whole() {
        let mut decoder = FrameDecoder::default();
        let mut told = Vec::new();
        for byte in b"\0\0\0\x02hi\0" {
            decoder.next_frame(&mut &[*byte][..], 64).unwrap();
            told.push(decoder.announced_len());
        }
        assert_eq!(told, [None, None, None, Some(2), Some(2), None, None]);
    }

    #[test]
    fn an_error_is_sticky() {
        let mut decoder = FrameDecoder::default();
        let error = decoder.next_frame(&mut &b"\0\0\x01\0"[..], 10).unwrap_err();
        assert_eq!(decoder.next_frame(&mut &b"\0\0\0\0"[..], 10), Err(error));
    }

    #[test]
    fn a_size_header_must_tell_the_truth() {
        assert_eq!(strip_size_header(b"\0\0\0\x02ab"), Ok(&b"ab"[..]));
        assert_eq!(strip_size_header(b"\0\0\0"), Err(DecodeError::MissingData("size header")));
        let lie = DecodeError::SizeMismatch { announced: 3, actual: 2 };
        assert_eq!(strip_size_header(b"\0\0\0\x03ab"), Err(lie));
    }
}
