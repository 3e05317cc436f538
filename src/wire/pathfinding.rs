//! One message of the protocol, and the stages of reading it from a frame. PROTOCOL.md §2.

use bytes::Bytes;

use super::compression::work_of;
use super::{
    Compression, CompressionError, Compressions, DecodeError, EncodeError, Flag, MessageId, Origin,
    Packets, base58, strip_size_header,
};

/// The number of packets in front of the payload: flag, sender, message id and timestamp.
pub const HEADER_COUNT: usize = 4;

/// How much of what a peer sends the receiver is willing to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeLimits {
    /// The most bytes of a decompressed body.
    pub max_body_len: usize,
    /// The most packets of a message, the four in front of the payload included.
    pub max_packets: usize,
}

impl DecodeLimits {
    /// What the protocol itself allows: a body of 4 GiB.
    pub const PROTOCOL: Self = Self { max_body_len: u32::MAX as usize, max_packets: usize::MAX };
}

/// A body that is compressed no more. Made by [`decompress`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decompressed {
    /// The plain body.
    pub body: Bytes,
    /// The method that it was under; `None` if it was plain already.
    pub method: Option<Compression>,
}

/// Undoes the compression of a body, if it has one: the second of the three stages of decoding.
///
/// The methods of `may_be_under` are tried in order, and the first that decodes wins. A body that
/// none of them decodes counts as plain, as in py2p. Only one layer is removed.
///
/// # Errors
///
/// [`DecodeError::DecompressedTooLong`] where the plain body would exceed `max_len`, and
/// [`DecodeError::DecompressionMemory`] where a decoder would need too much memory. Such a body
/// is compressed, so it is not taken as plain.
pub fn decompress(
    body: Bytes,
    may_be_under: Compressions,
    max_len: usize,
) -> Result<Decompressed, DecodeError> {
    unpack(body, may_be_under, max_len, &mut 0)
}

/// The same, adding to `unpacked_len` how many bytes were unpacked, in vain or not, by their weight.
fn unpack(
    body: Bytes,
    may_be_under: Compressions,
    max_len: usize,
    unpacked_len: &mut usize,
) -> Result<Decompressed, DecodeError> {
    for method in may_be_under.iter() {
        let mut plain = Vec::new();
        let outcome = method.decompress_into(&body, max_len, &mut plain);
        *unpacked_len =
            unpacked_len.saturating_add(work_of(&plain).saturating_mul(method.weight()));
        match outcome {
            Ok(()) => return Ok(Decompressed { body: fitted(plain), method: Some(method) }),
            Err(CompressionError::TooLong) => {
                return Err(DecodeError::DecompressedTooLong { max: max_len });
            }
            Err(CompressionError::Memory) => return Err(DecodeError::DecompressionMemory),
            Err(CompressionError::Malformed | CompressionError::Unsupported) => {}
        }
    }
    Ok(Decompressed { body, method: None })
}

/// What was unpacked, in a buffer of its own length. A message may be kept for a minute, and counts as
/// the bytes that it has: it must not keep alive the room that it was unpacked in, which is up to twice
/// as much, and as much as a body may have at most where a stream behind it was thrown away.
fn fitted(plain: Vec<u8>) -> Bytes {
    // Below a half there is less to copy than to give back. Above it the end is cut off where it is.
    if plain.len() < plain.capacity() / 2 {
        Bytes::copy_from_slice(&plain)
    } else {
        plain.into_boxed_slice().into()
    }
}

/// A message as it stands on the wire: a main flag, a sender, an id, a timestamp, and a payload
/// whose first packet is the sub-flag.
///
/// Everything in it but the timestamp is taken as it comes: a decoded message can have any bytes
/// for a flag, a sender, an id or a payload.
///
/// ```
/// use rs2p::wire::{Compressions, DecodeLimits, Flag, PathfindingMessage};
///
/// let payload = ["broadcast", "hello"];
/// let message = PathfindingMessage::new(Flag::Broadcast.as_bytes(), b"me", 1466965490, &payload)?;
/// let frame = message.encode()?;
/// let again = PathfindingMessage::decode(&frame, Compressions::NONE, DecodeLimits::PROTOCOL)?;
/// assert_eq!(again.payload().collect::<Vec<_>>(), [b"broadcast", &b"hello"[..]]);
/// assert_eq!(again.time(), Some(1466965490));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathfindingMessage {
    packets: Packets,
    compression: Compressions,
    compression_fail: bool,
}

impl PathfindingMessage {
    /// Makes a message. `payload` begins with the sub-flag; `time` is in Unix seconds.
    ///
    /// # Errors
    ///
    /// [`EncodeError::TooLong`] where it would not fit a frame.
    pub fn new<P: AsRef<[u8]>>(
        msg_type: &[u8],
        sender: &[u8],
        time: u64,
        payload: &[P],
    ) -> Result<Self, EncodeError> {
        let time_58 = base58::encode_u64(time);
        let id = MessageId::new(payload.iter().map(AsRef::as_ref), &time_58);
        Self::with_header([msg_type, sender, id.as_bytes(), time_58.as_bytes()], payload)
    }

    /// Makes a message between nodes of this crate, whose origin stands in place of the id.
    ///
    /// # Errors
    ///
    /// [`EncodeError::TooLong`] where it would not fit a frame.
    pub fn numbered<P: AsRef<[u8]>>(
        msg_type: &[u8],
        sender: &[u8],
        origin: Origin,
        time: u64,
        payload: &[P],
    ) -> Result<Self, EncodeError> {
        Self::stated(msg_type, sender, &origin.encode(), time, payload)
    }

    /// Makes a message between nodes of this crate, with this packet in place of the id: an
    /// [`Origin`], or a [`SignedOrigin`](super::SignedOrigin).
    ///
    /// # Errors
    ///
    /// [`EncodeError::TooLong`] where it would not fit a frame.
    pub fn stated<P: AsRef<[u8]>>(
        msg_type: &[u8],
        sender: &[u8],
        stated_id: &[u8],
        time: u64,
        payload: &[P],
    ) -> Result<Self, EncodeError> {
        let time_58 = base58::encode_u64(time);
        Self::with_header([msg_type, sender, stated_id, time_58.as_bytes()], payload)
    }

    fn with_header<P: AsRef<[u8]>>(
        header: [&[u8]; HEADER_COUNT],
        payload: &[P],
    ) -> Result<Self, EncodeError> {
        let packets = header.iter().copied().chain(payload.iter().map(AsRef::as_ref));
        Ok(Self {
            packets: Packets::join_all(packets)?,
            compression: Compressions::NONE,
            compression_fail: false,
        })
    }

    /// The same message, to be encoded under the preferred one of these methods.
    pub fn with_compression(mut self, compression: Compressions) -> Self {
        self.compression = compression;
        self
    }

    /// The same message under another main flag. Its id stays: an id does not depend on the flag.
    ///
    /// # Errors
    ///
    /// [`EncodeError::TooLong`] where it would not fit a frame.
    pub fn with_msg_type(&self, msg_type: &[u8]) -> Result<Self, EncodeError> {
        self.restated(msg_type, self.stated_id())
    }

    /// The same message with another packet where the message id stands.
    ///
    /// # Errors
    ///
    /// [`EncodeError::TooLong`] where it would not fit a frame.
    pub fn with_stated_id(&self, id: &[u8]) -> Result<Self, EncodeError> {
        self.restated(self.msg_type(), id)
    }

    /// The same message under another main flag, with another packet where the message id stands:
    /// what a node passes on.
    ///
    /// # Errors
    ///
    /// [`EncodeError::TooLong`] where it would not fit a frame.
    #[inline(never)]
    pub fn restated(&self, msg_type: &[u8], id: &[u8]) -> Result<Self, EncodeError> {
        let header = [msg_type, self.sender(), id, self.header(3)];
        Ok(Self { packets: self.packets.with_front(&header)?, ..*self })
    }

    /// Reads one whole frame, its size header included: py2p's `feed_string`.
    ///
    /// # Errors
    ///
    /// Those of [`strip_size_header`] and [`PathfindingMessage::decode_body`].
    pub fn decode(
        frame: &[u8],
        may_be_under: Compressions,
        limits: DecodeLimits,
    ) -> Result<Self, DecodeError> {
        let body = strip_size_header(frame)?;
        Self::decode_body(Bytes::copy_from_slice(body), may_be_under, limits)
    }

    /// Reads the body of a frame: py2p's `feed_string(sizeless=True)`.
    ///
    /// # Errors
    ///
    /// Those of [`decompress`] and [`Packets::split`]; [`DecodeError::TooFewPackets`] below four
    /// packets; [`DecodeError::BadTimestamp`] where the fourth is no base-58 integer.
    pub fn decode_body(
        body: Bytes,
        may_be_under: Compressions,
        limits: DecodeLimits,
    ) -> Result<Self, DecodeError> {
        Self::unpack_body(body, may_be_under, limits, &mut 0)
    }

    /// The same, adding to `unpacked_len` how many bytes were unpacked, in vain or not, by their
    /// weight.
    pub(crate) fn unpack_body(
        body: Bytes,
        may_be_under: Compressions,
        limits: DecodeLimits,
        unpacked_len: &mut usize,
    ) -> Result<Self, DecodeError> {
        let plain = unpack(body, may_be_under, limits.max_body_len, unpacked_len)?;
        let packets = Packets::split(plain.body, limits.max_packets)?;
        let too_few = DecodeError::TooFewPackets { count: packets.count() };
        let time_58 = packets.get(3).ok_or(too_few)?;
        base58::canonical(time_58).map_err(|_| DecodeError::BadTimestamp)?;
        Ok(Self {
            packets,
            compression: may_be_under,
            compression_fail: plain.method.is_none() && may_be_under != Compressions::NONE,
        })
    }

    /// The whole frame, its size header included and its body compressed by
    /// [`PathfindingMessage::compression_used`]: py2p's `string`.
    ///
    /// # Errors
    ///
    /// [`EncodeError::TooLong`] where compression made a body of nearly 4 GiB longer than a size
    /// header can announce.
    #[doc(alias = "string")]
    pub fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        let body = self.encode_body();
        let too_long = EncodeError::TooLong { len: u64::try_from(body.len()).unwrap_or(u64::MAX) };
        let mut frame = Vec::with_capacity(body.len().saturating_add(4));
        let len = u32::try_from(body.len()).map_err(|_| too_long)?;
        frame.extend_from_slice(&len.to_be_bytes());
        frame.extend_from_slice(&body);
        Ok(frame)
    }

    /// The frame without its size header.
    pub fn encode_body(&self) -> Bytes {
        let plain = self.packets.body();
        self.compression_used()
            .and_then(|method| method.compress(plain).ok())
            .map_or_else(|| plain.clone(), Bytes::from)
    }

    /// The main flag, whatever bytes it is.
    pub fn msg_type(&self) -> &[u8] {
        self.header(0)
    }

    /// The id of the node that made the message, as the message states it.
    pub fn sender(&self) -> &[u8] {
        self.header(1)
    }

    /// What stands where the message id belongs. py2p never reads it (see
    /// [`PathfindingMessage::id`]); nodes of this crate put an [`Origin`] or a
    /// [`SignedOrigin`](super::SignedOrigin) there for each other.
    pub fn stated_id(&self) -> &[u8] {
        self.header(2)
    }

    /// The message id, computed anew from payload and timestamp.
    pub fn id(&self) -> MessageId {
        MessageId::new(self.payload(), self.time_58())
    }

    /// The timestamp in base 58, without leading zeros.
    pub fn time_58(&self) -> &str {
        let text = base58::canonical(self.header(3)).unwrap_or_default();
        std::str::from_utf8(text).unwrap_or_default()
    }

    /// The timestamp in Unix seconds; `None` above [`u64::MAX`], which the wire can express.
    pub fn time(&self) -> Option<u64> {
        base58::decode_u64(self.header(3)).ok()
    }

    /// The packets behind the timestamp; the first is the sub-flag.
    #[inline(never)]
    pub fn payload(&self) -> impl Iterator<Item = &[u8]> + Clone {
        let mut packets = self.packets.iter();
        for _ in 0..HEADER_COUNT {
            packets.next();
        }
        packets
    }

    /// The sub-flag, where there is one and the protocol has its word.
    pub fn sub_flag(&self) -> Option<Flag> {
        self.payload().next().and_then(Flag::parse)
    }

    /// All packets, the four in front of the payload included.
    pub fn packets(&self) -> &Packets {
        &self.packets
    }

    /// The methods that the message was, or is to be, compressed by.
    pub fn compression(&self) -> Compressions {
        self.compression
    }

    /// The method that [`PathfindingMessage::encode`] uses.
    pub fn compression_used(&self) -> Option<Compression> {
        self.compression.preferred()
    }

    /// Whether the message came plain although a compression was to be expected.
    pub fn compression_fail(&self) -> bool {
        self.compression_fail
    }

    fn header(&self, index: usize) -> &[u8] {
        self.packets.get(index).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(payload: &[&str]) -> PathfindingMessage {
        PathfindingMessage::new(b"broadcast", b"sender", 1_466_965_490, payload).unwrap()
    }

    #[test]
    fn a_message_survives_every_method() {
        let plain = message(&["broadcast", &"hello ".repeat(100)]);
        for method in Compressions::supported().iter() {
            let list = Compressions::from_iter([method]);
            let frame = plain.clone().with_compression(list).encode().unwrap();
            assert!(frame.len() < plain.encode().unwrap().len());
            let again = PathfindingMessage::decode(&frame, list, DecodeLimits::PROTOCOL).unwrap();
            assert_eq!(again.packets(), plain.packets());
            assert!(!again.compression_fail());
        }
    }

    #[test]
    fn a_plain_message_passes_where_a_compressed_one_is_expected() {
        let frame = message(&["whisper"]).encode().unwrap();
        let expected = Compressions::supported();
        let read = PathfindingMessage::decode(&frame, expected, DecodeLimits::PROTOCOL).unwrap();
        assert!(read.compression_fail());
        assert_eq!(read.sub_flag(), Some(Flag::Whisper));
    }

    #[test]
    fn a_body_of_exactly_the_limit_is_decompressed_and_one_byte_more_is_not() {
        for method in Compressions::supported().iter() {
            let list = Compressions::from_iter([method]);
            let packed = Bytes::from(method.compress(&[7; 5_000]).unwrap());
            let plain = decompress(packed.clone(), list, 5_000).unwrap();
            assert_eq!((plain.body.len(), plain.method), (5_000, Some(method)));
            let refused = DecodeError::DecompressedTooLong { max: 4_999 };
            assert_eq!(decompress(packed, list, 4_999), Err(refused));
        }
    }

    /// How much memory a body keeps alive.
    fn pinned_len(body: Bytes) -> usize {
        Vec::from(body).capacity()
    }

    #[test]
    fn t44_what_was_unpacked_keeps_no_more_alive_than_it_has() {
        for method in Compressions::supported().iter() {
            let list = Compressions::from_iter([method]);
            for len in [0, 1, 200, 511, 512, 1_023, 1_024, 1_025, 2_047, 2_049, 70_000] {
                let packed = Bytes::from(method.compress(&vec![7; len]).unwrap());
                let plain = decompress(packed, list, 1 << 20).unwrap();
                assert_eq!((plain.body.len(), plain.method), (len, Some(method)));
                assert_eq!(pinned_len(plain.body), len, "{method} {len}");
            }
        }
    }

    #[test]
    fn t44_a_damaged_stream_behind_a_short_message_does_not_make_it_keep_megabytes() {
        let short = message(&["broadcast", &"x".repeat(200)]);
        for method in Compressions::supported().iter().filter(|it| *it != Compression::Gzip) {
            let mut body = method.compress(short.packets().body()).unwrap();
            body.extend(method.compress(&vec![7; 3 << 20]).unwrap());
            // The sum at the end of the second stream is wrong, so all of that is thrown away.
            body.iter_mut().rev().take(3).for_each(|byte| *byte = !*byte);
            let (list, limits) = (Compressions::from_iter([method]), DecodeLimits::PROTOCOL);
            let mut unpacked_len = 0;
            let read =
                PathfindingMessage::unpack_body(body.into(), list, limits, &mut unpacked_len);
            let PathfindingMessage { packets, .. } = read.unwrap();
            assert_eq!(packets, short.packets, "{method}");
            assert!(unpacked_len > 3 << 20, "{method}: there was something to throw away");
            let body = packets.body().clone();
            drop(packets);
            let len = body.len();
            assert_eq!(pinned_len(body), len, "{method}");
        }
    }

    #[test]
    fn a_time_beyond_every_clock_is_kept_as_text() {
        let huge = "z".repeat(40);
        let packets = ["whisper", "me", "", huge.as_str(), "whisper"];
        let body = Packets::join(&packets).unwrap().body().clone();
        let read =
            PathfindingMessage::decode_body(body, Compressions::NONE, DecodeLimits::PROTOCOL)
                .unwrap();
        assert_eq!(read.time(), None);
        assert_eq!(read.time_58(), huge);
    }

    #[test]
    fn another_flag_changes_nothing_but_the_flag() {
        let broadcast = message(&["broadcast", "hello"]);
        let waterfall = broadcast.with_msg_type(b"waterfall").unwrap();
        assert_eq!(waterfall.msg_type(), b"waterfall");
        assert_eq!(waterfall.id().as_bytes(), broadcast.stated_id());
        assert!(waterfall.packets().iter().skip(1).eq(broadcast.packets().iter().skip(1)));
    }
}
