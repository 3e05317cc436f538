//! The packets in front of the payload, explained. PROTOCOL.md §2.

use rs2p::wire::{Flag, HEADER_COUNT, MessageId, NodeId, Origin, Packets, SignedOrigin, base58};
use serde_json::json;

use super::date;
use super::frame::Meaning;
use crate::hex;

/// How old a broadcast may be, and how far ahead of the clock, in seconds. PROTOCOL.md §4.2.
const MAX_AGE: u64 = 120;
const MAX_LEAD: u64 = 60;

/// Names and explains up to four packets, as many as there are.
pub(super) fn explain(packets: &Packets, now: u64) -> Vec<(String, Meaning)> {
    let packet = |index| packets.get(index);
    let main = packet(0).and_then(Flag::parse);
    let is_flood = matches!(main, Some(Flag::Broadcast | Flag::Waterfall));
    [
        packet(0).map(|_| ("main flag", main_flag(main, packets.count()))),
        packet(1).map(|id| ("sender", node_id(id))),
        packet(2).map(|id| ("message id", message_id(id, packets, is_flood))),
        packet(3).map(|text| ("time", time(text, now, is_flood))),
    ]
    .into_iter()
    .flatten()
    .map(|(name, meaning)| (name.to_owned(), meaning))
    .collect()
}

fn main_flag(flag: Option<Flag>, count: usize) -> Meaning {
    let text = match flag {
        Some(Flag::Broadcast) => "for everybody; who gets it passes it on as a waterfall",
        Some(Flag::Waterfall) => "a broadcast that somebody passes on",
        Some(Flag::Whisper) => "for the neighbor that receives it",
        Some(Flag::Renegotiate) => "about the connection itself",
        _ => "no main flag of the protocol: nodes ignore the message, or go by its sub-flag",
    };
    let known = flag.filter(|_| !text.starts_with("no ")).map(Flag::as_str);
    let mut notes = vec![text.to_owned()];
    if count == HEADER_COUNT {
        notes.push("no payload follows: nodes ignore the message".to_owned());
    }
    let details = json!({ "known": known });
    Meaning { notes, details, fault: None }
}

/// Explains the id of a node.
pub(super) fn node_id(packet: &[u8]) -> Meaning {
    let id = match NodeId::parse(packet) {
        Ok(id) => id,
        Err(error) => return Meaning::wrong(format!("not the id of a node: {error}")),
    };
    // 44 digits at most are SHA-256 or shorter, which is no node's.
    match base58::decode(id.as_bytes()) {
        Ok(hash) if packet.len() > 44 => {
            let hash = hex::write(&hash);
            let start = hash.get(..16).unwrap_or(&hash);
            let text = format!("base 58 of a SHA-384 hash, {start}…");
            Meaning::note(text).with(json!({ "node_id": id.as_str(), "hash": hash }))
        }
        _ => Meaning::note("a name of somebody's choice: nodes take the base 58 of a hash")
            .with(json!({ "node_id": id.as_str(), "hash": null })),
    }
}

fn message_id(packet: &[u8], packets: &Packets, is_flood: bool) -> Meaning {
    if let Some(signed) = SignedOrigin::decode(packet).filter(|_| is_flood) {
        return signed_origin(&signed, packets);
    }
    let computed = packets.get(3).and_then(|time| {
        let time_58 = std::str::from_utf8(base58::canonical(time).ok()?).ok()?;
        Some(MessageId::new(packets.iter().skip(HEADER_COUNT), time_58))
    });
    let computed_text = computed.as_ref().map(MessageId::as_str);
    let agrees = computed.is_some_and(|id| id.as_bytes() == packet);
    let origin = Origin::decode(packet).filter(|_| is_flood);
    let details = json!({
        "agrees": agrees,
        "computed": computed_text,
        "origin": origin.map(|Origin { incarnation, sequence }| json!({
            "incarnation": format!("{incarnation:016x}"),
            "sequence": sequence,
        })),
    });
    let text = match (origin, computed_text) {
        (Some(Origin { incarnation: 0, sequence: 0 }), _) => {
            "an origin in place of the id, between rs2p nodes: straight from a py2p node".to_owned()
        }
        (Some(Origin { incarnation, sequence }), _) => format!(
            "an origin in place of the id, between rs2p nodes: message {sequence} of the sender's \
             life {incarnation:016x}"
        ),
        _ if agrees => "agrees with the payload and the time".to_owned(),
        (None, Some(computed)) => {
            format!("does not agree with the payload and the time, which give {computed}")
        }
        (None, None) => "cannot be checked without a time".to_owned(),
    };
    Meaning::note(text).with(details)
}

/// Names the parts of a signed origin. Whether the signature is right is not found out: that takes
/// the protocol of the mesh.
fn signed_origin(signed: &SignedOrigin, packets: &Packets) -> Meaning {
    let SignedOrigin { origin: Origin { incarnation, sequence }, key, signature, path } = signed;
    let id = NodeId::of_key(key);
    let is_senders = packets.get(1) == Some(id.as_bytes());
    let incarnation = format!("{incarnation:016x}");
    let whose = if is_senders { "the sender's key" } else { "the key of another than the sender" };
    let together = match path.depth() {
        0 => "signed alone".to_owned(),
        depth => format!("signed with up to {} others", (1_u32 << depth.min(31)) - 1),
    };
    let path: Vec<_> = path
        .steps()
        .map(|step| json!([if step.is_left { "left" } else { "right" }, hex::write(&step.sibling)]))
        .collect();
    let notes = vec![
        format!(
            "an origin in place of the id, between rs2p nodes: message {sequence} of the sender's \
             life {incarnation}"
        ),
        format!("{whose}, {}", hex::write(key)),
        format!("{together}, signature {}…", hex::write(signature.get(..8).unwrap_or_default())),
    ];
    let details = json!({
        "origin": { "incarnation": incarnation, "sequence": sequence },
        "signed": {
            "key": hex::write(key),
            "node_id": id.as_str(),
            "is_senders": is_senders,
            "signature": hex::write(signature),
            "path": path,
        },
    });
    Meaning { notes, details, fault: None }
}

fn time(packet: &[u8], now: u64, is_flood: bool) -> Meaning {
    if base58::canonical(packet).is_err() {
        return Meaning::wrong("not an integer in base 58");
    }
    let Ok(secs) = base58::decode_u64(packet) else {
        let details = json!({ "seconds": null, "utc": null, "age": null, "class": "too new" });
        return Meaning::note("a number beyond every clock").with(details);
    };
    let (class, text) = if now.saturating_sub(secs) > MAX_AGE {
        ("too old", format!("{} ago", span(now.saturating_sub(secs))))
    } else if secs.saturating_sub(now) > MAX_LEAD {
        ("too new", format!("{} ahead", span(secs.saturating_sub(now))))
    } else if secs > now {
        ("current", format!("{} ahead", span(secs.saturating_sub(now))))
    } else {
        ("current", format!("{} ago", span(now.saturating_sub(secs))))
    };
    let utc = date::utc(secs);
    let verdict = match (is_flood, class) {
        (false, _) => "",
        (true, "current") => ": current, a node takes it",
        (true, "too old") => ": too old, a node of rs2p drops it",
        (true, _) => ": too new, a node of rs2p drops it",
    };
    let age = i128::from(now) - i128::from(secs);
    let details = json!({
        "seconds": secs,
        "utc": utc,
        "age": i64::try_from(age).ok(),
        "class": class,
    });
    Meaning::note(format!("{secs}, {utc}, {text}{verdict}")).with(details)
}

/// A number of seconds in its largest unit.
fn span(secs: u64) -> String {
    const UNITS: [(u64, &str); 4] =
        [(365 * 86_400, "years"), (86_400, "days"), (3_600, "hours"), (60, "minutes")];

    let unit = UNITS.iter().find(|(len, _)| secs >= 2 * len);
    unit.map_or_else(|| format!("{secs} s"), |(len, name)| format!("{} {name}", secs / len))
}

#[cfg(test)]
mod tests {
    use rs2p::wire::{Step, TreePath};

    use super::*;

    #[test]
    fn the_age_of_a_broadcast_decides_whether_it_is_taken() {
        let class = |age: i64| {
            let secs = 1_000_000_u64.saturating_add_signed(-age);
            let meaning = time(base58::encode_u64(secs).as_bytes(), 1_000_000, true);
            assert_eq!(meaning.details["age"], age);
            meaning.details["class"].as_str().unwrap().to_owned()
        };
        for (age, expected) in
            [(121, "too old"), (120, "current"), (0, "current"), (-60, "current"), (-61, "too new")]
        {
            assert_eq!(class(age), expected, "{age} s");
        }
        assert_eq!(time(b"zzzzzzzzzzzzzzzzzz", 0, true).details["class"], "too new");
        assert!(time(b"0", 0, true).fault.is_some());
    }

    #[test]
    fn a_span_has_a_fitting_unit() {
        let spans = [0, 119, 120, 7_199, 7_200, 172_800, 730 * 86_400].map(span);
        assert_eq!(
            spans,
            ["0 s", "119 s", "2 minutes", "119 minutes", "2 hours", "2 days", "2 years"]
        );
    }

    #[test]
    fn an_id_is_told_from_an_origin() {
        let origin = Origin { incarnation: 0xabc, sequence: 7 }.encode();
        let packets =
            |main: &[u8]| Packets::join(&[main, b"me", &origin, b"3EdajT", b"x"]).unwrap();
        let flood = message_id(&origin, &packets(b"waterfall"), true);
        assert_eq!(flood.details["origin"]["incarnation"], "0000000000000abc");
        assert_eq!(flood.details["origin"]["sequence"], 7);
        let whisper = message_id(&origin, &packets(b"whisper"), false);
        assert!(whisper.details["origin"].is_null());
        assert_eq!(whisper.details["agrees"], false);
    }

    #[test]
    fn the_parts_of_a_signed_origin_are_named() {
        let step = Step { is_left: true, sibling: [9; 32] };
        let origin = Origin { incarnation: 0xabc, sequence: 7 };
        let path = TreePath::from_steps(vec![step]).unwrap();
        let signed = SignedOrigin { origin, key: [1; 32], signature: [2; 64], path }.encode();
        let id = NodeId::of_key(&[1; 32]);
        for (sender, is_senders) in [(id.as_bytes(), true), (b"me", false)] {
            let packets = [b"waterfall", sender, &signed, b"3EdajT", b"x"];
            let packets = Packets::join(&packets).unwrap();
            let flood = message_id(&signed, &packets, true);
            assert_eq!(flood.details["origin"]["sequence"], 7);
            assert_eq!(flood.details["signed"]["is_senders"], is_senders);
            assert_eq!(flood.details["signed"]["key"], "01".repeat(32));
            assert_eq!(flood.details["signed"]["signature"], "02".repeat(64));
            assert_eq!(flood.details["signed"]["path"], json!([["left", "09".repeat(32)]]));
        }
        let packets = [&b"whisper"[..], id.as_bytes(), &signed, b"3EdajT", b"x"];
        let whisper = message_id(&signed, &Packets::join(&packets).unwrap(), false);
        assert!(whisper.details["signed"].is_null());
    }
}
