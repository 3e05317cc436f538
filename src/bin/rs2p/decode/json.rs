//! A frame as one line of JSON. The help of `rs2p decode` describes it.

use serde_json::{Value, json};

use super::frame::{Body, Fault, Field, Frame};
use crate::{hex, json};

/// The line, with its end. All of it is ASCII, so that it can be shown anywhere.
pub(super) fn line(frame: &Frame) -> String {
    let Frame { index, offset, len, announced, body, fault } = frame;
    let packets = body.as_ref().map_or_else(Vec::new, |body| {
        body.fields.iter().map(|field| packet(frame, body, field)).collect()
    });
    let unsplit = body.as_ref().filter(|body| body.fields.is_empty());
    let object = json!({
        "ok": frame.is_good(),
        "frame": index,
        "offset": offset,
        "len": len,
        "announced": announced,
        "compression": body.as_ref().and_then(|body| body.method).map(rs2p::Compression::name),
        "body_len": body.as_ref().map(|body| body.bytes.len()),
        "packets": packets,
        "lacks": body.as_ref().map_or(&[][..], |body| &body.lacks),
        "body_hex": unsplit.map(|body| hex::write(&body.bytes)),
        "error": fault.as_ref().map(error),
    });
    let mut line = json::ascii(&object);
    line.push('\n');
    line
}

fn packet(frame: &Frame, body: &Body, field: &Field) -> Value {
    let Field { name, range, meaning } = field;
    let bytes = body.bytes.get(range.clone()).unwrap_or_default();
    json!({
        "name": name,
        "offset": frame.stream_offset(range.start),
        "body_offset": range.start,
        "len": bytes.len(),
        "hex": hex::write(bytes),
        "text": std::str::from_utf8(bytes).ok(),
        "notes": meaning.notes,
        "details": meaning.details,
        "fault": meaning.fault,
    })
}

fn error(fault: &Fault) -> Value {
    let Fault { kind, text, offset, body_offset, missing } = fault;
    json!({
        "kind": kind,
        "text": text,
        "offset": offset,
        "body_offset": body_offset,
        "missing": missing,
    })
}
