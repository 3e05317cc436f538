//! A stream gives the same frames and the same error however it is cut, and they are the ones that
//! a plain reading of the whole gives.
//!
//! Input: the limit in two bytes, the number of cuts in one, each cut's length in one, the stream.

use bytes::Bytes;
use rs2p::wire::{DecodeError, FrameDecoder};

use super::script::Script;

/// What a stream holds: its frames, the error that ended it, and how much of the next frame.
type Found = (Vec<Bytes>, Option<DecodeError>, usize);

pub(super) fn check(data: &[u8]) {
    let mut script = Script::new(data);
    let max_len = script.short();
    let count = script.below(64);
    let lens: Vec<usize> = (0..count).map(|_| usize::from(script.byte())).collect();
    let stream = script.rest();

    let expected = read(stream, max_len);
    assert_eq!(decode([stream], max_len), expected, "in one piece");
    let mut rest = stream;
    let mut pieces = Vec::new();
    for len in lens {
        let (piece, behind) = rest.split_at(len.min(rest.len()));
        pieces.push(piece);
        rest = behind;
    }
    pieces.push(rest);
    assert_eq!(decode(pieces, max_len), expected, "in pieces");
    if stream.len() <= 4_096 {
        assert_eq!(decode(stream.chunks(1), max_len), expected, "byte by byte");
    }
}

fn decode<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, max_len: usize) -> Found {
    let mut decoder = FrameDecoder::default();
    let mut frames = Vec::new();
    for mut piece in pieces {
        loop {
            match decoder.next_frame(&mut piece, max_len) {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => {
                    let again = decoder.next_frame(&mut &[0; 8][..], max_len);
                    assert_eq!(again, Err(error), "an error is the last word");
                    return (frames, Some(error), 0);
                }
            }
        }
        assert!(piece.is_empty(), "a decoder that wants more has used up its input");
    }
    (frames, None, decoder.buffered_len())
}

/// The plain reading.
fn read(mut stream: &[u8], max_len: usize) -> Found {
    let mut frames = Vec::new();
    while let Some((header, behind)) = stream.split_first_chunk() {
        let announced = u32::from_be_bytes(*header);
        let len = usize::try_from(announced).unwrap();
        if len > max_len {
            let error = DecodeError::FrameTooLong { len: announced, max: max_len };
            return (frames, Some(error), 0);
        }
        if len > behind.len() {
            break;
        }
        frames.push(Bytes::copy_from_slice(&behind[..len]));
        stream = &behind[len..];
    }
    (frames, None, stream.len())
}
