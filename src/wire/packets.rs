//! The packets of an uncompressed body: first all lengths, then all packets. PROTOCOL.md §2.

use std::fmt;
use std::iter::FusedIterator;
use std::ops::Range;

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
        let (mut counted, mut measured, mut copied) = (packets.clone(), packets.clone(), packets);
        Self::lay_out(&mut || counted.next(), &mut || measured.next(), &mut || copied.next())
    }

    /// Lays out packets that it is given one by one, three times: to be counted, for their lengths,
    /// and for what is in them. One function for every type of iterator.
    fn lay_out<'a>(
        counted: &mut dyn FnMut() -> Option<&'a [u8]>,
        measured: &mut dyn FnMut() -> Option<&'a [u8]>,
        copied: &mut dyn FnMut() -> Option<&'a [u8]>,
    ) -> Result<Self, EncodeError> {
        let (mut count, mut len) = (0_usize, 0_u64);
        while let Some(packet) = counted() {
            let packet_len = u64::try_from(packet.len()).unwrap_or(u64::MAX);
            count = count.saturating_add(1);
            len = len.saturating_add(4).saturating_add(packet_len);
        }
        let too_long = EncodeError::TooLong { len };
        u32::try_from(len).map_err(|_| too_long)?;
        let mut body = BytesMut::with_capacity(usize::try_from(len).map_err(|_| too_long)?);
        while let Some(packet) = measured() {
            body.put_u32(u32::try_from(packet.len()).map_err(|_| too_long)?);
        }
        while let Some(packet) = copied() {
            body.put_slice(packet);
        }
        Ok(Self { body: body.freeze(), count })
    }

    /// The same packets, but with these in place of as many at the front. What follows them is
    /// copied as it stands.
    pub(super) fn with_front(&self, front: &[&[u8]]) -> Result<Self, EncodeError> {
        let mut kept = self.iter();
        for _ in front {
            kept.next();
        }
        let table = self.body.get(..self.count.saturating_mul(LEN_LEN)).unwrap_or_default();
        let kept_table = table.get(front.len().saturating_mul(LEN_LEN)..).unwrap_or_default();
        let front_len = front.iter().map(|packet| LEN_LEN.saturating_add(packet.len()));
        let len = front_len.fold(kept_table.len(), usize::saturating_add);
        let len = len.saturating_add(kept.packets.len());
        let too_long = EncodeError::TooLong { len: u64::try_from(len).unwrap_or(u64::MAX) };
        u32::try_from(len).map_err(|_| too_long)?;
        let mut body = BytesMut::with_capacity(len);
        for packet in front {
            body.put_u32(u32::try_from(packet.len()).map_err(|_| too_long)?);
        }
        body.put_slice(kept_table);
        for packet in front {
            body.put_slice(packet);
        }
        body.put_slice(kept.packets);
        Ok(Self { body: body.freeze(), count: front.len().max(self.count) })
    }

    /// The number of packets.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The packet at `index`, counted from 0. Takes time linear in `index`.
    #[inline(never)]
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        self.iter().nth(index)
    }

    /// The packets in order.
    pub fn iter(&self) -> PacketIter<'_> {
        let (lens, packets) = self.body.split_at(self.count.saturating_mul(LEN_LEN));
        PacketIter { lens: lens.chunks_exact(LEN_LEN), packets }
    }

    /// Where in the body each packet stands, in order.
    ///
    /// ```
    /// use rs2p::wire::Packets;
    ///
    /// let packets = Packets::join(&["ab", "c"]).unwrap();
    /// assert_eq!(packets.ranges().collect::<Vec<_>>(), [8..10, 10..11]);
    /// ```
    pub fn ranges(&self) -> impl Iterator<Item = Range<usize>> + Clone {
        let table_len = self.count.saturating_mul(LEN_LEN);
        self.iter().scan(table_len, |start, packet| {
            let range = *start..start.saturating_add(packet.len());
            *start = range.end;
            Some(range)
        })
    }

    /// The body that holds the packets, as it goes on the wire uncompressed.
    pub fn body(&self) -> &Bytes {
        &self.body
    }
}

/// Where the table of lengths of a body goes wrong: what is behind
/// [`DecodeError::PacketLengths`], for whoever wants to look at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Misfit {
    /// The body ends inside the length that begins at `offset`.
    Cut {
        /// Bytes from the start of the body.
        offset: usize,
    },
    /// The length at `offset` is the first that, with the lengths and packets before it, asks for
    /// more than the body has.
    Overrun {
        /// Bytes from the start of the body.
        offset: usize,
        /// The length that stands there.
        announced: u32,
        /// The bytes that are left for the packet. None are left, too, where there is no room for
        /// the length itself.
        left: usize,
    },
}

impl Misfit {
    /// Looks for the place; `None` where the lengths add up to the body.
    ///
    /// ```
    /// use rs2p::wire::Misfit;
    ///
    /// let overrun = Misfit::Overrun { offset: 4, announced: 9, left: 1 };
    /// assert_eq!(Misfit::find(b"\0\0\0\x02\0\0\0\x09abc"), Some(overrun));
    /// assert_eq!(Misfit::find(b"\0\0\0\x02\0\0\0\x01abc"), None);
    /// ```
    pub fn find(body: &[u8]) -> Option<Self> {
        let mut left = body.len();
        let mut offset: usize = 0;
        while left > 0 {
            let Some(entry) = body.get(offset..).and_then(<[u8]>::first_chunk) else {
                return Some(Self::Cut { offset });
            };
            let announced = u32::from_be_bytes(*entry);
            let behind = left.checked_sub(LEN_LEN);
            let rest = behind.and_then(|left| left.checked_sub(usize::try_from(announced).ok()?));
            let Some(rest) = rest else {
                let left = behind.unwrap_or_default();
                return Some(Self::Overrun { offset, announced, left });
            };
            left = rest;
            offset = offset.saturating_add(LEN_LEN);
        }
        None
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
    fn t2_lengths_that_do_not_add_up_are_refused() {
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
    fn a_misfit_is_found_where_the_lengths_do_not_add_up_and_nowhere_else() {
        // Every body of up to seven bytes of 0 to 3.
        let mut bodies: Vec<Vec<u8>> = vec![Vec::new()];
        for _ in 0..=7 {
            for body in &bodies {
                let is_whole = Packets::split(body.clone().into(), 100).is_ok();
                assert_eq!(Misfit::find(body).is_none(), is_whole, "{body:?}");
            }
            let longer = |body: &Vec<u8>| (0..4).map(|byte| [body, &[byte][..]].concat()).collect();
            bodies = bodies.iter().flat_map::<Vec<Vec<u8>>, _>(longer).collect();
        }
        for (body, expected) in [
            (&b"\0\0\0\0x"[..], Misfit::Cut { offset: 4 }),
            (b"\0\0\0\x05abcd", Misfit::Overrun { offset: 0, announced: 5, left: 4 }),
            // The second length would be made of the packet before it.
            (b"\0\0\0\x02\0\0\0\0", Misfit::Overrun { offset: 4, announced: 0, left: 0 }),
        ] {
            assert_eq!(Misfit::find(body), Some(expected), "{body:?}");
        }
    }

    #[test]
    fn ranges_are_where_the_packets_stand() {
        let packets = Packets::join(&["", "ab", "", "c"]).unwrap();
        let pieces = packets.ranges().map(|range| packets.body().get(range));
        assert!(pieces.eq(packets.iter().map(Some)));
        assert_eq!(packets.ranges().last(), Some(18..19));
    }

    #[test]
    fn t2_the_limit_on_packets_holds_at_its_value_and_not_one_past_it() {
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
