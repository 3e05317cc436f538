//! What is known of one frame, or of what is none.

use std::ops::Range;

use bytes::Bytes;
use rs2p::wire::{
    Compression, Compressions, DecodeError, DecodeLimits, Decompressed, Misfit, Packets, base58,
    decompress,
};
use serde_json::Value;

use super::header;
use super::payload;

/// One frame of a stream, taken apart as far as it goes.
#[derive(Debug)]
pub(super) struct Frame {
    /// Counted from 0.
    pub(super) index: u64,
    /// Where in the stream its size header begins.
    pub(super) offset: u64,
    /// The bytes of the stream that belong to it.
    pub(super) len: u64,
    /// What its size header announces; `None` where that is cut short.
    pub(super) announced: Option<u32>,
    pub(super) body: Option<Body>,
    /// Why it is no frame, or none with a message in it.
    pub(super) fault: Option<Fault>,
}

/// The inside of a frame.
#[derive(Debug)]
pub(super) struct Body {
    /// Decompressed.
    pub(super) bytes: Bytes,
    pub(super) method: Option<Compression>,
    /// None where the packets cannot be told apart.
    pub(super) fields: Vec<Field>,
    /// What the payload lacks.
    pub(super) lacks: Vec<&'static str>,
}

/// One packet, explained.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: String,
    /// Where in the decompressed body it stands.
    pub(super) range: Range<usize>,
    pub(super) meaning: Meaning,
}

/// What a packet says.
#[derive(Debug, Default)]
pub(super) struct Meaning {
    /// Lines of text, safe to show.
    pub(super) notes: Vec<String>,
    /// The same for programs.
    pub(super) details: Value,
    /// Why it is not what should stand here.
    pub(super) fault: Option<String>,
}

/// Where something is wrong, and what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// One word for programs.
    pub(super) kind: &'static str,
    pub(super) text: String,
    /// Where in the stream; `None` inside a compressed body.
    pub(super) offset: Option<u64>,
    /// Where in the decompressed body; `None` outside of one.
    pub(super) body_offset: Option<usize>,
    /// How many bytes are missing at the end.
    pub(super) missing: Option<u64>,
}

/// How frames are judged.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub(super) limits: DecodeLimits,
    /// The methods that a body may be under.
    pub(super) compressions: Compressions,
    /// Unix seconds; ages are counted from here.
    pub(super) now: u64,
}

impl Meaning {
    pub(super) fn note(text: impl Into<String>) -> Self {
        Self { notes: vec![text.into()], ..Self::default() }
    }

    pub(super) fn with(self, details: Value) -> Self {
        Self { details, ..self }
    }

    pub(super) fn wrong(text: impl Into<String>) -> Self {
        Self { fault: Some(text.into()), ..Self::default() }
    }
}

impl Fault {
    pub(super) fn at(kind: &'static str, offset: u64, text: String) -> Self {
        Self { kind, text, offset: Some(offset), body_offset: None, missing: None }
    }
}

impl Frame {
    /// Takes the body behind a size header apart.
    pub(super) fn new(index: u64, offset: u64, raw: Bytes, rules: &Rules) -> Self {
        let raw_len = raw.len();
        let (body, fault) = match decompress(raw, rules.compressions, rules.limits.max_body_len) {
            Ok(plain) => Body::new(plain, rules),
            Err(error) => (None, Some(undecompressed(error, offset))),
        };
        let mut frame = Self {
            index,
            offset,
            len: 4 + raw_len as u64,
            announced: u32::try_from(raw_len).ok(),
            body,
            fault,
        };
        if let Some(fault) = frame.fault.take() {
            let inside = fault.body_offset.and_then(|at| frame.stream_offset(at));
            frame.fault = Some(Fault { offset: inside.or(fault.offset), ..fault });
        }
        frame
    }

    /// Where in the stream this byte of the body stands; `None` if the body was compressed.
    pub(super) fn stream_offset(&self, body_offset: usize) -> Option<u64> {
        let is_plain = self.body.as_ref().is_some_and(|body| body.method.is_none());
        is_plain.then(|| self.offset.saturating_add(4).saturating_add(body_offset as u64))
    }

    /// Whether it is a frame whose message is what its flags promise.
    pub(super) fn is_good(&self) -> bool {
        let is_good = |body: &Body| {
            body.lacks.is_empty() && body.fields.iter().all(|field| field.meaning.fault.is_none())
        };
        self.fault.is_none() && self.body.as_ref().is_some_and(is_good)
    }
}

impl Body {
    fn new(plain: Decompressed, rules: &Rules) -> (Option<Self>, Option<Fault>) {
        let Decompressed { body: bytes, method } = plain;
        let mut body = Self { bytes: bytes.clone(), method, fields: Vec::new(), lacks: Vec::new() };
        let packets = match Packets::split(bytes.clone(), rules.limits.max_packets) {
            Ok(packets) => packets,
            Err(error) => return (Some(body), Some(unsplit(error, &bytes, method))),
        };
        let meanings = header::explain(&packets, rules.now);
        let (payload_meanings, lacks) = payload::explain(&packets);
        let meanings = meanings.into_iter().chain(payload_meanings);
        body.fields = meanings
            .zip(packets.ranges())
            .map(|((name, meaning), range)| Field { name, range, meaning })
            .collect();
        body.lacks = lacks;
        let fault = no_message(&packets);
        (Some(body), fault)
    }
}

/// Why packets are no message, as [`rs2p::PathfindingMessage`] decides it.
fn no_message(packets: &Packets) -> Option<Fault> {
    let inside =
        |kind, at, text| Fault { kind, text, offset: None, body_offset: Some(at), missing: None };
    match (packets.get(3), packets.ranges().nth(3)) {
        (Some(time), Some(range)) => {
            let bad = base58::canonical(time).is_err();
            let text = || "the time is not an integer in base 58".to_owned();
            bad.then(|| inside("bad_timestamp", range.start, text()))
        }
        _ => {
            let text = DecodeError::TooFewPackets { count: packets.count() }.to_string();
            Some(inside("too_few_packets", packets.body().len(), text))
        }
    }
}

fn undecompressed(error: DecodeError, offset: u64) -> Fault {
    let kind = match error {
        DecodeError::DecompressedTooLong { .. } => "decompressed_too_long",
        _ => "decompression_memory",
    };
    Fault::at(kind, offset.saturating_add(4), error.to_string())
}

fn unsplit(error: DecodeError, body: &[u8], method: Option<Compression>) -> Fault {
    let (kind, at, mut text) = match (error, Misfit::find(body)) {
        (DecodeError::PacketLengths, Some(Misfit::Cut { offset })) => {
            ("packet_lengths", offset, "the body ends inside a packet's length".to_owned())
        }
        (DecodeError::PacketLengths, Some(Misfit::Overrun { offset, announced, left })) => {
            let text = format!(
                "a packet's length announces {announced} bytes where {left} are left in the body"
            );
            ("packet_lengths", offset, text)
        }
        (DecodeError::TooManyPackets { max }, _) => {
            ("too_many_packets", max.saturating_mul(4), error.to_string())
        }
        _ => ("packet_lengths", 0, error.to_string()),
    };
    if let (None, Some(method)) = (method, looks_like(body)) {
        text.push_str(&format!(
            "; it begins as if under {method}, but was not decompressed by that"
        ));
    }
    Fault { kind, text, offset: None, body_offset: Some(at), missing: None }
}

/// The method whose streams begin like this.
fn looks_like(body: &[u8]) -> Option<Compression> {
    const MAGICS: [(&[u8], Compression); 8] = [
        (b"\x78\x01", Compression::Gzip),
        (b"\x78\x5e", Compression::Gzip),
        (b"\x78\x9c", Compression::Gzip),
        (b"\x78\xda", Compression::Gzip),
        (b"\x1f\x8b\x08", Compression::Gzip),
        (b"BZh", Compression::Bz2),
        (b"\xfd7zXZ\0", Compression::Lzma),
        (b"\x5d\0\0", Compression::Lzma),
    ];
    MAGICS.iter().find(|(magic, _)| body.starts_with(magic)).map(|(_, method)| *method)
}
