//! What two nodes of this crate tell each other about messages that one of them may have missed.
//! PROTOCOL.md §5.7.

use super::{CONTROL_WORD, NodeId, Run, Runs};

/// The most sources of one word.
pub const MAX_SOURCES: usize = 1_024;

/// The most runs of one word, of all its sources together.
pub const MAX_RUNS: usize = 4_096;

/// What a source's packet takes beside its runs and its sender: the incarnation, and the number of
/// runs.
const SOURCE_LEN: usize = 10;

/// What one run takes: its first number, and how many there are.
const RUN_LEN: usize = 12;

const OFFER: &[u8] = b"offer";
const WANT: &[u8] = b"want";

/// Numbered messages of one life of one sender.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Source {
    /// Who made them.
    pub sender: NodeId,
    /// In which of its lives.
    pub incarnation: u64,
    /// Their numbers, of which there is one at least.
    pub numbers: Runs,
}

impl Source {
    /// Whose they are, and of which life: the order in which sources stand in a word.
    pub fn key(&self) -> (NodeId, u64) {
        (self.sender, self.incarnation)
    }

    /// The bytes of its packet.
    pub fn encoded_len(&self) -> usize {
        let runs_len = self.numbers.iter().len().saturating_mul(RUN_LEN);
        SOURCE_LEN.saturating_add(runs_len).saturating_add(self.sender.as_bytes().len())
    }

    fn encode(&self) -> Vec<u8> {
        let mut packet = Vec::with_capacity(self.encoded_len());
        let runs = self.numbers.iter().take(usize::from(u16::MAX));
        packet.extend_from_slice(&self.incarnation.to_be_bytes());
        packet.extend_from_slice(&u16::try_from(runs.len()).unwrap_or(u16::MAX).to_be_bytes());
        for run in runs {
            let behind = run.last.saturating_sub(run.first);
            let count = u32::try_from(behind).unwrap_or(u32::MAX).saturating_add(1);
            packet.extend_from_slice(&run.first.to_be_bytes());
            packet.extend_from_slice(&count.to_be_bytes());
        }
        packet.extend_from_slice(self.sender.as_bytes());
        packet
    }

    fn decode(packet: &[u8]) -> Option<Self> {
        let (incarnation, rest) = packet.split_first_chunk()?;
        let (count, rest) = rest.split_first_chunk()?;
        let count = usize::from(u16::from_be_bytes(*count));
        let (runs, sender) = rest.split_at_checked(count.checked_mul(RUN_LEN)?)?;
        let runs = runs.chunks_exact(RUN_LEN).map(decode_run).collect::<Option<Vec<_>>>()?;
        let numbers = Runs::from_runs(runs).filter(|numbers| !numbers.is_empty())?;
        let sender = NodeId::parse(sender).ok()?;
        Some(Self { sender, incarnation: u64::from_be_bytes(*incarnation), numbers })
    }
}

fn decode_run(bytes: &[u8]) -> Option<Run> {
    let (first, count) = bytes.split_first_chunk()?;
    let first = u64::from_be_bytes(*first);
    let behind = u32::from_be_bytes(count.try_into().ok()?).checked_sub(1)?;
    Some(Run { first, last: first.checked_add(u64::from(behind))? })
}

/// What a word about missed messages says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CatchUpVerb {
    /// I hold these.
    Offer,
    /// Of what you offered, I want these.
    Want,
}

/// A word between nodes about messages that one of them may have missed.
///
/// ```
/// use rs2p::wire::{CatchUp, CatchUpVerb};
///
/// let nothing = CatchUp { verb: CatchUpVerb::Want, offer: 7, sources: Vec::new() };
/// let payload = nothing.encode();
/// assert_eq!(CatchUp::decode(payload.iter().map(Vec::as_slice)), Some(nothing));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CatchUp {
    /// What it says.
    pub verb: CatchUpVerb,
    /// The name of the offer on its connection: given by whoever makes it, repeated by whoever
    /// answers.
    pub offer: u64,
    /// The messages, in the order of [`Source::key`].
    pub sources: Vec<Source>,
}

impl CatchUp {
    /// The payload packets, the sub-flag first.
    pub fn encode(&self) -> Vec<Vec<u8>> {
        let verb = match self.verb {
            CatchUpVerb::Offer => OFFER,
            CatchUpVerb::Want => WANT,
        };
        let mut packets = Vec::with_capacity(self.sources.len().saturating_add(3));
        packets.push(CONTROL_WORD.as_bytes().to_vec());
        packets.push(verb.to_vec());
        packets.push(self.offer.to_be_bytes().to_vec());
        packets.extend(self.sources.iter().map(Source::encode));
        packets
    }

    /// Reads the payload packets, the sub-flag first; `None` where they are another word, are more
    /// than [`MAX_SOURCES`] or [`MAX_RUNS`], or do not ascend.
    pub fn decode<'a>(payload: impl IntoIterator<Item = &'a [u8]>) -> Option<Self> {
        let mut packets = payload.into_iter();
        if packets.next()? != CONTROL_WORD.as_bytes() {
            return None;
        }
        let verb = match packets.next()? {
            OFFER => CatchUpVerb::Offer,
            WANT => CatchUpVerb::Want,
            _ => return None,
        };
        let offer = u64::from_be_bytes(packets.next()?.try_into().ok()?);
        let (mut sources, mut runs) = (Vec::new(), 0_usize);
        for packet in packets {
            let source = Source::decode(packet)?;
            runs = runs.saturating_add(source.numbers.iter().len());
            let ascends = sources.last().is_none_or(|last: &Source| last.key() < source.key());
            if !ascends || runs > MAX_RUNS || sources.len() >= MAX_SOURCES {
                return None;
            }
            sources.push(source);
        }
        Some(Self { verb, offer, sources })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(sender: &str, incarnation: u64, runs: &[(u64, u64)]) -> Source {
        let runs = runs.iter().map(|&(first, last)| Run { first, last }).collect();
        let numbers = Runs::from_runs(runs).unwrap();
        Source { sender: sender.parse().unwrap(), incarnation, numbers }
    }

    fn read(payload: &[Vec<u8>]) -> Option<CatchUp> {
        CatchUp::decode(payload.iter().map(Vec::as_slice))
    }

    #[test]
    fn a_word_about_missed_messages_is_read_as_it_was_written() {
        let most = u64::from(u32::MAX);
        let sources = vec![
            source("a", 1, &[(1, 1), (3, most + 2)]),
            source("a", 2, &[(u64::MAX, u64::MAX)]),
            source("zed", 0, &[(0, most - 1), (most, most)]),
        ];
        for verb in [CatchUpVerb::Offer, CatchUpVerb::Want] {
            let word = CatchUp { verb, offer: u64::MAX, sources: sources.clone() };
            let payload = word.encode();
            assert_eq!(read(&payload), Some(word));
            let lens: Vec<usize> = payload.iter().skip(3).map(Vec::len).collect();
            let expected: Vec<usize> = sources.iter().map(Source::encoded_len).collect();
            assert_eq!(lens, expected);
            for missing in 0..3 {
                assert_eq!(read(&payload[..missing]), None);
            }
            for at in 3..payload.len() {
                let mut cut = payload.clone();
                // The last byte is of an id, which may be shorter, but not empty.
                let id_len = sources[at - 3].sender.as_bytes().len();
                let len = cut[at].len() - id_len;
                cut[at].truncate(len);
                assert_eq!(read(&cut), None);
            }
        }
    }

    #[test]
    fn t42_a_word_that_says_too_much_or_nothing_right_is_none() {
        let word =
            |sources: Vec<Source>| CatchUp { verb: CatchUpVerb::Offer, offer: 1, sources }.encode();
        let one = source("a", 1, &[(1, 1)]);
        assert_eq!(read(&word(vec![one.clone(), one.clone()])), None, "twice");
        assert_eq!(read(&word(vec![source("b", 1, &[(1, 1)]), one])), None, "they descend");
        let sources = |count: u64| (0..count).map(|life| source("a", life, &[(1, 1)])).collect();
        assert!(read(&word(sources(1_024))).is_some());
        assert_eq!(read(&word(sources(1_025))), None);
        let runs = |count: u64| (0..count).map(|at| (2 * at, 2 * at)).collect::<Vec<_>>();
        assert!(read(&word(vec![source("a", 1, &runs(4_096))])).is_some());
        assert_eq!(read(&word(vec![source("a", 1, &runs(4_097))])), None);
        let raw = |runs: &[(u64, u32)]| {
            let mut packet = 1_u64.to_be_bytes().to_vec();
            packet.extend(u16::try_from(runs.len()).unwrap().to_be_bytes());
            for (first, count) in runs {
                packet.extend([&first.to_be_bytes()[..], &count.to_be_bytes()].concat());
            }
            packet.push(b'a');
            let payload = [b"rs2p".to_vec(), b"offer".to_vec(), vec![0; 8], packet];
            read(&payload)
        };
        assert!(raw(&[(u64::MAX - 1, 2)]).is_some());
        assert_eq!(raw(&[(u64::MAX - 1, 3)]), None, "beyond the last number");
        assert_eq!(raw(&[(1, 0)]), None, "none");
        assert_eq!(raw(&[(1, 2), (2, 1)]), None, "they overlap");
        assert_eq!(raw(&[]), None, "no run");
    }
}
