//! The packets of the payload, explained by what the flags say they are. PROTOCOL.md §3 and §5.

use rs2p::wire::{
    CONTROL_WORD, Extension, Flag, HEADER_COUNT, NodeId, Packets, PeerEntry, Request, RequestId,
    Response, Wanted,
};
use rs2p::{Address, Compressions, Encryption, Protocol};
use serde_json::{Value, json};

use super::control;
use super::frame::Meaning;
use super::header::node_id;
use super::missed;
use super::text::safe;

/// The most entries of a peers list that a node of rs2p reads. PROTOCOL.md §3.2.
const MAX_ENTRIES: usize = 1_000;

/// What a message is about. A node decides it in this order, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Handshake,
    Compression,
    Resend,
    Request,
    Response,
    Peers,
    Control,
    /// A word about messages that one end has missed.
    Missed,
    /// A renegotiation of no known kind.
    Unknown,
    User,
}

/// Names and explains every packet behind the header, and lists what is missing.
pub(super) fn explain(packets: &Packets) -> (Vec<(String, Meaning)>, Vec<&'static str>) {
    let mut payload: Vec<&[u8]> = packets.iter().skip(HEADER_COUNT).collect();
    if payload.is_empty() {
        return (Vec::new(), Vec::new());
    }
    let main = packets.get(0).and_then(Flag::parse);
    let kind = match Kind::of(main, payload.first().copied().unwrap_or_default()) {
        Kind::Control if missed::is_word(&payload) => Kind::Missed,
        kind => kind,
    };
    let names = if kind == Kind::Control { control::names(&payload) } else { kind.names() };
    let explained = payload.iter().enumerate().map(|(index, packet)| match index.checked_sub(1) {
        None => ("sub-flag".to_owned(), kind.sub_flag(packet)),
        Some(index) => {
            let name = names
                .get(index)
                .map_or_else(|| format!("payload {}", index + 1), |name| (*name).to_owned());
            (name, kind.packet(index, packet, &payload))
        }
    });
    let explained = explained.collect();
    payload.truncate(1 + kind.required());
    (explained, names.iter().take(kind.required()).skip(payload.len() - 1).copied().collect())
}

impl Kind {
    fn of(main: Option<Flag>, sub_flag: &[u8]) -> Self {
        match (main, Flag::parse(sub_flag)) {
            (_, Some(Flag::Handshake)) => Self::Handshake,
            (Some(Flag::Renegotiate), Some(Flag::Compression)) => Self::Compression,
            (Some(Flag::Renegotiate), Some(Flag::Resend)) => Self::Resend,
            (Some(Flag::Renegotiate), _) => Self::Unknown,
            (_, Some(Flag::Request)) => Self::Request,
            (_, Some(Flag::Response)) => Self::Response,
            (_, Some(Flag::Peers)) => Self::Peers,
            (Some(Flag::Whisper), None) if sub_flag == CONTROL_WORD.as_bytes() => Self::Control,
            _ => Self::User,
        }
    }

    /// The names of the packets behind the sub-flag.
    const fn names(self) -> &'static [&'static str] {
        match self {
            Self::Handshake => &["node id", "protocol id", "address", "compressions", "extension"],
            Self::Compression => &["compressions"],
            Self::Request => &["request id", "wanted id"],
            Self::Response => &["request id", "place"],
            Self::Peers => &["peers list"],
            Self::Missed => &["verb", "offer"],
            // They depend on the verb.
            Self::Control | Self::Resend | Self::Unknown | Self::User => &[],
        }
    }

    /// How many of them there must be.
    const fn required(self) -> usize {
        match self {
            Self::Handshake => 4,
            Self::Compression | Self::Peers => 1,
            Self::Request | Self::Response => 2,
            // A later version may have others, which nodes ignore.
            Self::Control | Self::Missed | Self::Resend | Self::Unknown | Self::User => 0,
        }
    }

    fn sub_flag(self, packet: &[u8]) -> Meaning {
        let text = match self {
            Self::Handshake => "who the sender is; the first message of each end",
            Self::Compression => "use these methods from now on",
            Self::Resend => "send the last message again",
            Self::Request => "where is this node?",
            Self::Response => "here is the node that you asked for",
            Self::Peers => "the nodes that the sender knows",
            Self::Control => "rs2p nodes among themselves, about their connections",
            Self::Missed => "rs2p nodes among themselves, about messages that one may have missed",
            Self::Unknown => "no renegotiation of the protocol: nodes of rs2p ignore it",
            Self::User => match Flag::parse(packet) {
                Some(Flag::Broadcast | Flag::Whisper) => "a message of a user",
                _ => "a message of a user, under a word of the application's own",
            },
        };
        let known = (self != Self::Unknown && self != Self::User)
            .then_some(packet)
            .or_else(|| Flag::parse(packet).map(|flag| flag.as_bytes()));
        Meaning::note(text).with(json!({ "known": known.map(safe) }))
    }

    /// Explains the packet at `index` behind the sub-flag.
    fn packet(self, index: usize, packet: &[u8], payload: &[&[u8]]) -> Meaning {
        match (self, index) {
            (Self::User, _) => Meaning::default(),
            (Self::Handshake, 0) => node_id(packet),
            (Self::Handshake, 1) => protocol_id(packet),
            (Self::Handshake, 2) => address(packet),
            (Self::Handshake, 3) | (Self::Compression, 0) => compressions(packet),
            (Self::Handshake, 4) => extension(packet),
            (Self::Request | Self::Response, 0) => request_id(packet),
            (Self::Request, 1) => wanted(packet),
            (Self::Response, 1) => place(packet),
            (Self::Peers, 0) => peers(packet),
            (Self::Control, _) => control::packet(index, packet, payload),
            (Self::Missed, 0) => missed::verb(payload),
            (Self::Missed, 1) => Meaning::note("the name of the offer on its connection"),
            (Self::Missed, _) => missed::source(packet, payload),
            _ => Meaning::note("of no meaning here: nodes pass over it"),
        }
    }
}

fn protocol_id(packet: &[u8]) -> Meaning {
    let Ok(id) = NodeId::parse(packet) else {
        return Meaning::wrong("not a protocol's id: it has 1 to 66 visible ASCII characters");
    };
    let usual = Protocol::new("mesh", Encryption::Plaintext.name());
    let is_usual = id.as_str() == usual.id();
    let text = if is_usual {
        "the subnet `mesh` in plaintext, as is the default"
    } else {
        "another subnet than `mesh`, or another encryption than none"
    };
    let known = is_usual.then(|| json!({ "subnet": "mesh", "encryption": usual.encryption() }));
    Meaning::note(text).with(json!({ "protocol_id": id.as_str(), "known": known }))
}

fn address(packet: &[u8]) -> Meaning {
    match Address::from_json(packet) {
        Ok(address) => {
            let text = address.as_ref().map_or_else(
                || "it does not say where it can be reached".to_owned(),
                |address| format!("it says that it can be reached at {}", dialled(address)),
            );
            Meaning::note(text).with(json!({ "address": address.as_ref().map(address_json) }))
        }
        Err(_) => Meaning::wrong("neither [\"host\", port] in JSON nor null"),
    }
}

fn compressions(packet: &[u8]) -> Meaning {
    let Some(list) = Compressions::from_json(packet) else {
        return Meaning::wrong("not a list of names in JSON");
    };
    let names: Vec<&str> = list.iter().map(rs2p::Compression::name).collect();
    let text = if names.is_empty() {
        "no method known here: send plain".to_owned()
    } else {
        format!("known here: {}", names.join(", "))
    };
    Meaning::note(text).with(json!({ "compressions": names }))
}

fn extension(packet: &[u8]) -> Meaning {
    match Extension::parse(packet) {
        Some(Extension { incarnation, link, secret, signed, ping, catches_up }) => {
            let (incarnation, link) = (format!("{incarnation:016x}"), format!("{link:016x}"));
            let proof = if secret.is_some() { "; it proves the secret of its mesh" } else { "" };
            let signs = if signed { "; it signs its broadcasts" } else { "" };
            let pings = if ping { "; it answers pings" } else { "" };
            let holds = if catches_up { "; it holds messages for those who miss them" } else { "" };
            let text = format!(
                "a node of rs2p, in its life {incarnation}; the connection is \
                {link}{proof}{signs}{pings}{holds}"
            );
            let has_proof = secret.is_some();
            Meaning::note(text).with(json!({
                "incarnation": incarnation,
                "link": link,
                "secret": has_proof,
                "signed": signed,
                "ping": ping,
                "catches_up": catches_up,
            }))
        }
        None => Meaning::note("no extension that rs2p knows: passed over"),
    }
}

fn request_id(packet: &[u8]) -> Meaning {
    match RequestId::parse(packet) {
        Ok(id) => Meaning::note("the asker's name for its question")
            .with(json!({ "request_id": id.as_str() })),
        Err(error) => Meaning::wrong(format!("not the name of a question: {error}")),
    }
}

fn wanted(packet: &[u8]) -> Meaning {
    // The question's name is judged on its own.
    match Request::decode([Flag::Request.as_bytes(), b"x", packet]).map(|request| request.wanted) {
        Ok(Wanted::Everybody) => Meaning::note("every node that the asked one knows")
            .with(json!({ "wanted": "everybody" })),
        Ok(Wanted::Node(_)) | Err(_) => node_id(packet),
    }
}

fn place(packet: &[u8]) -> Meaning {
    match Response::decode([Flag::Response.as_bytes(), b"x", packet]) {
        Ok(Response { id, address, .. }) => {
            Meaning::note(place_text(address.as_ref(), &id)).with(place_json(address.as_ref(), &id))
        }
        Err(_) => Meaning::wrong("not an address and an id in JSON: [[\"host\", port], \"id\"]"),
    }
}

fn peers(packet: &[u8]) -> Meaning {
    let Ok(entries) = PeerEntry::decode_list([Flag::Peers.as_bytes(), packet], MAX_ENTRIES) else {
        let text = format!("not a list of up to {MAX_ENTRIES} addresses and ids in JSON");
        return Meaning::wrong(text);
    };
    let line = |entry: &PeerEntry| place_text(entry.address.as_ref(), &entry.id);
    let notes = match entries.len() {
        0 => vec!["nobody".to_owned()],
        _ => entries.iter().map(line).collect(),
    };
    let list: Vec<Value> =
        entries.iter().map(|entry| place_json(entry.address.as_ref(), &entry.id)).collect();
    Meaning { notes, ..Meaning::default() }.with(json!({ "peers": list }))
}

/// An address as it can be dialled. Its host is whatever the peer wrote.
fn dialled(address: &Address) -> String {
    safe(address.to_string().as_bytes())
}

fn place_text(address: Option<&Address>, id: &NodeId) -> String {
    let place = address.map_or_else(|| "at no known address".to_owned(), dialled);
    format!("{id} {place}")
}

fn address_json(address: &Address) -> Value {
    json!({ "host": address.host, "port": address.port })
}

fn place_json(address: Option<&Address>, id: &NodeId) -> Value {
    json!({ "node_id": id.as_str(), "address": address.map(address_json) })
}

#[cfg(test)]
mod tests {
    use rs2p::wire::{DecodeError, Handshake};

    use super::*;

    fn packets(main: &str, payload: &[Vec<u8>]) -> Packets {
        let header = [main.as_bytes(), b"me", b"id", b"3EdajT"];
        Packets::join_all(header.into_iter().chain(payload.iter().map(Vec::as_slice))).unwrap()
    }

    fn faults(packets: &Packets) -> Vec<String> {
        let (explained, lacks) = explain(packets);
        let faults = explained.into_iter().filter(|(_, meaning)| meaning.fault.is_some());
        faults.map(|(name, _)| name).chain(lacks.iter().map(|&name| name.to_owned())).collect()
    }

    #[test]
    fn a_handshake_is_faultless_where_the_library_reads_it() {
        let protocol = Protocol::new("mesh", "Plaintext");
        let extension = Some(Extension { signed: true, ..Extension::new(1, 2) });
        let me = "me".parse().unwrap();
        let good = Handshake::new(me, &protocol, None, Compressions::supported());
        let good = Handshake { extension, ..good }.encode();
        assert_eq!(faults(&packets("whisper", &good)), [""; 0]);
        let names = ["node id", "protocol id", "address", "compressions"];
        for count in 1..5 {
            let cut = &good[..count];
            let error = Handshake::decode(cut.iter().map(Vec::as_slice)).unwrap_err();
            assert!(matches!(error, DecodeError::MissingData(_)));
            assert_eq!(faults(&packets("whisper", cut)), names[count - 1..]);
        }
        for (index, name) in names.iter().enumerate() {
            let mut bad = good.clone();
            bad[index + 1] = b"\x1b[]".to_vec();
            assert!(Handshake::decode(bad.iter().map(Vec::as_slice)).is_err());
            assert_eq!(faults(&packets("whisper", &bad)), [*name]);
        }
    }

    #[test]
    fn payloads_that_are_not_what_the_flag_says_are_faults() {
        for (main, payload, expected) in [
            ("whisper", &["peers"][..], "peers list"),
            ("whisper", &["peers", "[1]"], "peers list"),
            ("broadcast", &["request", "q"], "wanted id"),
            ("broadcast", &["request", "q q", "*"], "request id"),
            ("broadcast", &["request", "q", ""], "wanted id"),
            ("whisper", &["response", "q", "null"], "place"),
            ("renegotiate", &["compression", "gzip"], "compressions"),
        ] {
            let payload: Vec<Vec<u8>> = payload.iter().map(|text| (*text).into()).collect();
            assert_eq!(faults(&packets(main, &payload)), [expected], "{payload:?}");
        }
        for (main, payload) in [
            ("broadcast", &["broadcast", "\u{1b}"][..]),
            ("broadcast", &["compression"]),
            ("renegotiate", &["resend"]),
            ("renegotiate", &["else"]),
            ("whisper", &["rs2p", "link maybe"]),
            ("broadcast", &["request", "q", "*"]),
            ("else", &["peers", "[]"]),
        ] {
            let payload: Vec<Vec<u8>> = payload.iter().map(|text| (*text).into()).collect();
            assert_eq!(faults(&packets(main, &payload)), [""; 0], "{payload:?}");
        }
    }
}
