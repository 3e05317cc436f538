//! What stands where the 0.2 protocol has the message id, in meshes whose messages are signed.
//! PROTOCOL.md §10.4.

use super::Origin;

/// The most steps of a [`TreePath`]: a signature covers up to 1,024 messages.
pub const MAX_TREE_DEPTH: usize = 10;

const ORIGIN_LEN: usize = 16;
const KEY_LEN: usize = 32;
const SIGNATURE_LEN: usize = 64;
const HASH_LEN: usize = 32;

/// The length of a [`SignedOrigin`] whose path has no step.
const MIN_LEN: usize = ORIGIN_LEN + KEY_LEN + SIGNATURE_LEN + 2;

/// Which message of its sender a message is, and what its sender has signed.
///
/// These are bytes alone: whether the signature is right, and whose the key is, others find out.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SignedOrigin {
    /// Which message it is.
    pub origin: Origin,
    /// The sender's public key.
    pub key: [u8; KEY_LEN],
    /// The signature of the root that [`SignedOrigin::path`] leads to.
    pub signature: [u8; SIGNATURE_LEN],
    /// The way from the message to that root. Without a step, the message is the root.
    pub path: TreePath,
}

impl SignedOrigin {
    /// The longest packet of one of so many messages under one signature, in bytes.
    pub fn max_len(count: usize) -> usize {
        let depth = count.checked_next_power_of_two().unwrap_or(usize::MAX).trailing_zeros();
        let path_len = HASH_LEN.saturating_mul(usize::try_from(depth).unwrap_or(usize::MAX));
        path_len.saturating_add(MIN_LEN)
    }

    /// The packet: origin, key, signature, a bit for the side of each sibling, the siblings.
    pub fn encode(&self) -> Vec<u8> {
        let Self { origin, key, signature, path } = self;
        let mut packet = Vec::with_capacity(MIN_LEN);
        packet.extend_from_slice(&origin.encode());
        packet.extend_from_slice(key);
        packet.extend_from_slice(signature);
        packet.extend_from_slice(&path.sides().to_be_bytes());
        for step in path.steps() {
            packet.extend_from_slice(&step.sibling);
        }
        packet
    }

    /// Reads what [`SignedOrigin::encode`] wrote; `None` for every other packet. Two packets that
    /// are read the same are the same.
    pub fn decode(packet: &[u8]) -> Option<Self> {
        let (origin, rest) = packet.split_first_chunk::<ORIGIN_LEN>()?;
        let (key, rest) = rest.split_first_chunk::<KEY_LEN>()?;
        let (signature, rest) = rest.split_first_chunk::<SIGNATURE_LEN>()?;
        let (sides, rest) = rest.split_first_chunk::<2>()?;
        Some(Self {
            origin: Origin::decode(origin)?,
            key: *key,
            signature: *signature,
            path: TreePath::decode(u16::from_be_bytes(*sides), rest)?,
        })
    }
}

/// The way from a leaf of a tree of hashes to its root, in at most [`MAX_TREE_DEPTH`] steps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct TreePath {
    steps: Vec<Step>,
}

/// One step towards the root: the other of the two hashes that the next one is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Step {
    /// Whether it stands on the left.
    pub is_left: bool,
    /// The hash.
    pub sibling: [u8; HASH_LEN],
}

impl TreePath {
    /// The path of these steps, from the leaf upwards; `None` where they are too many.
    pub fn from_steps(steps: Vec<Step>) -> Option<Self> {
        (steps.len() <= MAX_TREE_DEPTH).then_some(Self { steps })
    }

    /// The steps, from the leaf upwards.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter()
    }

    /// The number of steps.
    pub fn depth(&self) -> usize {
        self.steps.len()
    }

    /// A bit for each step, the first one's the lowest: 1 where the sibling is on the left.
    fn sides(&self) -> u16 {
        self.steps.iter().rev().fold(0, |sides, step| sides << 1 | u16::from(step.is_left))
    }

    fn decode(sides: u16, siblings: &[u8]) -> Option<Self> {
        let siblings = siblings.chunks(HASH_LEN).map(|piece| piece.try_into().ok());
        let bits = (0..u16::BITS).map(|level| sides.wrapping_shr(level) & 1 == 1);
        let step = |(is_left, sibling): (bool, Option<[u8; HASH_LEN]>)| {
            Some(Step { is_left, sibling: sibling? })
        };
        // One more than a path may have tells one that is too long.
        let steps = bits.zip(siblings).take(MAX_TREE_DEPTH.saturating_add(1)).map(step);
        let path = Self::from_steps(steps.collect::<Option<_>>()?)?;
        // A bit beyond the path says nothing, so it must not be set.
        (path.sides() == sides).then_some(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed(depth: u8) -> SignedOrigin {
        let step = |number: u8| Step { is_left: number % 3 == 0, sibling: [number; 32] };
        SignedOrigin {
            origin: Origin { incarnation: 1, sequence: 2 },
            key: [3; 32],
            signature: [4; 64],
            path: TreePath::from_steps((0..depth).map(step).collect()).unwrap(),
        }
    }

    #[test]
    fn what_is_written_is_read_at_every_depth() {
        for depth in 0..=10 {
            let signed = signed(depth);
            let packet = signed.encode();
            assert_eq!(packet.len(), SignedOrigin::max_len(1 << depth));
            assert_eq!(SignedOrigin::decode(&packet), Some(signed));
        }
    }

    #[test]
    fn the_longest_packet_has_a_step_for_each_doubling() {
        let steps = |count| (SignedOrigin::max_len(count) - MIN_LEN) / HASH_LEN;
        assert_eq!([0, 1, 2, 3, 4, 5, 7, 8, 9, 1_024].map(steps), [0, 0, 1, 2, 2, 3, 3, 3, 4, 10]);
    }

    #[test]
    fn a_path_of_eleven_steps_is_none() {
        let step = Step { is_left: false, sibling: [0; 32] };
        assert_eq!(TreePath::from_steps(vec![step; 11]), None);
        let packet = [signed(10).encode(), vec![0; 32]].concat();
        assert_eq!(SignedOrigin::decode(&packet), None);
    }

    #[test]
    fn no_other_length_and_no_bit_beyond_the_path_is_taken() {
        for depth in [0, 1, 10] {
            let packet = signed(depth).encode();
            for len in 0..packet.len() {
                let is_whole = len >= 114 && (len - 114) % 32 == 0;
                let read = SignedOrigin::decode(&packet[..len]);
                // A shorter path leaves the bits of the others behind.
                assert!(read.is_none() || is_whole, "{len} of {depth}");
            }
            for bit in u32::from(depth)..16 {
                let mut changed = packet.clone();
                let sides = u16::from_be_bytes([packet[112], packet[113]]) | 1 << bit;
                changed[112..114].copy_from_slice(&sides.to_be_bytes());
                assert_eq!(SignedOrigin::decode(&changed), None, "bit {bit} of {depth}");
            }
        }
        assert_eq!(Origin::decode(&signed(0).encode()), None, "no other node takes it for its own");
    }
}
