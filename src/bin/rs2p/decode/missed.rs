//! Words between nodes of this kind about messages that one of them may have missed.

use rs2p::wire::{CatchUp, CatchUpVerb, Run, Source};
use serde_json::{Value, json};

use super::frame::Meaning;

/// The packets of such a word that stand in front of its sources: sub-flag, verb and name.
const HEADER_COUNT: usize = 3;

/// Whether a payload is one.
pub(super) fn is_word(payload: &[&[u8]]) -> bool {
    CatchUp::decode(payload.iter().copied()).is_some()
}

pub(super) fn verb(payload: &[&[u8]]) -> Meaning {
    let word = CatchUp::decode(payload.iter().copied());
    let text = match word.map(|word| word.verb) {
        Some(CatchUpVerb::Offer) => "I hold these messages: which have you missed?",
        Some(CatchUpVerb::Want) => "of what you have offered, I want these",
        None => "no word that this version knows: nodes ignore it",
    };
    Meaning::note(text)
}

/// The packet of one source.
pub(super) fn source(packet: &[u8], payload: &[&[u8]]) -> Meaning {
    let header = payload.iter().copied().take(HEADER_COUNT);
    let word = CatchUp::decode(header.chain([packet]));
    let Some(Source { sender, incarnation, numbers }) =
        word.and_then(|word| word.sources.into_iter().next())
    else {
        return Meaning::wrong("not numbers of messages and their sender");
    };
    let text = |run: &Run| match run {
        Run { first, last } if first == last => first.to_string(),
        Run { first, last } => format!("{first} to {last}"),
    };
    let runs: Vec<Value> = numbers.iter().map(|run| json!([run.first, run.last])).collect();
    let told: Vec<String> = numbers.iter().map(text).collect();
    let incarnation = format!("{incarnation:016x}");
    let text = format!("of {sender}, in its life {incarnation}: {}", told.join(", "));
    Meaning::note(text).with(json!({
        "sender": sender.as_str(),
        "incarnation": incarnation,
        "numbers": runs,
    }))
}

#[cfg(test)]
mod tests {
    use rs2p::wire::Runs;

    use super::*;

    #[test]
    fn a_word_about_missed_messages_is_told_source_by_source() {
        let runs = vec![Run { first: 1, last: 1 }, Run { first: 4, last: 9 }];
        let numbers = Runs::from_runs(runs).unwrap();
        let sources = ["ann", "bob"].map(|sender| Source {
            sender: sender.parse().unwrap(),
            incarnation: 10,
            numbers: numbers.clone(),
        });
        for (word, expected) in
            [(CatchUpVerb::Offer, "which have you missed?"), (CatchUpVerb::Want, "I want these")]
        {
            let payload = CatchUp { verb: word, offer: 7, sources: sources.to_vec() }.encode();
            let payload: Vec<&[u8]> = payload.iter().map(Vec::as_slice).collect();
            assert!(is_word(&payload));
            assert!(verb(&payload).notes[0].contains(expected));
            let meaning = source(payload[4], &payload);
            assert_eq!(meaning.notes, ["of bob, in its life 000000000000000a: 1, 4 to 9"]);
            assert_eq!(meaning.details["numbers"], json!([[1, 1], [4, 9]]));
        }
        assert!(!is_word(&[b"rs2p", b"offer"]));
    }
}
