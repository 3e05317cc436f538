//! Where the corpora begin: the golden vectors of `tests/vectors`, brought into the form that each
//! property reads, and scripts that live through the ordinary life of a node and of a mesh.

use std::sync::LazyLock;

use rs2p::wire::{Compression, Compressions, FrameDecoder, PathfindingMessage, base58};
use serde_json::Value;

use crate::scripts;

/// A file's name and its bytes.
pub(crate) type Seed = (String, Vec<u8>);

static VECTORS: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../vectors/py2p.json")).unwrap());

/// The seeds of the property with this name.
pub(crate) fn of(property: &str) -> Vec<Seed> {
    let seeds = match property {
        "frame_chunks" => frame_chunks(),
        "packets" => packets(),
        "decompress" => decompress(),
        "handshake" => handshakes(),
        "peers" => peers(),
        "base_58" => base_58(),
        "message" => messages(),
        "node" => scripts::node(),
        "mesh" => scripts::mesh(),
        "rsa_records" => scripts::rsa_records(),
        "session" => scripts::session(),
        "replay" => records(),
        other => panic!("nobody seeds {other}"),
    };
    let name = |(index, data)| (format!("seed-{index:02}"), data);
    seeds.into_iter().enumerate().map(name).collect()
}

/// The streams of the transcripts and the stranger frames, under a limit that takes all and under
/// one that most exceed, cut at fixed lengths.
fn frame_chunks() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for stream in streams().into_iter().chain(parsed()) {
        for (limit, cuts) in [(4_096_u16, &[1, 3, 200, 7][..]), (300, &[4, 4, 4, 255, 255])] {
            let mut seed = limit.to_le_bytes().to_vec();
            seed.push(u8::try_from(cuts.len()).unwrap());
            seed.extend(cuts);
            seed.extend(&stream);
            seeds.push(seed);
        }
    }
    // A frame of exactly the limit, and one of a byte more.
    for len in [5_u8, 6] {
        seeds.push([&[5, 0, 2, 4, 1, 0, 0, 0, len][..], &vec![b'x'; len.into()]].concat());
    }
    sparse(seeds, 60)
}

fn packets() -> Vec<Vec<u8>> {
    let bodies = messages_of("plain_body_hex").into_iter().chain(parsed());
    let bodies =
        bodies.chain(parsed().into_iter().filter_map(|frame| Some(frame.get(4..)?.into())));
    // Lengths whose sum wraps around 32 and 64 bits to what would fit.
    let wrapping = [
        [vec![255, 255, 255, 252], vec![0, 0, 0, 4]].concat(),
        [vec![255; 8], vec![0, 0, 0, 10, 0, 0, 0, 0], vec![0; 8]].concat(),
    ];
    let bodies = bodies.chain(wrapping).map(|body| [vec![9], body].concat());
    sparse(bodies.collect(), 60)
}

fn decompress() -> Vec<Vec<u8>> {
    let mut seeds: Vec<Vec<u8>> = compressed().into_iter().map(|body| tagged(6, &body)).collect();
    for method in Compressions::supported().iter() {
        for (limit, len) in [(7, 1 << 19), (6, 1 << 20), (3, 1_023), (3, 1_024), (2, 100), (0, 0)] {
            seeds.push(tagged(limit, &method.compress(&vec![b'x'; len]).unwrap()));
        }
        let twice = method.compress(b"twice").unwrap().repeat(2);
        seeds.extend([tagged(4, &twice), tagged(4, &twice[..twice.len() - 3])]);
    }
    sparse(seeds, 60)
}

fn handshakes() -> Vec<Vec<u8>> {
    let mut seeds: Vec<Vec<u8>> = payloads("handshake").iter().map(|p| p.join(&b'\n')).collect();
    for fields in [
        "id\nprotocol\nnull\n[]",
        "id\nprotocol\n[\"::1\", 65535]\n[\"gzip\", \"snappy\", \"bz2\"]",
        "id\nprotocol\n[\"h\", 65536]\n[]",
        "id\nprotocol\n[\"h\\u00e9\", 1, 2]\n[\"lzma\"]",
        "id\nprotocol\nnull\n[]\nrs2p incarnation=0000000000000001 link=0000000000000abc",
        "id\nprotocol\nnull\n[]\nrs2p wings link=abc incarnation=+1",
        "id\nprotocol\n[[[[[[[[[[\n{\"a\": 1}",
        "id",
        "",
    ] {
        seeds.push(fields.into());
    }
    // The longest text of JSON that is read, and one byte more: a fuzzer rarely hits the border.
    for len in [255, 256] {
        let text = "h".repeat(len);
        seeds.push(format!("id\nprotocol\n[\"{text}\", 1]\n[]").into());
        seeds.push(format!("id\nprotocol\nnull\n[\"{text}\"]").into());
    }
    seeds
}

fn peers() -> Vec<Vec<u8>> {
    let lists = payloads("peers").into_iter().filter_map(|payload| payload.into_iter().next());
    let mut seeds: Vec<Vec<u8>> = lists.map(|list| tagged(9, &list)).collect();
    for (max, list) in [
        (9, "[]"),
        (2, "[[null, \"a\"], [\"b\", [\"10.0.0.1\", 4000]]]"),
        (1, "[[null, \"a\"], [null, \"b\"]]"),
        (9, "[[[\"h\", 65536], \"a\"]]"),
        (9, "[[[\"h\", 1, null], \"a\"], [\"x\", \"y\", \"z\"]]"),
        (9, "[[null, \"\"], [null, \"not an id\"], [[\"\\ud83d\\ude00\", 0], \"c\"]]"),
        (9, "[[[[[[[[[[[[[[[[[[[[[[[[[[[["),
        (9, " [ [ null , \"a\" ] ] x"),
        (9, "{\"a\": [null, \"b\"]}"),
    ] {
        seeds.push(tagged(max, list.as_bytes()));
    }
    seeds
}

fn base_58() -> Vec<Vec<u8>> {
    let encoded = list("/base58/encode").iter().map(|case| text(case, "text").into());
    let decoded = list("/base58/decode").iter().map(|case| text(case, "text").into());
    let wrong = list("/base58/decode_errors").iter().map(|case| hex(case, "text_hex"));
    let ids = list("/message_ids").iter().map(|case| text(case, "id").into());
    let long = [vec![b'z'; base58::MAX_DIGITS], vec![b'z'; base58::MAX_DIGITS + 1], vec![0; 9]];
    sparse(encoded.chain(decoded).chain(wrong).chain(ids).chain(long).collect(), 80)
}

fn messages() -> Vec<Vec<u8>> {
    let plain = messages_of("plain_body_hex").into_iter().map(|body| [vec![0, 0], body].concat());
    let packed = compressed().into_iter().map(|body| [vec![7, 0], body].concat());
    let strange =
        parsed().into_iter().filter_map(|frame| Some([&[7, 0], frame.get(4..)?].concat()));
    let spoken = bodies().into_iter().map(|body| [vec![7, 0], body.to_vec()].concat());
    sparse(plain.chain(packed).chain(strange).chain(spoken).collect(), 100)
}

fn tagged(tag: u8, data: &[u8]) -> Vec<u8> {
    [&[tag], data].concat()
}

/// At most `count` of the seeds, evenly, the first and the last among them; none twice.
fn sparse(mut seeds: Vec<Vec<u8>>, count: usize) -> Vec<Vec<u8>> {
    const MAX_LEN: usize = 16 << 10;

    seeds.retain(|seed| seed.len() <= MAX_LEN);
    seeds.sort();
    seeds.dedup();
    let (len, last) = (seeds.len(), seeds.len().saturating_sub(1));
    let count = count.min(len);
    let is_chosen = |index| (0..count).any(|place| place * last / (count - 1).max(1) == index);
    let chosen = seeds.into_iter().enumerate().filter(|(index, _)| is_chosen(*index));
    chosen.map(|(_, seed)| seed).collect()
}

/// The plaintext streams of the transcripts.
fn streams() -> Vec<Vec<u8>> {
    let plain = list("/transcripts").iter().filter(|case| text(case, "encryption") == "Plaintext");
    plain
        .flat_map(|case| ["client_to_server_hex", "server_to_client_hex"].map(|key| hex(case, key)))
        .collect()
}

/// The frames of the streams, without their headers.
fn bodies() -> Vec<bytes::Bytes> {
    let mut bodies = Vec::new();
    for stream in streams() {
        let (mut decoder, mut rest) = (FrameDecoder::default(), &stream[..]);
        while let Some(body) = decoder.next_frame(&mut rest, 4_096).unwrap() {
            bodies.push(body);
        }
    }
    bodies
}

/// What the transcripts say under this sub-flag, without the word. A build without a method leaves
/// out what is compressed by it.
fn payloads(word: &str) -> Vec<Vec<Vec<u8>>> {
    let limits = rs2p::wire::DecodeLimits::PROTOCOL;
    let messages = bodies().into_iter().filter_map(|body| {
        PathfindingMessage::decode_body(body, Compressions::supported(), limits).ok()
    });
    let payload = |message: PathfindingMessage| message.payload().map(<[u8]>::to_vec).collect();
    let payloads =
        messages.map(payload).filter(|payload: &Vec<Vec<u8>>| payload[0] == word.as_bytes());
    payloads.map(|payload| payload[1..].to_vec()).collect()
}

fn parsed() -> Vec<Vec<u8>> {
    let given =
        list("/parse").iter().filter(|case| case.get("input_hex").is_some_and(Value::is_string));
    given.map(|case| hex(case, "input_hex")).collect()
}

fn messages_of(key: &str) -> Vec<Vec<u8>> {
    list("/messages").iter().map(|case| hex(case, key)).collect()
}

/// The bodies of the messages that are compressed, without those of methods not in this build.
fn compressed() -> Vec<Vec<u8>> {
    let is_compressed = |case: &&Value| {
        let method = case.get("compression").and_then(Value::as_str).and_then(Compression::parse);
        method.is_some_and(Compression::is_supported)
    };
    let cases = list("/messages").iter().filter(is_compressed);
    cases.map(|case| hex(case, "string_hex")[4..].to_vec()).collect()
}

fn list(pointer: &str) -> &'static [Value] {
    VECTORS.pointer(pointer).and_then(Value::as_array).unwrap_or_else(|| panic!("no {pointer}"))
}

fn text<'a>(case: &'a Value, key: &str) -> &'a str {
    case.get(key).and_then(Value::as_str).unwrap_or_else(|| panic!("no text {key} in {case}"))
}

fn hex(case: &Value, key: &str) -> Vec<u8> {
    let pairs = text(case, key).as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// The record of a node in the middle of a mesh of three, one with every call, and what is no record
/// from some line on.
fn records() -> Vec<Vec<u8>> {
    let middle = include_str!("records/middle.record");
    let calls = include_str!("records/calls.record");
    let cut: String = middle.lines().take(40).flat_map(|line| [line, "\n"]).collect();
    let hole = format!("{cut}50.000000ms n1 lost 3\n{middle}");
    let other = format!("{cut}50.000000ms n2 timeout\n");
    let texts = [middle, calls, &cut, &hole, &other, "rs2p record 2\n", ""];
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}
