//! Single bytes: flipped, dropped, added, repeated, and the stream cut there.

use super::*;

/// Of how many places one is tried.
const STRIDE: usize = if cfg!(debug_assertions) { 3 } else { 1 };

/// What is done at one place in one of the two streams.
#[derive(Clone, Copy, Debug)]
enum Tampering {
    /// These bits are flipped.
    Flip(u8),
    /// A byte is missing.
    Drop,
    /// There is one more byte.
    Insert,
    /// The bytes in front of the place, this many, come again.
    Repeat(usize),
    CutOff,
    Reset,
}

use Tampering::{CutOff, Drop, Flip, Insert, Repeat, Reset};

/// Somebody who does one thing, once.
fn tamper(
    tampering: Tampering,
    side: usize,
    at: usize,
) -> impl FnMut(usize, &[u8]) -> Vec<Deed> + 'static {
    let mut before = Vec::new();
    move |from, data| {
        let start = before.len();
        if from != side || !(start..start + data.len()).contains(&at) {
            if from == side {
                before.extend_from_slice(data);
            }
            return pass(from, data);
        }
        before.extend_from_slice(data);
        let (head, tail) = data.split_at(at - start);
        let changed = match tampering {
            Flip(bits) => [head, &[tail[0] ^ bits], &tail[1..]].concat(),
            Drop => [head, &tail[1..]].concat(),
            Insert => [head, &[0x5a], tail].concat(),
            Repeat(len) => [head, &before[at.saturating_sub(len)..at], tail].concat(),
            CutOff => return vec![Deed::Pass(head.to_vec()), Deed::Fin],
            Reset => return vec![Deed::Pass(head.to_vec()), Deed::Reset],
        };
        vec![Deed::Pass(changed)]
    }
}

/// The heads of records: what stands in them is not all bound to what the record holds. The kind of
/// an encrypted record and the version mean nothing (RFC 8446, 5.1 and 5.2), and a record that
/// announces more bytes waits for them.
fn heads(stream: &[u8]) -> BTreeSet<usize> {
    let mut start = 0;
    let mut places = BTreeSet::new();
    for record in records(stream).unwrap() {
        places.extend(start..start + 5);
        start += record.len();
    }
    places
}

/// What came of it, how often.
#[derive(Default)]
struct Tally {
    cases: usize,
    /// Where the link stood all the same: whether that was in the head of a record.
    stood: Vec<(String, bool)>,
    reasons: [BTreeSet<String>; 2],
}

/// Does this at every place of both streams, up to the end of the handshakes; without optimization,
/// which makes minutes of it, at every third.
fn everywhere(tamperings: &[Tampering]) -> Tally {
    let mut trio = Trio::new();
    let said = trio.opening();
    let mut tally = Tally::default();
    for side in [0, 1] {
        for at in (side..said[side].len()).step_by(STRIDE) {
            for &tampering in tamperings {
                let name = format!("{tampering:?} at {at} of {side}");
                let outcome = trio.attack(&name, tamper(tampering, side, at));
                tally.cases += 1;
                if outcome.stands {
                    tally.stood.push((name, heads(&outcome.said[side]).contains(&at)));
                }
                for (all, its) in tally.reasons.iter_mut().zip(outcome.ends) {
                    all.extend(its.iter().map(|reason| format!("{reason:?}")));
                }
            }
        }
    }
    assert!(tally.cases * STRIDE > 2_000 * tamperings.len(), "{} cases", tally.cases);
    tally
}

#[test]
fn a_bit_flipped_at_any_place_brings_no_wrong_message_and_keeps_nobody_waiting() {
    let tally = everywhere(&[Flip(1), Flip(0x80)]);
    assert!(tally.stood.iter().all(|(_, in_head)| *in_head), "{:?}", tally.stood);
}

#[test]
fn bytes_missing_added_or_repeated_at_any_place_bring_no_wrong_message() {
    let tally = everywhere(&[Drop, Insert, Repeat(40)]);
    assert!(tally.stood.iter().all(|(_, in_head)| *in_head), "{:?}", tally.stood);
}

#[test]
fn a_stream_cut_at_any_place_was_cut_off_at_both_ends() {
    let tally = everywhere(&[CutOff, Reset]);
    assert!(tally.stood.is_empty(), "{:?}", tally.stood);
    let expected = ["Encryption(CutOff)", "Network(NetworkError(ConnectionReset, None))"];
    assert_eq!(tally.reasons, [(); 2].map(|()| expected.map(str::to_owned).into()));
}
