//! The worked examples of PROTOCOL.md: every byte of every block of hex, read from the file.
//!
//! A block is fenced as `hex NAME`. Its lines are hex, two blanks or more, and a remark, in which
//! a quoted text is what the bytes of that line say.

#![expect(clippy::unwrap_used, reason = "an example that cannot be made fails its test")]

use std::time::Duration;

use rs2p::wire::{
    Address, CatchUp, CatchUpVerb, Compressions, Control, DecodeLimits, Extension, Handshake,
    LinkName, LinkVerdict, NodeId, Origin, PathfindingMessage, PeerEntry, Protocol, Request,
    RequestId, Response, Run, Runs, Source, Wanted,
};
use rs2p::{Config, UnixTime};

use crate::golden::unhex;

const PAPER: &str = include_str!("../../PROTOCOL.md");

/// The time of all examples.
const TIME: UnixTime = UnixTime::from_secs(1_466_965_490);

const ORIGIN: Origin = Origin { incarnation: 0x0123_4567_89ab_cdef, sequence: 1 };

const LINK: LinkName = LinkName { yours: 0x0011_2233_4455_6677, mine: 0xfedc_ba98_7654_3210 };

fn alice() -> NodeId {
    "Mv358Y9LGUDm7tHx2NL1oT586rpnTxtLr8ozX8NgNHKJGU7vJ9nxZsE2QgS4w91A4".parse().unwrap()
}

fn bob() -> NodeId {
    "2rCZQNYmGzVLScqSYbY4SwYHhkVo82pvFvHSCaCjV8QqtqXdrNrBDLjw35ehEyaY1h".parse().unwrap()
}

fn address(port: u16) -> Option<Address> {
    Some(Address { host: "127.0.0.1".to_owned(), port })
}

fn handshake(extension: Option<Extension>) -> Vec<Vec<u8>> {
    let methods = Compressions::from_names(["gzip", "bz2", "lzma"]);
    let protocol = Protocol::new("mesh", "Plaintext");
    Handshake { extension, ..Handshake::new(alice(), &protocol, address(4444), methods) }.encode()
}

fn packets(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// A word about messages that somebody else has made.
fn catch_up(verb: CatchUpVerb, runs: &[(u64, u64)]) -> CatchUp {
    let runs = runs.iter().map(|&(first, last)| Run { first, last }).collect();
    let numbers = Runs::from_runs(runs).unwrap();
    let source = Source { sender: bob(), incarnation: ORIGIN.incarnation, numbers };
    CatchUp { verb, offer: LINK.mine, sources: vec![source] }
}

/// The messages that the paper shows, by the names of their blocks.
fn examples() -> Vec<(&'static str, PathfindingMessage)> {
    let message = |main: &str, payload: Vec<Vec<u8>>| {
        let sender = alice();
        PathfindingMessage::new(main.as_bytes(), sender.as_bytes(), TIME.as_secs(), &payload)
            .unwrap()
    };
    let peers =
        [(address(4444), alice()), (None, bob())].map(|(address, id)| PeerEntry { address, id });
    let request_id = RequestId::new(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff);
    let request = Request { request_id, wanted: Wanted::Node(bob()) };
    let response = Response { request_id, id: bob(), address: address(4445) };
    let extension = Extension::new(ORIGIN.incarnation, LINK.mine);
    let hello = packets(&["broadcast", "hello"]);
    let numbered = PathfindingMessage::numbered(
        b"broadcast",
        alice().as_bytes(),
        ORIGIN,
        TIME.as_secs(),
        &hello,
    );
    let answer = Control::Answer { link: LINK, verdict: LinkVerdict::Settled };
    let examples = vec![
        ("broadcast", message("broadcast", hello.clone())),
        ("compressed broadcast", message("broadcast", hello)),
        ("handshake", message("whisper", handshake(None))),
        ("peers", message("whisper", PeerEntry::encode_list(&peers))),
        ("request", message("broadcast", request.encode())),
        ("response", message("whisper", response.encode())),
        ("whisper", message("whisper", packets(&["whisper", "psst"]))),
        ("renegotiate", message("renegotiate", packets(&["compression", "[\"gzip\"]"]))),
        ("resend", message("renegotiate", packets(&["resend"]))),
        ("rs2p handshake", message("whisper", handshake(Some(extension)))),
        ("numbered broadcast", numbered.unwrap()),
        ("question", message("whisper", Control::Ask(LINK).encode())),
        ("answer", message("whisper", answer.encode())),
        ("ping", message("whisper", Control::Ping(LINK.yours).encode())),
        ("pong", message("whisper", Control::Pong(LINK.yours).encode())),
        ("offer", message("whisper", catch_up(CatchUpVerb::Offer, &[(1, 40), (42, 42)]).encode())),
        ("want", message("whisper", catch_up(CatchUpVerb::Want, &[(38, 40)]).encode())),
    ];
    #[cfg(feature = "tls")]
    let signed = Some(("signed broadcast", signed::broadcast()));
    #[cfg(not(feature = "tls"))]
    let signed = None;
    examples.into_iter().chain(signed).collect()
}

/// The signed message, made by the words of the paper alone.
#[cfg(feature = "tls")]
mod signed {
    use rs2p::wire::{Origin, PathfindingMessage, SignedOrigin, Step, TreePath};
    use rs2p::{Identity, NodeId, Protocol};
    use sha2::{Digest, Sha256};

    use super::{ORIGIN, TIME, packets};

    pub(super) fn broadcast() -> PathfindingMessage {
        let identity = Identity::from_secret(&[7; 32]).unwrap();
        let sender = identity.node_id();
        let second = Origin { sequence: 2, ..ORIGIN };
        let hello = leaf(&sender, ORIGIN, &["broadcast", "hello"]);
        let sibling = leaf(&sender, second, &["broadcast", "mesh"]);
        let root = Sha256::digest([&[1], &hello[..], &sibling[..]].concat());
        let protocol = Protocol::new("mesh", "tls13-rpk/1");
        let id = protocol.id().as_bytes();
        let text = [b"rs2p-broadcast-v1", &u64_of(id.len())[..], id, &root[..]].concat();
        let signed = SignedOrigin {
            origin: ORIGIN,
            key: *identity.public_key().as_bytes(),
            signature: identity.sign(&text),
            path: TreePath::from_steps(vec![Step { is_left: false, sibling }]).unwrap(),
        };
        let payload = packets(&["broadcast", "hello"]);
        PathfindingMessage::stated(
            b"broadcast",
            sender.as_bytes(),
            &signed.encode(),
            TIME.as_secs(),
            &payload,
        )
        .unwrap()
    }

    fn leaf(sender: &NodeId, origin: Origin, payload: &[&str]) -> [u8; 32] {
        let mut text = vec![0];
        text.extend(u64_of(sender.as_bytes().len()));
        text.extend(sender.as_bytes());
        text.extend(origin.incarnation.to_be_bytes());
        text.extend(origin.sequence.to_be_bytes());
        text.extend(TIME.as_secs().to_be_bytes());
        text.extend(u64_of(payload.len()));
        for packet in payload {
            text.extend(u64_of(packet.len()));
            text.extend(packet.as_bytes());
        }
        Sha256::digest(text).into()
    }

    fn u64_of(number: usize) -> [u8; 8] {
        u64::try_from(number).unwrap().to_be_bytes()
    }
}

struct Block {
    name: &'static str,
    /// Each line's bytes, and the remark on them.
    lines: Vec<(Vec<u8>, &'static str)>,
}

impl Block {
    fn bytes(&self) -> Vec<u8> {
        self.lines.iter().flat_map(|(bytes, _)| bytes.clone()).collect()
    }
}

/// The blocks of hex of a paper, in its order.
fn blocks(paper: &'static str) -> Vec<Block> {
    let mut lines = paper.lines();
    let mut blocks = Vec::new();
    while let Some(line) = lines.next() {
        if let Some(name) = line.strip_prefix("```hex ") {
            let body = lines.by_ref().take_while(|line| *line != "```");
            let lines = body.map(|line| {
                let (hex, remark) = line.split_once("  ").unwrap_or((line, ""));
                (unhex(&hex.replace(' ', "")), remark.trim())
            });
            blocks.push(Block { name, lines: lines.collect() });
        }
    }
    // A build without keys cannot make it anew.
    blocks.retain(|block| cfg!(feature = "tls") || block.name != "signed broadcast");
    blocks
}

/// A message in the layout of the paper, for whoever adds an example.
fn layout(message: &PathfindingMessage) -> String {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let body = message.encode_body();
    let lens: Vec<String> =
        message.packets().iter().map(|packet| format!("{:08x}", packet.len())).collect();
    let mut lines = vec![(format!("{:08x}", body.len()), format!("{} bytes follow", body.len()))];
    lines.extend(lens.chunks(7).map(|lens| (lens.join(" "), "lengths".to_owned())));
    for packet in message.packets().iter() {
        lines.extend(packet.chunks(32).map(|piece| {
            let is_text = piece.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ');
            let text = std::str::from_utf8(piece).ok().filter(|_| is_text);
            (hex(piece), text.map(|text| format!("`{text}`")).unwrap_or_default())
        }));
    }
    lines.iter().map(|(hex, remark)| format!("{hex:<66}{remark}\n")).collect()
}

#[test]
fn every_block_of_hex_is_the_message_that_its_name_says() {
    let examples = examples();
    let blocks = blocks(PAPER);
    let names: Vec<&str> = blocks.iter().map(|block| block.name).collect();
    let expected: Vec<&str> = examples.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, expected);
    for (block, (name, message)) in blocks.iter().zip(&examples) {
        let methods = match *name {
            "compressed broadcast" => Compressions::from_names(["gzip"]),
            _ => Compressions::NONE,
        };
        let read = PathfindingMessage::decode(&block.bytes(), methods, DecodeLimits::PROTOCOL);
        let read = read.unwrap_or_else(|error| panic!("{name}: {error}\n{}", layout(message)));
        assert_eq!(read.packets(), message.packets(), "{name} is\n{}", layout(message));
        assert!(!read.compression_fail(), "{name}");
        if methods == Compressions::NONE {
            assert_eq!(block.bytes(), message.encode().unwrap(), "{name}");
        }
    }
}

#[test]
fn every_quotation_beside_the_hex_is_what_its_bytes_say() {
    let mut count = 0;
    for Block { name, lines } in blocks(PAPER) {
        for (bytes, remark) in lines {
            if let Some(quoted) = remark.strip_prefix('`') {
                let (quoted, _) = quoted.split_once('`').unwrap();
                assert!(quoted.chars().all(|c| c.is_ascii_graphic() || c == ' '), "{name}");
                assert_eq!(String::from_utf8(bytes).unwrap(), quoted, "{name}");
                count += 1;
            } else if let Some((number, "bytes follow")) = remark.split_once(' ') {
                let len = u32::from_be_bytes(bytes.try_into().unwrap());
                assert_eq!(number.parse(), Ok(len), "{name}");
                count += 1;
            }
        }
    }
    assert!(count > 13 * 8, "{count}");
}

#[test]
fn any_other_byte_in_a_block_is_noticed() {
    let examples = examples();
    for (block, (name, message)) in blocks(PAPER).iter().zip(&examples) {
        let (bytes, methods) = (block.bytes(), Compressions::from_names(["gzip"]));
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            let read = PathfindingMessage::decode(&changed, methods, DecodeLimits::PROTOCOL);
            let same = read.is_ok_and(|read| read.packets() == message.packets());
            assert!(!same, "{name}, byte {at}");
        }
    }
}

#[test]
fn the_limits_in_the_paper_are_the_defaults() {
    let kib = |len: usize| format!("{} KiB", len / 1_024);
    let mib = |len: usize| format!("{} MiB", len / 1_024 / 1_024);
    let secs = |time: Duration| format!("{} s", time.as_secs());
    let config = Config::new(Protocol::new("mesh", "Plaintext"));
    let mut expected = vec![
        ("max_handshake_len", kib(config.limits.max_handshake_len)),
        ("max_frame_len", mib(config.limits.max_frame_len)),
        ("max_packets", grouped(config.limits.max_packets)),
        ("max_backlog_len", mib(config.limits.max_backlog_len)),
        ("stall_timeout", secs(config.limits.stall_timeout)),
        ("connect_timeout", secs(config.limits.connect_timeout)),
        ("handshake_timeout", secs(config.limits.handshake_timeout)),
        ("linger_timeout", secs(config.limits.linger_timeout)),
        ("max_outgoing", grouped(config.limits.max_outgoing)),
        ("max_incoming", grouped(config.limits.max_incoming)),
        ("max_per_ip", grouped(config.limits.max_per_ip)),
        ("max_per_subnet", grouped(config.limits.max_per_subnet)),
        ("max_pending", grouped(config.limits.max_pending)),
        ("max_handshakes", grouped(config.limits.max_handshakes)),
        ("max_handshake_burst", grouped(config.limits.max_handshake_burst)),
        ("max_handshakes_per_ip", grouped(config.limits.max_handshakes_per_ip)),
        ("max_handshake_burst_per_ip", grouped(config.limits.max_handshake_burst_per_ip)),
        ("locate_timeout", secs(config.limits.locate_timeout)),
        ("ping_interval", secs(config.limits.ping_interval)),
        ("ping_timeout", secs(config.limits.ping_timeout)),
        ("legacy_ping_interval", secs(config.limits.legacy_ping_interval)),
        ("max_requests", grouped(config.limits.max_requests)),
        ("max_seen_len", mib(config.limits.max_seen_len)),
        ("history_time", secs(config.limits.history_time)),
        ("max_history_len", mib(config.limits.max_history_len)),
        ("max_catch_up_rate", mib(config.limits.max_catch_up_rate)),
        ("max_explained_count", grouped(config.limits.max_explained_count)),
        ("max_memory", mib(config.limits.max_memory)),
        ("progress_len", kib(config.limits.progress_len)),
        ("progress_interval", secs(config.limits.progress_interval)),
        ("frame_timeout", secs(config.limits.frame_timeout)),
        ("max_unpack_rate", mib(config.limits.max_unpack_rate)),
        ("max_read_rate", config.limits.max_read_rate.to_string()),
        ("max_message_rate", config.limits.max_message_rate.to_string()),
    ];
    let (_, chapter) = PAPER.split_once("\n## 6. Limits\n").unwrap();
    let (chapter, _) = chapter.split_once("\n## 7.").unwrap();
    let mut found: Vec<(&str, String)> = chapter
        .lines()
        .filter_map(|line| {
            let cells: Vec<&str> = line.split(" | ").collect();
            let name = cells.get(1)?.strip_prefix('`')?.strip_suffix('`')?;
            let (default, _) = cells[2].split_once(", ").unwrap_or((cells[2], ""));
            Some((name, default.to_owned()))
        })
        // The two choices of `Builder` have no default to ask for.
        .filter(|(name, _)| !name.starts_with("max_inbox"))
        .collect();
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}

fn grouped(number: usize) -> String {
    match (number / 1_000, number % 1_000) {
        (0, rest) => rest.to_string(),
        (thousands, rest) => format!("{thousands},{rest:03}"),
    }
}
