//! The packets of an uncompressed body: first all lengths, then all packets. PROTOCOL.md §2.

use std::fmt;
use std::iter::FusedIterator;

use bytes::{BufMut, Bytes, BytesMut};

use super::{DecodeError, EncodeError};

/// The length of one packet's entry in the table of lengths, in bytes.
const LEN_LEN: usize = 4;

/// A list of packets, held as the body that a frame carries.
///
/// Nothing is copied to look at a packet, and the body goes back on the wire as it is. Cloning
/// is cheap. The lengths in the table add up to the body; every constructor sees to that.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Packets {
    body: Bytes,
    count: usize,
}

impl Packets {
    /// Splits an uncompressed body into its packets: the last of the three stages of decoding.
    ///
    /// # Errors
    ///
    /// [`DecodeError::PacketLengths`] where the lengths do not add up to the body, and
    /// [`DecodeError::TooManyPackets`] above `max_count` packets.
    ///
    /// ```
    /// use rs2p::wire::Packets;
    ///
    /// let packets = Packets::split("\0\0\0\x02\0\0\0\x01abc".into(), 8).unwrap();
    /// assert_eq!(packets.iter().collect::<Vec<_>>(), [b"ab", &b"c"[..]]);
    /// ```
    pub fn split(body: Bytes, max_count: usize) -> Result<Self, DecodeError> {
        // There is no count: the table ends where lengths and packets add up to the body.
        let mut count: usize = 0;
        let mut explained: u64 = 0;
        let len = u64::try_from(body.len()).map_err(|_| DecodeError::PacketLengths)?;
        for entry in body.chunks_exact(LEN_LEN) {
            if explained >= len {
                break;
            }
            if count == max_count {
                return Err(DecodeError::TooManyPackets { max: max_count });
            }
            count = count.saturating_add(1);
            explained = explained.saturating_add(4).saturating_add(read_len(entry));
        }
        if explained == len { Ok(Self { body, count }) } else { Err(DecodeError::PacketLengths) }
    }

    /// Lays packets out as a body.
    ///
    /// # Errors
    ///
    /// [`EncodeError::TooLong`] where a size header could not announce the body.
    pub fn join<P: AsRef<[u8]>>(packets: &[P]) -> Result<Self, EncodeError> {
        Self::join_all(packets.iter().map(AsRef::as_ref))
    }

    /// Like [`Packets::join`], from any iterator that can be run twice.
    ///
    /// # Errors
    ///
    /// As [`Packets::join`].
    pub fn join_all<'a>(
        packets: impl Iterator<Item = &'a [u8]> + Clone,
    ) -> Result<Self, EncodeError> {
        let (count, len) = packets.clone().fold((0_usize, 0_u64), |(count, len), packet| {
            let packet_len = u64::try_from(packet.len()).unwrap_or(u64::MAX);
            (count.saturating_add(1), len.saturating_add(4).saturating_add(packet_len))
        });
        let too_long = EncodeError::TooLong { len };
        u32::try_from(len).map_err(|_| too_long)?;
        let mut body = BytesMut::with_capacity(usize::try_from(len).map_err(|_| too_long)?);
        for packet in packets.clone() {
            body.put_u32(u32::try_from(packet.len()).map_err(|_| too_long)?);
        }
        for packet in packets {
            body.put_slice(packet);
        }
        Ok(Self { body: body.freeze(), count })
    }

    /// The number of packets.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The packet at `index`, counted from 0. Takes time linear in `index`.
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        self.iter().nth(index)
    }

    /// The packets in order.
    pub fn iter(&self) -> PacketIter<'_> {
        let (lens, packets) = self.body.split_at(self.count.saturating_mul(LEN_LEN));
        PacketIter { lens: lens.chunks_exact(LEN_LEN), packets }
    }

    /// The body that holds the packets, as it goes on the wire uncompressed.
    pub fn body(&self) -> &Bytes {
        &self.body
    }
}

fn read_len(entry: &[u8]) -> u64 {
    entry.first_chunk().map_or(0, |bytes| u64::from(u32::from_be_bytes(*bytes)))
}

impl<'a> IntoIterator for &'a Packets {
    type Item = &'a [u8];
    type IntoIter = PacketIter<'a>;

    fn into_iter(self) -> PacketIter<'a> {
        self.iter()
    }
}

/// Lengths only: payloads do not belong in logs.
impl fmt::Debug for Packets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.iter().map(|packet| format_args!("<{}b>", packet.len()).to_string()))
            .finish()
    }
}

/// The packets of a body in order. Made by [`Packets::iter`].
#[derive(Clone, Debug)]
pub struct PacketIter<'a> {
    lens: std::slice::ChunksExact<'a, u8>,
    packets: &'a [u8],
}

impl<'a> Iterator for PacketIter<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let len = usize::try_from(read_len(self.lens.next()?)).ok()?;
        let (packet, rest) = self.packets.split_at_checked(len)?;
        self.packets = rest;
        Some(packet)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.lens.size_hint()
    }
}

impl ExactSizeIterator for PacketIter<'_> {}

impl FusedIterator for PacketIter<'_> {}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(body: &'static [u8]) -> Result<Vec<Vec<u8>>, DecodeError> {
        Packets::split(Bytes::from_static(body), 100)
            .map(|packets| packets.iter().map(<[u8]>::to_vec).collect())
    }

    #[test]
    fn an_empty_body_has_no_packets() {
        assert_eq!(split(b""), Ok(vec![]));
        assert_eq!(Packets::join::<&[u8]>(&[]).unwrap().body(), "");
    }

    #[test]
    fn the_table_ends_where_the_lengths_add_up() {
        assert_eq!(split(b"\0\0\0\0\0\0\0\0"), Ok(vec![vec![], vec![]]));
        assert_eq!(split(b"\0\0\0\x04\0\0\0\0"), Ok(vec![vec![0; 4]]));
    }

    #[test]
    fn lengths_that_do_not_add_up_are_refused() {
        for body in [
            &b"\0"[..],
            b"\0\0\0\x01",
            b"\0\0\0\0x",
            b"\0\0\0\x01ab",
            b"\0\0\0\x05abcd",
            b"\xff\xff\xff\xff",
            b"\xff\xff\xff\xff\xff\xff\xff\xff",
        ] {
            assert_eq!(split(body), Err(DecodeError::PacketLengths), "{body:?}");
        }
    }

    #[test]
    fn the_limit_on_packets_holds_at_its_value_and_not_one_past_it() {
        let three = Packets::join(&["a", "", "c"]).unwrap().body().clone();
        assert_eq!(Packets::split(three.clone(), 3).unwrap().count(), 3);
        assert_eq!(Packets::split(three, 2), Err(DecodeError::TooManyPackets { max: 2 }));
    }

    #[test]
    fn what_was_joined_is_what_is_split() {
        let packets = Packets::join(&[&b"broadcast"[..], b"", &[0; 300]]).unwrap();
        let again = Packets::split(packets.body().clone(), 3).unwrap();
        assert_eq!(again, packets);
        assert_eq!(again.get(1), Some(&b""[..]));
        assert_eq!(again.get(2).map(<[u8]>::len), Some(300));
        assert_eq!(again.get(3), None);
        assert_eq!(again.iter().len(), 3);
    }
}
