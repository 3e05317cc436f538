//! What a node of this crate can do beyond the 0.2 protocol, and how it says so.
//! PROTOCOL.md §5.

use std::fmt;
use std::fmt::Write;

/// The first word of the packet. A packet that begins otherwise says nothing.
const NAME: &str = "rs2p";

/// The word of a node that signs its broadcasts.
const SIGNED: &str = "signed";

/// The word of a node that answers pings.
const PING: &str = "ping";

/// The word of a node that keeps messages for those who have missed them.
const CATCH_UP: &str = "catchup";

/// The length of the proof of a secret, in bytes.
const PROOF_LEN: usize = 32;

/// The longest packet that is read, in bytes.
const MAX_LEN: usize = 1_024;

/// Told in a sixth packet behind a handshake's five, where a py2p node reads nothing.
///
/// The packet is a line of words: `rs2p`, then one word for each thing that the node can do. A
/// reader passes over words that it does not know, so that words can be added. What is written
/// here is used on a connection only where both ends have written it.
///
/// ```
/// use rs2p::wire::Extension;
///
/// let extension = Extension::new(1, 0xabc);
/// assert_eq!(extension.to_string(), "rs2p incarnation=0000000000000001 link=0000000000000abc");
/// let newer = b"rs2p wings link=abc incarnation=1";
/// assert_eq!(Extension::parse(newer), Some(extension));
/// assert_eq!(Extension::parse(b"something else"), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Extension {
    /// Which life of the node this is: drawn at random when it starts. The node numbers its
    /// messages within it.
    pub incarnation: u64,
    /// The node's name for this connection, drawn at random for each. It lets two nodes talk
    /// about one connection over another.
    pub link: u64,
    /// What shows that the node knows the secret of the mesh; `None` where it shows nothing.
    /// PROTOCOL.md §10.5.
    pub secret: Option<[u8; PROOF_LEN]>,
    /// Whether the node signs its broadcasts, and takes no others. PROTOCOL.md §10.4.
    pub signed: bool,
    /// Whether the node answers pings. PROTOCOL.md §5.6.
    pub ping: bool,
    /// Whether the node offers what it holds to whoever may have missed it, and takes such offers.
    /// PROTOCOL.md §5.7.
    pub catches_up: bool,
}

impl Extension {
    /// What a node says that can do nothing else and has no secret to prove.
    pub fn new(incarnation: u64, link: u64) -> Self {
        Self { incarnation, link, secret: None, signed: false, ping: false, catches_up: false }
    }

    /// Reads the packet; `None` where it is not one of these, or lacks a word.
    pub fn parse(packet: &[u8]) -> Option<Self> {
        if packet.len() > MAX_LEN {
            return None;
        }
        let mut words = std::str::from_utf8(packet).ok()?.split(' ');
        if words.next() != Some(NAME) {
            return None;
        }
        let (mut incarnation, mut link, mut secret) = (None, None, None);
        let (mut signed, mut ping, mut catches_up) = (false, false, false);
        for word in words {
            signed |= word == SIGNED;
            ping |= word == PING;
            catches_up |= word == CATCH_UP;
            match word.split_once('=') {
                Some(("incarnation", value)) => incarnation = parse_hex(value),
                Some(("link", value)) => link = parse_hex(value),
                Some(("secret", value)) => secret = parse_proof(value),
                _ => {}
            }
        }
        Some(Self { incarnation: incarnation?, link: link?, secret, signed, ping, catches_up })
    }
}

/// Reads hexadecimal digits alone: the standard library takes a sign as well.
fn parse_hex(digits: &str) -> Option<u64> {
    let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    is_hex.then(|| u64::from_str_radix(digits, 16).ok()).flatten()
}

/// Reads exactly as many hexadecimal digits as a proof has.
fn parse_proof(digits: &str) -> Option<[u8; PROOF_LEN]> {
    if digits.len() != 2 * PROOF_LEN {
        return None;
    }
    let mut proof = [0; PROOF_LEN];
    for (byte, pair) in proof.iter_mut().zip(digits.as_bytes().chunks(2)) {
        let value = parse_hex(std::str::from_utf8(pair).ok()?)?;
        *byte = u8::try_from(value).ok()?;
    }
    Some(proof)
}

/// The packet's text.
impl fmt::Display for Extension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { incarnation, link, secret, signed, ping, catches_up } = self;
        f.write_str(NAME)?;
        f.write_char(' ')?;
        write!(f, "incarnation={incarnation:016x} link={link:016x}")?;
        if let Some(proof) = secret {
            f.write_str(" secret=")?;
            proof.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        }
        for (has, word) in [(*signed, SIGNED), (*ping, PING), (*catches_up, CATCH_UP)] {
            if has {
                f.write_char(' ')?;
                f.write_str(word)?;
            }
        }
        Ok(())
    }
}

/// The length of an [`Origin`] on the wire.
const ORIGIN_LEN: usize = 16;

/// Which message of its sender a message is. Stands where the 0.2 protocol has the message id,
/// between nodes that have told each other their [`Extension`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// Which life of the sender.
    pub incarnation: u64,
    /// The message's number in it, from 1.
    pub sequence: u64,
}

impl Origin {
    /// Two numbers of eight bytes, the most significant first.
    pub fn encode(self) -> [u8; ORIGIN_LEN] {
        let mut bytes = [0; ORIGIN_LEN];
        let (incarnation, sequence) = bytes.split_at_mut(8);
        incarnation.copy_from_slice(&self.incarnation.to_be_bytes());
        sequence.copy_from_slice(&self.sequence.to_be_bytes());
        bytes
    }

    /// Reads what [`Origin::encode`] wrote; `None` for a packet of any other length, such as a
    /// message id of the 0.2 protocol.
    pub fn decode(packet: &[u8]) -> Option<Self> {
        let (incarnation, rest) = packet.split_first_chunk()?;
        let sequence = rest.try_into().ok()?;
        Some(Self {
            incarnation: u64::from_be_bytes(*incarnation),
            sequence: u64::from_be_bytes(sequence),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_node_says_is_what_others_read() {
        let extension = Extension::new(u64::MAX, 0);
        let proof = Some(std::array::from_fn(|at| u8::try_from(8 * at).unwrap()));
        for (secret, signed) in [(None, false), (proof, false), (None, true), (proof, true)] {
            for catches_up in [false, true] {
                let extension = Extension { secret, signed, catches_up, ..extension };
                assert_eq!(Extension::parse(extension.to_string().as_bytes()), Some(extension));
            }
        }
        let pinging = Extension { ping: true, signed: true, ..extension };
        assert!(pinging.to_string().ends_with(" signed ping"));
        assert_eq!(Extension::parse(pinging.to_string().as_bytes()), Some(pinging));
        let unsigned = Extension::parse(b"rs2p incarnation=1 link=1 Signed signed=1");
        assert_eq!(unsigned, Some(Extension::new(1, 1)));
        let extension = Extension { secret: proof, ..extension };
        assert!(extension.to_string().ends_with(
            " link=0000000000000000 secret=\
             0008101820283038404850586068707880889098a0a8b0b8c0c8d0d8e0e8f0f8"
        ));
    }

    #[test]
    fn a_proof_of_any_other_length_or_alphabet_is_none() {
        for digits in ["", "0", &"0".repeat(63), &"0".repeat(65), &"0".repeat(66), &"+0".repeat(32)]
        {
            let packet = format!("rs2p incarnation=1 link=1 secret={digits}");
            let extension = Extension::new(1, 1);
            assert_eq!(Extension::parse(packet.as_bytes()), Some(extension), "{digits}");
        }
        let umlauts = format!("rs2p incarnation=1 link=1 secret={}", "\u{e4}".repeat(32));
        assert_eq!(Extension::parse(umlauts.as_bytes()), Some(Extension::new(1, 1)));
    }

    #[test]
    fn a_packet_that_lacks_a_word_or_is_another_says_nothing() {
        for packet in [
            "",
            "rs2p",
            "rs2p link=1",
            "rs2p incarnation=1",
            "rs2p incarnation=x link=1",
            "rs2p incarnation=11111111111111111 link=1",
            "rs2p incarnation= link=1",
            "rs2p incarnation=+5 link=1",
            "RS2P incarnation=1 link=1",
            "rs2p2 incarnation=1 link=1",
        ] {
            assert_eq!(Extension::parse(packet.as_bytes()), None, "{packet}");
        }
        assert_eq!(Extension::parse(b"rs2p incarnation=1 link=1 \xff"), None);
        let long = format!("rs2p incarnation=1 link=1 {}", "x".repeat(MAX_LEN));
        assert_eq!(Extension::parse(long.as_bytes()), None);
    }

    #[test]
    fn an_origin_has_sixteen_bytes_and_no_other_packet_is_one() {
        let origin = Origin { incarnation: 1, sequence: u64::MAX };
        assert_eq!(Origin::decode(&origin.encode()), Some(origin));
        for len in [0, 7, 8, 15, 17, 65, 66] {
            assert_eq!(Origin::decode(&vec![b'x'; len]), None, "{len} bytes");
        }
    }
}
