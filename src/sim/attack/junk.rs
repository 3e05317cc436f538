//! Things to throw at nodes.

use bytes::Bytes;
use rand::RngExt;

use super::Attack;
use super::mask::Mask;
use crate::sim::hand::Hand;
use crate::wire::{
    Compressions, Flag, MAX_ID_LEN, NodeId, Packets, PathfindingMessage, Request, RequestId, Wanted,
};

/// What the bombs become: more than a node takes whose limits nobody has changed.
const BOMB_LEN: usize = (4 << 20) + 1;

/// What there is to throw in an attack.
#[derive(Debug)]
pub(super) struct Heap {
    attack: Attack,
    /// Made once, for it takes long.
    bombs: Vec<Bytes>,
}

/// Whether somebody who does this introduces itself first.
pub(super) fn is_polite(attack: Attack, round: usize) -> bool {
    match attack {
        Attack::Early => false,
        Attack::Oversized | Attack::BadTexts | Attack::BadJson => round % 2 == 1,
        _ => true,
    }
}

impl Heap {
    pub(super) fn of(attack: Attack) -> Self {
        let methods = Compressions::supported().iter().filter(|_| attack == Attack::Bombs);
        let bomb = |method: crate::wire::Compression| method.compress(&vec![0; BOMB_LEN]).ok();
        let bombs = methods.filter_map(bomb).map(|bomb| framed(&bomb)).collect();
        Self { attack, bombs }
    }

    /// What is thrown in a round, in whose name that matters.
    pub(super) fn take(&self, hand: &mut Hand<'_>, mask: &Mask, round: usize) -> Bytes {
        match self.attack {
            Attack::Oversized => oversized(round),
            Attack::HeaderBombs => header_bomb(round),
            Attack::EmptyFrames => vec![0; 4 * 2_000].into(),
            Attack::BadTexts => bad_text(mask, hand, round),
            Attack::BadJson => bad_json(mask, hand, round),
            Attack::Bombs => one_of(&self.bombs, round).unwrap_or_default(),
            Attack::UnknownFlags => unknown_flags(mask, round),
            Attack::Early => early(mask, hand, round),
            Attack::Gossip => gossip(mask, hand, round),
            Attack::AskAll => ask_all(mask, hand),
            Attack::Resend => repeated(mask.message(hand, Flag::Renegotiate, &["resend"]), 100),
            Attack::Renegotiate => {
                let list = |json| mask.message(hand, Flag::Renegotiate, &["compression", json]);
                joined((0..5).flat_map(|_| [list(r#"["gzip"]"#), list("[]")]))
            }
            _ => Bytes::new(),
        }
    }
}

fn one_of<T: Clone>(things: &[T], round: usize) -> Option<T> {
    things.get(round % things.len().max(1)).cloned()
}

/// A frame around whatever this is.
fn framed(body: &[u8]) -> Bytes {
    let len = u32::try_from(body.len()).unwrap_or(u32::MAX);
    [&len.to_be_bytes(), body].concat().into()
}

/// A frame around packets, whatever is in them.
fn frame_of<P: AsRef<[u8]>>(packets: &[P]) -> Bytes {
    Packets::join(packets).map_or_else(|_| Bytes::new(), |packets| framed(packets.body()))
}

fn joined(messages: impl IntoIterator<Item = Option<PathfindingMessage>>) -> Bytes {
    let frames = messages.into_iter().flatten().filter_map(|message| message.encode().ok());
    frames.collect::<Vec<_>>().concat().into()
}

fn repeated(message: Option<PathfindingMessage>, times: usize) -> Bytes {
    joined(std::iter::repeat_n(message, times))
}

fn oversized(round: usize) -> Bytes {
    let lens = [(4 << 10) + 1, (4 << 20) + 1, 1 << 31, u32::MAX];
    let header = one_of(&lens, round).unwrap_or(u32::MAX).to_be_bytes();
    [&header[..], &[7; 1_000]].concat().into()
}

fn header_bomb(round: usize) -> Bytes {
    let lens: Vec<u32> = match round % 4 {
        0 => vec![0; 1_025],
        1 => vec![0; 100_000],
        2 => vec![u32::MAX; 4],
        _ => (0..2_000).collect(),
    };
    framed(&lens.into_iter().flat_map(u32::to_be_bytes).collect::<Vec<u8>>())
}

fn bad_text(mask: &Mask, hand: &Hand<'_>, round: usize) -> Bytes {
    let id = mask.id.as_str();
    let protocol = hand.protocol().id();
    let (long, huge) = ("z".repeat(MAX_ID_LEN + 1), "z".repeat(50_000));
    match round % 6 {
        0 => frame_of(&["broadcast", &long, "", "1", "broadcast", "of nobody"]),
        1 => frame_of(&["broadcast", id, "", &huge, "broadcast", "of no time"]),
        2 => frame_of(&["broadcast", id, "", "0OIl", "broadcast", "of no time"]),
        3 => frame_of(&["whisper", id, "", "1", "handshake", &long, protocol, "null", "[]"]),
        4 => frame_of(&["whisper", id, "", "1", "handshake", "", &huge, "null", "[]"]),
        _ => frame_of(&[&b"broadcast"[..], b"\xff\xfe", b"", b"1", b"broadcast", b"of nobody"]),
    }
}

fn bad_json(mask: &Mask, hand: &Hand<'_>, round: usize) -> Bytes {
    let (id, protocol) = (mask.id.as_str(), hand.protocol().id());
    let entries = vec!["null"; 1_001].join(", ");
    let json = match round % 7 {
        0 => "[".repeat(10_000),
        1 => format!("[{entries}]"),
        2 => format!("[[[\"{}\", 1], \"x\"]]", "h".repeat(300)),
        3 => "[[[\"10.0.0.1\", 1e999], \"x\"]]".to_owned(),
        4 => r#"[[["\ud800", 4000], "x"]]"#.to_owned(),
        5 => r#"{"a": 1, "a": [2]}"#.to_owned(),
        _ => "NaN".to_owned(),
    };
    let say = |payload: &[&str]| mask.message(hand, Flag::Whisper, payload);
    let renegotiate = mask.message(hand, Flag::Renegotiate, &["compression", &json]);
    match round % 4 {
        0 => joined([say(&["peers", &json])]),
        1 => joined([say(&["handshake", id, protocol, &json, "[]"])]),
        2 => joined([say(&["response", "question", &json])]),
        _ => joined([renegotiate]),
    }
}

fn unknown_flags(mask: &Mask, round: usize) -> Bytes {
    let id = mask.id.as_str();
    match round % 6 {
        0 => frame_of(&["shout", id, "", "1", "broadcast", "to whom?"]),
        1 => frame_of(&["", id, "", "1", "", ""]),
        2 => frame_of(&["broadcast", id, "", "1"]),
        3 => frame_of(&["broadcast", id]),
        4 => frame_of(&["renegotiate", id, "", "1", "everything"]),
        _ => frame_of(&["whisper", id, "", "1", "rs2p", "wings", "12345678"]),
    }
}

fn early(mask: &Mask, hand: &Hand<'_>, round: usize) -> Bytes {
    let say = |flag, payload: &[&str]| mask.message(hand, flag, payload);
    let protocol = hand.protocol().id();
    let (json, methods) = ("null", "[]");
    match round % 6 {
        0 => joined([say(Flag::Broadcast, &["broadcast", "before my name"])]),
        1 => joined([say(Flag::Whisper, &["peers", "[]"])]),
        2 => joined([say(Flag::Whisper, &["whisper", "before my name"])]),
        3 => {
            let second = say(Flag::Whisper, &["handshake", "another", protocol, json, methods]);
            joined([mask.handshake(hand), second])
        }
        4 => {
            let handshake = mask.handshake(hand);
            joined([handshake.and_then(|it| it.with_msg_type(b"waterfall").ok())])
        }
        _ => joined([say(Flag::Whisper, &["handshake", "me", "elsewhere", json, methods])]),
    }
}

/// As many addresses as are read, or one more: of the nodes themselves, of nobody, and of places
/// where nobody should be sent.
fn gossip(mask: &Mask, hand: &mut Hand<'_>, round: usize) -> Bytes {
    let count = 1_000 + round % 2;
    let entries: Vec<String> = (0..count)
        .map(|_| {
            let net = one_of(&["10.0.0", "10.9.9", "127.0.0", "169.254.0", "8.8.8"], round);
            let (net, host) = (net.unwrap_or("10.0.0"), hand.rng().random_range(1..=254));
            let port = if hand.rng().random() { 4_000 } else { 22 };
            let id = hand.rng().random::<u64>();
            format!("[[\"{net}.{host}\", {port}], \"{id}\"]")
        })
        .collect();
    let list = format!("[{}]", entries.join(", "));
    joined([mask.message(hand, Flag::Whisper, &["peers", &list])])
}

fn ask_all(mask: &Mask, hand: &mut Hand<'_>) -> Bytes {
    let questions: Vec<_> = (0..20)
        .map(|_| {
            let request_id = RequestId::new(hand.rng().random());
            let wanted = if hand.rng().random() {
                Wanted::Everybody
            } else {
                NodeId::parse(b"nobody").map_or(Wanted::Everybody, Wanted::Node)
            };
            mask.message(hand, Flag::Broadcast, &Request { request_id, wanted }.encode())
        })
        .collect();
    joined(questions)
}
