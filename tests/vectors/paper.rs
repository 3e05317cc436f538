//! The worked examples of PROTOCOL.md: every byte of every block of hex, read from the file.
//!
//! A block is fenced as `hex NAME`. Its lines are hex, two blanks or more, and a remark, in which
//! a quoted text is what the bytes of that line say.

#![expect(clippy::unwrap_used, reason = "an example that cannot be made fails its test")]

use std::time::Duration;

use rs2p::wire::{
    Address, Compressions, Control, DecodeLimits, Extension, Handshake, LinkName, LinkVerdict,
    NodeId, Origin, PathfindingMessage, PeerEntry, Protocol, Request, RequestId, Response, Wanted,
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
    let extension = Extension { incarnation: ORIGIN.incarnation, link: LINK.mine, signed: false };
    let hello = packets(&["broadcast", "hello"]);
    let numbered = PathfindingMessage::numbered(
        b"broadcast",
        alice().as_bytes(),
        ORIGIN,
        TIME.as_secs(),
        &hello,
    );
    let answer = Control::Answer { link: LINK, verdict: LinkVerdict::Settled };
    vec![
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
    ]
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
        ("max_handshake_len", kib(config.max_handshake_len)),
        ("max_frame_len", mib(config.max_frame_len)),
        ("max_packets", grouped(config.max_packets)),
        ("max_backlog_len", mib(config.max_backlog_len)),
        ("stall_timeout", secs(config.stall_timeout)),
        ("connect_timeout", secs(config.connect_timeout)),
        ("handshake_timeout", secs(config.handshake_timeout)),
        ("linger_timeout", secs(config.linger_timeout)),
        ("max_outgoing", grouped(config.max_outgoing)),
        ("max_incoming", grouped(config.max_incoming)),
        ("max_pending", grouped(config.max_pending)),
        ("locate_timeout", secs(config.locate_timeout)),
        ("max_requests", grouped(config.max_requests)),
        ("max_seen_len", mib(config.max_seen_len)),
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
