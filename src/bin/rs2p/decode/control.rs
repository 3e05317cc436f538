//! The words of rs2p nodes about their connections, explained. PROTOCOL.md §5.4 to §5.6.

use rs2p::wire::{Control, LinkName, LinkVerdict};
use serde_json::json;

use super::frame::Meaning;

/// The names of the packets behind the sub-flag.
pub(super) fn names(payload: &[&[u8]]) -> &'static [&'static str] {
    match decode(payload) {
        Some(Control::Refused(_)) => &["verb", "reason"],
        Some(Control::Ping(_) | Control::Pong(_)) => &["verb", "number"],
        Some(Control::Ask(_) | Control::Answer { .. }) | None => &["verb", "your link", "my link"],
    }
}

/// Explains the packet at `index` behind the sub-flag.
pub(super) fn packet(index: usize, packet: &[u8], payload: &[&[u8]]) -> Meaning {
    match (index, decode(payload)) {
        (0, control) => verb(control),
        (1, Some(Control::Refused(reason))) => Meaning::note(reason.to_string()),
        (1, Some(Control::Ping(number))) => {
            let number = format!("{number:016x}");
            Meaning::note("to be sent back").with(json!({ "number": number }))
        }
        (1, Some(Control::Pong(number))) => {
            let number = format!("{number:016x}");
            Meaning::note("as it was asked with").with(json!({ "number": number }))
        }
        (1, _) => link(packet, "named by the end that reads this"),
        (2, Some(Control::Ask(_) | Control::Answer { .. }) | None) => {
            link(packet, "named by the end that wrote this")
        }
        _ => Meaning::note("of no meaning here: nodes pass over it"),
    }
}

fn decode(payload: &[&[u8]]) -> Option<Control> {
    Control::decode(payload.iter().copied())
}

fn verb(control: Option<Control>) -> Meaning {
    let text = match control {
        Some(Control::Ask(_)) => "somebody with your id opened this connection to me: is it yours?",
        Some(Control::Answer { verdict: LinkVerdict::Unknown, .. }) => "I have no such connection",
        Some(Control::Answer { verdict: LinkVerdict::Settled, .. }) => {
            "I have, and write to you on the connection over which you asked"
        }
        Some(Control::Answer { verdict: LinkVerdict::Open, .. }) => {
            "I have, and write to you on another than the one over which you asked"
        }
        Some(Control::Refused(_)) => "I do not want you; the connection ends here",
        Some(Control::Ping(_)) => "are you there?",
        Some(Control::Pong(_)) => "I am",
        None => "no word that this version knows: nodes ignore it",
    };
    let details = match control {
        Some(Control::Ask(link) | Control::Answer { link, .. }) => {
            let LinkName { yours, mine } = link;
            Some(json!({ "yours": format!("{yours:016x}"), "mine": format!("{mine:016x}") }))
        }
        _ => None,
    };
    Meaning::note(text).with(json!({ "link": details }))
}

fn link(packet: &[u8], text: &str) -> Meaning {
    match <[u8; 8]>::try_from(packet) {
        Ok(bytes) => {
            let name = format!("{:016x}", u64::from_be_bytes(bytes));
            Meaning::note(format!("connection {name}, {text}")).with(json!({ "link": name }))
        }
        Err(_) => Meaning::note("not eight bytes: not the name of a connection"),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use rs2p::wire::{Packets, PathfindingMessage, RefusalReason};

    use super::super::payload::explain;
    use super::*;

    fn packets(control: Control) -> Packets {
        let message = PathfindingMessage::new(b"whisper", b"me", 1, &control.encode()).unwrap();
        Packets::split(Bytes::copy_from_slice(message.packets().body()), 100).unwrap()
    }

    #[test]
    fn a_refusal_is_told_with_its_reason() {
        let (explained, missing) = explain(&packets(Control::Refused(RefusalReason::SecretWrong)));
        let [_, (_, verb), (name, reason)] = &explained[..] else { panic!("{explained:?}") };
        assert!(verb.notes[0].contains("I do not want you"), "{verb:?}");
        assert_eq!(name, "reason");
        assert_eq!(reason.notes, ["this node's secret is not that of the mesh"]);
        assert_eq!(missing, [""; 0]);
    }

    #[test]
    fn a_ping_and_its_answer_are_told_with_their_number() {
        for (control, expected) in
            [(Control::Ping(0xa), "are you there?"), (Control::Pong(0xa), "I am")]
        {
            let (explained, _) = explain(&packets(control));
            let [_, (_, verb), (name, number)] = &explained[..] else { panic!("{explained:?}") };
            assert_eq!(verb.notes[0], expected);
            assert_eq!(
                (name.as_str(), &number.details["number"]),
                ("number", &"000000000000000a".into())
            );
        }
    }

    #[test]
    fn words_about_connections_are_told_with_both_names() {
        let link = LinkName { yours: 0xa, mine: 0xb };
        for (control, expected) in [
            (Control::Ask(link), "is it yours?"),
            (Control::Answer { link, verdict: LinkVerdict::Unknown }, "I have no such connection"),
            (Control::Answer { link, verdict: LinkVerdict::Settled }, "over which you asked"),
            (Control::Answer { link, verdict: LinkVerdict::Open }, "on another than"),
        ] {
            let (explained, _) = explain(&packets(control));
            let [_, (_, verb), (name, yours), (_, mine)] = &explained[..] else {
                panic!("{explained:?}")
            };
            assert!(verb.notes[0].contains(expected), "{verb:?}");
            assert_eq!(verb.details["link"]["mine"], "000000000000000b");
            assert_eq!(
                (name.as_str(), &yours.details["link"]),
                ("your link", &"000000000000000a".into())
            );
            assert_eq!(mine.details["link"], "000000000000000b");
        }
    }
}
