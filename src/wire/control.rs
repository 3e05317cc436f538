//! What two nodes of this crate tell each other about their connections. PROTOCOL.md §5.

use super::{Flag, RefusalReason};

/// The sub-flag of these payloads: a word of this crate, under the main flag `whisper`. Sent only
/// where both ends have told each other their [`Extension`](super::Extension).
pub const CONTROL_WORD: &str = "rs2p";

/// One connection, by the names that both ends gave it in their handshakes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LinkName {
    /// The name given by the end that reads this.
    pub yours: u64,
    /// The name given by the end that wrote this.
    pub mine: u64,
}

/// A word between nodes about their connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Control {
    /// Somebody who goes by your id has opened this connection to me. Is it you?
    Ask(LinkName),
    /// The answer about the connection that was asked for.
    Answer {
        /// The connection, named by the one who answers.
        link: LinkName,
        /// What the answering end knows of it.
        verdict: LinkVerdict,
    },
    /// The last word on a connection: the one who writes it does not want the one who reads it.
    Refused(RefusalReason),
    /// Are you there? A number that nobody can guess, to be sent back.
    Ping(u64),
    /// The answer, with the number that was asked with.
    Pong(u64),
}

/// What a node knows of a connection that it is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LinkVerdict {
    /// It has no such connection to the one who asks.
    Unknown,
    /// It has, and writes on the one over which the question came.
    Settled,
    /// It has, and writes on another than the one over which the question came.
    Open,
}

const ASK: &[u8] = b"link?";
const UNKNOWN: &[u8] = b"link no";
const SETTLED: &[u8] = b"link yes, settled";
const OPEN: &[u8] = b"link yes, open";
const REFUSED: &[u8] = b"refused";
const PING: &[u8] = b"ping";
const PONG: &[u8] = b"pong";

impl Control {
    /// The payload packets, the sub-flag first.
    pub fn encode(&self) -> Vec<Vec<u8>> {
        let (verb, link) = match self {
            Self::Ask(link) => (ASK, link),
            Self::Answer { link, verdict: LinkVerdict::Unknown } => (UNKNOWN, link),
            Self::Answer { link, verdict: LinkVerdict::Settled } => (SETTLED, link),
            Self::Answer { link, verdict: LinkVerdict::Open } => (OPEN, link),
            Self::Refused(reason) => return packets(REFUSED, &[reason.word()]),
            Self::Ping(number) => return packets(PING, &[&number.to_be_bytes()]),
            Self::Pong(number) => return packets(PONG, &[&number.to_be_bytes()]),
        };
        packets(verb, &[&link.yours.to_be_bytes(), &link.mine.to_be_bytes()])
    }

    /// Reads the payload packets, the sub-flag first; `None` where they are none of these, which
    /// a later version may have added.
    pub fn decode<'a>(payload: impl IntoIterator<Item = &'a [u8]>) -> Option<Self> {
        let mut packets = payload.into_iter();
        if packets.next()? != CONTROL_WORD.as_bytes() {
            return None;
        }
        let verb = packets.next()?;
        if verb == REFUSED {
            return Some(Self::Refused(RefusalReason::parse(packets.next()?)));
        }
        let mut number = || Some(u64::from_be_bytes(packets.next()?.try_into().ok()?));
        match verb {
            PING => return Some(Self::Ping(number()?)),
            PONG => return Some(Self::Pong(number()?)),
            _ => {}
        }
        let link = LinkName { yours: number()?, mine: number()? };
        let verdict = match verb {
            ASK => return Some(Self::Ask(link)),
            UNKNOWN => LinkVerdict::Unknown,
            SETTLED => LinkVerdict::Settled,
            OPEN => LinkVerdict::Open,
            _ => return None,
        };
        Some(Self::Answer { link, verdict })
    }
}

/// The sub-flag and a verb with what stands behind it.
fn packets(verb: &[u8], behind: &[&[u8]]) -> Vec<Vec<u8>> {
    [CONTROL_WORD.as_bytes(), verb].iter().chain(behind).map(|packet| packet.to_vec()).collect()
}

/// Whether this sub-flag has a meaning of its own, so that an application's messages cannot go
/// under it.
pub fn is_reserved(sub_flag: &[u8]) -> bool {
    sub_flag == CONTROL_WORD.as_bytes()
        || Flag::parse(sub_flag)
            .is_some_and(|flag| !matches!(flag, Flag::Broadcast | Flag::Whisper))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_about_a_link_is_read_as_it_was_written() {
        let link = LinkName { yours: 1, mine: u64::MAX };
        for control in [
            Control::Ask(link),
            Control::Answer { link, verdict: LinkVerdict::Unknown },
            Control::Answer { link, verdict: LinkVerdict::Settled },
            Control::Answer { link, verdict: LinkVerdict::Open },
            Control::Ping(1 << 63),
            Control::Pong(7),
        ] {
            let payload = control.encode();
            assert_eq!(Control::decode(payload.iter().map(Vec::as_slice)), Some(control));
            for missing in 0..payload.len() {
                let cut = payload.iter().take(missing).map(Vec::as_slice);
                assert_eq!(Control::decode(cut), None);
            }
        }
        let short = [CONTROL_WORD.as_bytes(), ASK, b"1234567", b"12345678"];
        assert_eq!(Control::decode(short), None);
        let later = [CONTROL_WORD.as_bytes(), b"link maybe", b"12345678", b"12345678"];
        assert_eq!(Control::decode(later), None);
    }

    #[test]
    fn every_reason_of_a_refusal_has_a_word_and_a_later_one_is_another() {
        for reason in RefusalReason::ALL {
            let payload = Control::Refused(reason).encode();
            let read = Control::decode(payload.iter().map(Vec::as_slice));
            assert_eq!(read, Some(Control::Refused(reason)));
            let cut = payload.iter().take(2).map(Vec::as_slice);
            assert_eq!(Control::decode(cut), None);
        }
        // As PROTOCOL.md has them.
        let words: Vec<&[u8]> = RefusalReason::ALL.iter().map(|reason| reason.word()).collect();
        let expected =
            "secret missing,secret wrong,denied,wrong peer,false id,unsigned,other".as_bytes();
        assert_eq!(words.join(&b','), expected);
        let payload = Control::Refused(RefusalReason::Denied).encode();
        assert_eq!(payload, [&b"rs2p"[..], b"refused", b"denied"]);
        let later = [CONTROL_WORD.as_bytes(), REFUSED, b"\x1b[2J too tall"];
        assert_eq!(Control::decode(later), Some(Control::Refused(RefusalReason::Other)));
    }

    #[test]
    fn applications_may_use_any_word_that_has_no_meaning() {
        for free in ["broadcast", "whisper", "chat", "", "Peers"] {
            assert!(!is_reserved(free.as_bytes()), "{free}");
        }
        for taken in ["handshake", "peers", "request", "response", "resend", "rs2p", "waterfall"] {
            assert!(is_reserved(taken.as_bytes()), "{taken}");
        }
    }
}
