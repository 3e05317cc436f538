//! Messages to frames and back: what `wire` costs.

use std::hint::black_box;

use rs2p::wire::{
    Compression, Compressions, DecodeLimits, FrameDecoder, NodeId, Origin, PathfindingMessage,
};

use crate::case::{Batch, Case, Source};
use crate::golden;
use crate::payload::{SIZES, batch_count, methods, noise, text};
use crate::stage::{TIME, node_id};

/// What stands where the message id belongs.
#[derive(Clone, Copy)]
enum Id {
    /// The sender's number, as between nodes of this crate.
    Number,
    /// The SHA-384 of the 0.2 protocol.
    Hash,
}

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (len, size) in SIZES {
        cases.push(encode(format!("encode/numbered/{size}"), len, Id::Number, None));
        cases.push(encode(format!("encode/py2p/{size}"), len, Id::Hash, None));
    }
    for (method, len, size) in compressed() {
        let name = format!("encode/{}/{size}", method.name());
        cases.push(encode(name, len, Id::Number, Some(method)));
    }
    for (len, size) in SIZES {
        cases.push(decode(format!("decode/plain/{size}"), len, None));
    }
    for (method, len, size) in compressed() {
        cases.push(decode(format!("decode/{}/{size}", method.name()), len, Some(method)));
    }
    for method in std::iter::once(None).chain(methods().map(Some)) {
        cases.push(decode_golden(method));
    }
    cases
}

/// Every size under gzip, the method that nodes use by themselves; one under each of the others.
fn compressed() -> impl Iterator<Item = (Compression, usize, &'static str)> {
    methods().flat_map(|method| {
        let is_wanted = move |len| method == Compression::Gzip || len == 4 << 10;
        SIZES
            .into_iter()
            .filter(move |&(len, _)| is_wanted(len))
            .map(move |(len, size)| (method, len, size))
    })
}

/// Makes a message of a payload, and a frame of the message.
fn encode(name: String, len: usize, id: Id, method: Option<Compression>) -> Case {
    Case::new(name, "message", len, move || {
        Source::new(move || {
            let sender = node_id(0);
            let payloads = payloads(len, method);
            Batch::each(payloads, move |payload| {
                message(&sender, id, payload)
                    .with_compression(method.into_iter().collect())
                    .encode()
                    .unwrap()
            })
        })
    })
}

/// Cuts a frame out of a stream, undoes its compression and reads the message, as a node does:
/// not knowing by which method it is compressed.
fn decode(name: String, len: usize, method: Option<Compression>) -> Case {
    Case::new(name, "message", len, move || {
        let sender = node_id(0);
        let encode = |payload: &Vec<u8>| {
            let message = message(&sender, Id::Number, payload);
            message.with_compression(method.into_iter().collect()).encode().unwrap()
        };
        let frames: Vec<_> = payloads(len, method).iter().map(encode).collect();
        Source::new(move || {
            let mut decoder = FrameDecoder::default();
            Batch::each(frames.clone(), move |frame| {
                read(&mut decoder, frame, Compressions::supported())
            })
        })
    })
}

/// Reads what py2p wrote: short messages of all kinds, under the method that its node announced.
fn decode_golden(method: Option<Compression>) -> Case {
    let name = format!("decode/golden/{}", method.map_or("plain", Compression::name));
    Case::new(name, "message", 0, move || {
        Source::new(move || {
            let frames = golden::frames(method);
            let mut decoder = FrameDecoder::default();
            let rounds = 20;
            Batch::new(move || {
                for golden in frames.iter().cycle().take(frames.len() * rounds) {
                    black_box(read(&mut decoder, &golden.frame, golden.methods));
                }
                (frames.len() * rounds) as u64
            })
        })
    })
}

fn payloads(len: usize, method: Option<Compression>) -> Vec<Vec<u8>> {
    let payload = if method.is_some() { text } else { noise };
    let count = match method {
        // Milliseconds each.
        Some(Compression::Bz2 | Compression::Lzma) => 8,
        _ => batch_count(len),
    };
    (0..count).map(|number| payload(len, number)).collect()
}

fn message(sender: &NodeId, id: Id, payload: &[u8]) -> PathfindingMessage {
    let packets = [&b"broadcast"[..], payload];
    let made = match id {
        Id::Hash => PathfindingMessage::new(b"broadcast", sender.as_bytes(), TIME, &packets),
        Id::Number => {
            let origin = Origin { incarnation: 7, sequence: 1 };
            PathfindingMessage::numbered(b"broadcast", sender.as_bytes(), origin, TIME, &packets)
        }
    };
    made.unwrap()
}

fn read(decoder: &mut FrameDecoder, frame: &[u8], methods: Compressions) -> PathfindingMessage {
    let mut input = frame;
    let body = decoder.next_frame(&mut input, 4 << 20).unwrap().unwrap();
    PathfindingMessage::decode_body(body, methods, DecodeLimits::PROTOCOL).unwrap()
}
