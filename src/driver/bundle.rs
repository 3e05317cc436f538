//! Messages that users have published, one behind the other on their way to the event loop.

/// Messages in their order, as their packets with the sub-flag first.
///
/// All in one piece of memory: to hand a message over costs its user no more than to copy it.
#[derive(Debug, Default)]
pub(super) struct Bundle {
    /// Of each message the number of its packets, and of each packet its length and its bytes.
    data: Vec<u8>,
    /// Where the first of those that are left begins.
    place: usize,
    /// How many are left.
    count: usize,
}

/// What a number takes.
const NUMBER_LEN: usize = size_of::<u32>();

impl Bundle {
    /// The bytes that a message takes in a bundle.
    pub(super) fn len_of<P: AsRef<[u8]>>(sub_flag: &[u8], packets: &[P]) -> usize {
        let lens = packets.iter().map(|packet| NUMBER_LEN.saturating_add(packet.as_ref().len()));
        lens.fold(2 * NUMBER_LEN + sub_flag.len(), usize::saturating_add)
    }

    /// Puts a message behind the others.
    pub(super) fn push<P: AsRef<[u8]>>(&mut self, sub_flag: &[u8], packets: &[P]) {
        self.data.reserve(Self::len_of(sub_flag, packets));
        self.put_number(packets.len() + 1);
        self.put_packet(sub_flag);
        packets.iter().for_each(|packet| self.put_packet(packet.as_ref()));
        self.count += 1;
    }

    fn put_number(&mut self, number: usize) {
        // A message is shorter than a frame may be, which is no longer than 64 MiB.
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        self.data.extend_from_slice(&number.to_ne_bytes());
    }

    fn put_packet(&mut self, packet: &[u8]) {
        self.put_number(packet.len());
        self.data.extend_from_slice(packet);
    }

    /// How many messages are left.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// The messages that are left.
    pub(super) fn iter(&self) -> Messages<'_> {
        Messages { rest: self.data.get(self.place..).unwrap_or_default() }
    }

    /// Takes out the first messages. Returns how many bytes they took.
    pub(super) fn take_out(&mut self, count: usize) -> usize {
        let mut left = self.iter();
        let taken = left.by_ref().take(count).count();
        let place = self.data.len().saturating_sub(left.rest.len());
        let len = place.saturating_sub(self.place);
        self.place = place;
        self.count = self.count.saturating_sub(taken);
        len
    }
}

/// The messages of a bundle.
#[derive(Clone, Debug)]
pub(super) struct Messages<'a> {
    rest: &'a [u8],
}

impl<'a> Messages<'a> {
    fn number(&mut self) -> Option<usize> {
        let (number, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        usize::try_from(u32::from_ne_bytes(*number)).ok()
    }

    fn packet(&mut self) -> Option<&'a [u8]> {
        let len = self.number()?;
        let (packet, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        Some(packet)
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = Vec<&'a [u8]>;

    fn next(&mut self) -> Option<Self::Item> {
        let count = self.number()?;
        (0..count).map(|_| self.packet()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_out_as_they_were_put_in_and_in_their_order() {
        let mut bundle = Bundle::default();
        let sent: [&[&[u8]]; 4] = [&[b"a"], &[], &[b"", b"bc", b""], &[&[7; 70_000]]];
        let mut len = 0;
        for packets in sent {
            bundle.push(b"flag", packets);
            len += Bundle::len_of(b"flag", packets);
        }
        let whole = |packets: &[&'static [u8]]| [&[&b"flag"[..]], packets].concat();
        assert!(bundle.iter().eq(sent.map(whole)));
        assert_eq!((bundle.count(), bundle.data.len()), (4, len));
        let first = Bundle::len_of(b"flag", sent[0]) + Bundle::len_of(b"flag", sent[1]);
        assert_eq!(bundle.take_out(2), first);
        assert!(bundle.iter().eq([whole(sent[2]), whole(sent[3])]));
        assert_eq!((bundle.take_out(9), bundle.count()), (len - first, 0));
        assert_eq!(bundle.iter().next(), None);
        assert_eq!(bundle.take_out(1), 0);
    }
}
