//! What holds for all input, told by proptest.
#![expect(clippy::unwrap_used, reason = "what does not hold fails its test")]

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use rs2p::wire::{
    Compression, CompressionError, Compressions, DecodeError, DecodeLimits, FrameDecoder, Packets,
    PathfindingMessage, base58,
};

use crate::golden::horner;

proptest! {
    #[test]
    fn any_message_survives_plain_and_under_every_method(
        msg_type in packet(),
        sender in packet(),
        time: u64,
        payload in vec(packet(), 0..12),
    ) {
        let message = PathfindingMessage::new(&msg_type, &sender, time, &payload).unwrap();
        for list in lists() {
            let frame = message.clone().with_compression(list).encode().unwrap();
            let again = PathfindingMessage::decode(&frame, list, DecodeLimits::PROTOCOL).unwrap();
            prop_assert_eq!(again.packets(), message.packets());
            prop_assert_eq!(again.msg_type(), &msg_type[..]);
            prop_assert_eq!(again.sender(), &sender[..]);
            prop_assert_eq!(again.time(), Some(time));
            prop_assert!(again.stated_id() == again.id().as_bytes());
            prop_assert!(again.payload().eq(payload.iter().map(Vec::as_slice)));
            prop_assert!(!again.compression_fail());
        }
    }

    #[test]
    fn any_integer_has_the_text_that_long_multiplication_gives(int in vec(any::<u8>(), 0..80)) {
        let text = base58::encode(&int);
        let shortest = horner(int.iter().copied().map(u32::from), 256);
        prop_assert_eq!(value_of(text.as_bytes()), shortest.clone());
        prop_assert!(!text.starts_with('1'));
        prop_assert_eq!(base58::decode(text.as_bytes()), Ok(shortest));
        prop_assert_eq!(base58::canonical(text.as_bytes()), Ok(text.as_bytes()));
    }

    #[test]
    fn any_digits_are_read_as_the_integer_they_write(
        text in vec(select(&base58::ALPHABET[..]), 0..70),
        zeros in 0..4_usize,
    ) {
        let padded = [vec![b'1'; zeros], text].concat();
        let int = value_of(&padded);
        let machine = (int.len() <= 8)
            .then(|| int.iter().fold(0, |value, &byte| value << 8 | u64::from(byte)))
            .ok_or(base58::Base58Error::TooLong);
        prop_assert_eq!(base58::decode_u64(&padded), machine);
        let shortest = base58::encode(&int);
        prop_assert_eq!(base58::canonical(&padded), Ok(shortest.as_bytes()));
        prop_assert_eq!(base58::decode(&padded), Ok(int));
    }

    #[test]
    fn any_pieces_give_the_frames_of_the_whole_stream(
        bodies in vec(packet(), 0..10),
        tail in vec(any::<u8>(), 0..12),
        cuts in vec(any::<Index>(), 0..12),
    ) {
        let mut stream = Vec::new();
        for body in &bodies {
            stream.extend(u32::try_from(body.len()).unwrap().to_be_bytes());
            stream.extend(body);
        }
        stream.extend(tail);
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        cuts.extend([0, stream.len()]);
        cuts.sort_unstable();
        let pieces = cuts.windows(2).map(|pair| &stream[pair[0]..pair[1]]);
        let (frames, error, buffered_len) = cut([&stream[..]]);
        let fitting = bodies.iter().take_while(|body| body.len() <= MAX_FRAME_LEN).count();
        prop_assert!(frames.len() >= fitting);
        prop_assert!(frames.iter().zip(&bodies).all(|(frame, body)| frame == body));
        prop_assert_eq!(cut(pieces), (frames, error, buffered_len));
    }

    #[test]
    fn any_body_is_split_into_packets_that_join_to_it_or_refused(
        body in prop_oneof![vec(any::<u8>(), 0..200), vec(small_lens(), 0..40).prop_map(|lens| lens.concat())],
        max_count in 0..20_usize,
    ) {
        let body = Bytes::from(body);
        match Packets::split(body.clone(), max_count) {
            Ok(packets) => {
                prop_assert!(packets.count() <= max_count);
                prop_assert_eq!(packets.iter().count(), packets.count());
                prop_assert_eq!(Packets::join_all(packets.iter()).unwrap(), packets.clone());
                prop_assert_eq!(packets.body(), &body);
            }
            Err(DecodeError::TooManyPackets { max }) => prop_assert_eq!(max, max_count),
            Err(error) => prop_assert_eq!(error, DecodeError::PacketLengths),
        }
    }

    #[test]
    fn any_packets_are_split_as_they_were_joined(packets in vec(packet(), 0..20)) {
        let joined = Packets::join(&packets).unwrap();
        let split = Packets::split(joined.body().clone(), packets.len()).unwrap();
        prop_assert!(split.iter().eq(packets.iter().map(Vec::as_slice)));
        prop_assert_eq!(split, joined);
    }

    #[test]
    fn any_bytes_decompress_within_the_limit_or_not_at_all(
        start in select(&MAGICS[..]),
        rest in vec(any::<u8>(), 0..200),
        max_len in 0..64_usize,
    ) {
        let data = [start, &rest[..]].concat();
        for method in Compression::all() {
            if let Ok(plain) = method.decompress(&data, max_len) {
                prop_assert!(plain.len() <= max_len);
            }
        }
    }

    #[test]
    fn a_damaged_stream_decompresses_within_the_limit_or_not_at_all(
        data in vec(0..4_u8, 0..2_000),
        at: Index,
        flip: u8,
        keep: Index,
        max_len in 0..3_000_usize,
    ) {
        for method in Compressions::supported().iter() {
            let mut packed = method.compress(&data).unwrap();
            let whole = method.decompress(&packed, max_len);
            let expected =
                if data.len() <= max_len { Ok(data.clone()) } else { Err(CompressionError::TooLong) };
            prop_assert_eq!(whole, expected);

            let cut = &packed[..keep.index(packed.len())];
            prop_assert!(method.decompress(cut, max_len).is_err());

            *at.get_mut(&mut packed) ^= flip;
            if let Ok(plain) = method.decompress(&packed, max_len) {
                prop_assert!(plain.len() <= max_len);
            }
        }
    }
}

const MAX_FRAME_LEN: usize = 200;

/// What the streams of the methods begin with, so that bytes behind it get anywhere.
const MAGICS: [&[u8]; 7] = [
    b"",
    b"\x78\x9c",
    b"\x1f\x8b\x08\0\0\0\0\0\x02\xff",
    b"BZh9\x31\x41\x59\x26\x53\x59",
    b"BZh1\x17\x72\x45\x38\x50\x90\0\0\0\0",
    b"\xfd7zXZ\0\0\x04\xe6\xd6\xb4\x46\x02\0\x21\x01\x16\0\0\0\x74\x2f\xe5\xa3",
    b"\x5d\0\0\x80\0\xff\xff\xff\xff\xff\xff\xff\xff\0",
];

fn packet() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![4 => vec(any::<u8>(), 0..30), 1 => vec(any::<u8>(), 0..300)]
}

/// Four bytes that look like a packet's length.
fn small_lens() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![Just(0), Just(0), 0..12_u32].prop_map(|len| len.to_be_bytes().to_vec())
}

/// No method, each method of this build, and all of them.
fn lists() -> Vec<Compressions> {
    let each = Compressions::supported().iter().map(|method| Compressions::from_iter([method]));
    each.chain([Compressions::NONE, Compressions::supported()]).collect()
}

/// The integer that a text writes, by the schoolbook method.
fn value_of(text: &[u8]) -> Vec<u8> {
    let digit = |byte| base58::ALPHABET.iter().position(|&digit| digit == byte).unwrap();
    horner(text.iter().map(|&byte| u32::try_from(digit(byte)).unwrap()), 58)
}

/// The frames in the pieces of a stream, the error that ended it, and what is left over.
fn cut<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Bytes>, Option<DecodeError>, usize) {
    let mut decoder = FrameDecoder::default();
    let mut frames = Vec::new();
    for mut piece in pieces {
        loop {
            match decoder.next_frame(&mut piece, MAX_FRAME_LEN) {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => return (frames, Some(error), decoder.buffered_len()),
            }
        }
    }
    (frames, None, decoder.buffered_len())
}
